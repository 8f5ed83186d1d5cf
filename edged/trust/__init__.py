"""Signed metadata -> what may be installed.

Law: nothing here knows where bytes come from; a caller hands in a function that
fetches. What was once trusted is never trusted less: versions have a floor of our own,
made durable before anybody acts on them. Blocking.
"""
