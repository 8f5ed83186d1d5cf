"""Whoever watches a release is told once: tripped, or good."""

import asyncio

import msgspec

from edged.activate.probation import Baseline, Probation, Rules, Trip
from edged.activate.watchman import Watched


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as `swapper.Observation` wants it."""

    variant: str = "a"
    ok: bool = True
    code: str = ""
    finite: bool = True
    input_bytes: int = 4
    busy_ns: int = 1000
    compute_ns: int = 1000


class Told:
    """What a watchman said."""

    def __init__(self, *, duration_s: float, inferences: int) -> None:
        rules = Rules(
            duration_s=duration_s,
            inferences=inferences,
            error_share=0.05,
            slowdown=3.0,
        )
        loop = asyncio.get_running_loop()
        self.trips: list[Trip] = []
        self.good = 0
        self.watched = Watched(
            Probation(rules, Baseline(), began_s=loop.time()),
            duration_s=duration_s,
            tripped=self.trips.append,
            good=self._good,
        )

    def _good(self) -> None:
        self.good += 1


async def test_a_trip_is_told_once() -> None:
    """What comes after it is not looked at."""
    told = Told(duration_s=100.0, inferences=1)

    for _ in range(3):
        told.watched.observe(Run(finite=False))

    assert [trip.trigger.value for trip in told.trips] == ["not-finite"]
    told.watched.end()


async def test_time_alone_is_not_enough() -> None:
    """The answers must have been given, too; the last of them tells."""
    told = Told(duration_s=0.01, inferences=2)

    await asyncio.sleep(0.03)
    told.watched.observe(Run())
    early = told.good
    told.watched.observe(Run())

    assert (early, told.good, told.trips) == (0, 1, [])


async def test_answers_alone_are_not_enough() -> None:
    """When the time is over it is told without another answer."""
    told = Told(duration_s=0.02, inferences=1)

    told.watched.observe(Run())
    early = told.good
    await asyncio.sleep(0.05)

    assert (early, told.good) == (0, 1)


async def test_one_that_is_hardly_asked_is_good_in_the_end() -> None:
    """After many times its time."""
    told = Told(duration_s=0.002, inferences=1000)

    await asyncio.sleep(0.1)

    assert told.good == 1


async def test_after_its_end_nothing_is_told() -> None:
    """A person was faster."""
    told = Told(duration_s=0.01, inferences=0)

    told.watched.end()
    await asyncio.sleep(0.03)

    assert (told.good, told.trips) == (0, [])
