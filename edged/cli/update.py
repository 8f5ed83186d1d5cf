"""`edgectl update`: where releases come from, and why one is not here yet.

Law: a verb is one call of the updater, wherever it runs, and its answer in words. The
reason codes that it prints are stable.
"""

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from edged.cli import update_watch
from edged.cli.attempts import attempts_lines, imports
from edged.cli.changes import add_limit
from edged.cli.desk import READ_S, Desk, nearest
from edged.cli.exits import Exit
from edged.cli.output import fold
from edged.cli.parser import Parser, UsageError, add_verb, add_verbs
from edged.cli.updating import (
    DISTRUST,
    UNDER_WAY,
    page,
    why_lines,
)
from edged.cli.when import span, until
from edged.errors import EdgedError, UnknownModel
from edged.wire import endpoints
from edged.wire.changes import Change, ChangesRequest
from edged.wire.endpoint import Endpoint
from edged.wire.messages import Nothing
from edged.wire.updates import (
    Activity,
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    UpdateScope,
    UpdateStatus,
    WhyNot,
)
from edged.wire.words import utc_text

#: More than anybody keeps.
_ALL = 1000

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)


class Reasons(msgspec.Struct, frozen=True, kw_only=True):
    """What `edgectl update why --json` prints: a reason for each release not taken."""

    schema: str = "edged.update.why/1"
    at_utc: str
    reasons: tuple[WhyNot, ...] = ()


def fill(to: argparse.ArgumentParser) -> None:
    """Add the verbs of `update`; alone it shows the state."""
    verbs = add_verbs(to)
    verbs.required = False
    to.description = (
        "Fetch what is new or wait, say why it is not here yet. Without a command: "
        "what the updater does."
    )
    to.set_defaults(run=show)
    check = add_verb(verbs, "check", "ask the sources now")
    now = add_verb(verbs, "now", "ask now, and take what is new without waiting")
    why = add_verb(verbs, "why", "say for each release why this box has not got it")
    watch = add_verb(verbs, "watch", "follow a release until it serves, or does not")
    history = add_verb(verbs, "history", "list what was tried, and how it ended")
    pause = add_verb(verbs, "pause", "fetch nothing, for a time or until `resume`")
    resume = add_verb(verbs, "resume", "lift a pause, or a hold")
    hold = add_verb(verbs, "hold", "take no release until a date")
    imports = add_verb(verbs, "import", "take a release from a stick or a folder")
    for verb, run in (
        (check, ask),
        (now, take),
        (why, explain),
        (history, list_attempts),
        (resume, go_on),
        (hold, wait),
    ):
        verb.add_argument("name", metavar="NAME", nargs="?", help="of this model alone")
        verb.set_defaults(run=run)
    watch.set_defaults(run=update_watch.run)
    add_limit(history)
    pause.add_argument(
        "--for", metavar="SPAN", dest="for_s", type=span, help="like 30min, 2h or 3d"
    )
    pause.set_defaults(run=stop)
    hold.add_argument(
        "--until",
        metavar="WHEN",
        required=True,
        help="a span from now (3d), a date (2026-12-01), or RFC 3339",
    )
    for verb in (pause, hold):
        verb.add_argument("--why", metavar="TEXT", default="", help="told to others")
    _fill_import(imports)


def _fill_import(verb: Parser) -> None:
    verb.add_argument(
        "path",
        metavar="PATH",
        type=Path,
        help="a tar of `edgectl publish bundle`, or a folder with metadata/, targets/ "
        "and blobs/",
    )
    verb.add_argument(
        "name", metavar="NAME", nargs="?", help="of this model alone; else of each"
    )
    verb.add_argument(
        "--source",
        metavar="SOURCE",
        help="whose keys must have signed it; needed where the settings name several",
    )
    verb.set_defaults(run=bring)


# --- reads --------------------------------------------------------------------


def show(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    """Print what the updater does, and what stands against releases."""
    return _shown(desk, _told(desk))


def explain(desk: Desk, args: argparse.Namespace) -> Exit:
    """Print each reason, its code, its age, and what to do."""
    told, now = _told(desk), _now()
    unheard = any(why.model is None for why in told.reasons)  # one may have it
    if not unheard and (doubt := _doubt(desk, told, args.name)):
        raise UnknownModel(f"cannot say why: {doubt}", hint="edgectl update")
    reasons = tuple(_about(told.reasons, args.name))
    if desk.as_json:
        desk.screen.json(Reasons(at_utc=utc_text(now), reasons=reasons))
        return Exit.FINE
    if not reasons:
        name = args.name or "any release"
        desk.screen.line(f"nothing stands against {name}: {told.text}")
        return Exit.FINE
    width = desk.screen.width
    for why in reasons:
        for line in why_lines(why, at_utc=utc_text(now), width=width):
            desk.screen.line(line)
    return Exit.FINE


def list_attempts(desk: Desk, args: argparse.Namespace) -> Exit:
    """Print the newest attempts, and what people brought in from sticks."""
    request = AttemptsRequest(name=args.name, limit=_ALL)
    tried = _call(desk, endpoints.UPDATE_HISTORY, request, timeout_s=READ_S)
    every = [*tried.attempts, *imports(_changes(desk, args.name), tried.attempts)]
    every.sort(key=lambda one: one.at_utc)
    found = msgspec.structs.replace(tried, attempts=tuple(every[-args.limit :]))
    if desk.as_json:
        desk.screen.json(found)
        return Exit.FINE
    if not found.attempts:
        desk.screen.talk("there was no attempt yet")
        return Exit.FINE
    for line in attempts_lines(found.attempts, width=desk.screen.width):
        desk.screen.line(line)
    return Exit.FINE


def _changes(desk: Desk, name: str | None) -> tuple[Change, ...]:
    """Return the daemon's changes: imports come in by its door, past the updater."""
    try:
        request = ChangesRequest(name=name, limit=_ALL)
        return desk.call(endpoints.CHANGES, request).changes
    except EdgedError:  # it is away; what the updater tried is told all the same
        return ()


# --- effects ------------------------------------------------------------------


def ask(desk: Desk, args: argparse.Namespace) -> Exit:
    """Ask the sources; a source that is not heard is to be tried again."""
    told = _call(desk, endpoints.UPDATE_CHECK, UpdateScope(name=args.name))
    _shown(desk, told, name=args.name)
    return _unheard(told) or Exit.FINE


def take(desk: Desk, args: argparse.Namespace) -> Exit:
    """Take what is new; say how to follow it."""
    told = _call(desk, endpoints.UPDATE_NOW, UpdateScope(name=args.name))
    _shown(desk, told, name=args.name)
    if told.activity in UNDER_WAY or told.activity is Activity.CHECKING:
        if not desk.as_json:
            desk.screen.talk("  try: edgectl update watch")
        return Exit.FINE
    return _unheard(told) or Exit.NOTHING_TO_DO


def stop(desk: Desk, args: argparse.Namespace) -> Exit:
    """Pause."""
    request = PauseRequest(for_s=args.for_s, why=args.why)
    return _shown(desk, _call(desk, endpoints.UPDATE_PAUSE, request))


def go_on(desk: Desk, args: argparse.Namespace) -> Exit:
    """Resume."""
    told = _call(desk, endpoints.UPDATE_RESUME, UpdateScope(name=args.name))
    return _shown(desk, told, name=args.name)


def wait(desk: Desk, args: argparse.Namespace) -> Exit:
    """Hold a model, or all."""
    try:
        moment = until(args.until, _now())
    except argparse.ArgumentTypeError as exc:
        raise UsageError(
            f"cannot hold until then: {exc}",
            hint="edgectl update hold --until 3d",
        ) from exc
    request = HoldRequest(name=args.name, until_utc=moment, why=args.why)
    told = _call(desk, endpoints.UPDATE_HOLD, request)
    return _shown(desk, told, name=args.name)


def bring(desk: Desk, args: argparse.Namespace) -> Exit:
    """Import; the machinery for tars is needed by nobody else."""
    from edged.cli import update_import  # noqa: PLC0415  # as said

    return update_import.run(desk, args)


# --- common -------------------------------------------------------------------


def _shown(desk: Desk, told: UpdateStatus, *, name: str | None = None) -> Exit:
    if doubt := _doubt(desk, told, name):
        for line in fold(f"edgectl: {doubt}", width=desk.screen.width):
            desk.screen.talk(line)
    if desk.as_json:
        desk.screen.json(told)
        return Exit.FINE
    for line in page(told, at_utc=utc_text(_now()), width=desk.screen.width):
        desk.screen.line(line)
    return Exit.FINE


def _doubt(desk: Desk, told: UpdateStatus, name: str | None) -> str:
    """Say so where nobody knows a model: a hold on a misspelt name holds nothing.

    For a wish it is no error: the model may come.
    """
    known = {*told.share, *(why.model for why in told.reasons)}
    if name is None or name in known:
        return ""
    try:
        models = desk.call(endpoints.MODELS, Nothing()).models
    except EdgedError:  # the daemon is away, and the updater is not
        return ""
    names = [*told.share, *(model.name for model in models)]
    if name in names:
        return ""
    near = nearest(name, names)
    return f"no model {name} is installed, and no source is known to offer one" + (
        f"; did you mean {near}?" if near else ""
    )


def _unheard(told: UpdateStatus) -> Exit | None:
    """Return the exit number of a look that came to nothing; None for one that did."""
    silent = [why for why in told.reasons if why.model is None]
    if any(why.reason in DISTRUST for why in silent):
        return Exit.NO_PERMISSION
    return Exit.TRY_AGAIN if silent else None


def _about(reasons: Iterable[WhyNot], name: str | None) -> Iterable[WhyNot]:
    """Yield reasons of a model, and of sources, which may hide it."""
    return (why for why in reasons if name is None or why.model in (None, name))


def _told(desk: Desk) -> UpdateStatus:
    with desk.control() as control:
        updater = desk.updater(control)
        try:
            return updater.told()
        finally:
            updater.close()


def _call(
    desk: Desk,
    endpoint: Endpoint[Q, A],
    request: Q,
    *,
    timeout_s: float | None = None,
) -> A:
    with desk.control() as control:
        updater = desk.updater(control)
        try:
            return updater.call(
                endpoint,
                request,
                timeout_s=desk.place.timeout_s or timeout_s or endpoint.timeout_s,
            )
        finally:
            updater.close()


def _now() -> datetime:
    return datetime.now(UTC)
