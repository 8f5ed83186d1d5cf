"""edged-updater in a hurry, with threads that can be told apart.

Not a fake but a bench: `python -m tests.crash.named_updater`, with the updater's own
options. Where it would wait for minutes it waits for a second: the waits are the only
thing that is another one. And it asks a source again before each release that it takes.
"""

from edged import updater
from edged.update import backoff, council, scout, stops
from tests.crash.naming import name_threads

PROGRAM = ("-m", "tests.crash.named_updater")

if __name__ == "__main__":
    backoff.BASE_S = stops.WAIT_S = 1.0
    scout.RESUME_S = 0.1
    council.FRESH_S = 0.0
    name_threads()
    updater.command()
