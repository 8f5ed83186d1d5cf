"""The values of the updater's machine: frozen, and with words for people."""

import pytest

from edged.update.moves import BEGIN, Available, Idle, Wanted


def test_a_release_is_named_for_people() -> None:
    """By model, version and seq; its digest is for machines."""
    wanted = Wanted(
        source="main", model="digits", version="1.5.0", seq=15, digest="ab" * 32
    )

    assert "digits 1.5.0 (seq 15)" == str(wanted)


def test_a_state_cannot_be_changed() -> None:
    """Only a move gives another one."""
    state = Available(
        wanted=Wanted(source="main", model="m", version="1", seq=1, digest="ab")
    )

    with pytest.raises(AttributeError):
        state.wanted = state.wanted  # type: ignore[misc]  # this is what is tried


def test_it_begins_with_nothing_to_do() -> None:
    """What was under way before is chosen anew, by a decision."""
    assert Idle() == BEGIN
