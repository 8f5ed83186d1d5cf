"""How the box is, and what follows from it."""

import msgspec
import pytest

from edged.wire.adapt import (
    Adaptation,
    Caps,
    Errand,
    ForceRequest,
    Permits,
    Reading,
    Strategy,
    StrategyState,
)


def test_what_is_not_known_is_none_and_says_why() -> None:
    """A reading without a value is still one."""
    reading = Reading(name="thermal.cpu", value=None, problem="the driver says EAGAIN")

    assert reading == msgspec.convert(msgspec.to_builtins(reading), Reading)


def test_the_whole_survives_the_wire() -> None:
    """Written and read, it is the same."""
    state = StrategyState(
        strategy=Strategy.THROTTLED,
        because="hot",
        since_utc="2026",
        own=Strategy.THROTTLED,
    )
    permits = Permits(errands=(Errand.CHECK,), strategy="throttled (hot)", hot=True)
    told = Adaptation(state=state, caps=Caps(), permits=permits, temp_c=82.5)

    assert told == msgspec.json.decode(msgspec.json.encode(told), type=Adaptation)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"strategy": "warm"},
        {"strategy": "normal", "for_s": 0},
        {"strategy": "normal", "for_s": 8 * 86400},
        {"strategy": "normal", "why": ""},
    ],
)
def test_a_person_s_choice_is_strict_and_ends(data: dict[str, object]) -> None:
    """A week at most."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, ForceRequest)
