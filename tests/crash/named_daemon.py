"""The daemon, with threads that can be told apart.

Not a fake but a bench: `python -m tests.crash.named_daemon`, with the daemon's own
options.
"""

from edged import daemon
from tests.crash.naming import name_threads

PROGRAM = ("-m", "tests.crash.named_daemon")

if __name__ == "__main__":
    name_threads()
    daemon.command()
