"""`edgectl profile MODEL`: what each variant costs on this box.

Law: the daemon measures, and goes on without us: leaving has no effect on it. Without a
daemon `--show` reads what is kept on the disk, and changes nothing there.
"""

import argparse
import time
from pathlib import Path

from edged.cli import profiled
from edged.cli.desk import READ_S, Desk
from edged.cli.exits import Exit
from edged.cli.output import fold
from edged.cli.parser import add_common
from edged.cli.plot import add_plot, plotter
from edged.client.control import Control
from edged.errors import (
    Conflict,
    EdgedError,
    NoDaemon,
    ProtocolError,
    TimedOut,
    by_code,
)
from edged.wire.endpoints import PROFILE, PROFILE_NOW
from edged.wire.messages import ModelName
from edged.wire.profiles import ModelProfile, ProfileRequest

#: One poll: the most that the daemon waits.
_POLL_S = 30.0


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `profile`."""
    to.add_argument("model", metavar="MODEL", help="the model's name")
    to.add_argument(
        "--show", action="store_true", help="show what is known, and measure nothing"
    )
    add_plot(to)
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Have it measured, and show what is known."""
    plot = plotter(desk.screen, args.plot)
    found = _shown(desk, args.model) if args.show else _made(desk, args.model)
    if desk.as_json:
        desk.screen.json(found)
    else:
        for line in profiled.lines(found, width=desk.screen.width):
            desk.screen.line(line)
    return plot(lambda: profiled.chart(found))


# --- asking -----------------------------------------------------------------------


def _made(desk: Desk, model: str) -> ModelProfile:
    """Have a profile made, and wait for it.

    Raises:
        EdgedError: why it was not made.
    """
    began = desk.call(PROFILE_NOW, ModelName(name=model))
    limit_s = desk.place.timeout_s
    end = None if limit_s is None else time.monotonic() + limit_s
    try:
        with desk.control() as control:
            found = began
            while found.doing:
                desk.screen.progress(f"measuring {model}: {found.doing}")
                found = _polled(control, found, end)
    finally:
        desk.screen.progress("")
    if found.problem is not None:
        trouble = found.problem
        kind = by_code(trouble.code) or EdgedError
        raise kind(trouble.text, hint=trouble.hint)
    if found.made <= began.made:
        raise Conflict(
            f"cannot tell a new profile of {model}: the daemon was started again "
            "before it was done",
            hint=f"edgectl profile {model}",
        )
    return found


def _polled(control: Control, known: ModelProfile, end: float | None) -> ModelProfile:
    left_s = _POLL_S if end is None else min(_POLL_S, end - time.monotonic())
    if left_s <= 0:
        raise TimedOut(
            f"cannot wait longer: {known.model} is still being measured",
            hint=f"edgectl profile {known.model} --show",
        )
    request = ProfileRequest(name=known.model, doing=known.doing, wait_s=left_s)
    return control.call(PROFILE, request, timeout_s=left_s + READ_S)


def _shown(desk: Desk, model: str) -> ModelProfile:
    """Return what is known, from the disk where no daemon answers."""
    try:
        return desk.call(PROFILE, ProfileRequest(name=model))
    except (NoDaemon, TimedOut, ProtocolError) as error:
        found = _kept(desk, model, error)
        said = f"edgectl: {error.message}; this is from the disk"
        for line in fold(said, width=desk.screen.width):
            desk.screen.talk(line)
        return found


def _kept(desk: Desk, model: str, error: EdgedError) -> ModelProfile:
    """Read the disk.

    Raises:
        UnknownModel: it is not installed.
        BadRelease: nothing of it is live.
    """
    # Only where no daemon answers.
    from edged.activate.shelf import Shelf, which  # noqa: PLC0415
    from edged.activate.trial import board_of  # noqa: PLC0415
    from edged.cli.evidence import gather  # noqa: PLC0415
    from edged.host.files import DiskFiles  # noqa: PLC0415
    from edged.store.layout import Layout  # noqa: PLC0415
    from edged.store.links import Links  # noqa: PLC0415
    from edged.store.profiles import Profiles  # noqa: PLC0415
    from edged.store.releases import Releases  # noqa: PLC0415

    store = gather(desk.place, error).store
    if store is None:
        raise error
    layout, files = Layout(Path(store.root)), DiskFiles()
    shelf = Shelf(Releases(layout, files), Links(layout, files))
    shelf.check_known(model)
    release = shelf.described_live(model)
    if release is None:
        raise error
    proof = Profiles(layout, files).find(release.digest, board_of(release.manifest))
    threads = proof.fit[0].costs[0].threads if proof and proof.fit else 0
    return ModelProfile(
        model=model, release=which(release), proof=proof, threads=threads
    )
