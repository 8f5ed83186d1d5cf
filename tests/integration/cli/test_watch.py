"""`edgectl watch` at a real socket."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from edged.wire.changes import Changes, Step, StepTaken
from tests.fakes.agent import COMMITTED
from tests.fakes.control import FakeControl

Edgectl = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ctl(edgectl: Edgectl, home: Path) -> Edgectl:
    """Return edgectl, told where the socket is."""
    return lambda *words: edgectl(*words, "--runtime-dir", home)


def test_each_step_is_a_line(ctl: Edgectl, fake: FakeControl) -> None:
    """And the last line says where it is."""
    fake.answer("GET /v1/changes/1", COMMITTED)

    assert (
        0,
        (
            "digits 1.4.0 (seq 14): change 1, install by pi (uid 1000, pid 812)\n"
            "2026-11-24T06:30:00Z  staged\n"
            "2026-11-24T06:40:00Z  committed\n"
            "digits 1.4.0 (seq 14) is committed\n"
        ),
        "",
    ) == ctl("watch", 1)


def test_each_step_is_a_document(ctl: Edgectl, fake: FakeControl) -> None:
    """A script reads line by line."""
    fake.answer("GET /v1/changes/1", COMMITTED)

    _, out, _ = ctl("watch", 1, "--json")

    seen = [json.loads(line) for line in out.splitlines()]
    assert [("edged.step/1", 1, "staged"), ("edged.step/1", 1, "committed")] == [
        (one["schema"], one["change"], one["taken"]["step"]) for one in seen
    ]


def test_the_newest_open_change_is_meant(ctl: Edgectl, fake: FakeControl) -> None:
    """Those that are over are passed by."""
    held = replace(
        COMMITTED, id=7, steps=(StepTaken(step=Step.HELD, at_utc="", why="it differs"),)
    )
    fake.answer("GET /v1/changes", Changes(changes=(COMMITTED, held, COMMITTED)))
    fake.answer("GET /v1/changes/7", held)

    code, _, err = ctl("watch")

    assert (1, True) == (code, "is held: it differs" in err)


def test_without_an_open_change_there_is_nothing_to_do(
    ctl: Edgectl, fake: FakeControl
) -> None:
    """Exit 11."""
    fake.answer("GET /v1/changes", Changes(changes=(COMMITTED,)))

    assert (11, "", "no change is open\n  try: edgectl changes\n") == ctl("watch")
