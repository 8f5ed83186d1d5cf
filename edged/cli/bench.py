"""`edgectl bench MODEL`: how fast a model answers on this box, and where time goes.

Law: the requests are those that any app could send, encoded before they are timed.
Beside them the same variant runs in this process, which is the floor: what remains
between the two is the daemon. Every measurement ends by itself.
"""

import argparse
import platform
import time
from collections.abc import Callable

from edged.cli import asker, figures, tensors
from edged.cli.asker import Asker, Bounds, Connect
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.figures import Bench, Measured, Omitted, Rate, Stages
from edged.cli.output import try_lines
from edged.cli.parser import add_common, seconds
from edged.cli.plot import add_plot, plotter
from edged.cli.ways import (
    Asked,
    Way,
    binary,
    cores,
    in_body,
    in_json,
    in_memory,
    in_process,
)
from edged.client import calls
from edged.errors import EdgedError, NotReady
from edged.runtime import samples
from edged.runtime.base import Array
from edged.wire.endpoints import MODEL
from edged.wire.messages import ModelDetail, ModelName
from edged.wire.release import Manifest, Signature

#: One loop of requests on a Pi of 2026 settles within this.
SECONDS = 1.0
#: A model of 0.1 ms gets there within `SECONDS`.
REQUESTS = 10_000

CLIENTS = (1, 2, 4, 8)

#: The ways take turns, so that a box that warms up slows all of them.
_ROUNDS = 5

#: Requests that say where their time went; a median needs no more.
_EXPLAINED = 400

_WARM_UP = Bounds(0.2, 20)


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `bench`."""
    to.add_argument("model", metavar="MODEL", help="the model's name")
    to.add_argument(
        "--input",
        metavar="FILE",
        help="what `infer` takes; made up from the signature by default",
    )
    to.add_argument("--variant", metavar="ID", help="insist on one rung of the ladder")
    to.add_argument(
        "--seconds",
        metavar="S",
        type=seconds,
        default=SECONDS,
        help=f"end each measurement after this long ({SECONDS:g})",
    )
    to.add_argument(
        "--requests",
        metavar="N",
        type=_count,
        default=REQUESTS,
        help=f"or after this many requests ({REQUESTS})",
    )
    add_plot(to)
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Measure, and show what was found."""
    plot = plotter(desk.screen, args.plot)
    bounds = Bounds(args.seconds, args.requests)
    detail = desk.call(MODEL, ModelName(name=args.model))
    manifest = _live(detail)
    inputs = _inputs(manifest.signature, args.input)
    connect = asker.unix(desk.place.data_socket)
    asked = Asked(
        model=manifest.name,
        signature=manifest.signature,
        variant=args.variant,
        inputs=inputs,
    )
    variant = _running(connect, asked)
    ways, omitted = _ways(desk, connect, detail, asked, variant)
    try:
        found = _measure(desk, connect, ways, bounds)
    finally:
        desk.screen.progress("")
        for way in ways:
            way.close()
    bench = Bench(
        model=manifest.name,
        version=manifest.version,
        variant=variant,
        machine=f"{platform.machine()}, {cores()} cores",
        input_bytes=sum(array.nbytes for array in inputs.values()),
        seconds=bounds.seconds,
        requests=bounds.requests,
        ways=found,
        omitted=omitted,
    )
    _show(desk, bench)
    return plot(lambda: figures.chart(bench))


# --- what to ask ------------------------------------------------------------------


def _live(detail: ModelDetail) -> Manifest:
    if detail.manifest is None:
        raise NotReady(
            f"cannot measure {detail.status.name}: no release of it is live",
            hint=f"edgectl models show {detail.status.name}",
        )
    return detail.manifest


def _inputs(signature: Signature, file: str | None) -> dict[str, Array]:
    if file is not None:
        return tensors.read(tensors.load(file), signature.inputs)
    made = samples.make_up(signature, samples=1, seed=0)
    return {name: array[0, ...] for name, array in made.items()}


def _running(connect: Connect, asked: Asked) -> str:
    """Return the rung that answers, by asking once."""
    client = Asker(connect)
    try:
        client.ask(binary(asked, explain=True))
        explained = calls.read_infer(client.last).explained
    finally:
        client.close()
    return explained.variant if explained else asked.variant or "-"


def _ways(
    desk: Desk, connect: Connect, detail: ModelDetail, asked: Asked, variant: str
) -> tuple[list[Way], tuple[Omitted, ...]]:
    """Prepare every way that there is here, and say why the others are not."""
    made: list[Way] = []
    omitted: list[Omitted] = []
    makers: dict[str, Callable[[], Way]] = {
        "in-process": lambda: in_process(desk, detail, asked, variant),
        "binary body": lambda: in_body(connect, asked),
        "shared memory": lambda: in_memory(connect, asked),
        "JSON body": lambda: in_json(connect, asked),
    }
    for name, make in makers.items():
        try:
            made.append(make())
        except EdgedError as error:
            omitted.append(Omitted(name=name, why=error.message, hint=error.hint))
    return made, tuple(omitted)


# --- measuring --------------------------------------------------------------------


def _measure(
    desk: Desk, connect: Connect, ways: list[Way], bounds: Bounds
) -> tuple[Measured, ...]:
    screen = desk.screen
    taken: dict[str, list[float]] = {way.name: [] for way in ways}
    for number in range(_ROUNDS):
        screen.progress(f"one by one: round {number + 1} of {_ROUNDS}")
        for way in ways:
            way.renew()
            asker.latencies(way.call, _WARM_UP.part(1 if number == 0 else _ROUNDS))
            taken[way.name] += asker.latencies(way.call, bounds.part(_ROUNDS))
    found = []
    for way in ways:
        stages, rates = None, []
        if way.plain is not None and way.explained is not None:
            screen.progress(f"{way.name}: where the time goes")
            way.renew()
            stages = _stages(connect, way.explained, bounds)
            for clients in CLIENTS:
                screen.progress(f"{way.name}: clients at a time: {clients}")
                rates.append(_rate(connect, way.plain, clients, bounds))
        sample = taken[way.name]
        found.append(figures.way(way.name, sample, stages=stages, rates=tuple(rates)))
    return tuple(found)


def _rate(connect: Connect, request: bytes, clients: int, bounds: Bounds) -> Rate:
    load = asker.load(connect, request, clients=clients, bounds=bounds)
    return Rate(clients=clients, per_s=round(load.per_s, 1), refused=load.refused)


def _stages(connect: Connect, request: bytes, bounds: Bounds) -> Stages:
    client = Asker(connect)
    samples_ms: list[tuple[float, float, float]] = []
    end = time.perf_counter() + bounds.seconds
    try:
        for _ in range(min(bounds.requests, _EXPLAINED)):
            began = time.perf_counter()
            client.ask(request)
            ended = time.perf_counter()
            told = calls.read_infer(client.last).explained
            if told is not None:
                samples_ms.append(
                    ((ended - began) * 1e3, told.queue_us / 1e3, told.compute_us / 1e3)
                )
            if ended > end:
                break
    finally:
        client.close()
    return figures.stages(samples_ms)


# --- showing ----------------------------------------------------------------------


def _show(desk: Desk, bench: Bench) -> None:
    screen = desk.screen
    if desk.as_json:
        screen.json(bench)
        return
    for line in figures.lines(bench, width=screen.width):
        screen.line(line)
    for omitted in bench.omitted:
        if omitted.hint:
            for line in try_lines(omitted.hint, width=screen.width):
                screen.talk(line)


# --- arguments --------------------------------------------------------------------


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
