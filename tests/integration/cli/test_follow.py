"""Following a change at a real socket, with a daemon that answers in turn."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from edged.cli.desk import Desk
from edged.cli.follow import Follower
from edged.cli.output import Screen
from edged.cli.place import Place
from edged.errors import NoDaemon, TimedOut
from edged.wire.changes import Change, Step, StepTaken
from tests.fakes.agent import COMMITTED
from tests.fakes.control import FakeControl

ROW = "GET /v1/changes/1"


def at(*steps: Step) -> Change:
    """Return a change that has taken these steps."""
    taken = tuple(StepTaken(step=step, at_utc="") for step in steps)
    return replace(COMMITTED, steps=taken)


@pytest.fixture
def follow(home: Path) -> Callable[..., tuple[Change, list[Step]]]:
    """Return a function that follows change 1: where it ends, what was told."""

    def run(*, timeout_s: float | None = None) -> tuple[Change, list[Step]]:
        desk = Desk(
            screen=Screen(out=io.StringIO(), err=io.StringIO(), env={}),
            place=Place(
                control_socket=str(home / "control.sock"),
                data_socket="",
                timeout_s=timeout_s,
            ),
            as_json=False,
        )
        told: list[Step] = []
        change = Follower(desk, 1, lambda _, step: told.append(step.step)).follow()
        return change, told

    return run


Follow = Callable[..., tuple[Change, list[Step]]]


def test_a_change_is_followed_until_it_serves(
    fake: FakeControl, follow: Follow
) -> None:
    """Each step is told once, and what is known is said in the next poll."""
    fake.answer_in_turn(
        ROW,
        at(Step.STAGED),
        at(Step.STAGED, Step.TRIAL),
        at(Step.STAGED, Step.TRIAL),
        at(Step.STAGED, Step.TRIAL, Step.ARMED, Step.SWITCHING, Step.PROBATION),
    )

    change, told = follow()

    assert Step.PROBATION is change.last.step
    assert [step.step for step in change.steps] == told
    assert [
        f"{ROW}?steps={steps}&doing=&wait_s={wait_s}"
        for steps, wait_s in ((0, "0.0"), (1, "30.0"), (2, "30.0"), (2, "30.0"))
    ] == fake.asked


def test_what_serves_already_is_followed_to_its_end(
    fake: FakeControl, follow: Follow
) -> None:
    """Who watches a probation wants to know how it ends."""
    served = (Step.STAGED, Step.PROBATION)
    fake.answer_in_turn(ROW, at(*served), at(*served), at(*served, Step.COMMITTED))

    assert Step.COMMITTED is follow()[0].last.step


@pytest.mark.parametrize("step", [Step.HELD, Step.REFUSED, Step.DONE])
def test_what_does_not_go_on_is_not_waited_for(
    fake: FakeControl, follow: Follow, step: Step
) -> None:
    """One question is enough."""
    fake.answer(ROW, at(step))

    follow()

    assert 1 == len(fake.asked)


def test_the_commands_own_limit_leaves_the_change_alone(
    fake: FakeControl, follow: Follow
) -> None:
    """It says how to go on."""
    fake.answer(ROW, at(Step.TRIAL))

    with pytest.raises(TimedOut, match="change 1 goes on"):
        follow(timeout_s=0.2)


def test_a_daemon_that_was_never_there_is_not_waited_for(follow: Follow) -> None:
    """Only one that goes away in the middle is."""
    with pytest.raises(NoDaemon):
        follow()
