"""Changes with their figures."""

from edged.cli.why import lines
from edged.wire.adapt import Axis, Headroom, Strategy, StrategyChange

CHANGE = StrategyChange(
    at_utc="2026-11-24T12:00:00Z",
    before=Strategy.NORMAL,
    after=Strategy.THROTTLED,
    because="thermal: 76.0 C of 80 C",
    headrooms=(
        Headroom(axis=Axis.THERMAL, value=0.267, ahead=0.1, because="76.0 C of 80 C"),
        Headroom(axis=Axis.MEMORY, value=1.0, because="93 % available"),
        Headroom(axis=Axis.POWER, value=None, because="no supply is read"),
    ),
)


def test_a_change_stands_there_with_every_figure() -> None:
    """What was known then, and what was not."""
    assert [
        "2026-11-24T12:00:00Z  normal -> throttled",
        "  thermal: 76.0 C of 80 C",
        "  thermal 0.27, then 0.10 (76.0 C of 80 C); memory 1.00 (93 % available);",
        "    power ? (no supply is read)",
    ] == lines(CHANGE, width=74)
