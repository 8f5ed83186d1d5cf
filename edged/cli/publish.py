"""`edgectl publish`: from a bundle to a signed repository on any static host.

Law: works on a folder, never on the daemon. A verb is one call of a publisher and its
answer in words. TUF's code is imported when a verb runs, not for its help.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from edged.cli import published
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.install import bare_model, model_name, suggested
from edged.cli.parser import Parser, UsageError, add_verb, add_verbs
from edged.cli.publish_desk import add_keys, add_place, publisher, tell
from edged.cli.publish_keys import fill_keys, init, renew, rotate, sign
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles
from edged.publish.home import Home
from edged.publish.when import moment, stages
from edged.wire.words import size_text

if TYPE_CHECKING:
    from edged.publish.push import Pusher

Run = Callable[[Desk, argparse.Namespace], Exit]

#: In the order of a publisher's life.
_VERBS: tuple[tuple[str, str], ...] = (
    ("init", "make keys and an empty repository"),
    ("add", "prove a bundle on this machine, sign it and list it"),
    ("roll-out", "offer a release to more and more boxes"),
    ("halt", "let nobody new take a release"),
    ("resume", "offer a halted release again"),
    ("revoke", "tell boxes that have a release to leave it"),
    ("push", "copy what is signed into the folder of a web server"),
    ("verify", "look at a repository as a box does"),
    ("list", "list releases, signatures that are missing, and what expires when"),
    ("renew", "sign the timestamp anew; for a daily job"),
    ("sign", "sign a role with the keys at hand"),
    ("rotate", "replace a key"),
    ("bundle", "write a release into a tar that needs no network"),
)


def fill(to: argparse.ArgumentParser) -> None:
    """Add the verbs of `publish`."""
    verbs = add_verbs(to)
    made = {name: add_verb(verbs, name, summary) for name, summary in _VERBS}
    for name, verb in made.items():
        verb.set_defaults(run=_RUNS[name])
        add_place(verb)
        if name not in {"push", "verify", "list", "bundle"}:
            add_keys(verb)
    for name in ("roll-out", "halt", "resume", "revoke", "bundle"):
        made[name].add_argument("name", metavar="NAME", help="the model's name")
        made[name].add_argument(
            "seq", metavar="SEQ", type=int, help="the release's number"
        )
    fill_keys(made)
    _fill_add(made["add"])
    _fill_rest(made)


def _fill_add(add: Parser) -> None:
    add.add_argument(
        "path",
        metavar="BUNDLE",
        type=Path,
        help="a folder, a tar(.gz) of one, or a bare .onnx or .tflite file",
    )
    add.add_argument(
        "--name", type=model_name, help="the model's name; for a bare file alone"
    )
    add.add_argument(
        "--as-version",
        metavar="TEXT",
        help="the version people see; for a bare file alone, by default its number",
    )
    add.add_argument(
        "--golden",
        metavar="FILE.npz",
        type=Path,
        help="inputs, and answers where they are known; for a bare file alone",
    )
    add.add_argument(
        "--rollout",
        metavar="STAGES",
        help="like 1%%@0h,10%%@6h,100%%@24h; by default for all boxes at once",
    )
    add.add_argument(
        "--mandatory-by",
        metavar="TIME",
        help="from then on boxes wait for no window or network: 30d, or RFC 3339",
    )
    add.add_argument("--changelog", metavar="TEXT", default="", help="for people")


def _fill_rest(made: dict[str, Parser]) -> None:
    roll_out = made["roll-out"]
    roll_out.add_argument(
        "stages", metavar="STAGES", help="like 1%%@0h,10%%@6h,100%%@24h"
    )
    roll_out.add_argument(
        "--starts",
        metavar="TIME",
        default="now",
        help="what the stages count from: now, 6h, or RFC 3339",
    )
    made["revoke"].add_argument(
        "--why", metavar="TEXT", required=True, help="what boxes and people are told"
    )
    made["push"].add_argument(
        "into", metavar="DIR", type=Path, help="what the web server shows"
    )
    made["bundle"].add_argument(
        "out", metavar="OUT.tar", type=Path, help="the file to write"
    )
    verify = made["verify"]
    verify.add_argument("place", metavar="URL|DIR", help="where boxes look")
    verify.add_argument(
        "--root",
        metavar="FILE",
        type=Path,
        help="the root.json that boxes have; by default that of --repo",
    )


# --- releases -----------------------------------------------------------------------


def add(desk: Desk, args: argparse.Namespace) -> Exit:
    """Publish a release."""
    from edged.publish.intake import Bare  # noqa: PLC0415  # as the law says
    from edged.publish.publisher import Plan  # noqa: PLC0415  # as above
    from edged.store.bundle import MODEL_SUFFIXES  # noqa: PLC0415  # as above

    path: Path = args.path
    bare = bare_model(path, MODEL_SUFFIXES)
    if bare is not None and args.name is None:
        raise UsageError(
            f"cannot publish {bare.name} without a name: it is a bare model file",
            hint=f"edgectl publish add {bare} --name {suggested(bare)}",
        )
    by = args.mandatory_by
    plan = Plan(
        rollout=stages(args.rollout) if args.rollout else (),
        mandatory_by=moment(by, _now()) if by else None,
        changelog=args.changelog,
    )
    described = None
    if args.name is not None:

        def described(seq: int) -> Bare:
            return Bare(
                name=args.name, version=args.as_version, seq=seq, golden=args.golden
            )

    screen = desk.screen
    try:
        report = publisher(desk, args).add(
            path, plan, bare=described, name=args.name or "", tell=screen.progress
        )
    finally:
        screen.progress("")
    code = tell(desk, report)
    if all(one.agreement is None for one in report.variants):
        screen.talk("it has no golden set: no box can tell whether it answers right")
        screen.talk("  try: docs/how-to/make-a-bundle.md")
    return code


def roll_out(desk: Desk, args: argparse.Namespace) -> Exit:
    """Offer a release in stages."""
    rollout = stages(args.stages)
    starts = moment(args.starts, _now())
    maker = publisher(desk, args)
    return tell(desk, maker.roll_out(args.name, args.seq, rollout, starts))


def halt(desk: Desk, args: argparse.Namespace) -> Exit:
    """Stop a roll-out."""
    report = publisher(desk, args).change(
        args.name, args.seq, lambda it: replace(it, halted=True)
    )
    return tell(desk, report)


def resume(desk: Desk, args: argparse.Namespace) -> Exit:
    """Let a roll-out go on."""
    report = publisher(desk, args).change(
        args.name, args.seq, lambda it: replace(it, halted=False)
    )
    return tell(desk, report)


def revoke(desk: Desk, args: argparse.Namespace) -> Exit:
    """Take a release back."""
    report = publisher(desk, args).change(
        args.name, args.seq, lambda it: replace(it, revoked=args.why)
    )
    return tell(desk, report)


# --- looking, and bringing it to devices ----------------------------------------------


def list_releases(desk: Desk, args: argparse.Namespace) -> Exit:
    """Print what there is."""
    report = publisher(desk, args).list()
    if desk.as_json:
        desk.screen.json(report)
        return Exit.FINE
    for line in published.listing(report, width=desk.screen.width):
        desk.screen.line(line)
    for line in published.waiting(report.waiting, width=desk.screen.width):
        desk.screen.talk(line)
    return Exit.FINE


def push(desk: Desk, args: argparse.Namespace) -> Exit:
    """Copy, the timestamp last."""
    with _pusher(desk, args) as pusher:
        report = pusher.push(args.into, desk.screen.progress)
    if desk.as_json:
        desk.screen.json(report)
        return Exit.FINE
    size = size_text(report.size_bytes)
    desk.screen.line(
        f"{report.place} shows timestamp {report.timestamp}: "
        f"{report.files} files were new, {size}"
    )
    return Exit.FINE


def bundle(desk: Desk, args: argparse.Namespace) -> Exit:
    """Write a tar."""
    with _pusher(desk, args) as pusher:
        report = pusher.bundle(args.name, args.seq, args.out)
    if desk.as_json:
        desk.screen.json(report)
        return Exit.FINE
    size = size_text(report.size_bytes)
    desk.screen.line(f"{report.place}: {report.files} files, {size}")
    desk.screen.talk(f"  try: edgectl update import {report.place}  (on the box)")
    return Exit.FINE


def verify(desk: Desk, args: argparse.Namespace) -> Exit:
    """Look as a device does."""
    from edged.publish import check, places  # noqa: PLC0415  # as the law says

    root = check.first_root(args.root or Home(args.repo).first_root)
    report = check.verify(args.place, places.place(args.place), root, SystemClock())
    code = Exit.FINE if report.ok else Exit.FAILED
    if desk.as_json:
        desk.screen.json(report)
        return code
    for line in published.verified(report, width=desk.screen.width):
        desk.screen.line(line)
    return code


# --- small steps ------------------------------------------------------------------

_RUNS: dict[str, Run] = {
    "init": init,
    "add": add,
    "roll-out": roll_out,
    "halt": halt,
    "resume": resume,
    "revoke": revoke,
    "push": push,
    "verify": verify,
    "list": list_releases,
    "renew": renew,
    "sign": sign,
    "rotate": rotate,
    "bundle": bundle,
}


@contextmanager
def _pusher(desk: Desk, args: argparse.Namespace) -> Iterator["Pusher"]:
    from edged.publish.push import Pusher  # noqa: PLC0415  # as the law says

    try:
        yield Pusher(Home(args.repo.absolute()), DiskFiles(), SystemClock())
    finally:
        desk.screen.progress("")


def _now() -> datetime:
    return SystemClock().utc()
