"""The daemon, in a test build that profiles by itself after a second, also when busy.

Not a fake but a bench: `python -m tests.fakes.eager_daemon`, with the daemon's own
options. All else that speaks against a profile still does.
"""

import sys
from collections.abc import Callable
from typing import Any

from edged import activation, daemon
from edged.activate.profile_due import Pace
from edged.activate.profiler import Profiler
from edged.serve.live import Live

PROGRAM = ("-m", "tests.fakes.eager_daemon")

EAGER = Pace(quiet_s=1.0, look_s=1.0, again_s=1.0)


class Eager(Profiler[Live]):
    """Has no patience."""

    def __init__(self, *rooms: Any, objection: Callable[[], str]) -> None:
        def unless_busy() -> str:
            why = objection()
            return "" if "is busy" in why else why  # others work on this machine

        super().__init__(*rooms, objection=unless_busy, pace=EAGER)


def main() -> int:
    """Be the daemon."""
    vars(activation)["Profiler"] = Eager
    return daemon.main()


if __name__ == "__main__":
    sys.exit(main())
