"""How the box is, and what follows from it."""

import msgspec
import pytest

from edged.wire.adapt import (
    Adaptation,
    ForceRequest,
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
    state = StrategyState(strategy=Strategy.THROTTLED, because="hot", since_utc="2026")
    told = Adaptation(state=state, slowdown=(1.2, 0.1))

    assert told == msgspec.json.decode(msgspec.json.encode(told), type=Adaptation)


@pytest.mark.parametrize(
    "data", [{"for_s": 0}, {"strategy": "warm"}, {"for_s": 8 * 86400}, {"why": ""}]
)
def test_a_person_s_choice_is_strict_and_ends(data: dict[str, object]) -> None:
    """A week at most."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, ForceRequest)
