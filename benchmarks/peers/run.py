"""edged beside others that serve models, in one run: `make bench-peers`.

Every peer serves the same two ONNX files on one thread each and is asked by the same
client: a bare socket with prepared bytes, so that no client library is measured too.
All are up at the same time and take turns in an order that is drawn anew each round;
each figure is the median of its rounds, with the smallest and the largest. An answer
is checked before it is timed, and a turn that others disturbed is taken again.

    make bench-peers                               # all, about five minutes
    make bench-peers ARGS='--only edged,triton'
    make bench-peers ARGS='--quick --only edged,in-process'   # a smoke test
    make bench-peers ARGS=--page                   # and write docs/reference

Machines are noisy: read the ratios.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import models  # first: puts this checkout on the path
import numpy as np
import page
import process
from environments import CannotRunError
from figures import Figures
from peers import Peer, Running, Way, everybody
from quiet import TOLERATED, Others
from turns import Taken, Turn, take

from edged.cli.asker import Asker
from edged.errors import EdgedError

#: For the first answer after a start.
_START_S = 90.0

#: Others who use the processor are waited for, and a turn that they disturbed is
#: measured again; both only so often, and not for ever.
_TRIES = 3
_QUIET_S = 5.0
_PATIENCE_S = 240.0

#: A turn has four latencies and three loads, each of half this length at most.
_LATENCY_S = 1.0
_QUICK_S = 0.1

_KEPT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edged-peers"


def main() -> None:
    """Measure, and print or write what was found."""
    args = _arguments()
    # As Ctrl-C: whoever ends this ends the servers with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    figures = Figures(rounds=1 if args.quick else args.rounds)
    seconds = _QUICK_S if args.quick else _LATENCY_S
    with ExitStack() as stack:
        # /tmp: a socket's path is short.
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        turns: list[Turn] = []
        for peer in everybody():
            if peer.name in args.only:
                turns += _join(peer, work, args.environments, figures, stack)
        others = Others(t.peer.pid for t in turns if t.peer.pid is not None)
        patience = time.monotonic() + (0.0 if args.quick else _PATIENCE_S)
        rng = random.Random(0)
        for number in range(figures.rounds):
            for turn in rng.sample(turns, len(turns)):
                _say(f"round {number + 1} of {figures.rounds}: {turn.label}")
                taken = _undisturbed(turn, seconds, others, patience, figures)
                figures.add(turn, taken)
        for name, running in {turn.name: turn.peer for turn in turns}.items():
            if running.pid is not None:
                _rest(name, running.pid, figures, seconds=5 * seconds)
        _say("")
    print("\n".join(page.text(figures)))
    if args.page:
        page.write(figures, models.ROOT / "docs" / "reference")


def _arguments() -> argparse.Namespace:
    names = [peer.name for peer in everybody()]
    parser = argparse.ArgumentParser(
        description="edged beside others that serve models."
    )
    parser.add_argument(
        "--only", metavar="NAMES", default=",".join(names), help="of: %(default)s"
    )
    parser.add_argument("--rounds", metavar="N", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument(
        "--environments",
        metavar="DIR",
        type=Path,
        default=_KEPT,
        help="where the peers' packages are kept (%(default)s)",
    )
    parser.add_argument("--page", action="store_true", help="write the page and plot")
    args = parser.parse_args()
    args.only = args.only.split(",")
    if unknown := set(args.only) - set(names):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    return args


# --- starting ---------------------------------------------------------------------


def _join(
    peer: Peer, work: Path, kept: Path, figures: Figures, stack: ExitStack
) -> list[Turn]:
    """Start a peer and return its turns, or write down why it cannot run."""
    models_dir = work / "models"
    models_dir.mkdir(exist_ok=True)
    for model in models.models():
        (models_dir / f"{model.name}.onnx").write_bytes(model.data)
    folder = work / peer.name
    folder.mkdir()
    figures.how[peer.name] = peer.how
    try:
        _say(f"installing {peer.name}")
        figures.versions[peer.name] = peer.prepare(kept)
        _say(f"starting {peer.name}")
        running = peer.start(folder, models_dir)
        stack.callback(running.close)
        if running.pid is None:
            _check_calls(running)
            return [Turn(peer.name, running, None)]
        figures.start_s[peer.name] = _up(running) - running.began
    except (CannotRunError, EdgedError) as why:
        figures.cannot[peer.name] = str(why)
        return []
    return [Turn(peer.name, running, way) for way in _good(peer, running, figures)]


def _up(running: Running) -> float:
    """Wait for the first right answer; return when it came.

    Raises:
        CannotRunError: the server ended, or answers nothing right in time.
    """
    way, (model, *_) = running.ways[0], models.models()
    end, why = time.monotonic() + _START_S, "nobody listens"
    while time.monotonic() < end:
        running.check()
        try:
            why = _fault(way, model.name)
            if not why:
                return time.perf_counter()
        except EdgedError as error:
            why = error.message
        time.sleep(0.005)
    raise CannotRunError(f"not up after {_START_S:g} s: {why}")


def _good(peer: Peer, running: Running, figures: Figures) -> list[Way]:
    """Return the ways that give right answers for every model."""
    good = []
    candidates: list[tuple[str, Callable[[], Way]]] = [
        *((way.name, lambda way=way: way) for way in running.ways),  # type: ignore[misc]
        *running.later,
    ]
    for name, make in candidates:
        try:
            way = make()
            faults = [_fault(way, model.name) for model in models.models()]
        except EdgedError as error:
            faults = [error.message]
        if any(faults):
            figures.cannot[f"{peer.name} {name}"] = "; ".join(filter(None, faults))
        else:
            good.append(way)
    return good


def _fault(way: Way, model: str) -> str:
    """Ask once; return what is wrong with the answer, empty for nothing."""
    client = Asker(way.connect)
    try:
        client.ask(way.requests[model])
        found = way.read(client.last)
    finally:
        client.close()
    return "" if _is_right(found, model) else "its answer is wrong"


def _check_calls(running: Running) -> None:
    for model, call in running.calls.items():
        if not _is_right(call(), model):
            raise CannotRunError("its answer is wrong")


def _is_right(found: np.ndarray, model: str) -> bool:
    return np.allclose(found.ravel(), models.expected(model), rtol=1e-4, atol=1e-5)


# --- measuring --------------------------------------------------------------------


def _undisturbed(
    turn: Turn, seconds: float, others: Others, patience: float, figures: Figures
) -> Taken:
    """Measure a turn; once more, some times, while others use the processor.

    The turn with the least of that counts.
    """
    tries: list[tuple[float, Taken]] = []
    for _ in range(_TRIES):
        others.wait(min(_QUIET_S, patience - time.monotonic()))
        others.begin()
        taken = take(turn, seconds)
        tries.append((others.share(), taken))
        if tries[-1][0] <= TOLERATED or time.monotonic() > patience:
            break
    share, taken = min(tries, key=lambda t: t[0])
    figures.turns += 1
    figures.disturbed += share > TOLERATED
    return taken


def _rest(name: str, pid: int, figures: Figures, *, seconds: float) -> None:
    """Look at a server that nobody asks any more."""
    figures.memory_bytes[name] = process.memory_bytes(pid)
    figures.processes[name] = process.processes(pid)
    before = process.cpu_s(pid)
    time.sleep(seconds)
    figures.idle_share[name] = (process.cpu_s(pid) - before) / seconds


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
