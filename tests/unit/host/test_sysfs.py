"""Small files of the kernel: read once, and never an exception."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.host.sysfs import (
    NAMES_MOST,
    VALUE_BYTES,
    Sysfs,
    Unreadable,
    known,
    parse_integer,
    parse_text,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"47400\n", 47400),
        (b" -274000\n", -274000),
        (b"+7", 7),
        (b"9223372036854775807\n", 2**63 - 1),
        (b"9223372036854775808\n", None),
        (b"-9223372036854775808\n", -(2**63)),
        (b"-9223372036854775809\n", None),
        (b"99999999999999999999", None),
        (b"", None),
        (b"\n", None),
        (b"1_000\n", None),
        (b"1 2\n", None),
        (b"0x10\n", None),
        (b"\xd9\xa3\n", None),
        (b"12\0", None),
        (b"3.5\n", None),
    ],
)
def test_a_number_is_whole_and_has_64_bits(raw: bytes, expected: int | None) -> None:
    """What Python would take beyond that is none."""
    assert expected == parse_integer(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"cpu-thermal\n", "cpu-thermal"),
        (b"Raspberry Pi 5 Model B Rev 1.0\0", "Raspberry Pi 5 Model B Rev 1.0"),
        (b"two\nlines\n", "two"),
        (b"\x1b[31mred\xff\n", "?[31mred?"),
        (b"", ""),
    ],
)
def test_a_text_is_one_printable_line(raw: bytes, expected: str) -> None:
    """It may reach a terminal, a log and a document."""
    assert expected == parse_text(raw)


def test_a_value_is_read_below_the_root(tmp_path: Path) -> None:
    """And no further than a value may be long."""
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/a").write_bytes(b"7" * 1000)
    sysfs = Sysfs(tmp_path)

    raw = sysfs.read("/sys/a")

    assert b"7" * VALUE_BYTES == raw
    assert 1000 == len(known(sysfs.table("/sys/a")) or b"")


def test_what_is_absent_is_none(tmp_path: Path) -> None:
    """A file, a folder, or what lies below a file."""
    (tmp_path / "file").write_text("1")
    sysfs = Sysfs(tmp_path)

    assert sysfs.integer("/none") is None
    assert sysfs.text("/none/temp") is None
    assert sysfs.integer("/file/temp") is None
    assert () == sysfs.names("/none")
    assert () == sysfs.names("/file")
    assert "" == sysfs.word("/none")


def test_what_refuses_says_why(tmp_path: Path) -> None:
    """With its number, in words, and which file it was."""
    (tmp_path / "temp").mkdir()

    found = Sysfs(tmp_path).integer("/temp")

    assert Unreadable("/temp", errno.EISDIR) == found
    assert "is a directory" == found.why
    assert known(found) is None


def test_what_is_no_value_is_shown(tmp_path: Path) -> None:
    """Its begin alone."""
    (tmp_path / "temp").write_bytes(b"\0\x1bgarbage" * 20)
    (tmp_path / "words").write_text("unavailable for now, and other excuses")

    odd, words = (Sysfs(tmp_path).integer(name) for name in ("/temp", "/words"))

    assert Unreadable("/temp", 0, "") == odd
    assert isinstance(words, Unreadable)
    assert 'no value: "unavailable for now, and"' == words.why


def test_a_pipe_or_a_socket_does_not_hold_us_up(tmp_path: Path) -> None:
    """A pipe without a writer is empty, one with a writer has nothing yet."""
    os.mkfifo(tmp_path / "pipe")
    sysfs = Sysfs(tmp_path)

    alone = sysfs.integer("/pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    waiting = sysfs.integer("/pipe")
    os.close(writer)

    assert Unreadable("/pipe", 0, "") == alone
    assert Unreadable("/pipe", errno.EAGAIN) == waiting


def test_a_link_that_turns_in_circles_refuses(tmp_path: Path) -> None:
    """It is there, and gives nothing."""
    (tmp_path / "a").symlink_to("a")

    assert Unreadable("/a", errno.ELOOP) == Sysfs(tmp_path).text("/a")


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    """Whatever came of it."""
    (tmp_path / "temp").mkdir()
    (tmp_path / "good").write_text("1")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for path in ("/temp", "/good", "/none"):
        Sysfs(tmp_path).read(path)

    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_names_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Zone ten is behind zone nine; what is no plain name is left out."""
    for name in (
        b"zone10",
        b"zone9",
        b"BAT0",
        b"zone" + b"9" * 40,
        b"\xff\xfe",
        b"a\n",
    ):
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).touch()

    found = Sysfs(tmp_path).names("/")

    assert ("BAT0", "zone9", "zone10", "zone" + "9" * 40) == found


def test_a_crowd_of_names_is_cut(tmp_path: Path) -> None:
    """Each costs reads at every look."""
    for number in range(NAMES_MOST + 5):
        (tmp_path / f"zone{number}").touch()

    assert NAMES_MOST == len(Sysfs(tmp_path).names("/"))


def test_the_root_is_the_machine_by_default() -> None:
    """The real files."""
    assert Path("/") == Sysfs().root
    assert (known(Sysfs().table("/proc/meminfo")) or b"").startswith(b"MemTotal")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_none(raw: bytes) -> None:
    """No exception, nothing that cannot be printed."""
    value = parse_integer(raw)

    assert value is None or str(value).encode() in raw.replace(b"+", b"") or b"0" in raw
    assert parse_text(raw).isprintable()
