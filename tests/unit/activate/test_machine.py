"""The table of steps: complete, without a way round, and printed in the docs."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from edged.activate.machine import ARROWS, MAX_STEPS, TABLE, UNDER_WAY, check, diagram
from edged.wire.changes import ENDS, Step

PAGE = Path(__file__).resolve().parents[3] / "docs/explanation/activation.md"

USUAL = [
    Step.STAGED,
    Step.TRIAL,
    Step.ARMED,
    Step.SWITCHING,
    Step.PROBATION,
    Step.COMMITTED,
]


def _reached(source: Step | None) -> set[Step]:
    found: set[Step] = set()
    ahead = set(TABLE[source])
    while ahead:
        step = ahead.pop()
        found.add(step)
        ahead |= TABLE[step] - found
    return found


def test_every_step_is_reached() -> None:
    """A step that nothing leads to is a word without a meaning."""
    assert set(Step) == _reached(None)


@pytest.mark.parametrize("step", Step)
def test_only_ends_have_nothing_after_them(step: Step) -> None:
    """And every other step has a way to an end."""
    assert (step in ENDS) == (not TABLE[step])
    assert step in ENDS or ENDS & _reached(step)


@pytest.mark.parametrize("step", Step)
def test_no_way_leads_back(step: Step) -> None:
    """So a change is bounded by the table itself."""
    assert step not in _reached(step)


def test_the_longest_way_is_known() -> None:
    """A person accepts it, it trips in probation, and it is gone back from."""
    longest = [
        *(Step.STAGED, Step.TRIAL, Step.HELD, Step.ARMED),
        *(Step.SWITCHING, Step.PROBATION, Step.ROLLING_BACK, Step.QUARANTINED),
    ]
    for last, following in pairwise(longest):
        check(last, following)

    assert len(longest) == MAX_STEPS


def test_the_usual_way_is_there() -> None:
    """From staged to committed."""
    for last, following in pairwise([None, *USUAL]):
        assert following is not None
        check(last, following)

    assert USUAL[-1] in ENDS


@pytest.mark.parametrize("last", [None, *Step])
def test_what_is_not_in_the_table_is_a_bug(last: Step | None) -> None:
    """Every pair that the table lacks is refused, by name."""
    for following in set(Step) - TABLE[last]:
        with pytest.raises(AssertionError, match=f"to {following.value}$"):
            check(last, following)


def test_no_arrow_is_there_twice() -> None:
    """Two reasons for one arrow are one sentence."""
    pairs = [(arrow.source, arrow.target) for arrow in ARROWS]

    assert sorted(pairs, key=str) == sorted(set(pairs), key=str)


def test_once_it_serves_or_a_person_must_decide_another_may_begin() -> None:
    """Nobody waits days for a probation, or for a person."""
    assert {Step.PROBATION, Step.HELD} == set(Step) - UNDER_WAY - ENDS


def test_the_page_shows_the_table_as_it_is() -> None:
    """The diagram in the docs is this one, to the letter."""
    (shown,) = re.findall(r"```mermaid\n(.*?)```", PAGE.read_text(), re.DOTALL)

    assert diagram() == shown
