"""What `bench` found: the document, its table, its picture.

Law: values to text and shapes; nothing is asked or measured.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from edged.cli.chart import Bar, Chart, Panel
from edged.cli.output import Align, fold, ms_text, table

#: The daemon answers in whole microseconds; finer would be noise.
_DIGITS = 4


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """Where the median request spends its time, milliseconds.

    Attributes:
        queue: from admission to the run.
        compute: the run.
        transport: all the rest: both ends of the socket, reading and writing HTTP
            and tensors.
    """

    queue: float
    compute: float
    transport: float


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What many clients at a time got.

    Attributes:
        refused: how many answers said that the queue is full.
    """

    clients: int
    per_s: float
    refused: int = 0


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One way to the model.

    Attributes:
        requests: how many were timed, one after another.
        stages: None where nothing is in between.
        rates: by number of clients.
    """

    name: str
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    stages: Stages | None = None
    rates: tuple[Rate, ...] = ()


class Omitted(msgspec.Struct, frozen=True, kw_only=True):
    """A way that was not measured, and why."""

    name: str
    why: str
    hint: str = ""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What `bench --json` prints.

    Attributes:
        variant: the rung that ran.
        machine: processor, cores.
        input_bytes: of all inputs of one request.
        seconds: bound of each measurement.
        requests: the other bound.
    """

    schema: str = "edged.bench/1"
    model: str
    version: str
    variant: str
    machine: str
    input_bytes: int
    seconds: float
    requests: int
    ways: tuple[Measured, ...]
    omitted: tuple[Omitted, ...] = ()


def way(
    name: str,
    seconds: Sequence[float],
    *,
    stages: Stages | None = None,
    rates: tuple[Rate, ...] = (),
) -> Measured:
    """Sum up round trips."""
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99)) * 1e3
    return Measured(
        name=name,
        requests=len(seconds),
        p50_ms=_rounded(p50),
        p95_ms=_rounded(p95),
        p99_ms=_rounded(p99),
        stages=stages,
        rates=rates,
    )


def stages(samples: Sequence[tuple[float, float, float]]) -> Stages:
    """Sum up requests as (whole, queue, compute), milliseconds each.

    The three medians may add up to a little more or less than the median of the
    whole: they need not be of the same request.
    """
    whole, queue, compute = np.array(samples).T
    return Stages(
        queue=_rounded(np.median(queue)),
        compute=_rounded(np.median(compute)),
        transport=_rounded(np.median(whole - queue - compute)),
    )


def lines(bench: Bench, *, width: int) -> list[str]:
    """Set the figures for a terminal."""
    head = (
        f"{bench.model} {bench.version} {bench.variant} on {bench.machine}, "
        f"{bench.input_bytes} bytes in"
    )
    found = [*fold(head, width=width), "", *_times(bench), ""]
    if any(way.rates for way in bench.ways):
        found += [*_rates(bench), ""]
    for omitted in bench.omitted:
        found += fold(f"without {omitted.name}: {omitted.why}", width=width)
    return found if bench.omitted else found[:-1]


def chart(bench: Bench) -> Chart:
    """Draw the median times and the rates."""
    times = Panel(
        title="One request at a time: median, ms (the line goes on to p99)",
        bars=tuple(
            Bar(way.name, group=way.name, value=way.p50_ms, up_to=way.p99_ms)
            for way in bench.ways
        ),
    )
    rates = Panel(
        title="Requests a second, by number of clients",
        bars=tuple(
            Bar(label=f"{way.name}, {rate.clients}", group=way.name, value=rate.per_s)
            for way in bench.ways
            for rate in way.rates
        ),
    )
    title = f"{bench.model} {bench.version} {bench.variant}"
    below = f"{bench.machine}; {bench.input_bytes} bytes in; edgectl bench"
    panels = (times, rates) if rates.bars else (times,)
    return Chart(title=title, note=below, panels=panels)


def _times(bench: Bench) -> list[str]:
    head = ("ONE BY ONE, ms", "p50", "p95", "p99", "queue", "compute", "transport")
    rows = [
        (
            way.name,
            *map(_ms, (way.p50_ms, way.p95_ms, way.p99_ms)),
            *_stage_cells(way.stages),
        )
        for way in bench.ways
    ]
    return table(head, rows, align=(Align.LEFT, *(Align.RIGHT,) * 6))


def _stage_cells(of: Stages | None) -> tuple[str, ...]:
    if of is None:
        return ("-",) * 3
    return (_ms(of.queue), _ms(of.compute), _ms(of.transport))


def _rates(bench: Bench) -> list[str]:
    counts = sorted({rate.clients for way in bench.ways for rate in way.rates})
    head = ("A SECOND, BY CLIENTS", *(str(count) for count in counts))
    rows = []
    for way in bench.ways:
        by_count = {rate.clients: rate for rate in way.rates}
        if by_count:
            rows.append((way.name, *(_rate(by_count.get(count)) for count in counts)))
    return table(head, rows, align=(Align.LEFT, *(Align.RIGHT,) * len(counts)))


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "-"
    refused = f" ({rate.refused} refused)" if rate.refused else ""
    return f"{rate.per_s:,.0f}{refused}"


def _ms(value: float) -> str:
    """Write milliseconds to the microsecond while they are few."""
    return f"{value:.3f}" if value < 10 else ms_text(value)  # noqa: PLR2004  # three digits and more


def _rounded(ms: float) -> float:
    return round(float(ms), _DIGITS)
