"""F1: the machine: clock, files, sockets, peers, the service manager.

Law: doers without opinions. Each port states its verbs, its errors and its limits.
"""
