"""Policies beside each other on a small board: `make adapt-table`.

Six environments, three ladders of real models, 45 settings: five deadlines, three
floors of accuracy, three budgets of energy for an answer. A floor and a budget leave
some of the variants; a setting that leaves none is nobody's.

No constant of edged was chosen on another seed than those in `TUNED_ON`; the figures
are of others. How far that went is told in `method.md`.

    make adapt-table                          # minutes; ends with 1 over a bar
    make adapt-table ARGS=--quick             # fewer settings and minutes
    make adapt-table ARGS=--page              # and write docs/reference
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.adapt import page  # noqa: E402
from benchmarks.adapt.ladders import LARGEST_S, Ladder, ladders  # noqa: E402
from benchmarks.adapt.policies import (  # noqa: E402
    Hysteresis,
    Oracle,
    Ours,
    Seed,
    Static,
)
from benchmarks.adapt.weather import (  # noqa: E402
    Place,
    Stream,
    Weather,
    stream,
    weather,
)
from benchmarks.adapt.world import HOT_C, Told, lived  # noqa: E402
from benchmarks.bars import Bar, flat, hold, table  # noqa: E402
from edged.adapt.choice import Costed, allowed  # noqa: E402

TUNED_ON = (1, 2, 3)
HELD_OUT = (11, 12, 13)

DEADLINES = (0.4, 0.7, 1.0, 1.5, 2.0)  # times a run of the largest
FLOORS = (100.0, 2.0, 5.0)  # points below the best
BUDGETS = (1.0, 0.8, 0.6)  # of what an answer of the largest costs
LENGTH_S = 3600.0
#: So many may be missed in a setting that is met.
MISSES = 0.10
#: Ours is worse where a static variant has so much more effective accuracy.
WORSE = 0.005

_SHORT = "in five minutes one switch is twelve an hour"
BARS = (
    Bar(figure="ours  below the oracle's accuracy, %", most=5.0),
    Bar(figure="ours  settings over 10 % that a static variant meets", most=0),
    Bar(figure="ours  switches per hour, idle, worst setting", most=12, quiet=_SHORT),
    Bar(figure="ours  switches per hour, hot, worst setting", most=12, quiet=_SHORT),
    Bar(figure="ours  settings at 80 C where the smallest stays below", most=0),
)


class Case(msgspec.Struct, frozen=True):
    """What a setting leaves: an environment, a deadline, variants best first."""

    seed: int
    ladder: str
    place: Place
    deadline: float
    kept: tuple[int, ...]


class Played(msgspec.Struct, frozen=True):
    """What became of a case, by policy, and how many settings it stands for."""

    settings: int
    told: dict[str, Told]


Found = dict[Case, Played]


class Row(msgspec.Struct, frozen=True):
    """Totals of one policy over some cases; shares are means over their settings.

    Attributes:
        over: settings of which more than 10 % were missed.
        peak_c: the highest of all.
    """

    policy: str
    settings: int
    missed: float
    accuracy: float
    joules: float
    switches_per_h: float
    peak_c: float
    hot: float
    over: int


def main() -> int:
    """Let every policy answer; return 1 if a figure is over its bar."""
    parser = argparse.ArgumentParser(description="Policies on a virtual clock.")
    parser.add_argument("--seeds", type=int, nargs="+", default=HELD_OUT)
    parser.add_argument("--quick", action="store_true", help="one seed, few deadlines")
    parser.add_argument("--page", action="store_true", help="write docs/reference")
    args = parser.parse_args()
    found: Found = {}
    for seed in args.seeds[: 1 if args.quick else None]:
        if args.quick:
            found |= played(seed, deadlines=(0.4, 1.5), length_s=300.0)
        else:
            found |= played(seed)
    groups = grouped(found)
    held = hold(flat({"ours": judged(found)}), quick=args.quick, bars=BARS)
    for name, rows in groups.items():
        print(name, *(page.line(row) for row in rows), sep="\n  ")
    print(table({name: row.value for name, row in held.items()}, held))
    if args.page:
        claims = [(row.bar.figure, row.value, row.bar.most) for row in held.values()]
        paper = page.Paper(args.seeds, groups, claims, worse(found))
        page.write(paper, ROOT / "docs" / "reference")
    return int(any(not row.ok for row in held.values()))


# --- playing --------------------------------------------------------------------


def played(
    seed: int, *, deadlines: Sequence[float] = DEADLINES, length_s: float = LENGTH_S
) -> Found:
    """Play every case once; settings that leave the same variants are one case."""
    found: Found = {}
    streams = [stream(d * LARGEST_S, seed=seed, length_s=length_s) for d in deadlines]
    for ladder in ladders():
        for place in Place:
            skies = weather(place, ladder.sizes, seed=seed, length_s=length_s)
            for deadline, one in zip(deadlines, streams, strict=True):
                told = _played(ladder, one, skies)
                for kept, settings in left(ladder).items():
                    case = Case(seed, ladder.name, place, deadline, kept)
                    found[case] = Played(settings, told(kept))
    return found


def left(ladder: Ladder) -> Counter[tuple[int, ...]]:
    """Return the variants that floors and budgets leave, and how many settings do."""
    counted = Counter(
        _left(ladder.variants, floor, budget) for floor in FLOORS for budget in BUDGETS
    )
    del counted[()]
    return counted


def _left(variants: Sequence[Costed], floor: float, budget: float) -> tuple[int, ...]:
    least = max(v.accuracy or 0.0 for v in variants) - floor / 100
    most_s = budget * max(v.cpu_s for v in variants)
    good = [
        v for v in variants if v.cpu_s <= most_s and (v.accuracy or 0.0) >= least - 1e-9
    ]
    ids = [v.id for v in variants]
    return tuple(ids.index(option.id) for option in allowed(good, cost=1.0))


def _played(
    ladder: Ladder, one: Stream, skies: Weather
) -> Callable[[tuple[int, ...]], dict[str, Told]]:
    """Return who plays with some of the variants; each plays alone once."""
    alone = [
        _lived(ladder, (i,), Static(0), one, skies) for i in range(len(ladder.variants))
    ]

    def play(kept: tuple[int, ...]) -> dict[str, Told]:
        last = len(kept) - 1
        variants = [ladder.variants[i] for i in kept]
        single = [alone[i] for i in kept]
        meeting = [told for told in single if told.missed <= MISSES]
        return {
            "oracle": _lived(ladder, kept, Oracle(one.deadline_s), one, skies),
            "ours": _lived(ladder, kept, Ours(variants, one.deadline_s), one, skies),
            "oracle static": max(meeting or single, key=lambda told: told.accuracy),
            "static, best": single[0],
            "static, middle": single[len(kept) // 2],
            "static, smallest": single[-1],
            "hysteresis": _lived(ladder, kept, Hysteresis(last), one, skies),
            "seed rule": _lived(ladder, kept, Seed(last), one, skies),
        }

    return play


def _lived(
    ladder: Ladder, kept: Sequence[int], policy: Static, one: Stream, skies: Weather
) -> Told:
    variants = [ladder.variants[i] for i in kept]
    return lived(variants, policy, one, skies.of(kept))


# --- adding up ------------------------------------------------------------------


def grouped(found: Found) -> dict[str, list[Row]]:
    """Add up over all, by environment, and by ladder."""
    groups: dict[str, list[Played]] = {"all": list(found.values())}
    for case, one in found.items():
        groups.setdefault(case.place.value, []).append(one)
    for case, one in found.items():
        groups.setdefault(case.ladder, []).append(one)
    return {name: list(_rows(cases)) for name, cases in groups.items()}


def _rows(cases: Sequence[Played]) -> Iterator[Row]:
    for policy in cases[0].told:
        parts = [(one.settings, one.told[policy]) for one in cases]
        yield Row(
            policy=policy,
            settings=sum(n for n, _ in parts),
            missed=_mean(parts, "missed"),
            accuracy=_mean(parts, "accuracy"),
            joules=_mean(parts, "joules"),
            switches_per_h=_mean(parts, "switches_per_h"),
            peak_c=max(told.peak_c for _, told in parts),
            hot=_mean(parts, "hot"),
            over=sum(n for n, told in parts if told.missed > MISSES),
        )


def _mean(parts: Sequence[tuple[int, Told]], figure: str) -> float:
    whole = sum(n * float(getattr(told, figure)) for n, told in parts)
    return whole / sum(n for n, _ in parts)


def judged(found: Found) -> dict[str, float]:
    """Return the figures that have bars."""
    rows = {row.policy: row for row in grouped(found)["all"]}
    return {
        "below the oracle's accuracy, %": 100
        * (1 - rows["ours"].accuracy / rows["oracle"].accuracy),
        "settings over 10 % that a static variant meets": sum(
            one.settings
            for one in found.values()
            if one.told["ours"].missed > MISSES >= one.told["oracle static"].missed
        ),
        **{
            f"switches per hour, {place.value}, worst setting": max(
                one.told["ours"].switches_per_h
                for case, one in found.items()
                if case.place is place
            )
            for place in (Place.IDLE, Place.HOT)
        },
        "settings at 80 C where the smallest stays below": sum(
            one.settings
            for one in found.values()
            if one.told["ours"].peak_c >= HOT_C > one.told["static, smallest"].peak_c
        ),
    }


def worse(found: Found) -> list[tuple[str, int, Mapping[str, Told]]]:
    """Return where a static variant does better than ours, the worst first.

    Each is a case, how many settings it stands for, and what became of it.
    """
    lost = [
        (_named(case), one.settings, one.told)
        for case, one in found.items()
        if one.told["oracle static"].accuracy > one.told["ours"].accuracy + WORSE
    ]
    return sorted(
        lost,
        key=lambda row: row[2]["ours"].accuracy - row[2]["oracle static"].accuracy,
    )


def _named(case: Case) -> str:
    rungs = ", ".join(str(1 + i) for i in case.kept)
    where = f"{case.place.value}, {case.ladder}, deadline {case.deadline:g}"
    return f"{where}, rungs {rungs}, seed {case.seed}"


if __name__ == "__main__":
    sys.exit(main())
