"""Runs a story on the real store, cuts the power everywhere, and starts again.

A story is what people do, with the moments at which they were told that it is done. For
every state that a cut can leave, a start must keep the promises of the design: the live
link leads to a whole release, what was told stays so, what was bad stays away, nothing
is left over, and a second start finds nothing more to do.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edged.errors import EdgedError
from edged.wire.changes import ENDS, Step
from tests.crash.disk import Node, State, Tree, apply, states
from tests.crash.recorder import Log, Op, recording
from tests.fakes.box import RULES, Box

#: Nobody is asked here, so a release stays in probation until somebody says otherwise.
WATCHED = msgspec.structs.replace(
    RULES, probation=msgspec.structs.replace(RULES.probation, duration_s=1000.0)
)

NAME = "sums"

#: Changes that a start leaves open on purpose.
_MAY_STAY = ENDS | {Step.PROBATION, Step.HELD}


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What people do.

    Attributes:
        before: makes the store, unrecorded.
        tell: is recorded; notes in the log what it was promised.
        watched: whether new releases go into probation.
    """

    before: Callable[[Box], Awaitable[None]]
    tell: Callable[[Box, Log], Awaitable[None]]
    watched: bool = False


class Found(msgspec.Struct, kw_only=True):
    """What exploring a story gave.

    Attributes:
        calls: that changed the disk.
        states: that were started from, each once.
        faults: promises that were broken, with the state.
    """

    calls: int = 0
    states: int = 0
    faults: list[str] = []


async def explore(story: Story, work: Path, *, enough: int = 5) -> Found:
    """Explore a story; stop after some faults."""
    start, ops, promises = await _recorded(story, work)
    found, seen = Found(calls=len(ops)), set[bytes]()
    for state in states(ops):
        after = apply(start, ops, state)
        told = tuple(what for at, what in promises if at <= state.cut)
        key = _key(after.root, repr(told))
        if key in seen:
            continue
        seen.add(key)
        found.states += 1
        wrong = await _broken(after, told, work, story)
        if wrong:
            found.faults.append(f"{state} ({_last(ops, state)}): {wrong}")
            if len(found.faults) >= enough:
                break
    return found


async def _recorded(
    story: Story, work: Path
) -> tuple[Tree, list[Op], list[tuple[int, str]]]:
    root = work / "story"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    with _alive(root, story) as box:
        await box.start()
        await story.before(box)
    start = Tree.read(root)
    with _alive(root, story) as box, recording(root) as log:
        await box.start()
        await story.tell(box, log)
    return start, log.ops, log.promises


async def _broken(after: Tree, told: tuple[str, ...], work: Path, story: Story) -> str:
    """Start from a state, twice; return the first promise that is broken."""
    root = work / "after"
    shutil.rmtree(root, ignore_errors=True)
    after.write(root)
    answers = []
    for _ in range(2):
        with _alive(root, story) as box:
            try:
                async with asyncio.timeout(10):
                    await box.start()
            except EdgedError as error:
                return f"it does not start: {error.message}"
            wrong = await _wrong(box, told)
            if wrong:
                return wrong
            answers.append(box.registry.serves(NAME))
    return "" if answers[0] == answers[1] else f"two starts differ: {answers}"


async def _wrong(box: Box, told: tuple[str, ...]) -> str:
    """Return the first promise that is broken."""
    live = box.registry.serves(NAME) if NAME in box.registry.names() else None
    return (
        _not_whole(box, live, told)
        or _not_as_told(box, live, told)
        or _not_finished(box)
    )


def _not_whole(box: Box, live: str | None, told: tuple[str, ...]) -> str:
    current = box.shop.shelf.whole_live(NAME)
    if live is None:
        was_live = "one is live" in told
        return "nothing answers, and something did before" if was_live else ""
    if current is None or current.digest != live:
        return "what answers is not what the link says"
    if faults := box.releases.verify(current):
        return f"what is live is not whole: {faults[0]}"
    if box.history.quarantine(live) is not None:
        return "what answers is quarantined"
    return ""


def _not_as_told(box: Box, live: str | None, told: tuple[str, ...]) -> str:
    current = box.shop.shelf.whole_live(NAME)
    seq = current.manifest.seq if current and live else None
    marks = {mark.seq for mark in box.history.marks(NAME)}
    for promise in told:
        kind, _, number = promise.partition(" ")
        if kind == "live" and seq != int(number):
            return f"seq {seq} answers, and seq {number} had been promised"
        if kind == "gone" and current is not None:
            return "it is back, and somebody was told that it is gone"
        if kind == "away" and int(number) not in marks:
            return f"seq {number} is not quarantined, and somebody was told so"
    return ""


def _not_finished(box: Box) -> str:
    if box.leftovers():
        return f"left over: {box.leftovers()}"
    for change in box.history.open_changes(NAME):
        if change.last.step not in _MAY_STAY:
            return f"change {change.id} is at {change.last.step.value}"
    return ""


@contextmanager
def _alive(root: Path, story: Story) -> Iterator[Box]:
    """Give a box for a while; each is another boot, so that a cut is no crash."""
    boot = f"boot-{id(object())}"
    box = Box(root, rules=WATCHED if story.watched else RULES, boot=boot)
    try:
        yield box
    finally:
        box.close()


def _last(ops: list[Op], state: State) -> str:
    return str(ops[state.cut - 1]) if state.cut else "nothing"


def _key(node: Node, more: str) -> bytes:
    """Tell trees apart by all that they hold."""
    digest = hashlib.sha256(more.encode())

    def add(node: Node) -> None:
        if node.names is None:
            text = b"" if node.target is None else node.target.encode()
            digest.update(b"F%d:%b%b" % (len(node.data), node.data, text))
            return
        for name in sorted(node.names):
            digest.update(b"N" + name.encode() + b"(")
            add(node.names[name])
            digest.update(b")")

    add(node)
    return digest.digest()
