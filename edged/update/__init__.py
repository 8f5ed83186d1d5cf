"""A source -> a release handed in at the daemon's door.

Law: the updater can do no more than a person at `install` can. It trusts nothing of
what arrives until its digest is that of signed metadata, and every release that it does
not take has a reason that people can read.
"""
