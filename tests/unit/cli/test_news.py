"""Changes in words, and what a failed one raises."""

import pytest
from msgspec.structs import replace

from edged.cli.news import changes_table, failure, now, open_lines, subject
from edged.errors import Conflict, EdgedError, Held, NoMemory, Refused, Rejected
from edged.wire.changes import Change, Step, StepTaken
from edged.wire.messages import ModelStatus
from tests.fakes.agent import COMMITTED


def at(step: Step, *, doing: str = "", **known: object) -> Change:
    """Return a change that is at a step."""
    taken = replace(StepTaken(step=step, at_utc="2026-11-24T06:31:00Z"), **known)
    return replace(COMMITTED, steps=(COMMITTED.steps[0], taken), doing=doing)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (at(Step.TRIAL, doing="loading int8"), "is being tried: loading int8"),
        (at(Step.PROBATION, doing="7 min more"), "is in probation: 7 min more"),
        (at(Step.HELD, why="1 of 10 answers agree"), "is held: 1 of 10 answers agree"),
        (at(Step.COMMITTED), "is committed"),
    ],
)
def test_a_change_says_where_it_is(change: Change, text: str) -> None:
    """What it is about, its step, and what happens at this moment."""
    assert f"digits 1.4.0 (seq 14) {text}" == now(change)


@pytest.mark.parametrize("step", Step)
def test_every_step_has_words(step: Step) -> None:
    """A step that is new would break `status`."""
    assert now(at(step)).startswith(f"{subject(COMMITTED)} is ")


def test_a_change_of_a_whole_model_is_named_by_it() -> None:
    """It has no release."""
    assert "digits" == subject(replace(COMMITTED, release=None))


@pytest.mark.parametrize(
    "step", [Step.PROBATION, Step.COMMITTED, Step.DONE, Step.TRIAL]
)
def test_what_serves_or_goes_on_is_no_failure(step: Step) -> None:
    """Nothing is raised."""
    assert failure(at(step)) is None


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (at(Step.REFUSED, code="no-memory"), NoMemory),
        (at(Step.REFUSED, code="a-newer-one"), Refused),
        (at(Step.QUARANTINED), Rejected),
        (at(Step.SUPERSEDED), Conflict),
        (at(Step.HELD), Held),
    ],
)
def test_a_failed_change_is_the_daemons_error(
    change: Change, kind: type[EdgedError]
) -> None:
    """Of the class of its code, with its number."""
    error = failure(change)

    assert type(error) is kind


def test_a_held_release_comes_with_figures_and_both_ways_out() -> None:
    """A person must decide, and can."""
    error = failure(at(Step.HELD, why="it differs", figures={"agreement": 0.1}))

    assert error is not None
    assert (
        "digits 1.4.0 (seq 14) is held: it differs\n  agreement: 0.1",
        (
            "`edgectl models use digits 14` accepts it, "
            "`edgectl models quarantine digits 14` rejects it"
        ),
    ) == (error.message, error.hint)


def test_status_tells_three_open_changes_and_counts_the_rest(
    digits: ModelStatus,
) -> None:
    """A box with many models fits a screen."""
    watched = replace(digits, change=at(Step.PROBATION, doing="7 min more"))

    lines = open_lines([digits, *[watched] * 5], width=80)

    assert [
        *["- digits 1.4.0 (seq 14) is in probation: 7 min more"] * 3,
        "… and 2 more: edgectl changes",
    ] == lines


def test_a_held_release_stands_with_its_next_step(digits: ModelStatus) -> None:
    """The hint of the step."""
    held = at(Step.HELD, why="it differs", hint="edgectl models use digits 14")

    lines = open_lines([replace(digits, change=held)], width=80)

    assert [
        "- digits 1.4.0 (seq 14) is held: it differs",
        "  try: edgectl models use digits 14",
    ] == lines


def test_changes_stand_in_a_table() -> None:
    """A line each, the number first, because other commands take it."""
    head, line = changes_table([COMMITTED])

    assert (
        ["ID", "BEGAN", "MODEL", "WHAT", "RELEASE", "TRUST", "STEP", "BY", "WHY"],
        (
            " 1  2026-11-24T06:30:00Z  digits  install  1.4.0 (14)  local  committed  "
            "pi (uid 1000, pid 812)"
        ),
    ) == (head.split(), line)
