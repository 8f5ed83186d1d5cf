"""F3: request -> answer.

Reading order: `request` (the values), `admission` (may it come in), `queue`, `job` and
`scheduler` (who is next, and where it runs), `ladder` and `live` (a loaded release),
`observing` (what is told of its runs), `parking` (who waits for another one), `model`
and `registry` (which release answers to a name), `slumber` (which could sleep), `stats`
(what was counted);
`regions`, `slot` and `lending` (tensors in memory that callers share).

Law: no HTTP, no disk; it never learns how a release came to be live.
"""
