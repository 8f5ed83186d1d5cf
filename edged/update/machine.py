"""What may follow what in the updater: the one table of its moves.

Law:

1. Everything that moves the updater is in this file; the values are in `moves`.
2. This file reads no clock, disk or network; what must be done goes out as values.
3. An event that a state does not take is a bug of the caller: `AssertionError`, and
   nothing has changed. Every pair of state and event is in `TABLE` or in `REFUSED`.

Only a state that asked takes a result, and every state takes every decision. So there
is never a second release on its way, and a newer decision stops what an older one
began. The diagram in docs/explanation/updates.md is printed from here.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from edged.update.moves import (
    Arrived,
    Available,
    BackOff,
    Barred,
    Checking,
    Chosen,
    Close,
    Decide,
    Decision,
    Delayed,
    Describe,
    Described,
    Downloading,
    Effect,
    Ended,
    Event,
    Failed,
    Fetch,
    Fits,
    Follow,
    Halt,
    HandIn,
    Held,
    Idle,
    Look,
    LookDue,
    Paused,
    Preflight,
    Result,
    Satisfied,
    Staged,
    State,
    Suffer,
    Survey,
    Suspended,
    TakenIn,
    Taking,
    Underway,
    Unfit,
    Verified,
    Verify,
    Verifying,
)

Effects = tuple[Effect, ...]
Moved = tuple[State, Effects]

S = TypeVar("S", bound=State)
E = TypeVar("E", bound=Event)

# --- what a state does with an event --------------------------------------------------


def _rest(state: State) -> Effects:
    """Leave what is on its way, if anything is."""
    return (Halt(wanted=state.wanted),) if isinstance(state, Underway) else ()


def _stay(state: State, _event: Event) -> Moved:
    return state, ()


def _look(state: State, _event: Event) -> Moved:
    return state, (Look(),)


def _check(_state: State, _event: Event) -> Moved:
    return Checking(), (Look(),)


def _settle(state: State, _event: Event) -> Moved:
    return Idle(), _rest(state)


def _take(state: State, event: Chosen) -> Moved:
    if isinstance(state, Underway) and state.wanted == event.wanted:
        return state, ()
    wanted = event.wanted
    return Available(wanted=wanted), (*_rest(state), Describe(wanted=wanted))


def _hold(state: State, event: Barred) -> Moved:
    held = Held(reason=event.reason, until_s=event.until_s, wanted=event.wanted)
    return held, _rest(state)


def _delay(state: State, event: Delayed) -> Moved:
    waits = BackOff(reason=event.reason, next_s=event.next_s, wanted=event.wanted)
    return waits, _rest(state)


def _suspend(state: State, event: Suspended) -> Moved:
    return Paused(by=event.by, until_s=event.until_s), _rest(state)


def _survey(state: Available, _event: Event) -> Moved:
    return Preflight(wanted=state.wanted), (Survey(wanted=state.wanted),)


def _fetch(state: Preflight, event: Fits) -> Moved:
    wanted = state.wanted
    going = Downloading(
        wanted=wanted, total_bytes=event.total_bytes, kept_bytes=event.kept_bytes
    )
    return going, (Fetch(wanted=wanted),)


def _verify(state: Downloading, _event: Event) -> Moved:
    return Verifying(wanted=state.wanted), (Verify(wanted=state.wanted),)


def _hand_in(state: Verifying, _event: Event) -> Moved:
    return Staged(wanted=state.wanted), (HandIn(wanted=state.wanted),)


def _follow(state: Staged, event: TakenIn) -> Moved:
    wanted, change = state.wanted, event.change
    staged = Staged(wanted=wanted, change=change)
    return staged, (Follow(wanted=wanted, change=change),)


def _end(state: Taking, event: Ended) -> Moved:
    close = Close(wanted=state.wanted, outcome=event.outcome, reason=event.reason)
    return Idle(), (close, Decide())


def _unfit(state: Taking, event: Unfit) -> Moved:
    held = Held(reason=event.reason, until_s=event.until_s, wanted=state.wanted)
    return held, (Decide(),)


def _fail(state: Taking, event: Failed) -> Moved:
    wanted = state.wanted
    waits = BackOff(reason=event.reason, next_s=event.next_s, wanted=wanted)
    return waits, (Suffer(wanted=wanted, reason=event.reason), Decide())


# --- the table ------------------------------------------------------------------------


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one state does with one event.

    Attributes:
        target: where it leads; the state itself where it stays.
        why: what makes it go this way, for people.
    """

    source: type[State]
    event: type[Event]
    target: type[State]
    why: str
    does: Callable[..., Moved]


#: In the order in which a release goes through them; side states last.
STATES: tuple[type[State], ...] = (
    *(Idle, Checking, Available, Preflight, Downloading, Verifying, Staged),
    *(Held, BackOff, Paused),
)

DECISIONS: tuple[type[Decision], ...] = (
    *(Satisfied, Chosen, Barred, Delayed, Suspended),
)

RESULTS: tuple[type[Result], ...] = (
    *(Described, Fits, Arrived, Verified, TakenIn, Ended, Unfit, Failed),
)

EVENTS: tuple[type[Event], ...] = (LookDue, *DECISIONS, *RESULTS)

_AT_REST = (Idle, Held, BackOff)
_UNDERWAY = (Available, Preflight, Downloading, Verifying)
_TAKING = (*_UNDERWAY, Staged)
_DECIDING = (*_AT_REST, Checking, Paused, *_UNDERWAY)


def _rows(
    sources: Iterable[type[S]],
    event: type[E],
    target: type[State] | None,
    why: str,
    does: Callable[[S, E], Moved],
) -> tuple[Row, ...]:
    """Return the rows of states that do the same; target None: they stay."""
    return tuple(
        Row(source=source, event=event, target=target or source, why=why, does=does)
        for source in sources
    )


ROWS: tuple[Row, ...] = (
    # Looking. What is under way goes on meanwhile; who is paused stays so.
    *_rows(_AT_REST, LookDue, Checking, "time to ask the sources", _check),
    *_rows((Checking,), LookDue, None, "another source, too", _look),
    *_rows((*_TAKING, Paused), LookDue, None, "looks on the side", _look),
    # Deciding; see `diagram`.
    *_rows(_DECIDING, Satisfied, Idle, "nothing is to be taken", _settle),
    *_rows(_DECIDING, Chosen, Available, "this one", _take),
    *_rows(_DECIDING, Barred, Held, "a reason stands against it", _hold),
    *_rows(_DECIDING, Delayed, BackOff, "it failed, and must wait", _delay),
    *_rows(_DECIDING, Suspended, Paused, "a person wants nothing fetched", _suspend),
    # What the daemon has cannot be called back: decisions wait until it is over.
    *(row for event in DECISIONS for row in _rows((Staged,), event, None, "", _stay)),
    # Taking.
    *_rows((Available,), Described, Preflight, "manifest and index are here", _survey),
    *_rows((Preflight,), Fits, Downloading, "the box can take it", _fetch),
    *_rows((Downloading,), Arrived, Verifying, "every byte is here", _verify),
    *_rows((Verifying,), Verified, Staged, "as signed", _hand_in),
    *_rows((Staged,), TakenIn, Staged, "the daemon has it", _follow),
    *_rows(_TAKING, Ended, Idle, "it serves, or is not wanted", _end),
    *_rows(_TAKING, Unfit, Held, "no space, or no time for it now", _unfit),
    *_rows(_TAKING, Failed, BackOff, "it failed", _fail),
)

TABLE: dict[type[State], dict[type[Event], Row]] = {
    state: {row.event: row for row in ROWS if row.source is state} for state in STATES
}

#: Results that a state did not ask for: it is a bug to bring them.
REFUSED: dict[tuple[type[State], type[Event]], str] = {
    (state, result): f"{state.__name__} asked for nothing that gives {result.__name__}"
    for state in STATES
    for result in RESULTS
    if result not in TABLE[state]
}


def step(state: State, event: Event) -> Moved:
    """Take one event.

    Returns:
        The state after it, and what must be done, in order.

    Raises:
        AssertionError: the state takes no such event; nothing has changed.
    """
    row = TABLE[type(state)].get(type(event))
    if row is None:
        raise AssertionError(REFUSED[type(state), type(event)])
    return row.does(state, event)


def diagram() -> str:
    """Print the table as a Mermaid state diagram; what stays where it is left out.

    A decision leads to one state wherever it comes from, and so does what ends a try;
    each of the two goes through one point there.
    """
    moves = [row for row in ROWS if row.source is not row.target]
    parts = {
        _point(row): [other for other in moves if _point(other) == _point(row)]
        for row in moves
    }
    lines = ["stateDiagram-v2"]
    lines += [f"    state {point} <<choice>>" for point in parts if point]
    lines += [f"    [*] --> {_word(Idle)}"]
    lines += [_arrow(row.source, row.target, row.why) for row in parts.pop("")]
    for point, rows in parts.items():
        sources = dict.fromkeys(row.source for row in rows)
        targets = {row.target: row.why for row in rows}
        lines += [f"    {_word(source)} --> {point}" for source in sources]
        lines += [f"    {point} --> {_word(to)}: {why}" for to, why in targets.items()]
    return "\n".join(lines) + "\n"


def _point(row: Row) -> str:
    """Name the point in the diagram that a row goes through; empty for none."""
    if issubclass(row.event, Decision):
        return "decision"
    return "outcome" if row.event in {Ended, Unfit, Failed} else ""


def _arrow(source: type[State], target: type[State], why: str) -> str:
    return f"    {_word(source)} --> {_word(target)}: {why}"


def _word(state: type[State]) -> str:
    return "back_off" if state is BackOff else state.__name__.lower()
