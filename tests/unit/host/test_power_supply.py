"""What feeds the box, and what only looks as if it did."""

from pathlib import Path

import pytest

from edged.host.power_supply import (
    Kind,
    Power,
    Source,
    Status,
    Supply,
    parse_kind,
    parse_status,
    power,
    supplies,
)
from edged.host.sysfs import Sysfs, Unreadable, known
from tests.fakes.board import Board

CLASS = "/sys/class/power_supply"


def battery(name: str = "BAT0", **changes: object) -> Supply:
    """Return a battery that is being emptied, half full."""
    plain = {
        "path": f"{CLASS}/{name}",
        "name": name,
        "kind": Kind.BATTERY,
        "status": Status.DISCHARGING,
        "capacity_pct": 50.0,
    }
    return Supply(**{**plain, **changes})  # type: ignore[arg-type]  # as above


def plug(*, online: bool | None) -> Supply:
    """Return a mains adapter."""
    return Supply(path=f"{CLASS}/AC", name="AC", kind=Kind.MAINS, online=online)


def test_a_laptops_battery_is_read_whole(tmp_path: Path) -> None:
    """With what flows, in the kernel's units."""
    Board("laptop", tmp_path)

    found = {supply.name: supply for supply in supplies(Sysfs(tmp_path))}

    expected = Supply(
        path=f"{CLASS}/BAT0",
        name="BAT0",
        kind=Kind.BATTERY,
        status=Status.DISCHARGING,
        capacity_pct=98.0,
        full=50060000,
        microwatt=4830000,
    )
    assert expected == found["BAT0"]
    assert found["AC"].online is False


def test_a_mouses_and_a_keyboards_battery_are_not_the_boxs(tmp_path: Path) -> None:
    """Whatever they are called: their scope is a device (fastfetch #118)."""
    Board("laptop", tmp_path)

    found = supplies(Sysfs(tmp_path))

    assert {"AC", "BAT0"} == {supply.name for supply in found if supply.is_ours}
    assert 98.0 == power(found).capacity_pct


def test_a_desktop_with_a_wireless_keyboard_has_no_battery(tmp_path: Path) -> None:
    """Nor a supply that says what it runs on."""
    board = Board("laptop", tmp_path)
    board.remove(f"{CLASS}/BAT0")
    board.remove(f"{CLASS}/AC")

    assert Power() == power(supplies(Sysfs(tmp_path)))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"capacity": None, "energy_now": "0"}, 0.0),
        ({"capacity": "101"}, None),
        ({"capacity": "255"}, None),
        ({"capacity": "-1"}, None),
        ({"capacity": None, "energy_now": "25030000"}, 50.0),
        ({"capacity": None, "energy_now": "60000000"}, 100.0),
        ({"capacity": None, "energy_now": "-5"}, None),
        ({"capacity": None, "energy_full": "0"}, None),
        ({"capacity": None, "energy_full": None, "energy_now": None}, None),
    ],
)
def test_a_capacity_is_a_percentage_or_follows_from_the_energy(
    tmp_path: Path, files: dict[str, str | None], expected: float | None
) -> None:
    """A gauge that was reset says nonsense."""
    board = Board("laptop", tmp_path)
    for name, content in files.items():
        board.remove(f"{CLASS}/BAT0/{name}")
        if content is not None:
            board.set(f"{CLASS}/BAT0/{name}", content)

    found = {supply.name: supply for supply in supplies(Sysfs(tmp_path))}["BAT0"]

    assert expected == known(found.capacity_pct)
    assert (expected is not None) == found.is_derived


@pytest.mark.parametrize("capacity", [0, 100])
def test_a_battery_may_be_empty_or_full(tmp_path: Path, capacity: int) -> None:
    """Both are figures."""
    board = Board("laptop", tmp_path)
    board.set(f"{CLASS}/BAT0/capacity", str(capacity))

    assert capacity == power(supplies(Sysfs(tmp_path))).capacity_pct


@pytest.mark.parametrize(
    ("online", "expected"), [("0", False), ("1", True), ("2", True), ("?", None)]
)
def test_a_plug_is_in_by_any_kind_of_power(
    tmp_path: Path, online: str, expected: object
) -> None:
    """Two is a programmable one; what it does not say is not known."""
    board = Board("laptop", tmp_path)
    board.set(f"{CLASS}/AC/online", online)

    found = {supply.name: supply for supply in supplies(Sysfs(tmp_path))}["AC"]

    assert expected is found.online


@pytest.mark.parametrize("missing", ["current_now", "voltage_now"])
def test_half_a_product_is_no_power(tmp_path: Path, missing: str) -> None:
    """It needs a current and a voltage."""
    board = Board("laptop", tmp_path)
    board.remove(f"{CLASS}/BAT0/power_now")
    board.set(f"{CLASS}/BAT0/current_now", "400000")
    board.remove(f"{CLASS}/BAT0/{missing}")

    found = {supply.name: supply for supply in supplies(Sysfs(tmp_path))}["BAT0"]

    assert found.microwatt is None


def test_a_charge_does_where_there_is_no_energy(tmp_path: Path) -> None:
    """And a current with a voltage for the power, whichever sign it has."""
    board = Board("laptop", tmp_path)
    for name in ("capacity", "energy_full", "energy_now", "power_now"):
        board.remove(f"{CLASS}/BAT0/{name}")
    board.set(f"{CLASS}/BAT0/charge_full", "4000000")
    board.set(f"{CLASS}/BAT0/charge_now", "1000000")
    board.set(f"{CLASS}/BAT0/current_now", "-500000")
    board.set(f"{CLASS}/BAT0/voltage_now", "12000000")
    board.set(f"{CLASS}/BAT0/time_to_empty_now", "5400")

    found = {supply.name: supply for supply in supplies(Sysfs(tmp_path))}["BAT0"]

    assert (25.0, True, 4000000) == (found.capacity_pct, found.is_derived, found.full)
    assert (6_000_000, 5400) == (found.microwatt, found.empty_s)


def test_a_capacity_that_refuses_is_kept_as_that(tmp_path: Path) -> None:
    """What it does is known all the same; its other gauges are not believed."""
    board = Board("laptop", tmp_path)
    board.refuse(f"{CLASS}/BAT0/capacity")

    found = {supply.name: supply for supply in supplies(Sysfs(tmp_path))}["BAT0"]

    assert isinstance(found.capacity_pct, Unreadable)
    assert power((found,)).capacity_pct is None
    assert power((found,)).discharging is True


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), (Source.UNKNOWN, None, None, True)),
        ((plug(online=True),), (Source.MAINS, None, False, True)),
        ((plug(online=False),), (Source.UNKNOWN, None, None, True)),
        ((plug(online=None),), (Source.UNKNOWN, None, None, True)),
        ((battery(),), (Source.BATTERY, 50.0, True, True)),
        (
            (battery(), plug(online=True)),
            (Source.BATTERY, 50.0, True, True),
        ),
        (
            (battery(status=Status.NOT_CHARGING), plug(online=True)),
            (Source.MAINS, 50.0, False, True),
        ),
        ((battery(status=Status.FULL),), (Source.MAINS, 50.0, False, True)),
        ((battery(status=Status.UNKNOWN),), (Source.UNKNOWN, 50.0, None, False)),
        (
            (battery(status=Status.UNKNOWN), plug(online=False)),
            (Source.BATTERY, 50.0, True, False),
        ),
        (
            (battery(status=Status.UNKNOWN), plug(online=True)),
            (Source.MAINS, 50.0, False, False),
        ),
        (
            (battery(status=Status.UNKNOWN), plug(online=None)),
            (Source.UNKNOWN, 50.0, None, False),
        ),
        (
            (battery(status=Status.UNKNOWN, online=True),),
            (Source.UNKNOWN, 50.0, None, False),
        ),
        ((battery(is_present=False),), (Source.UNKNOWN, None, None, True)),
        ((battery(is_ours=False),), (Source.UNKNOWN, None, None, True)),
        ((battery(kind=Kind.UPS),), (Source.BATTERY, 50.0, True, True)),
        ((battery(is_derived=True),), (Source.BATTERY, 50.0, True, False)),
        (
            (
                battery(full=30, capacity_pct=90.0),
                battery("BAT1", full=10, capacity_pct=10.0, status=Status.UNKNOWN),
            ),
            (Source.BATTERY, 70.0, True, True),
        ),
        (
            (
                battery(full=30, capacity_pct=90.0),
                battery("BAT1", capacity_pct=10.0, status=Status.FULL),
            ),
            (Source.BATTERY, 50.0, True, True),
        ),
    ],
)
def test_all_supplies_together_say_what_the_box_runs_on(
    found: tuple[Supply, ...],
    expected: tuple[Source, float | None, bool | None, bool],
) -> None:
    """Source, capacity, whether it is emptied, whether that is sure."""
    said = power(found)

    assert expected == (said.source, said.capacity_pct, said.discharging, said.sure)


def test_the_battery_that_lasts_longest_says_when_it_is_over() -> None:
    """Of those that are emptied."""
    full = battery("BAT1", status=Status.FULL, empty_s=9000)

    said = power((battery(empty_s=600), battery("BAT2", empty_s=1200), full))

    assert 1200 == said.empty_s


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Battery", Kind.BATTERY),
        ("Mains", Kind.MAINS),
        ("USB", Kind.MAINS),
        ("USB_PD_DRP", Kind.MAINS),
        ("Wireless", Kind.MAINS),
        ("UPS", Kind.UPS),
        ("BMS", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_plugs_are_mains(word: str, expected: Kind) -> None:
    """By whatever they come."""
    assert expected is parse_kind(word)


def test_a_status_that_is_new_is_unknown() -> None:
    """As is one that was not read."""
    assert Status.NOT_CHARGING is parse_status("Not charging")
    assert Status.UNKNOWN is parse_status("Glowing")
    assert Status.UNKNOWN is parse_status("")
