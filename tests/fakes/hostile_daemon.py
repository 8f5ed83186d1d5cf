"""The daemon, in a test build whose trial has a runtime that may do harm.

Not a fake but a bench: `python -m tests.fakes.hostile_daemon`, with the daemon's own
options. A release whose first file is named after a `hostile.Kind` is tried by a
program that does that; every other one as always.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edged import activation, daemon
from edged.activate.trial import COMMAND, Trial
from edged.store.releases import Release
from edged.wire.proofs import Proof
from tests.fakes import hostile
from tests.fakes.hostile import Kind

PROGRAM = ("-m", "tests.fakes.hostile_daemon")

#: A hog is to take a trial's share of this, not of the machine.
AVAILABLE_BYTES = 600_000_000

_KINDS = {kind.value: kind for kind in Kind}


class Hostile(Trial):
    """Tries releases by their names."""

    def __init__(self, **rooms: Any) -> None:
        super().__init__(**rooms, available=lambda: AVAILABLE_BYTES)

    def prove(
        self, release: Release, live: Release | None, tell: Callable[[str], None]
    ) -> Proof:
        """Choose the program, and prove."""
        kind = _KINDS.get(Path(release.manifest.variants[0].file).stem)
        self._command = COMMAND if kind is None else hostile.command(kind)
        return super().prove(release, live, tell)


def main() -> int:
    """Be the daemon."""
    vars(activation)["Trial"] = Hostile
    return daemon.main()


if __name__ == "__main__":
    sys.exit(main())
