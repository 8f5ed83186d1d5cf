"""Signed metadata -> what may be installed.

Law: nothing here knows where bytes come from; a caller hands in a function that
fetches. What was once trusted is never trusted less: versions have a floor of our own,
made durable before anybody acts on them. Blocking. python-tuf is imported here alone,
and nobody imports this package before a source is signed: it takes 10 MB.

Read: `repository` (what is asked of it), `workflow` (python-tuf at work), `documents`
and `floor` (what is believed of the disk), `clock` (what time it is), `attacks` (why
something is refused), `listings` (what comes out), `offline` (without a network).
"""
