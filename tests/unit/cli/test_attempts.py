"""Attempts to update in words."""

from msgspec.structs import replace

from edged.cli.attempts import attempts_lines
from edged.cli.output import WIDTH
from edged.wire.updates import Attempt, Outcome, Reason


def test_attempts_stand_in_a_table_with_failures_below() -> None:
    """What they cost, and why one brought nothing."""
    good = Attempt(
        at_utc="2026-11-24T06:30:12Z",
        model="digits",
        version="1.5.0",
        seq=15,
        source="main",
        outcome=Outcome.INSTALLED,
        fetched_bytes=24 << 20,
        kept_bytes=3 << 20,
        took_s=192.0,
        change=7,
    )
    bad = replace(
        good,
        version="1.6.0",
        seq=16,
        outcome=Outcome.REFUSED,
        reason=Reason.REFUSED,
        text="it answers 3 of 10 golden samples",
        change=8,
    )

    assert """\
ENDED (UTC)       MODEL   RELEASE     OUTCOME     FETCHED     KEPT        TOOK
2026-11-24 06:30  digits  1.5.0 (15)  installed  24.0 MiB  3.0 MiB  3 min 12 s
2026-11-24 06:30  digits  1.6.0 (16)  refused    24.0 MiB  3.0 MiB  3 min 12 s

- digits 1.6.0 (16) refused: it answers 3 of 10 golden samples (refused);
  edgectl watch 8""" == "\n".join(attempts_lines([good, bad], width=WIDTH))
