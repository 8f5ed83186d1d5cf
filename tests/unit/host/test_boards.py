"""What a board is called."""

from pathlib import Path

import pytest

from edged.host.boards import board, cpu, named, parse_cpu
from edged.host.sysfs import Sysfs
from tests.fakes.board import Board

DMI = "/sys/class/dmi/id"


def test_a_device_tree_says_it(tmp_path: Path) -> None:
    """Without its zero byte."""
    Board("pi3bplus", tmp_path)

    assert "Raspberry Pi 3 Model B Plus Rev 1.3" == board(Sysfs(tmp_path))
    assert "" == cpu(Sysfs(tmp_path))


def test_a_pc_has_a_vendor_and_a_product(tmp_path: Path) -> None:
    """And a processor with a name."""
    Board("laptop", tmp_path)

    assert "LENOVO 20KHCTO1WW" == board(Sysfs(tmp_path))
    assert "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz" == cpu(Sysfs(tmp_path))


def test_a_product_that_begins_with_its_vendor_says_it_once(tmp_path: Path) -> None:
    """As some do."""
    made = Board("laptop", tmp_path)
    made.set(f"{DMI}/sys_vendor", "ACME")
    made.set(f"{DMI}/product_name", "Acme Box 3")

    assert "Acme Box 3" == board(Sysfs(tmp_path))


def test_a_blank_form_gives_way_to_the_mainboard(tmp_path: Path) -> None:
    """Its maker knew at least that."""
    made = Board("laptop", tmp_path)
    made.set(f"{DMI}/sys_vendor", "To Be Filled By O.E.M.")
    made.set(f"{DMI}/product_name", "System Product Name")
    made.set(f"{DMI}/board_name", "Z87")
    whole = board(Sysfs(tmp_path))
    made.remove(f"{DMI}/board_vendor")
    half = board(Sysfs(tmp_path))
    made.set(f"{DMI}/board_name", "Default string")

    assert ("LENOVO Z87", "Z87") == (whole, half)
    assert "" == board(Sysfs(tmp_path))


def test_a_virtual_machine_may_have_no_name(tmp_path: Path) -> None:
    """Then it is empty, and not guessed."""
    Board("vm", tmp_path)

    assert "" == board(Sysfs(tmp_path))


@pytest.mark.parametrize("text", ["N/A", "O.E.M.", "Not Specified", "none", "Unknown"])
def test_a_blank_is_no_name(text: str) -> None:
    """In the words of several makers."""
    assert "" == named(text)


def test_a_processor_is_the_first_that_has_a_name() -> None:
    """Whatever stands around it."""
    raw = b"model\t: 85\nmodel name\t: One\x1b\nmodel name\t: Two\n\xff\n"

    assert "One" == parse_cpu(raw)
    assert "" == parse_cpu(b"Hardware\t: BCM2835\n")
