"""What the updater tells, and what may be asked of it."""

import msgspec
import pytest

from edged.wire.updates import (
    Activity,
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    Reason,
    UpdateRequest,
    UpdateStatus,
)


def test_reasons_are_words_for_machines() -> None:
    """Kebab, and each stands for one thing."""
    words = [reason.value for reason in Reason]

    assert len(words) == len(set(words))
    assert all(word == word.lower() and " " not in word for word in words)


def test_a_state_survives_the_wire() -> None:
    """Written and read, it is the same."""
    state = UpdateStatus(activity=Activity.BACK_OFF, text="waits", since_utc="2026")

    assert state == msgspec.json.decode(msgspec.json.encode(state), type=UpdateStatus)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (UpdateRequest, {"wait_s": 31}),
        (UpdateRequest, {"weight": 1}),
        (PauseRequest, {"for_s": 0}),
        (HoldRequest, {"name": "../x", "until_utc": "2026"}),
        (HoldRequest, {}),
        (AttemptsRequest, {"limit": 0}),
    ],
)
def test_a_request_is_strict(kind: type, data: dict[str, object]) -> None:
    """Out of bounds or unknown is an error."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, kind)
