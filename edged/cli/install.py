"""`edgectl install PATH`: stream a bundle or a bare model, wait until it serves.

Law: the daemon reads no path of ours: what crosses is a tar stream. What can be
found wrong here is found before a byte is sent.
"""

import argparse
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.follow import Follower
from edged.cli.models import report
from edged.cli.news import failure, step_line, subject
from edged.cli.output import Screen
from edged.cli.parser import UsageError, add_common
from edged.errors import InvalidRequest
from edged.wire.changes import Change, Step, StepTaken
from edged.wire.endpoints import INSTALL, MODEL
from edged.wire.messages import Changed, InstallRequest, ModelName
from edged.wire.release import NAME_PATTERN, Signature
from edged.wire.words import size_text

# Often enough to be seen moving, seldom enough for 9600 baud.
_PROGRESS_S = 0.25


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `install`."""
    to.add_argument(
        "path",
        metavar="PATH",
        type=Path,
        help="a bundle folder, a tar(.gz) of one, or a bare .onnx or .tflite file",
    )
    to.add_argument(
        "--name",
        type=model_name,
        help="the model's name; needed, and only used, for a bare file",
    )
    to.add_argument(
        "--golden",
        metavar="FILE.npz",
        type=Path,
        help="for a bare file: arrays by input name, samples along the first axis; "
        "outputs by output name where they are known",
    )
    to.add_argument(
        "--new-signature",
        action="store_true",
        help="the callers know that inputs or outputs change",
    )
    to.add_argument(
        "--downgrade",
        action="store_true",
        help="the release may be older than the live one",
    )
    to.add_argument(
        "--no-wait",
        action="store_true",
        help="end as soon as the daemon has it; `edgectl watch` follows",
    )
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Install, and say what is live and what to try."""
    from edged.store.bundle import MODEL_SUFFIXES, pack  # noqa: PLC0415  # only here

    path: Path = args.path
    bare = bare_model(path, MODEL_SUFFIXES)
    if bare is not None and args.name is None:
        raise UsageError(
            f"cannot install {bare.name} without a name: it is a bare model file",
            hint=f"edgectl install {bare} --name {suggested(bare)}",
        )
    request = InstallRequest(
        name=args.name,
        new_signature=args.new_signature,
        downgrade=args.downgrade,
        wait=False,
    )
    changed = sent(desk, request, lambda: pack(path, golden=args.golden))
    number = changed.change
    if number is not None and args.no_wait:
        report(desk, changed)
        if not desk.as_json:
            desk.screen.talk(f"  try: edgectl watch {number}")
        return Exit.FINE
    if number is not None:
        changed = followed(desk, changed, number)
    code = report(desk, changed)
    if not desk.as_json:
        desk.screen.talk(
            f"  try: edgectl infer {changed.name} {example(changed.signature)}"
        )
    return code


def sent(
    desk: Desk, request: InstallRequest, stream: Callable[[], Iterator[bytes]]
) -> Changed:
    """Send a release; a daemon that cannot be left alone with it answers at the end.

    Raises:
        EdgedError: it may not come in.
    """
    screen = desk.screen
    try:
        with desk.control() as control:
            try:
                return control.call(INSTALL, request, body=watched(stream(), screen))
            except InvalidRequest as error:
                if "`wait`" not in error.message:
                    raise
            older = replace(request, wait=True)
            return control.call(INSTALL, older, body=watched(stream(), screen))
    finally:
        screen.progress("")


def followed(desk: Desk, changed: Changed, number: int) -> Changed:
    """Follow the change to where its release serves.

    Raises:
        EdgedError: it does not serve, for this reason.
    """

    def tell(_: Change, taken: StepTaken) -> None:
        if not desk.as_json:
            desk.screen.talk(step_line(taken))

    try:
        change = Follower(desk, number, tell).follow()
    except KeyboardInterrupt:
        desk.screen.talk(f"change {number} goes on: edgectl watch {number}")
        raise
    error = failure(change)
    if error is not None:
        raise error
    detail = desk.call(MODEL, ModelName(name=changed.name))
    live = [ref for ref in detail.releases if ref.live]
    return replace(
        changed,
        changed=True,
        text=f"{subject(change)} is live{_probation(change)}",
        live=live[0] if live else None,
        signature=detail.manifest.signature if detail.manifest else changed.signature,
    )


def _probation(change: Change) -> str:
    if change.last.step is not Step.PROBATION:
        return ""
    return f", in probation: {change.doing or change.last.why}"


def bare_model(path: Path, suffixes: tuple[str, ...]) -> Path | None:
    """Return the model file that a path is, or the only one of a folder without more.

    A folder with a manifest is a bundle, whatever else it has.
    """
    if path.suffix.lower() in suffixes:
        return path
    try:
        entries = [entry for entry in path.iterdir() if entry.name[:1] != "."]
    except OSError:  # no folder: what it is will be told
        return None
    models = [entry for entry in entries if entry.suffix.lower() in suffixes]
    is_bundle = any(entry.name == "model.yaml" for entry in entries)
    return models[0] if len(models) == 1 and not is_bundle else None


def model_name(text: str) -> str:
    """Check a name before anything is sent.

    Raises:
        argparse.ArgumentTypeError: a model cannot be called so.
    """
    if re.fullmatch(NAME_PATTERN, text) is None:
        raise argparse.ArgumentTypeError(
            f"a model cannot be called {text!r}; {suggested(Path(text))} would do"
        )
    return text


def watched(stream: Iterator[bytes], screen: Screen) -> Iterator[bytes]:
    """Pass a stream on, telling a terminal how far it is."""
    sent, told = 0, 0.0
    for piece in stream:
        yield piece
        sent += len(piece)
        if time.monotonic() - told >= _PROGRESS_S:
            told = time.monotonic()
            screen.progress(f"sending: {size_text(sent)}")
    screen.progress(f"sent {size_text(sent)}; the daemon tries it")


def suggested(path: Path) -> str:
    """Return a model name like the file's."""
    kept = (
        c if (c.isascii() and c.isalnum()) or c in "._-" else "-" for c in path.stem
    )
    return "".join(kept).lower().lstrip("._-") or "model"


def example(signature: Signature | None) -> str:
    """Return what to write for the input of a model."""
    inputs = signature.inputs if signature else ()
    if any(tensor.image for tensor in inputs):
        return "PICTURE.jpg"
    return "INPUTS.npz" if len(inputs) > 1 else "INPUT.npy"
