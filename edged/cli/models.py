"""`edgectl models`: what is installed, what is live, and changing it.

Law: a verb is one call of the control socket and its answer in words.
"""

import argparse
import re

from edged.cli.changes import add_limit
from edged.cli.changes import run as run_changes
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.news import open_lines
from edged.cli.output import Align, Style, fold, ms_text, table, try_lines
from edged.cli.parser import UsageError, add_verb, add_verbs
from edged.cli.status import trouble_lines
from edged.cli.view import all_troubles, model_table, sentence
from edged.errors import Conflict, UnknownVersion
from edged.wire import endpoints
from edged.wire.changes import PinRequest, SeqRequest
from edged.wire.endpoint import Endpoint
from edged.wire.messages import (
    Changed,
    ModelDetail,
    ModelName,
    ModelStatus,
    Nothing,
    ReleaseRef,
    Standing,
    UseRequest,
    VariantStatus,
    Verified,
)
from edged.wire.release import Manifest
from edged.wire.words import size_text


def fill(to: argparse.ArgumentParser) -> None:
    """Add the verbs of `models`."""
    verbs = add_verbs(to)
    add_verb(verbs, "list", "list all models").set_defaults(run=list_models)
    show = add_verb(verbs, "show", "show a model's signature, variants and releases")
    verify = add_verb(verbs, "verify", "hash a model's installed files again")
    use = add_verb(verbs, "use", "make another installed release live")
    rollback = add_verb(verbs, "rollback", "swap the live and the previous release")
    load = add_verb(verbs, "load", "load a model into memory")
    unload = add_verb(verbs, "unload", "release a model's memory and keep its files")
    remove = add_verb(verbs, "remove", "unload a model and delete its releases")
    history = add_verb(verbs, "history", "list a model's changes")
    commit = add_verb(verbs, "commit", "count a release in probation as good")
    pin = add_verb(verbs, "pin", "keep a model at its live release")
    unpin = add_verb(verbs, "unpin", "let a model change again")
    quarantine = add_verb(
        verbs, "quarantine", "reject a release; go back from it if it is live"
    )
    unquarantine = add_verb(verbs, "unquarantine", "let a release come back")
    for verb, run in (
        (show, show_model),
        (verify, verify_model),
        (use, use_release),
        (rollback, roll_back),
        (load, load_model),
        (unload, unload_model),
        (remove, remove_model),
        (history, run_changes),
        (commit, commit_release),
        (pin, pin_model),
        (unpin, unpin_model),
        (quarantine, quarantine_release),
        (unquarantine, unquarantine_release),
    ):
        verb.add_argument("name", metavar="NAME", help="the model's name")
        verb.set_defaults(run=run)
    use.add_argument(
        "release", metavar="VERSION|SEQ", help="as `edgectl models show NAME` lists it"
    )
    use.add_argument(
        "--new-signature",
        action="store_true",
        help="the callers know that inputs or outputs change",
    )
    add_limit(history)
    for verb in (quarantine, unquarantine):
        verb.add_argument(
            "seq",
            metavar="SEQ",
            type=int,
            help="as `edgectl models show NAME` lists it",
        )
    for verb in (pin, quarantine, unquarantine):
        verb.add_argument(
            "--why", metavar="TEXT", default="", help="kept with the change"
        )
    remove.add_argument("--yes", action="store_true", help="do not ask")


def list_models(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001
    """Print all models."""
    answer = desk.call(endpoints.MODELS, Nothing())
    if desk.as_json:
        desk.screen.json(answer)
        return Exit.FINE
    for line in listing(answer.models, width=desk.screen.width):
        desk.screen.line(line)
    if not answer.models:
        desk.screen.talk("no model is installed")
        desk.screen.talk("  try: edgectl install PATH")
    return Exit.FINE


def listing(models: tuple[ModelStatus, ...], *, width: int) -> list[str]:
    """Set all models in a table, and what is wrong with them below it."""
    lines = model_table(models, width=width)
    found = trouble_lines(all_troubles(models, []), told="", width=width, most=None)
    return [*lines, "", *found] if found else lines


def show_model(desk: Desk, args: argparse.Namespace) -> Exit:
    """Print everything about one model."""
    detail = desk.call(endpoints.MODEL, ModelName(name=args.name))
    if desk.as_json:
        desk.screen.json(detail)
        return Exit.FINE
    for line in layout(detail, width=desk.screen.width):
        desk.screen.line(line)
    return Exit.FINE


def verify_model(desk: Desk, args: argparse.Namespace) -> Exit:
    """Hash again, and print every fault."""
    answer: Verified = desk.call(endpoints.VERIFY, ModelName(name=args.name))
    screen = desk.screen
    if desk.as_json:
        screen.json(answer)
    elif answer.ok:
        screen.line(
            f"{answer.name}: {answer.files} files, {size_text(answer.size_bytes)}, "
            f"all as they were installed"
        )
    else:
        word = screen.paint("DAMAGED", Style.BAD)
        screen.line(f"{word}: {answer.name}: {len(answer.faults)} of its files")
        for fault in answer.faults:
            lines = fold(sentence(fault), width=screen.width, first="- ")
            hint = try_lines(fault.hint, width=screen.width) if fault.hint else []
            for line in [*lines, *hint]:
                screen.line(line)
    return Exit.FINE if answer.ok else Exit.BAD_DIGEST


def use_release(desk: Desk, args: argparse.Namespace) -> Exit:
    """Make the release of a version or a number live."""
    detail = desk.call(endpoints.MODEL, ModelName(name=args.name))
    chosen = choose(detail, args.release)
    request = UseRequest(
        name=args.name, seq=chosen.seq, new_signature=args.new_signature
    )
    return report(desk, desk.call(endpoints.USE, request))


def roll_back(desk: Desk, args: argparse.Namespace) -> Exit:
    """Swap live and previous."""
    return _effect(desk, endpoints.ROLLBACK, args.name)


def load_model(desk: Desk, args: argparse.Namespace) -> Exit:
    """Load into memory."""
    return _effect(desk, endpoints.LOAD, args.name)


def unload_model(desk: Desk, args: argparse.Namespace) -> Exit:
    """Release memory."""
    return _effect(desk, endpoints.UNLOAD, args.name)


def remove_model(desk: Desk, args: argparse.Namespace) -> Exit:
    """Delete, after a yes."""
    if not args.yes:
        if not desk.screen.may_ask:
            raise UsageError(
                f"cannot ask whether to delete {args.name}: this is no terminal",
                hint=f"edgectl models remove {args.name} --yes",
            )
        if not desk.screen.ask(f"delete all releases of {args.name} from this box?"):
            raise Conflict("cannot remove without a yes: nothing has changed")
    return _effect(desk, endpoints.REMOVE, args.name)


def commit_release(desk: Desk, args: argparse.Namespace) -> Exit:
    """End a probation early."""
    return _effect(desk, endpoints.COMMIT, args.name)


def pin_model(desk: Desk, args: argparse.Namespace) -> Exit:
    """Let nobody change it."""
    request = PinRequest(name=args.name, why=args.why)
    return report(desk, desk.call(endpoints.PIN, request))


def unpin_model(desk: Desk, args: argparse.Namespace) -> Exit:
    """Let it change again."""
    return _effect(desk, endpoints.UNPIN, args.name)


def quarantine_release(desk: Desk, args: argparse.Namespace) -> Exit:
    """Reject a release."""
    request = SeqRequest(name=args.name, seq=args.seq, why=args.why)
    return report(desk, desk.call(endpoints.QUARANTINE, request))


def unquarantine_release(desk: Desk, args: argparse.Namespace) -> Exit:
    """Let it come back."""
    request = SeqRequest(name=args.name, seq=args.seq, why=args.why)
    return report(desk, desk.call(endpoints.UNQUARANTINE, request))


def choose(detail: ModelDetail, text: str) -> ReleaseRef:
    """Find the installed release that a version or a sequence number means.

    Raises:
        UnknownVersion: none, or several of that version.
    """
    name = detail.status.name
    found = [ref for ref in detail.releases if ref.version == text]
    if not found and re.fullmatch("[0-9]{1,19}", text):
        found = [ref for ref in detail.releases if ref.seq == int(text)]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(ref.seq) for ref in found)
        raise UnknownVersion(
            f"cannot choose a release of {name}: {text} is the version of {numbers}",
            hint=f"edgectl models use {name} {found[0].seq}",
        )
    have = ", ".join(f"{ref.version} ({ref.seq})" for ref in detail.releases)
    raise UnknownVersion(
        f"cannot use {name} {text}: installed are {have or 'no releases'}",
        hint=f"edgectl models show {name}",
    )


def report(desk: Desk, changed: Changed) -> Exit:
    """Print what an effect did."""
    if desk.as_json:
        desk.screen.json(changed)
    else:
        desk.screen.line(changed.text)
        for warning in changed.warnings:
            desk.screen.line(f"- {warning}")
    return Exit.FINE if changed.changed else Exit.NOTHING_TO_DO


def layout(detail: ModelDetail, *, width: int) -> list[str]:
    """Set a model in lines: state, troubles, signature, ladder, releases."""
    status = detail.status
    version = f" {status.version}" if status.version else ""
    lines = [f"{status.name}{version}: {status.phase.value}"]
    if detail.pinned:
        lines += fold(f"pinned by {detail.pinned}", width=width, first="- ")
    lines += open_lines([status], width=width)
    for trouble in all_troubles([status], []):
        lines += fold(trouble.text, width=width, first="- ")
        if trouble.hint:
            lines += try_lines(trouble.hint, width=width)
    if detail.manifest is not None:
        lines += ["", *_signature(detail.manifest)]
    if status.variants:
        lines += ["", *_ladder(detail), *_passed_over(detail, width)]
    if detail.releases:
        lines += ["", *_releases(detail.releases)]
    return lines


def _effect(desk: Desk, endpoint: Endpoint[ModelName, Changed], name: str) -> Exit:
    return report(desk, desk.call(endpoint, ModelName(name=name)))


def _signature(manifest: Manifest) -> list[str]:
    lines = []
    for tensor in manifest.signature.inputs:
        image = tensor.image
        note = f"  picture, {image.color.value} {image.layout.value}" if image else ""
        lines.append(f"in   {tensor}{note}")
    for output in manifest.signature.outputs:
        note = f"  labels in {output.labels}" if output.labels else ""
        lines.append(f"out  {output}{note}")
    return lines


def _ladder(detail: ModelDetail) -> list[str]:
    rows = [
        (
            variant.id,
            variant.backend,
            "loaded" if variant.loaded else "FAILED" if variant.problem else "-",
            variant.placement or "-",
            _threads(variant),
            "-" if variant.accuracy is None else f"{variant.accuracy:.3f}",
            ms_text(variant.cost_ms),
            str(variant.requests),
            "-" if variant.share is None else f"{variant.share:.0%}",
        )
        for variant in detail.status.variants
    ]
    return table(
        (
            *("VARIANT", "BACKEND", "STATE", "RUNS ON", "THREADS"),
            *("ACCURACY", "CPU MS", "REQUESTS", "SHARE"),
        ),
        rows,
        align=(Align.LEFT,) * 4 + (Align.RIGHT,) * 5,
    )


def _threads(variant: VariantStatus) -> str:
    if variant.threads is None:
        return "-"
    if variant.most_threads is None or variant.threads == variant.most_threads:
        return str(variant.threads)
    return f"{variant.threads} of {variant.most_threads}"


def _passed_over(detail: ModelDetail, width: int) -> list[str]:
    lines = []
    for variant in detail.status.variants:
        if variant.passed_over:
            text = f"{variant.id} is not chosen now: {variant.passed_over}"
            lines += fold(text, width=width, first="- ")
    return lines


def _releases(releases: tuple[ReleaseRef, ...]) -> list[str]:
    rows = [
        (
            str(ref.seq),
            ref.version,
            _state(ref),
            size_text(ref.size_bytes),
            ref.installed_utc or "-",
            ref.trust.value,
            ref.digest[:12],
        )
        for ref in releases
    ]
    return table(
        ("SEQ", "VERSION", "STATE", "SIZE", "INSTALLED", "TRUST", "DIGEST"),
        rows,
        align=(Align.RIGHT, Align.LEFT, Align.LEFT, Align.RIGHT) + (Align.LEFT,) * 3,
    )


def _state(ref: ReleaseRef) -> str:
    """Say what a release is to its model, with a word more where it is unusual."""
    place = "live" if ref.live else "previous" if ref.previous else ""
    is_usual = ref.standing in (Standing.COMMITTED, Standing.NEW)
    word = "" if place and is_usual else ref.standing.value
    return ", ".join(filter(None, (place, word, "revoked" if ref.revoked else "")))
