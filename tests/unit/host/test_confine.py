"""What the filter says to a call, on either machine, run as the kernel would run it."""

import errno
import fcntl
import mmap
import os
import struct

import pytest

from edged.host import confine, syscalls

PID = 4321
ALLOW, KILL = "allow", "kill"
THREAD = 0x3D0F00  # what glibc's pthread_create asks for
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
SHARED = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS


def said(machine: str, number: int, *args: int, audit: int | None = None) -> str:
    """Run the filter over one call and name what it returns."""
    program = confine.filter_program(machine, own_pid=PID)
    lines = list(struct.iter_unpack("HBBI", program))
    real = syscalls.MACHINES[machine][0] if audit is None else audit
    six = (*args, *[0] * (6 - len(args)))
    data = struct.pack("<IIQ6Q", number, real, 0, *six)
    word, at = 0, 0
    while True:
        code, yes, no, k = lines[at]
        at += 1
        match code:
            case 0x20:
                (word,) = struct.unpack_from("<I", data, k)
            case 0x54:
                word &= k
            case 0x15:
                at += yes if word == k else no
            case 0x25:
                at += yes if word > k else no
            case 0x35:
                at += yes if word >= k else no
            case 0x06:
                return _name(k)
            case _:
                pytest.fail(f"an instruction that the filter does not need: {code:#x}")


def _name(result: int) -> str:
    if result & 0xFFFF0000 == 0x00050000:
        return errno.errorcode[result & 0xFFFF]
    return {0x7FFF0000: ALLOW, 0x80000000: KILL}[result]


def number_of(machine: str, call: str) -> int:
    """Return the number of a watched call."""
    return syscalls.numbers(syscalls.WATCHED, machine)[call]


both = pytest.mark.parametrize("machine", syscalls.MACHINES)


@both
def test_every_denied_call_is_refused(machine: str) -> None:
    """None of the table slips through a jump that is one too long."""
    denied = syscalls.numbers(syscalls.DENIED, machine)

    answers = {name: said(machine, number) for name, number in denied.items()}

    assert dict.fromkeys(denied, "EPERM") == answers


@both
def test_every_other_call_is_allowed(machine: str) -> None:
    """Nothing is refused by accident."""
    known = syscalls.numbers({**syscalls.DENIED, **syscalls.WATCHED}, machine)
    others = set(range(syscalls.NEWEST + 1)) - set(known.values())

    answers = {said(machine, number) for number in others}

    assert {ALLOW} == answers


@both
@pytest.mark.parametrize(
    ("call", "args", "wanted"),
    [
        ("clone", (THREAD,), ALLOW),
        ("clone", (0x1200011,), "EPERM"),  # glibc's fork
        ("clone3", (), "ENOSYS"),
        ("tgkill", (PID, PID + 1, 6), ALLOW),
        ("tgkill", (PID + 1, PID + 1, 9), "EPERM"),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (PID + 1, 7), "EPERM"),
        ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC), ALLOW),
        ("openat", (0, 0, os.O_RDONLY | os.O_DIRECTORY), ALLOW),
        ("openat", (0, 0, os.O_WRONLY), "EPERM"),
        ("openat", (0, 0, os.O_RDWR), "EPERM"),
        ("openat", (0, 0, os.O_ACCMODE), "EPERM"),
        ("openat", (0, 0, os.O_CREAT), "EPERM"),
        ("openat", (0, 0, os.O_TRUNC), "EPERM"),
        ("openat2", (), "ENOSYS"),
        ("fcntl", (0, fcntl.F_GETFL), ALLOW),
        ("fcntl", (0, fcntl.F_SETOWN), "EPERM"),
        ("fcntl", (0, fcntl.F_SETSIG), "EPERM"),
        ("fcntl", (0, 15), "EPERM"),
        ("mmap", (0, 1, 3, PRIVATE), ALLOW),
        ("mmap", (0, 1, 1, mmap.MAP_SHARED), ALLOW),  # a file, to be read
        ("mmap", (0, 1, 3, SHARED), "EPERM"),
    ],
)
def test_a_watched_call_is_judged_by_its_arguments(
    machine: str, call: str, args: tuple[int, ...], wanted: str
) -> None:
    """Threads, one's own signals and limits, reads and private memory alone."""
    answer = said(machine, number_of(machine, call), *args)

    assert wanted == answer


@pytest.mark.parametrize(("flags", "wanted"), [(0, ALLOW), (os.O_WRONLY, "EPERM")])
def test_the_old_open_is_judged_too(flags: int, wanted: str) -> None:
    """x86-64 still has it, and its flags stand elsewhere."""
    answer = said("x86_64", number_of("x86_64", "open"), 0, flags)

    assert wanted == answer


@both
def test_a_call_that_is_newer_than_the_table_is_unknown(machine: str) -> None:
    """What nobody looked at is refused as on an older kernel."""
    assert "ENOSYS" == said(machine, syscalls.NEWEST + 1)


@both
def test_another_architecture_ends_the_process(machine: str) -> None:
    """Its numbers mean other calls: 32-bit x86, and x32."""
    assert KILL == said(machine, 11, audit=0x40000003)
    assert KILL == said(machine, 0x40000000 + 41)
