"""`edgectl bench MODEL`: how fast a model answers on this box, and where time goes.

Law: the requests are those that any app could send, encoded before they are timed.
Beside them the same variant runs in this process, which is the floor: what remains
between the two is the daemon. Every measurement ends by itself.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from edged.cli import asker, chart, figures, floor, oipjson, tensors
from edged.cli.asker import Asker, Bounds, Connect
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.figures import Bench, Omitted, Rate, Stages, Way
from edged.cli.output import try_lines
from edged.cli.parser import add_common, seconds
from edged.client import calls
from edged.client.http import Buffer, Call
from edged.errors import EdgedError, InvalidTensor, NotReady
from edged.runtime import samples, threads
from edged.runtime.base import Array
from edged.wire import oip
from edged.wire.endpoints import CONFIG, MODEL, STATUS
from edged.wire.messages import ModelDetail, ModelName, Nothing
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

_FLOOR, _BINARY, _JSON = "in-process", "binary body", "JSON body"
_PAINTERS = {".svg": chart.svg, ".png": chart.png}


class _Way(NamedTuple):
    """One way to the model.

    Attributes:
        call: asks once, and waits for the answer.
        close: lets go of what `call` holds.
        plain: the request's bytes; None where there is nothing to send.
        explained: the same, asking where the time went.
    """

    name: str
    call: Callable[[], object]
    close: Callable[[], None]
    plain: bytes | None = None
    explained: bytes | None = None


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
    to.add_argument(
        "--plot",
        metavar="FILE",
        type=_picture,
        help="draw the figures into a .png or .svg, too",
    )
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Measure, and show what was found."""
    bounds = Bounds(args.seconds, args.requests)
    detail = desk.call(MODEL, ModelName(name=args.model))
    manifest = _live(detail)
    inputs = _inputs(manifest.signature, args.input)
    connect = asker.unix(desk.place.data_socket)
    variant = _running(connect, manifest.name, inputs, args.variant)
    ways = _over_socket(connect, manifest, inputs, variant)
    omitted: tuple[Omitted, ...] = ()
    try:
        ways.insert(0, _in_process(desk, detail, variant, inputs))
    except EdgedError as error:
        omitted = (Omitted(name=_FLOOR, why=error.message, hint=error.hint),)
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
        machine=f"{platform.machine()}, {_cores()} cores",
        input_bytes=sum(array.nbytes for array in inputs.values()),
        seconds=bounds.seconds,
        requests=bounds.requests,
        ways=found,
        omitted=omitted,
    )
    _show(desk, bench)
    return Exit.FINE if args.plot is None else _draw(desk, bench, args.plot)


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


def _running(
    connect: Connect, model: str, inputs: Mapping[str, Array], asked: str | None
) -> str:
    """Return the rung that answers, by asking once."""
    client = Asker(connect)
    try:
        client.ask(_binary(model, inputs, asked, explain=True))
        explained = calls.read_infer(client.last).explained
    finally:
        client.close()
    return explained.variant if explained else asked or "-"


def _over_socket(
    connect: Connect, manifest: Manifest, inputs: Mapping[str, Array], variant: str
) -> list[_Way]:
    """Return each way of saying the same request to the daemon."""
    model, signature = manifest.name, manifest.signature
    plain = _binary(model, inputs, variant)
    explained = _binary(model, inputs, variant, explain=True)
    ways = [_asking(connect, _BINARY, plain, explained)]
    try:
        plain, explained = (
            _json(model, oipjson.request(inputs, signature, variant=variant, explain=e))
            for e in (False, True)
        )
    except InvalidTensor:  # JSON has no NaN: then there is one way less
        return ways
    return [*ways, _asking(connect, _JSON, plain, explained)]


def _asking(connect: Connect, name: str, plain: bytes, explained: bytes) -> _Way:
    client = Asker(connect)
    return _Way(name, lambda: client.ask(plain), client.close, plain, explained)


def _binary(
    model: str,
    inputs: Mapping[str, Array],
    variant: str | None,
    *,
    explain: bool = False,
) -> bytes:
    said: dict[str, oip.Parameter] = {}
    if variant is not None:
        said["edged_variant"] = variant
    if explain:
        said["edged_explain"] = True
    encoded = oip.encode_request(inputs, parameters=said)
    length = ((oip.JSON_LENGTH_HEADER, str(encoded.json_bytes)),)
    return _bytes(model, encoded.content_type, encoded.buffers, length)


def _json(model: str, body: str) -> bytes:
    return _bytes(model, oip.JSON_TYPE, (body.encode(),), ())


def _bytes(
    model: str,
    kind: str,
    body: tuple[Buffer, ...],
    headers: tuple[tuple[str, str], ...],
) -> bytes:
    call = Call(
        method="POST",
        target=oipjson.target(model),
        headers=(("Content-Type", kind), *headers),
        body=body,
    )
    return b"".join((call.head(), *body))


def _in_process(
    desk: Desk, detail: ModelDetail, variant: str, inputs: Mapping[str, Array]
) -> _Way:
    """Load the same variant here, with as many threads as the daemon gives it.

    Raises:
        EdgedError: the store cannot be read, or the release is not in it.
    """
    place = desk.place
    root = place.state_dir or desk.call(STATUS, Nothing()).process.state_dir
    settings = {v.key: v.value for v in desk.call(CONFIG, Nothing()).values}
    asked = settings.get("runtime.threads")
    count = threads.choose(asked if isinstance(asked, int) else 0, _cores())
    opened = floor.opened(Path(root), detail, variant, threads=count)
    return _Way(_FLOOR, lambda: opened.run(inputs), opened.close)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


# --- measuring --------------------------------------------------------------------


def _measure(
    desk: Desk, connect: Connect, ways: list[_Way], bounds: Bounds
) -> tuple[Way, ...]:
    screen = desk.screen
    taken: dict[str, list[float]] = {way.name: [] for way in ways}
    for number in range(_ROUNDS):
        screen.progress(f"one by one: round {number + 1} of {_ROUNDS}")
        for way in ways:
            asker.latencies(way.call, _WARM_UP.part(1 if number == 0 else _ROUNDS))
            taken[way.name] += asker.latencies(way.call, bounds.part(_ROUNDS))
    found = []
    for way in ways:
        stages, rates = None, []
        if way.plain is not None and way.explained is not None:
            screen.progress(f"{way.name}: where the time goes")
            stages = _stages(connect, way.explained, bounds)
            for clients in CLIENTS:
                screen.progress(f"{way.name}: {clients} clients at a time")
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


def _draw(desk: Desk, bench: Bench, plot: Path) -> Exit:
    painted = _PAINTERS[plot.suffix.lower()](figures.chart(bench))
    try:
        plot.write_bytes(painted)
    except OSError as exc:
        desk.screen.talk(f"edgectl: cannot write {plot}: {exc.strerror or exc}".lower())
        return Exit.FAILED
    return Exit.FINE


# --- arguments --------------------------------------------------------------------


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in _PAINTERS:
        kinds = " or ".join(_PAINTERS)
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {kinds}")
    return path
