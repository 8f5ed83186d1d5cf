"""The table of policies as a page and as a picture.

Law: everything on the page comes from one run, and the page says which.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.adapt.world import Told
from benchmarks.paper import commit, markdown
from edged.cli import chart
from edged.cli.chart import Bar, Chart, Panel


class Total(Protocol):
    """One policy over some cases; see `table.Row`."""

    @property
    def policy(self) -> str:
        """Tell who."""

    @property
    def settings(self) -> int:
        """Tell over how many settings."""

    @property
    def missed(self) -> float:
        """Tell the share of requests."""

    @property
    def accuracy(self) -> float:
        """Tell the effective one."""

    @property
    def joules(self) -> float:
        """Tell those of a request."""

    @property
    def switches_per_h(self) -> float:
        """Tell how often the variant changed."""

    @property
    def peak_c(self) -> float:
        """Tell the highest temperature."""

    @property
    def hot(self) -> float:
        """Tell the share of time."""

    @property
    def over(self) -> int:
        """Tell settings with too many misses."""


class Paper(NamedTuple):
    """What goes on the page.

    Attributes:
        groups: rows by environment, by ladder and over all.
        claims: name, value, and the most that it may be.
        worse: see `table.worse`.
    """

    seeds: Sequence[int]
    groups: Mapping[str, Sequence[Total]]
    claims: Sequence[tuple[str, float, float]]
    worse: Sequence[tuple[str, int, Mapping[str, Told]]]


HEAD = (
    "policy",
    "missed %",
    "effective accuracy %",
    "J a request",
    "switches an hour",
    "peak C",
    "% of time >= 80 C",
    "settings over 10 %",
)

#: So many cases in which a static variant does better are named.
NAMED = 12


def cells(row: Total) -> tuple[str, ...]:
    """Write one row."""
    return (
        row.policy,
        f"{100 * row.missed:.2f}",
        f"{100 * row.accuracy:.2f}",
        f"{row.joules:.3f}",
        f"{row.switches_per_h:.1f}",
        f"{row.peak_c:.1f}",
        f"{100 * row.hot:.1f}",
        f"{row.over} of {row.settings}",
    )


def line(row: Total) -> str:
    """Write one row for a terminal."""
    policy, *figures = cells(row)
    return f"{policy:17}" + "".join(f"{figure:>14}" for figure in figures)


def write(paper: Paper, folder: Path) -> None:
    """Write adaptation-table.md and its picture."""
    # Both name the commit, which the first one written would make dirty.
    drawn, told = chart.svg(picture(paper)), "\n".join(_page(paper)) + "\n"
    (folder / "adaptation-table.svg").write_bytes(drawn)
    (folder / "adaptation-table.md").write_text(told)


def picture(paper: Paper) -> Chart:
    """Draw effective accuracy over all and where it is hard, and misses."""
    panels = [
        Panel(
            f"effective accuracy, {name}, %",
            tuple(
                Bar(row.policy, row.policy, 100 * row.accuracy)
                for row in paper.groups[name]
            ),
        )
        for name in ("all", "contention", "hot", "under-voltage")
    ]
    missed = Panel(
        "requests missed, all, %",
        tuple(
            Bar(row.policy, row.policy, 100 * row.missed) for row in paper.groups["all"]
        ),
    )
    note = f"seeds {_seeds(paper)}; edged {commit()}"
    return Chart("Policies on a small board", note, (*panels, missed))


def _page(paper: Paper) -> list[str]:
    command = shlex.join(["python", "benchmarks/adapt/table.py", *sys.argv[1:]])
    claims = [
        (name.replace("  ", ": "), f"{value:.3g}", f"{most:g}")
        for name, value, most in paper.claims
    ]
    made = (
        f"Reckoned at commit {commit()} by `{command}` (`make adapt-table`), on a "
        f"virtual clock, seeds {_seeds(paper)}. The same seeds give the same figures "
        "everywhere. [How edged adapts](../explanation/adaptation.md)."
    )
    lines = [
        "# Policies on a small board",
        "",
        made,
        "",
        "![Effective accuracy and misses](adaptation-table.svg)",
        "",
        "## What is held",
        "",
        *markdown(("", "found", "at most"), claims),
    ]
    for name, rows in paper.groups.items():
        title = "Over all" if name == "all" else name[0].upper() + name[1:]
        lines += ["", f"## {title}", "", *markdown(HEAD, [cells(row) for row in rows])]
    method = Path(__file__).with_name("method.md").read_text().rstrip()
    return [*lines, "", *_worse(paper), "", method]


def _worse(paper: Paper) -> list[str]:
    cases, settings = len(paper.worse), sum(n for _, n, _ in paper.worse)
    every = paper.groups["all"][0].settings
    told = (
        f"In {settings} of {every} settings (they are {cases} cases) the best static "
        "variant, which nobody can know beforehand, has an effective accuracy that is "
        "at least half a point better. These are the first, by what is lost. "
        "Each has effective accuracy / misses, in %."
    )
    rows = [
        (name, *(_both(told[policy]) for policy in ("ours", "oracle static", "oracle")))
        for name, _, told in paper.worse[:NAMED]
    ]
    head = ("case", "ours", "oracle static", "oracle")
    return ["## Where ours is worse", "", told, "", *markdown(head, rows)]


def _both(told: Told) -> str:
    return f"{100 * told.accuracy:.1f} / {100 * told.missed:.1f}"


def _seeds(paper: Paper) -> str:
    return ", ".join(map(str, paper.seeds))
