"""Boards are built as they are described."""

from pathlib import Path

import pytest

from tests.fakes.board import BOARDS, Board, names


def test_a_value_ends_as_the_kernel_ends_it(tmp_path: Path) -> None:
    """A line end, but none behind the zero byte of a device tree."""
    Board("pi5-fan", tmp_path)

    model = (tmp_path / "proc/device-tree/model").read_bytes()
    temp = (tmp_path / "sys/class/thermal/thermal_zone0/temp").read_bytes()

    assert b"Raspberry Pi 5 Model B Rev 1.0\0" == model
    assert b"71050\n" == temp


def test_folders_can_be_empty_and_programs_run(tmp_path: Path) -> None:
    """As on a box without a sensor, and on one with a firmware."""
    Board("vm", tmp_path / "vm")
    Board("pi3bplus", tmp_path / "pi")

    assert [] == list((tmp_path / "vm/sys/class/thermal").iterdir())
    assert (tmp_path / "pi/opt/vc/bin/vcgencmd").stat().st_mode & 0o111


def test_files_change_vanish_refuse_and_return(tmp_path: Path) -> None:
    """In any order."""
    board = Board("pi5-idle", tmp_path)
    path = "/sys/class/thermal/thermal_zone0/temp"
    real = tmp_path / path.lstrip("/")

    board.refuse(path)
    assert real.is_dir()
    board.set(path, b"garbage")
    assert b"garbage" == real.read_bytes()
    board.remove(path)
    assert not real.exists()
    board.set(path, "50000")
    assert "50000\n" == real.read_text()
    board.remove("/sys/class/thermal")
    assert not (tmp_path / "sys/class/thermal").exists()


@pytest.mark.parametrize("name", names())
def test_every_board_says_where_it_comes_from(name: str, tmp_path: Path) -> None:
    """In its file, and in the list of all boards."""
    board = Board(name, tmp_path)

    text = (BOARDS / f"{name}.txt").read_text()

    origin = text.split("[/", 1)[0]
    assert origin.startswith("# ")
    assert any(f"# {word}" in origin for word in ("Captured", "Written"))
    assert f"| `{name}` |" in (BOARDS / "README.md").read_text()
    assert len(board.files) > 5
