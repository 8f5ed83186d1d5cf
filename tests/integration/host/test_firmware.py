"""A Raspberry Pi's firmware, by a program that stands in for its own."""

from pathlib import Path

import pytest

from edged.host.firmware import PERIOD_S, Firmware, Throttled, parse_throttled
from edged.host.sysfs import Sysfs, Unreadable
from tests.fakes.board import Board

PROGRAM = "/usr/bin/vcgencmd"


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """Return a Raspberry Pi 4 that is slowed down."""
    return Board("pi4-throttled", tmp_path)


def program(board: Board, script: str) -> None:
    """Put another program in its place."""
    board.set(PROGRAM, f"#!/bin/sh\n{script}")
    (board.root / PROGRAM[1:]).chmod(0o755)


def test_it_says_what_it_does_now(board: Board) -> None:
    """The firmware caps the clock, and slows it."""
    answer = Firmware(Sysfs(board.root)).throttled(0.0)

    expected = Throttled(
        under_voltage=False, capped=True, throttled=True, soft_limit=False
    )
    assert (expected, 0.0, PROGRAM) == (answer.value, answer.age_s, answer.path)


def test_it_is_asked_every_ten_seconds_at_most(board: Board) -> None:
    """In between its last answer stands, with its age."""
    count = board.root / "count"
    program(board, f"echo x >>{count}; echo throttled=0x0")
    firmware = Firmware(Sysfs(board.root))

    ages = [firmware.throttled(now).age_s for now in (5.0, 6.0, 14.9, 15.0, 16.0)]

    assert [0.0, 1.0, pytest.approx(9.9), 0.0, 1.0] == ages
    assert 2 == len(count.read_text().splitlines())
    assert 10.0 == PERIOD_S


def test_a_box_without_it_says_nothing(tmp_path: Path) -> None:
    """It is no failure."""
    Board("vm", tmp_path)

    assert Firmware(Sysfs(tmp_path)).throttled(0.0).value is None


@pytest.mark.parametrize("missing", ["/dev/vcio", "permission"])
def test_a_box_that_may_not_ask_says_why(board: Board, missing: str) -> None:
    """The device is kept from us, or the program is none."""
    if missing == "permission":
        (board.root / PROGRAM[1:]).chmod(0o644)
    else:
        board.remove(missing)

    value = Firmware(Sysfs(board.root)).throttled(0.0).value

    assert isinstance(value, Unreadable)
    assert "permission denied" == value.why
    assert (missing if missing != "permission" else PROGRAM) == value.path


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo VCHI initialization failed >&2; exit 1", "VCHI initialization fail"),
        ("echo error=1 error_msg='No such command'", "error=1 error_msg=No suc"),
        ("echo throttled=0x0; exit 3", "throttled=0x0"),
        ("exit 0", ""),
        ("yes throttled=0x0", "throttled=0x0"),
    ],
)
def test_a_firmware_that_does_not_understand_is_unknown(
    board: Board, script: str, said: str
) -> None:
    """And what it said instead is shown."""
    program(board, script)

    value = Firmware(Sysfs(board.root)).throttled(0.0).value

    assert isinstance(value, Unreadable)
    assert said == value.said


def test_a_firmware_that_hangs_is_left(board: Board) -> None:
    """After two seconds, with all that it started."""
    program(board, "sleep 60")

    value = Firmware(Sysfs(board.root)).throttled(0.0).value

    assert Unreadable(PROGRAM, 0, "no answer in time") == value


def test_a_program_that_cannot_be_started_is_unknown(board: Board) -> None:
    """Its interpreter is gone."""
    board.set(PROGRAM, "#!/nowhere/sh")
    (board.root / PROGRAM[1:]).chmod(0o755)

    value = Firmware(Sysfs(board.root)).throttled(0.0).value

    assert isinstance(value, Unreadable)
    assert "cannot start" in value.said


@pytest.mark.parametrize(
    ("raw", "bits"),
    [
        (b"throttled=0x50005\n", (True, False, True, False)),
        (b"throttled=0x1\n", (True, False, False, False)),
        (b"throttled=0x8\n", (False, False, False, True)),
        (b"throttled=0xFFFFFFF0", (False, False, False, False)),
    ],
)
def test_the_low_bits_are_now(raw: bytes, bits: tuple[bool, ...]) -> None:
    """The high ones are the past, which the kernel clears."""
    found = parse_throttled(raw)

    assert found is not None
    said = (found.under_voltage, found.capped, found.throttled, found.soft_limit)
    assert bits == said


@pytest.mark.parametrize("raw", [b"", b"throttled=", b"throttled=0x", b"0x5"])
def test_what_is_no_answer_is_none(raw: bytes) -> None:
    """Nothing is guessed."""
    assert parse_throttled(raw) is None
