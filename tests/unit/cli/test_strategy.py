"""What holds, in lines."""

from datetime import UTC, datetime

from msgspec.structs import replace

from edged.cli.strategy import caps_text, page
from edged.wire.adapt import (
    Adaptation,
    Axis,
    Caps,
    Errand,
    Headroom,
    Permits,
    Strategy,
    StrategyState,
)

NOW = datetime(2026, 11, 24, 12, 5, tzinfo=UTC)
CAPS = Caps(cost=0.5, threads=0.25, duty=0.7, queue=8, updates=(Errand.CHECK,))
OWN = StrategyState(
    strategy=Strategy.THROTTLED,
    because="thermal: 76.0 C of 80 C",
    since_utc="2026-11-24T12:00:00Z",
    own=Strategy.THROTTLED,
)
TOLD = Adaptation(
    state=OWN,
    caps=CAPS,
    permits=Permits(errands=CAPS.updates, strategy="throttled"),
    headrooms=(
        Headroom(axis=Axis.THERMAL, value=0.267, ahead=0.1, because="76.0 C of 80 C"),
        Headroom(axis=Axis.POWER, value=None, because="no supply is read"),
    ),
)


def test_it_says_what_holds_since_when_why_and_what_that_allows() -> None:
    """And every headroom; what is unknown is shown as that."""
    lines = page(TOLD, now=NOW, width=79)

    allowed = lines.index("")
    assert "throttled for 5 min: thermal: 76.0 C of 80 C" == lines[0]
    assert (
        "allows: variants up to 50 % of the dearest one's cost; 25 % of the best "
        "number of threads; 70 % of the time busy; 8 requests waiting; for updates: "
        "check"
    ) == " ".join(line.strip() for line in lines[1:allowed])
    assert """\
HEADROOM   NOW  IN 30 S  BECAUSE
thermal   0.27     0.10  76.0 C of 80 C
power        ?        ?  no supply is read""" == "\n".join(lines[allowed + 1 :])


def test_a_choice_says_until_when_and_what_edged_would_do() -> None:
    """And how it ends sooner."""
    forced = replace(
        OWN,
        strategy=Strategy.NORMAL,
        because="ann chose it",
        forced=Strategy.NORMAL,
        forced_until_utc="2026-11-24T13:00:00Z",
        by="ann",
    )

    lines = page(replace(TOLD, state=forced), now=NOW, width=79)

    assert [
        "normal for 5 min: ann chose it",
        "  forced until 2026-11-24T13:00:00Z; edged itself would choose throttled",
        "  try: edgectl strategy auto",
    ] == lines[:3]


def test_a_choice_that_heat_forbids_is_told() -> None:
    """Or a technician wonders why nothing happens."""
    forced = replace(
        OWN, forced=Strategy.NORMAL, forced_until_utc="2026-11-24T13:00:00Z"
    )

    text = " ".join(page(replace(TOLD, state=forced), now=NOW, width=200))

    assert "normal is forced until 2026-11-24T13:00:00Z, but protection from" in text


def test_caps_that_leave_nothing_are_told() -> None:
    """Urgent requests alone, and no updates."""
    text = caps_text(Caps(priority_only=True, updates=()))

    assert "urgent requests alone; nothing for updates" in text
