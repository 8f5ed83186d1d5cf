"""The figures of a fleet as a page and as a picture.

Law: everything on the page comes from one run, and the page says which.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.paper import commit, markdown
from edged.cli import chart
from edged.cli.chart import Bar, Chart, Panel

#: What a look costs when there is nothing new, both ways: the next root, which is not
#: there, and the timestamp, of 370 bytes. With the heads that nginx 1.22 and our client
#: send: 299 there, 907 back.
_HTTP_BYTES = 1206
#: Reckoned, not measured: a TLS 1.3 handshake with two certificates, once a look.
_TLS_BYTES = 5000
LOOK_BYTES = {"by http": _HTTP_BYTES, "by https": _HTTP_BYTES + _TLS_BYTES}


class Told(Protocol):
    """What a run found; see `fleet.Figures`."""

    @property
    def devices(self) -> int:
        """Tell how many boxes."""

    @property
    def seed(self) -> int:
        """Tell the seed."""

    @property
    def curve(self) -> Sequence[tuple[int, float, float]]:
        """Tell hours, share that may, share that has."""

    @property
    def told(self) -> Mapping[str, Mapping[str, float]]:
        """Tell figures by name, in groups."""


def write(
    figures: Told, claims: Sequence[tuple[str, float, float]], folder: Path
) -> None:
    """Write fleet.md and fleet.svg.

    Args:
        figures: of one run.
        claims: name, value, and the most that it may be.
        folder: where both go.
    """
    # Both name the commit, which the first one written would make dirty.
    drawn = chart.svg(picture(figures))
    told = "\n".join(_page(figures, claims)) + "\n"
    (folder / "fleet.svg").write_bytes(drawn)
    (folder / "fleet.md").write_text(told)


def picture(figures: Told) -> Chart:
    """Draw who has the release when, and how many requests a minute the host sees."""
    curve = Panel(
        "hours after the start: % that have it; line to the % that may take it",
        tuple(
            Bar(f"{hour} h", "roll-out", 100 * has, up_to=100 * may)
            for hour, may, has in figures.curve
        ),
    )
    told = figures.told
    mean = told["quiet day"]["requests a minute, mean"]
    rates = Panel(
        "requests a minute at the host, in the worst minute",
        (
            Bar("a quiet day, mean", "mean", mean),
            *(
                Bar(name, "peak", group["requests a minute, peak"])
                for name, group in told.items()
                if "requests a minute, peak" in group
            ),
        ),
    )
    note = f"{figures.devices:,} boxes, seed {figures.seed}; edged {commit()}"
    return Chart("A fleet and its host", note, (curve, rates))


def _page(figures: Told, claims: Sequence[tuple[str, float, float]]) -> list[str]:
    command = shlex.join(["python", "benchmarks/fleet.py", *sys.argv[1:]])
    method = Path(__file__).with_name("fleet.md").read_text()
    made = (
        f"Reckoned at commit {commit()} by `{command}` (`make bench-fleet`): "
        f"{figures.devices:,} boxes on a virtual clock, seed {figures.seed}. The same "
        "seed gives the same figures on every machine."
    )
    lines = [
        "# A fleet and its host",
        "",
        made,
        "",
        "![Who has the release, and requests a minute](fleet.svg)",
        "",
        "## What is held",
        "",
        *markdown(
            ("", "found", "at most"),
            [(_name(n), _number(value), _number(most)) for n, value, most in claims],
        ),
    ]
    for name, group in figures.told.items():
        rows = [(what, _number(value)) for what, value in group.items()]
        lines += ["", f"## {name.capitalize()}", "", *markdown(("", ""), rows)]
    rows = [
        (f"{hour} h", f"{100 * may:.4g} %", f"{100 * has:.2f} %")
        for hour, may, has in figures.curve
    ]
    curve = markdown(("after the start", "may take it", "have it"), rows)
    return [*lines, "", "## The curve", "", *curve, "", method.rstrip()]


def _name(figure: str) -> str:
    return figure.replace("  ", ": ")


def _number(value: float) -> str:
    return "0" if value == 0 else chart.number(value)
