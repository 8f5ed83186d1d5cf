"""Ten thousand boxes and one host, on a virtual clock: `make bench-fleet`.

Told are: whether a staged roll-out follows its schedule, and how late; how many boxes
take a release that was halted, and why; how many requests a minute the host sees, by
day, in a roll-out and after a power cut of a whole region; what an idle box costs.
Every decision is made by edged's own code; see `fleet_world`.

    make bench-fleet                          # under a minute; ends with 1 over a bar
    make bench-fleet ARGS=--quick             # fewer boxes
    make bench-fleet ARGS=--page              # and write docs/reference/fleet.{md,svg}
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import fleet_page  # noqa: E402
from benchmarks.bars import Bar, flat, hold, table  # noqa: E402
from benchmarks.fleet_world import (  # noqa: E402
    DAY,
    HOUR,
    IDLE_REQUESTS,
    Publication,
    Taken,
    World,
    moment,
)
from edged.update.offers import Offer  # noqa: E402
from edged.update.rollout import open_share, opens_at  # noqa: E402
from edged.wire.listing import Listing, Stage  # noqa: E402
from edged.wire.words import utc_text  # noqa: E402

#: 1%@0h,10%@6h,100%@24h
STAGES = ((0.01, 0.0), (0.1, 6 * HOUR), (1.0, 24 * HOUR))
#: The roll-out begins after a day in which the boxes fall out of step.
STARTS_S = DAY
HALT_S = 8 * HOUR
#: Until the last box has had a whole night after its turn, and a look before it.
WATCHED_S = 2.5 * DAY

#: A region's boxes start within this, whatever the outage was.
RESTART_S = 10.0

_FEW = "a small fleet: chance counts for more"
BARS = (
    Bar(figure="roll-out  boxes ahead of the schedule", most=0),
    Bar(figure="roll-out  latest box by day, h after its turn", most=9.5),
    Bar(figure="roll-out  latest box at night, h after its turn", most=33.0),
    Bar(figure="roll-out  boxes without it after 60 h", most=0),
    # Whoever takes the release asks five times instead of twice.
    Bar(figure="roll-out  requests a minute, peak to mean", most=3.5, quiet=_FEW),
    Bar(figure="halt  took it afterwards, % of all", most=0.2, quiet=_FEW),
    # What was heard is good for five minutes; the slowest needs less than three.
    Bar(figure="halt  latest first byte, min after the halt", most=5.0),
    Bar(figure="halt  latest last byte, min after the halt", most=8.0),
    Bar(figure="quiet day  requests a minute, peak to mean", most=2.0, quiet=_FEW),
    Bar(figure="10 min without power  peak to a quiet mean", most=2.0, quiet=_FEW),
    Bar(figure="1 h without power  peak to a quiet mean", most=3.0, quiet=_FEW),
    Bar(figure="12 h without power  peak to a quiet mean", most=8.0, quiet=_FEW),
    Bar(figure="idle box  requests a day", most=8.5),
)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one run found.

    Attributes:
        curve: hours since the start, share that may take it, share that has it.
        told: the figures by name, in groups.
    """

    devices: int
    seed: int
    curve: tuple[tuple[int, float, float], ...]
    told: dict[str, dict[str, float]]


def main() -> int:
    """Let the stories happen; return 1 if a figure is over its bar."""
    parser = argparse.ArgumentParser(description="A fleet on a virtual clock.")
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="1,500 boxes")
    parser.add_argument("--page", action="store_true", help="write docs/reference")
    args = parser.parse_args()
    devices = 1500 if args.quick else args.devices
    figures = measured(devices, args.seed)
    told = flat(figures.told)
    held = hold(told, quick=args.quick, bars=BARS)
    print(f"{devices} boxes, seed {args.seed}")
    print(table(told, held))
    if args.page:
        claims = [(row.bar.figure, row.value, row.bar.most) for row in held.values()]
        fleet_page.write(figures, claims, ROOT / "docs" / "reference")
    return int(any(not row.ok for row in held.values()))


def measured(devices: int, seed: int) -> Figures:
    """Tell every story with one fleet."""
    quiet = quiet_day(devices, seed)
    curve, rolled = rolled_out(devices, seed)
    return Figures(
        devices=devices,
        seed=seed,
        curve=curve,
        told={
            "roll-out": rolled,
            "halt": halted(devices, seed),
            "quiet day": quiet,
            **{
                f"{name} without power": cut(devices, seed, outage_s, quiet)
                for name, outage_s in (
                    ("10 min", 600.0),
                    ("1 h", HOUR),
                    ("12 h", 12 * HOUR),
                )
            },
            "idle box": idle(seed),
        },
    )


# --- the stories ------------------------------------------------------------------


def rolled_out(
    devices: int, seed: int
) -> tuple[tuple[tuple[int, float, float], ...], dict[str, float]]:
    """Publish a release, and see who takes it when."""
    release = offer(halted=False)
    world = World(devices, seed, (Publication(at_s=STARTS_S, offers=(release,)),))
    world.run(STARTS_S + WATCHED_S)
    curve = []
    for hour in range(0, int(WATCHED_S / HOUR) + 1, 3):
        now_s = STARTS_S + hour * HOUR
        have = sum(taken.at_s <= now_s for taken in world.taken) / devices
        curve.append((hour, open_share(release.listing, moment(now_s)), have))
    late = [(_late_s(taken, release.listing), taken.at_night) for taken in world.taken]
    by_day = sorted(late_s for late_s, at_night in late if not at_night)
    at_night = [late_s for late_s, at_night in late if at_night]
    rates = per_minute(world.requests, STARTS_S, STARTS_S + WATCHED_S)
    return tuple(curve), {
        "boxes ahead of the schedule": sum(late_s < 0 for late_s, _ in late),
        "median box by day, h after its turn": by_day[len(by_day) // 2] / HOUR,
        "latest box by day, h after its turn": by_day[-1] / HOUR,
        "latest box at night, h after its turn": max(at_night) / HOUR,
        "boxes without it after 60 h": devices - len(world.taken),
        "requests a minute, mean": sum(rates) / len(rates),
        "requests a minute, peak": max(rates),
        "requests a minute, peak to mean": max(rates) * len(rates) / sum(rates),
    }


def halted(devices: int, seed: int) -> dict[str, float]:
    """Halt it after eight hours, and see who takes it all the same."""
    halt_s = STARTS_S + HALT_S
    world = World(
        devices,
        seed,
        (
            Publication(at_s=STARTS_S, offers=(offer(halted=False),)),
            Publication(at_s=halt_s, offers=(offer(halted=True),)),
        ),
    )
    world.run(STARTS_S + WATCHED_S)
    after = [taken for taken in world.taken if taken.at_s > halt_s]
    return {
        "had it before, % of all": 100 * (len(world.taken) - len(after)) / devices,
        "took it afterwards": len(after),
        "took it afterwards, % of all": 100 * len(after) / devices,
        "latest first byte, min after the halt": _latest_min(
            halt_s, [taken.began_s for taken in after]
        ),
        "latest last byte, min after the halt": _latest_min(
            halt_s, [taken.at_s for taken in after]
        ),
    }


def quiet_day(devices: int, seed: int) -> dict[str, float]:
    """Let a day pass on which nothing is published."""
    world = World(devices, seed)
    world.run(2 * DAY)
    rates = per_minute(world.requests, DAY, 2 * DAY)
    return {
        "requests a minute, mean": sum(rates) / len(rates),
        "requests a minute, peak": max(rates),
        "requests a minute, peak to mean": max(rates) * len(rates) / sum(rates),
    }


def cut(
    devices: int, seed: int, outage_s: float, quiet: dict[str, float]
) -> dict[str, float]:
    """Take the power from a whole region, and see them come back."""
    world = World(devices, seed)
    world.run(DAY)
    world.cut(outage_s, within_s=RESTART_S)
    back_s = DAY + outage_s
    world.run(back_s + DAY)
    peak = max(per_minute(world.requests, back_s, back_s + DAY))
    # Who looks as soon as it is up would come with all others in one minute.
    at_once = devices * IDLE_REQUESTS
    return {
        "requests a minute, peak": peak,
        "peak to a quiet mean": peak / quiet["requests a minute, mean"],
        "the same, were all to look at once": at_once
        / quiet["requests a minute, mean"],
    }


def idle(seed: int) -> dict[str, float]:
    """Let thirty days pass, and see what one box asks."""
    devices, days = 100, 30
    world = World(devices, seed)
    world.run(days * DAY)
    asked = world.requests.total() / devices / days
    sizes = {
        f"bytes a day, {name}": asked / IDLE_REQUESTS * size
        for name, size in fleet_page.LOOK_BYTES.items()
    }
    return {"requests a day": asked, **sizes}


# --- small steps ------------------------------------------------------------------


def offer(*, halted: bool) -> Offer:
    """Return the release that the stories are about."""
    at = utc_text(moment(STARTS_S))
    listing = Listing(
        model="digits",
        version="1.1.0",
        seq=2,
        size_bytes=20_000_000,
        issued=at,
        starts=at,
        rollout=tuple(Stage(share=part, after_s=after) for part, after in STAGES),
        halted=halted,
    )
    return Offer(source="main", listing=listing, sha256="2" * 64, size=900)


def per_minute(requests: Counter[int], begin_s: float, end_s: float) -> Sequence[int]:
    """Return the requests of each minute in between."""
    return [requests[n] for n in range(int(begin_s // 60), int(end_s // 60))]


def _latest_min(halt_s: float, moments: Sequence[float]) -> float:
    return max([0.0, *((at_s - halt_s) / 60 for at_s in moments)])


def _late_s(taken: Taken, listing: Listing) -> float:
    """Return the seconds from a box's turn to its first byte."""
    opens = opens_at(listing, taken.place)
    if opens is None:
        raise AssertionError(taken)
    return taken.began_s - (opens - moment(0)).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
