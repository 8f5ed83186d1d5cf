"""F3: request -> answer.

Reading order: `request` (the values), `admission` (may it come in), `instance` (one
loaded rung and its thread), `registry` (which release answers to a name), `stats`
(what was counted).

Law: no HTTP, no disk; it never learns how a release came to be live.
"""
