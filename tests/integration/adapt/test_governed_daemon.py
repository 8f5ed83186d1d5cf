"""The real daemon on a board whose files are the kernel's, as people see it.

Into every strategy by the real path, and what holds it there. How it is left takes
minutes by law: see `test_governor`, where the clock is ours.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edged.cli.main import main
from tests.fakes.board import Board
from tests.fakes.box import bundle
from tests.fakes.daemon import Daemon, running, short_home
from tests.fakes.kernel import as_kernel, laptop_with_a_weak_supply

BATTERY = "/sys/class/power_supply/BAT0"
TEMP = "/sys/class/hwmon/hwmon2/temp1_input"
ALARM = "/sys/class/hwmon/hwmon3/in0_lcrit_alarm"
MEMORY = "MemTotal:       16266844 kB\nMemFree:  100000 kB\nMemAvailable:    {} kB"

#: Looks as often as the settings let it.
SETTINGS = """
server: {group: null}
runtime: {threads: 4}
adapt:
  normal: {period: 500ms}
  lightweight: {period: 500ms}
  throttled: {period: 500ms}
  critical: {period: 500ms}
"""

Edgectl = Callable[..., Any]


class Lab:
    """A board, and the daemon that runs on it."""

    def __init__(self, board: Board, box: Daemon, ask: Edgectl) -> None:
        self.board, self.box, self.ask = board, box, ask

    def seen(self) -> dict[str, Any]:
        """Return what `edgectl strategy --json` says."""
        found: dict[str, Any] = self.ask("strategy")
        return found

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until it is so."""
        end = time.monotonic() + 15.0
        while time.monotonic() < end:
            told = self.seen()
            if holds(told):
                return told
            time.sleep(0.1)
        raise AssertionError(f"not within 15 s: {told}")

    def until_verdict(self, pattern: str) -> None:
        """Ask for the status until its first line is so."""
        end = time.monotonic() + 15.0
        while time.monotonic() < end:
            verdict: str = self.ask("status")["verdict"]
            if re.fullmatch(pattern, verdict):
                return
            time.sleep(0.1)
        raise AssertionError(f"not within 15 s: {verdict}")

    def until_strategy(self, name: str) -> dict[str, Any]:
        """Ask until it is in force."""
        return self.until(lambda told: strategy(told) == name)

    def changes(self) -> list[tuple[str, str]]:
        """Return what `edgectl why --json` lists."""
        told = self.ask("why")["changes"]
        return [(change["before"], change["after"]) for change in told]


def strategy(told: dict[str, Any]) -> str:
    """Return the one in force."""
    name: str = told["state"]["strategy"]
    return name


def room(told: dict[str, Any], axis: str) -> dict[str, Any]:
    """Return one headroom."""
    found: dict[str, Any] = next(r for r in told["headrooms"] if r["axis"] == axis)
    return found


@pytest.fixture
def lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Lab]:
    """Return a laptop on its battery, with a daemon on it."""
    board = laptop_with_a_weak_supply(tmp_path)
    board.set(TEMP, "60000")
    board.set(f"{BATTERY}/capacity", "95")
    with short_home() as home:
        (home / "edged.yaml").write_text(SETTINGS)
        options = ("--config", str(home / "edged.yaml"))
        with running(home, *options, behind=as_kernel(board)) as box:

            def ask(*words: str) -> Any:
                main([*words, "--json", "--runtime-dir", str(box.runtime)])
                return json.loads(capsys.readouterr().out)

            yield Lab(board, box, ask)


def test_a_battery_that_drains_is_saved_and_one_that_is_fed_is_well(lab: Lab) -> None:
    """To five percent and onto mains; the strategy stays for its minute."""
    lab.board.set(f"{BATTERY}/capacity", "20")
    lean = lab.until_strategy("lightweight")
    lab.board.set(f"{BATTERY}/capacity", "5")
    critical = lab.until_strategy("critical")
    lab.board.set(f"{BATTERY}/status", "Charging")
    lab.board.set("/sys/class/power_supply/AC/online", "1")
    fed = lab.until(lambda told: room(told, "power")["value"] == 1.0)

    assert "power: battery at 20 %, limit 10 %" == lean["state"]["because"]
    assert (["check"], 20.0, False) == (
        lean["permits"]["errands"],
        lean["permits"]["battery_pct"],
        lean["permits"]["on_mains"],
    )
    assert [] == critical["permits"]["errands"]
    assert ("critical", True) == (strategy(fed), fed["permits"]["on_mains"])
    assert [("normal", "lightweight"), ("lightweight", "critical")] == lab.changes()


def test_heat_is_answered_before_the_limit(lab: Lab) -> None:
    """And stands in the first line of the status."""
    lab.board.set(TEMP, "95500")
    throttled = lab.until_strategy("throttled")
    status = lab.ask("status")
    lab.board.set(TEMP, "99500")
    critical = lab.until_strategy("critical")
    lab.board.set(TEMP, "50000")
    cool = lab.until(lambda told: told["temp_c"] == 50.0)

    assert throttled["state"]["because"].startswith("thermal: 95.5 C of 100 C")
    assert "hot (96 C)" == throttled["short"]
    assert any("hot (96 C)" in each["text"] for each in status["troubles"])
    assert critical["permits"]["hot"] is True
    assert ("critical", 1.0) == (strategy(cool), room(cool, "thermal")["value"])


def test_heat_takes_threads_and_the_status_says_so(lab: Lab, tmp_path: Path) -> None:
    """In its first line; `normal` gives them back."""
    release = tmp_path / "release"
    release.mkdir()
    for name, data in bundle().items():
        (release / name).write_bytes(data)
    lab.ask("install", str(release))

    lab.ask("strategy", "force", "throttled", "--for", "10min")
    lab.until_verdict(r".*strategy throttled.*, [12] of 4 threads")  # as it measured
    shown = lab.ask("models", "show", "sums")["status"]["variants"]
    lab.ask("strategy", "force", "normal", "--for", "10min")
    lab.until_verdict(r"(?!.*threads).*")
    back = lab.ask("models", "show", "sums")["status"]["variants"]
    lab.ask("strategy", "auto")
    lab.board.set(TEMP, "96000")
    lab.until_verdict(r".*hot \(96 C\): (throttled|critical), [12] of 4 threads")

    assert shown[0]["threads"] in {1, 2}
    assert (4, 4) == (back[0]["threads"], back[0]["most_threads"])


def test_a_supply_that_is_too_weak_now_and_then_is_one_that_is_too_weak(
    lab: Lab,
) -> None:
    """Its alarm flaps; the strategy does not."""
    lab.board.set(ALARM, "1")
    lab.until_strategy("critical")
    for flag in ("0", "1") * 5:
        lab.board.set(ALARM, flag)
        time.sleep(0.15)
    lab.board.set(ALARM, "0")

    told = lab.until(lambda told: "s ago" in room(told, "power")["because"])

    assert "critical" == strategy(told)
    assert [("normal", "critical")] == lab.changes()


def test_memory_that_runs_out_is_noticed(lab: Lab) -> None:
    """By the kernel's own file."""
    lab.board.root.joinpath("proc/meminfo").write_text(MEMORY.format(810_000))

    told = lab.until_strategy("critical")

    assert "memory: 5 % available, limit 5 %" == told["state"]["because"]


def test_sensors_that_vanish_refuse_or_lie_change_nothing(lab: Lab) -> None:
    """They are unknown, each with its reason; and known again when they are back."""
    lab.board.set(TEMP, "95500")
    lab.until_strategy("throttled")
    capacity = lab.board.root / f"{BATTERY}/capacity"[1:]
    lab.board.remove(f"{BATTERY}/capacity")
    os.mkfifo(capacity)  # the kernel says EAGAIN
    writer = os.open(capacity, os.O_RDWR)
    lab.board.set(TEMP, b"\xff\x00")
    lab.board.refuse("/sys/class/thermal/thermal_zone1/temp")
    blind = lab.until(lambda told: room(told, "thermal")["value"] is None)
    silent = lab.until(lambda told: room(told, "power")["value"] is None)
    lab.board.remove("/sys/class/hwmon/hwmon2")
    device = lab.ask("device")
    os.close(writer)
    lab.board.set(f"{BATTERY}/capacity", "95")
    lab.board.set("/sys/class/hwmon/hwmon2/temp1_max", "100000")
    lab.board.set("/sys/class/hwmon/hwmon2/name", "coretemp")
    lab.board.set(TEMP, "96000")
    back = lab.until(lambda told: told["temp_c"] == 96.0)

    problems = {each["name"]: each["problem"] for each in device["readings"]}
    assert ["throttled"] * 3 == [strategy(told) for told in (blind, silent, back)]
    assert "resource temporarily unavailable" == problems["power.BAT0"]
    assert "gone" == problems["thermal.coretemp"]
    assert "no temperature is read" == room(blind, "thermal")["because"]
    assert "does not say how full" in room(silent, "power")["because"]
    assert [("normal", "throttled")] == lab.changes()


def test_a_reload_changes_what_a_strategy_allows(lab: Lab) -> None:
    """At once, and a person's choice stays."""
    lab.ask("strategy", "force", "lightweight", "--for", "10min")
    settings = lab.box.runtime.parent / "edged.yaml"
    settings.write_text(SETTINGS.replace("lightweight: {", "lightweight: {cost: 0.1, "))

    lab.box.process.send_signal(1)
    told = lab.until(lambda told: told["caps"]["cost"] == 0.1)

    assert "lightweight" == strategy(told)
    assert told["state"]["by"].startswith("root ")
