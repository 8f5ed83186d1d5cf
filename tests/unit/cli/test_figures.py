"""What `bench` found, set for people."""

import msgspec
import pytest

from edged.cli import figures
from edged.cli.figures import Bench, Measured, Omitted, Rate, Stages


def _way(name: str, p50_ms: float, *, refused: int = 0) -> Measured:
    return Measured(
        name=name,
        requests=1000,
        p50_ms=p50_ms,
        p95_ms=2 * p50_ms,
        p99_ms=3 * p50_ms,
        stages=Stages(queue=0.002, compute=0.021, transport=p50_ms),
        rates=tuple(
            Rate(clients=n, per_s=12345.6 * n, refused=refused) for n in (1, 2, 4, 8)
        ),
    )


@pytest.fixture
def bench() -> Bench:
    """Return figures of three ways, the first without anything in between."""
    floor = msgspec.structs.replace(_way("in-process", 0.01), stages=None, rates=())
    return Bench(
        model="digits",
        version="1.4.0",
        variant="fp32",
        machine="aarch64, 4 cores",
        input_bytes=256,
        seconds=1.0,
        requests=1000,
        ways=(floor, _way("binary body", 0.098), _way("JSON body", 123.4)),
    )


def test_round_trips_are_summed_up() -> None:
    """Quantiles in milliseconds of durations in seconds."""
    found = figures.way("x", [n / 1000 for n in range(1, 102)])

    assert (101, 51.0, 96.0, 100.0) == (
        found.requests,
        found.p50_ms,
        found.p95_ms,
        found.p99_ms,
    )


def test_transport_is_what_is_left() -> None:
    """Of the whole, neither queue nor run."""
    found = figures.stages([(1.0, 0.1, 0.2), (2.0, 0.2, 0.3), (9.0, 0.3, 0.4)])

    assert Stages(queue=0.2, compute=0.3, transport=1.5) == found


def test_the_table_fits_a_serial_console(bench: Bench) -> None:
    """24 lines of 80 columns, the prompt included."""
    lines = figures.lines(bench, width=80)

    assert (True, True) == (len(lines) < 24, max(map(len, lines)) <= 80)


def test_times_and_rates_stand_in_a_row_for_each_way(bench: Bench) -> None:
    """Microseconds while they matter; thousands set apart."""
    lines = [line.split() for line in figures.lines(bench, width=80)]

    assert [
        ["in-process", "0.010", "0.020", "0.030", "-", "-", "-"],
        ["binary", "body", "0.098", "0.196", "0.294", "0.002", "0.021", "0.098"],
        ["JSON", "body", "123", "247", "370", "0.002", "0.021", "123"],
        ["binary", "body", "12,346", "24,691", "49,382", "98,765"],
    ] == [lines[n] for n in (3, 4, 5, 8)]


def test_refused_requests_are_told(bench: Bench) -> None:
    """A rate that leaves some without an answer says how many."""
    busy = msgspec.structs.replace(bench, ways=(_way("binary body", 1.0, refused=7),))

    assert "98,765 (7 refused)" in "\n".join(figures.lines(busy, width=80))


def test_what_is_left_out_is_told(bench: Bench) -> None:
    """With the reason, under the table."""
    without = Omitted(name="in-process", why="cannot read /var/lib/edged")
    partial = msgspec.structs.replace(bench, omitted=(without,))

    last = figures.lines(partial, width=80)[-1]

    assert "without in-process: cannot read /var/lib/edged" == last


def test_the_chart_has_a_bar_for_each_figure(bench: Bench) -> None:
    """A way keeps its colour in both panels."""
    times, rates = figures.chart(bench).panels

    assert (3, 8, {"binary body", "JSON body"}) == (
        len(times.bars),
        len(rates.bars),
        {bar.group for bar in rates.bars} & {bar.group for bar in times.bars},
    )


def test_without_rates_there_is_one_panel(bench: Bench) -> None:
    """An empty scale says nothing."""
    alone = msgspec.structs.replace(bench, ways=bench.ways[:1])

    assert 1 == len(figures.chart(alone).panels)
