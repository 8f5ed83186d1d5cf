"""The numbers of system calls are those of the kernel's headers."""

import re
from pathlib import Path

import pytest

from edged.host import syscalls

TABLES = {**syscalls.DENIED, **syscalls.WATCHED}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
#: `__NR3264_fcntl` is one number whose name depends on the word.
LINE = re.compile(r"^#define\s+__NR(?:3264)?_(\w+)\s+(\d+)$", re.MULTILINE)


def header(machine: str) -> dict[str, int]:
    """Return all numbers of a machine's header, or skip where it is not installed."""
    path = HEADERS[machine]
    if not path.exists():
        pytest.skip(f"no kernel headers here: {path}")
    return {name: int(number) for name, number in LINE.findall(path.read_text())}


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_every_number_is_the_headers(machine: str) -> None:
    """A wrong number would let one call through and break another."""
    real = header(machine)

    ours = syscalls.numbers(TABLES, machine)

    assert {name: real.get(name) for name in ours} == ours


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_a_machine_lacks_only_what_its_header_lacks(machine: str) -> None:
    """A call that the table leaves out of a machine does not exist there."""
    real = header(machine)

    left_out = TABLES.keys() - syscalls.numbers(TABLES, machine).keys()

    assert set() == left_out & real.keys()


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_nothing_of_the_table_is_newer_than_the_newest(machine: str) -> None:
    """Newer calls are refused as unknown, so a number above would never be reached."""
    ours = syscalls.numbers(TABLES, machine)

    assert syscalls.NEWEST >= max(ours.values())


def test_no_call_stands_in_both_tables() -> None:
    """A call that is refused outright is never looked at."""
    assert set() == syscalls.DENIED.keys() & syscalls.WATCHED.keys()
