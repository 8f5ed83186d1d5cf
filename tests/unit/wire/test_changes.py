"""`wire.changes`: what the journal keeps comes back as it was."""

import msgspec
import pytest

from edged.wire.changes import (
    ENDS,
    AnyEntry,
    Attempted,
    Began,
    Change,
    Marked,
    PinSet,
    Started,
    Step,
    Stepped,
    StepTaken,
    Stopped,
    Which,
    Wish,
)

AT = "2026-01-02T03:04:05Z"


def change(*steps: Step) -> Change:
    """Return a change that took these steps."""
    return Change(
        id=7,
        model="digits",
        wish=Wish.INSTALL,
        by="root",
        release=Which(version="1.1", seq=2, digest="ab" * 32, folder="2-abababababab"),
        steps=tuple(StepTaken(step=step, at_utc=AT) for step in steps),
    )


@pytest.mark.parametrize(
    "entry",
    [
        Began(at_utc=AT, change=change(Step.STAGED)),
        Stepped(at_utc=AT, change=7, step=Step.HELD, why="slow", figures={"x": 8.0}),
        Attempted(
            at_utc=AT, change=7, digest="ab", model="digits", boot="b", current="1-cd"
        ),
        Marked(
            at_utc=AT, model="digits", digest="ab", seq=2, quarantined=True, by="root"
        ),
        PinSet(at_utc=AT, model="digits", pinned=True, by="root", why="a visit"),
        Started(at_utc=AT, boot="b"),
        Stopped(at_utc=AT, boot="b"),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_an_entry_comes_back_as_the_kind_it_was(entry: AnyEntry) -> None:
    """Kinds are told apart by a tag in the line."""
    line = msgspec.json.encode(entry)

    back = msgspec.json.decode(line, type=AnyEntry)

    assert back == entry


def test_a_change_is_over_with_one_of_the_ends_alone() -> None:
    """Whoever waits for a change waits for this."""
    over = {step for step in Step if change(Step.STAGED, step).is_over}

    assert over == ENDS
