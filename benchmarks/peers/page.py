"""The figures as tables for a terminal, as a page and as a picture.

Law: everything on the page comes from one run, and the page says which.
"""

import os
import platform
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from figures import Figures, Spread
from placement import Where

from benchmarks.paper import commit, markdown
from edged.cli import chart
from edged.cli.chart import Bar, Chart, Panel
from edged.cli.output import Align, table

_TIMES = ("", "256 B p50", "p99", "602 KB p50", "p99")
_RATES = ("", "1 client", "4", "8", "CPU us each, at 8")
_SERVERS = ("", "start s", "memory MB", "processes", "idle CPU %")


class Claim(NamedTuple):
    """What the design demands of one pair of figures, and what was found."""

    what: str
    found: str
    must: str
    holds: bool


def text(figures: Figures) -> list[str]:
    """Return everything for a terminal."""
    lines = []
    for title, head, rows in _tables(figures, _plain):
        if rows:
            right = (Align.RIGHT,) * (len(head) - 1)
            lines += [title, *table(head, rows, align=(Align.LEFT, *right)), ""]
    lines += [f"{figures.turns} turns, {figures.disturbed} of them disturbed", ""]
    lines += [f"{name}: cannot run: {why}" for name, why in figures.cannot.items()]
    lines += [
        f"{'holds' if c.holds else 'FAILS'}  {c.what}: {c.found} (must: {c.must})"
        for c in claims(figures)
    ]
    return lines


def write(figures: Figures, folder: Path) -> None:
    """Write benchmarks.md and benchmarks.svg."""
    (folder / "benchmarks.svg").write_bytes(chart.svg(picture(figures)))
    (folder / "benchmarks.md").write_text("\n".join(_page(figures)))


# --- tables -----------------------------------------------------------------------


def _tables(
    figures: Figures, cell: Callable[[Spread | None], str]
) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    ways = figures.ways()
    rates = [
        (
            _label(peer, way),
            *(cell(figures.per_s(peer, way, clients)) for clients in (1, 4, 8)),
            _plain(figures.cpu_us(peer, way, 8)),
        )
        for peer, way in ways
        if figures.per_s(peer, way, 1)
    ]
    servers = [
        (
            name,
            f"{figures.start_s[name]:.1f}",
            f"{figures.memory_bytes[name] / 1e6:.0f}",
            str(figures.processes[name]),
            f"{100 * figures.idle_share[name]:.1f}",
        )
        for name in figures.memory_bytes
    ]
    return [
        *(
            (
                f"One request at a time, {where.value}: microseconds",
                _TIMES,
                _latencies(figures, where, cell),
            )
            for where in Where
        ),
        ("Requests a second, 256 B", _RATES, rates),
        ("The server itself", _SERVERS, servers),
    ]


def _latencies(
    figures: Figures, where: Where, cell: Callable[[Spread | None], str]
) -> list[tuple[str, ...]]:
    return [
        (
            _label(peer, way),
            cell(figures.p50_us(peer, way, "digits", where)),
            _plain(figures.p99_us(peer, way, "digits", where)),
            cell(figures.p50_us(peer, way, "mean", where)),
            _plain(figures.p99_us(peer, way, "mean", where)),
        )
        for peer, way in figures.ways()
    ]


def _label(peer: str, way: str) -> str:
    return f"{peer}, {way}" if way else peer


def _plain(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:,.0f}"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"{spread.median:,.0f} ({spread.least:,.0f} to {spread.most:,.0f})"


# --- claims -----------------------------------------------------------------------


def claims(figures: Figures) -> list[Claim]:
    """Hold what was found against the design's bars; without a peer there is none.

    Latencies are those on one core: see method.md.
    """
    floor = {m: _p50("in-process", "", m, figures) for m in ("digits", "mean")}
    found = [
        _added("binary body, 256 B", figures, "binary body", "digits", floor, 55),
        _added("memfd, 602 KB", figures, "memfd", "mean", floor, 60),
        _added("binary body, 602 KB", figures, "binary body", "mean", floor, 140),
    ]
    ours = _p50("edged", "binary body", "digits", figures)
    for peer, way, times in (("triton", "binary body", 2.5), ("mlserver", "JSON", 5.0)):
        theirs = _p50(peer, way, "digits", figures)
        found.append(_faster(f"256 B p50, {peer} to edged", theirs, ours, times))
    found.append(
        _faster(
            "JSON of 256 B p50, triton to edged",
            _p50("triton", "JSON", "digits", figures),
            _p50("edged", "JSON", "digits", figures),
            1.0,
        )
    )
    found.append(
        _faster(
            "requests a second of 8 clients, edged to triton",
            figures.per_s("edged", "binary body", 8),
            figures.per_s("triton", "binary body", 8),
            3.0,
        )
    )
    found.append(
        _faster(
            "requests a second of 8 clients, edged to echo",
            figures.per_s("edged", "binary body", 8),
            figures.per_s("echo", "binary body", 8),
            0.5,
        )
    )
    found.append(_left_possible(figures, floor["digits"]))
    return [claim for claim in found if claim is not None]


def _p50(peer: str, way: str, model: str, figures: Figures) -> Spread | None:
    return figures.p50_us(peer, way, model, Where.ONE_CORE)


def _left_possible(figures: Figures, run_us: Spread | None) -> Claim | None:
    """Hold edged against the echo server as if it ran the model after each request.

    One loop cannot do both in less than the sum of their times.
    """
    echo = figures.per_s("echo", "binary body", 8)
    if echo is None or run_us is None:
        return None
    possible = 1 / (1 / echo.median + run_us.median / 1e6)
    return _faster(
        "requests a second of 8 clients, edged to what the echo server and the "
        f"model's own run leave possible ({possible:,.0f})",
        figures.per_s("edged", "binary body", 8),
        Spread(possible, possible, possible),
        0.5,
    )


def _added(  # one row of the design's table
    what: str,
    figures: Figures,
    way: str,
    model: str,
    floors: dict[str, Spread | None],
    must_us: int,
) -> Claim | None:
    ours, floor = _p50("edged", way, model, figures), floors[model]
    if ours is None or floor is None:
        return None
    added = ours.median - floor.median
    return Claim(
        f"{what}: p50 over in-process",
        f"+{added:.1f} us",
        f"at most +{must_us} us",
        added <= must_us,
    )


def _faster(
    what: str, more: Spread | None, less: Spread | None, times: float
) -> Claim | None:
    if more is None or less is None:
        return None
    ratio = more.median / less.median
    return Claim(what, f"{ratio:.2g} times", f"at least {times:g}", ratio >= times)


# --- picture ----------------------------------------------------------------------


def picture(figures: Figures) -> Chart:
    """Draw medians; what takes a hundred times the best is left to the table."""
    panels = (
        _panel(
            "256 B, one request at a time, on one core: p50, microseconds",
            figures,
            lambda peer, way: _p50(peer, way, "digits", figures),
        ),
        _panel(
            "602 KB, one at a time, on one core, not in JSON: p50, microseconds",
            figures,
            lambda peer, way: (
                None if way == "JSON" else _p50(peer, way, "mean", figures)
            ),
        ),
        _panel(
            "256 B, eight clients: requests a second",
            figures,
            lambda peer, way: figures.per_s(peer, way, 8),
        ),
    )
    return Chart(
        "edged beside others",
        f"medians of {figures.rounds} rounds, line to the largest; {_machine()}; "
        f"edged {commit()}",
        tuple(panel for panel in panels if panel.bars),
    )


def _panel(
    title: str, figures: Figures, of: Callable[[str, str], Spread | None]
) -> Panel:
    found = [(peer, way, of(peer, way)) for peer, way in figures.ways()]
    bars = (
        Bar(_label(peer, way), peer, spread.median, up_to=spread.most)
        for peer, way, spread in found
        if spread is not None
    )
    return Panel(title, tuple(bars))


# --- page -------------------------------------------------------------------------


def _page(figures: Figures) -> list[str]:
    command = shlex.join(["python", "benchmarks/peers/run.py", *sys.argv[1:]])
    made = (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at commit {commit()} by "
        f"`{command}` (`make bench-peers`)."
    )
    where = (
        f"Machine: {_machine()}, {_memory()}; Linux {platform.release()}, Python "
        f"{platform.python_version()}, onnxruntime {version('onnxruntime')}."
    )
    lines = [
        "# edged beside others",
        "",
        made,
        "",
        where,
        "Machines differ, and virtual ones are noisy: read the ratios.",
        _how_quiet(figures),
        "",
        "![Medians as bars](benchmarks.svg)",
        "",
        "## What the design demands",
        "",
        "Latencies are held on one core, for all alike; [why](#how-it-was-measured).",
        "",
        *markdown(
            ("", "found", "must be", ""),
            [
                (c.what, c.found, c.must, "holds" if c.holds else "**fails**")
                for c in claims(figures)
            ],
        ),
    ]
    for title, head, rows in _tables(figures, _spread):
        lines += ["", f"## {title}", "", *markdown(head, rows)]
    lines += ["", "## Who was asked", "", *markdown(*_who(figures))]
    if figures.cannot:
        rows = [(name, why.replace("|", " ")) for name, why in figures.cannot.items()]
        lines += ["", "## What did not run", "", *markdown(("", "why"), rows)]
    method = Path(__file__).with_name("method.md").read_text()
    return [*lines, "", method]


def _how_quiet(figures: Figures) -> str:
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    nice = f" All ran at nice {priority}." if priority else ""
    return (
        f"Of {figures.turns} turns {figures.disturbed} were disturbed by others.{nice}"
    )


def _who(figures: Figures) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows = [
        (
            name,
            how,
            ", ".join(f"{k} {v}" for k, v in figures.versions.get(name, {}).items()),
        )
        for name, how in figures.how.items()
    ]
    return ("", "how", "versions"), rows


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    names = [
        line.partition(":")[2].strip()
        for line in cpuinfo.splitlines()
        if line.startswith(("model name", "Model"))
    ]
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, {names[0] if names else 'unknown'}"


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / 2**30:.0f} GiB"
