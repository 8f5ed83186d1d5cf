"""The strategy's owner, over a board's files."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from edged.adapt.governor import Governor
from edged.adapt.sensors import Readings, Sensors
from edged.adapt.strategy import DWELL_S, TABLE
from edged.errors import NotReady
from edged.host.clock import SystemClock
from edged.wire.adapt import (
    Axis,
    Errand,
    ForceRequest,
    Strategy,
    StrategyChangesRequest,
    StrategyRequest,
)
from edged.wire.messages import Nothing
from tests.fakes.board import Board
from tests.fakes.clock import Hours

#: Long enough for whoever got worse on his way in.
DWELT_S = 2 * DWELL_S

#: The real caps, and looks in a row.
QUICK = {s: msgspec.structs.replace(c, period_s=0.01) for s, c in TABLE.items()}
BY = "ann (uid 7, pid 8)"
ZONE = "/sys/class/thermal/thermal_zone0/temp"
BATTERY = "/sys/class/power_supply/BAT0"


class Bench:
    """A governor, its board and its clock."""

    def __init__(self, name: str, root: Path) -> None:
        self.board, self.clock = Board(name, root), Hours()
        self.sensors = Sensors(root, clock=self.clock)
        self.governor = Governor(QUICK, self.sensors, self.clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Governor]:
        """Let it look."""
        usable = asyncio.Event()
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            life = group.create_task(self.governor.run(usable.set))
            await usable.wait()
            yield self.governor
            life.cancel()

    async def until(self, strategy: Strategy) -> None:
        """Wait until it holds."""
        await self.governor.watch.until(lambda now: now.strategy is strategy)

    async def looked(self) -> None:
        """Wait for a look that begins from now on."""
        await self.governor.look(lambda _: None)
        for _ in range(2):
            await asyncio.sleep(0.02)


@pytest.fixture
def pi(tmp_path: Path) -> Bench:
    """Return a Raspberry Pi at 50 C."""
    bench = Bench("pi4-throttled", tmp_path)
    bench.board.set(ZONE, "50000")
    for path in bench.board.files:
        if path.endswith("in0_lcrit_alarm"):
            bench.board.set(path, "0")
    return bench


@pytest.fixture
def laptop(tmp_path: Path) -> Bench:
    """Return a laptop on its battery, which is full."""
    bench = Bench("laptop", tmp_path)
    bench.board.set(f"{BATTERY}/capacity", "95")
    return bench


async def test_heat_is_answered_at_once_and_forgiven_slowly(pi: Bench) -> None:
    """To the limit and back: in at the next look, out a step at a time."""
    async with pi.running() as governor:
        assert Strategy.NORMAL is governor.watch.value.strategy
        pi.board.set(ZONE, "76000")
        await pi.until(Strategy.THROTTLED)
        warm = governor.permits.value
        pi.board.set(ZONE, "79500")
        await pi.until(Strategy.CRITICAL)
        hot = governor.permits.value
        pi.board.set(ZONE, "50000")
        await pi.looked()
        held = governor.watch.value.strategy
        for strategy in (Strategy.THROTTLED, Strategy.LIGHTWEIGHT, Strategy.NORMAL):
            pi.clock.now += DWELT_S
            await pi.until(strategy)
        told = await governor.changes(StrategyChangesRequest())

    assert Strategy.CRITICAL is held
    assert ((Errand.CHECK, Errand.DOWNLOAD), False) == (warm.errands, warm.hot)
    assert ((), True) == (hot.errands, hot.hot)
    assert [
        ("normal", "throttled"),
        ("throttled", "critical"),
        ("critical", "throttled"),
        ("throttled", "lightweight"),
        ("lightweight", "normal"),
    ] == [(each.before.value, each.after.value) for each in told.changes]
    first = told.changes[0]
    assert first.because.startswith("thermal: 76.0 C of 80 C")
    assert "2026-11-24T12:00:00Z" == first.at_utc
    thermal = next(r for r in first.headrooms if r.axis is Axis.THERMAL)
    assert thermal.value is not None
    assert 0.26 < thermal.value < 0.27


async def test_a_battery_that_drains_is_saved_and_mains_end_it(laptop: Bench) -> None:
    """To five percent, and plugged in."""
    async with laptop.running() as governor:
        laptop.board.set(f"{BATTERY}/capacity", "20")
        await laptop.until(Strategy.LIGHTWEIGHT)
        lean = governor.permits.value
        laptop.board.set(f"{BATTERY}/capacity", "5")
        await laptop.until(Strategy.CRITICAL)
        laptop.board.set(f"{BATTERY}/status", "Charging")
        laptop.board.set("/sys/class/power_supply/AC/online", "1")
        for strategy in (Strategy.THROTTLED, Strategy.LIGHTWEIGHT, Strategy.NORMAL):
            laptop.clock.now += DWELT_S
            await laptop.until(strategy)
        fed = await governor.permits.until(lambda now: Errand.TRIAL in now.errands)

    assert ((Errand.CHECK,), 20.0, False, False) == (
        lean.errands,
        lean.battery_pct,
        lean.on_mains,
        lean.hot,
    )
    assert lean.strategy.startswith("lightweight (power: battery at 20 %")
    assert fed.on_mains is True


async def test_a_sensor_that_falls_silent_changes_nothing(pi: Bench) -> None:
    """Not into a strategy and not out of one, however long it lasts."""
    async with pi.running() as governor:
        pi.board.set(ZONE, "76000")
        await pi.until(Strategy.THROTTLED)
        pi.board.refuse(ZONE)
        await governor.watch.until(lambda now: now.temp_c is None)
        pi.clock.now += 20 * DWELL_S
        await pi.looked()
        silent = governor.watch.value.strategy
        pi.board.set(ZONE, "50000")
        await governor.watch.until(lambda now: now.temp_c == 50.0)

    assert Strategy.THROTTLED is silent
    assert governor.told().headrooms[0].value is not None


async def test_who_asks_does_not_wait_for_a_driver_that_hangs(
    pi: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the one who finds out, nor whoever comes after."""
    monkeypatch.setattr("edged.adapt.governor.STUCK_S", 0.05)
    go = threading.Event()
    read = pi.sensors.read

    def hangs() -> Readings:
        go.wait(5)
        return read()

    async with pi.running() as governor:
        monkeypatch.setattr(pi.sensors, "read", hangs)
        for _ in range(3):
            with pytest.raises(NotReady, match="a driver does not answer"):
                await governor.look(lambda _: None)
        go.set()
        async with asyncio.timeout(5):
            while not await _looked(governor):  # noqa: ASYNC110  # another thread's
                await asyncio.sleep(0.01)


async def _looked(governor: Governor) -> bool:
    with suppress(NotReady):
        return await governor.look(lambda _: True)
    return False


async def test_a_person_decides_until_the_choice_expires(pi: Bench) -> None:
    """It is told who chose and until when, and a reload does not end it."""
    async with pi.running() as governor:
        request = ForceRequest(strategy=Strategy.LIGHTWEIGHT, for_s=600.0)
        forced = await governor.force(request, BY)
        capped = {**QUICK}
        capped[Strategy.LIGHTWEIGHT] = msgspec.structs.replace(
            QUICK[Strategy.LIGHTWEIGHT], cost=0.25
        )
        governor.obey(capped)
        reloaded = governor.watch.value
        pi.clock.now += 600.0
        await pi.until(Strategy.NORMAL)
        told = await governor.changes(StrategyChangesRequest())
        over = governor.state()

    state = forced.state
    assert (Strategy.LIGHTWEIGHT, Strategy.NORMAL, BY) == (
        state.strategy,
        state.own,
        state.by,
    )
    assert "2026-11-24T12:10:00Z" == state.forced_until_utc
    assert (Strategy.LIGHTWEIGHT, 0.25, BY) == (
        reloaded.strategy,
        reloaded.caps.cost,
        reloaded.by,
    )
    assert [BY, "edged"] == [each.by for each in told.changes]
    assert (None, None) == (over.forced, over.forced_until_utc)


async def test_a_choice_ends_when_it_was_to_end(tmp_path: Path) -> None:
    """Not at the next look, which may be a minute away."""
    slow = {s: msgspec.structs.replace(c, period_s=60.0) for s, c in TABLE.items()}
    governor, usable = Governor(slow, Sensors(tmp_path), SystemClock()), asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        life = group.create_task(governor.run(usable.set))
        await usable.wait()
        request = ForceRequest(strategy=Strategy.CRITICAL, for_s=0.1)
        forced = await governor.force(request, BY)
        await governor.watch.until(lambda now: now.strategy is Strategy.NORMAL)
        life.cancel()

    assert Strategy.CRITICAL is forced.state.strategy


async def test_who_lets_edged_choose_again_gets_a_look_at_once(pi: Bench) -> None:
    """The strategy that was forced may have looked rarely."""
    slow = {s: msgspec.structs.replace(c, period_s=60.0) for s, c in TABLE.items()}
    async with pi.running() as governor:
        governor.obey(slow)
        await governor.force(ForceRequest(strategy=Strategy.NORMAL), BY)
        await asyncio.sleep(0.2)  # the looks that both ask for
        pi.board.set(ZONE, "76000")
        await governor.auto(Nothing(), BY)
        await pi.until(Strategy.THROTTLED)


async def test_protection_from_heat_comes_before_a_persons_choice(pi: Bench) -> None:
    """It stands again when the box is out of danger."""
    async with pi.running() as governor:
        await governor.force(ForceRequest(strategy=Strategy.NORMAL), BY)
        pi.board.set(ZONE, "80000")
        await pi.until(Strategy.CRITICAL)
        protected = governor.state()
        pi.board.set(ZONE, "50000")
        await governor.watch.until(lambda now: now.temp_c == 50.0)
        pi.clock.now += DWELT_S
        await pi.until(Strategy.NORMAL)
        again = governor.state()
        freed = await governor.auto(Nothing(), BY)

    assert ("edged", Strategy.NORMAL) == (protected.by, protected.forced)
    assert (BY, Strategy.THROTTLED) == (again.by, again.own)
    assert (Strategy.THROTTLED, None) == (freed.state.strategy, freed.state.forced)


async def test_who_knows_the_revision_hears_of_the_next_one(pi: Bench) -> None:
    """And not of a look that changed nothing."""
    async with pi.running() as governor:
        known = governor.told().revision
        silent = await governor.strategy(StrategyRequest(known=known, wait_s=0.05))
        pi.board.set(ZONE, "76000")
        news = await governor.strategy(StrategyRequest(known=known, wait_s=5.0))

    assert known == silent.revision
    assert known < news.revision
    assert Strategy.THROTTLED is news.state.strategy
    assert "hot (76 C)" == news.short


async def test_nobody_is_woken_for_nothing(pi: Bench) -> None:
    """A last digit, and a look that finds what the last one found."""
    async with pi.running() as governor:
        await pi.looked()
        before = governor.watch.value
        pi.board.set(ZONE, "50200")
        await pi.looked()

    assert before is governor.watch.value


async def test_a_change_is_a_record_with_its_code_and_its_figures(
    pi: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """So `journalctl EDGED_CODE=strategy-throttled` finds it."""
    with caplog.at_level(logging.INFO, logger="edged.adapt"):
        async with pi.running():
            pi.board.set(ZONE, "76000")
            await pi.until(Strategy.THROTTLED)

    (record,) = caplog.records
    fields = vars(record)
    assert "strategy-throttled" == fields["edged_code"]
    assert "thermal 0.27 (76.0 C of 80 C" in fields["edged_headrooms"]
    assert logging.WARNING == record.levelno


async def test_a_driver_that_hangs_blinds_the_box_and_stops_nothing(
    pi: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start goes on, the strategy stays, and it is told."""
    monkeypatch.setattr("edged.adapt.governor.FIRST_S", 0.05)
    pi.board.remove("/proc/meminfo")
    pipe = pi.board.root / "proc/meminfo"
    os.mkfifo(pipe)
    hung = asyncio.Event()
    reads = pi.governor._sensors.read  # a driver that hangs, which no file can

    def hang() -> object:
        if not hung.is_set():
            asyncio.run(asyncio.sleep(0.5))
        return reads()

    monkeypatch.setattr(pi.governor._sensors, "read", hang)
    async with pi.running() as governor:
        troubles = governor.troubles
        because = {room.because for room in governor.told().headrooms}
        hung.set()
        await governor.watch.until(lambda now: now.temp_c is not None)

    assert ["sensors-stuck"] == [trouble.code for trouble in troubles]
    assert {"the sensors do not answer"} == because
    assert () == governor.troubles
    assert "sensors-stuck" in {vars(r).get("edged_code") for r in caplog.records}
