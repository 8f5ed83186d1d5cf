"""What a technician reads first."""

import pytest

from edged.adapt.sight import AXES, Seen, blind
from edged.adapt.strategy import Ruling, Standing
from edged.adapt.words import figures, headline, short
from edged.wire.adapt import Axis, Headroom, Strategy

SEEN = Seen(
    headrooms=tuple(
        Headroom(axis=axis, value=0.1, because=f"{axis.value} is 1 of 2")
        for axis in AXES
    ),
    temp_c=82.3,
)


@pytest.mark.parametrize(
    ("standing", "seen", "text"),
    [
        (Standing(), SEEN, ""),
        (Standing(strategy=Strategy.NORMAL, axis=Axis.THERMAL), SEEN, ""),
        (Standing(strategy=Strategy.THROTTLED, axis=Axis.THERMAL), SEEN, "hot (82 C)"),
        (
            Standing(strategy=Strategy.THROTTLED, axis=Axis.THERMAL),
            blind("it hangs"),
            "hot (not read)",
        ),
        (
            Standing(strategy=Strategy.LIGHTWEIGHT, axis=Axis.POWER),
            SEEN,
            "short of power (power is 1 of 2)",
        ),
        (
            Standing(strategy=Strategy.CRITICAL, axis=Axis.MEMORY),
            SEEN,
            "short of memory (memory is 1 of 2)",
        ),
    ],
)
def test_what_is_short_is_told_with_its_figure(
    standing: Standing, seen: Seen, text: str
) -> None:
    """As it is now, not as it was when it began."""
    assert text == short(standing, seen)


def test_the_headline_names_who_chose() -> None:
    """Or else what is short."""
    standing = Standing(strategy=Strategy.THROTTLED, axis=Axis.THERMAL)
    own = Ruling(strategy=Strategy.THROTTLED, because="thermal: 82.3 C of 80 C")
    forced = Ruling(strategy=Strategy.NORMAL, because="ann chose it", by="ann")

    assert "hot (82 C): throttled" == headline(own, standing, SEEN)
    assert "strategy normal: ann chose it" == headline(forced, standing, SEEN)


def test_figures_say_what_is_not_known() -> None:
    """For the journal, in one line."""
    rooms = (SEEN.headrooms[0], Headroom(axis=Axis.POWER, value=None, because="none"))

    assert "thermal 0.10 (thermal is 1 of 2), power ? (none)" == figures(rooms)
