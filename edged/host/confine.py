"""This process, for the rest of its life: no network, no new program, no file to write.

Law: called once, by a process that is thrown away, before it touches what it does not
trust. Whatever this kernel lacks is told, not missed silently. No library: the filter
is a list of comparisons, and libseccomp's binding has no wheels for aarch64.

Layers, each for itself:

- limits: data memory, stack, size of written files (0), descriptors, no core dump;
- no new privileges;
- seccomp: calls that reach out are refused with EPERM, see `host.syscalls`; those of
  another architecture end the process; clone only for threads, signals only to itself,
  files only to be read, no memory beside what the limit counts;
- Landlock, where the kernel has it: reads below the given folders alone.

Seccomp by prctl and Landlock both bind the calling thread and those that it will make,
so there must be no other yet. (`seccomp(2)` could bind them all, but a systemd unit's
SystemCallFilter ends whoever calls it, unless it is named there.)

Source: seccomp(2), landlock(7), prctl(2), setrlimit(2). RLIMIT_DATA counts private
writable mappings since Linux 4.7, so malloc and numpy are bounded by it, and files that
are mapped to be read are not. RLIMIT_CPU is left alone: with it the kernel counts the
process's CPU time in ticks of 4 ms, and a model's cost could not be measured; whoever
started us bounds the time.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import resource
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edged.host import syscalls

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_DESCRIPTORS = 256
_STACK_BYTES = 8 << 20


class Confined(msgspec.Struct, frozen=True, kw_only=True):
    """Which layers are in force."""

    seccomp: bool
    landlock: bool


#: Set in the numbers of x32 calls, which would pass for others (seccomp(2)).
_X32 = 0x40000000
_CLONE_THREAD = 0x00010000


#: Classic BPF (<linux/bpf_common.h>): load a word, mask it, compare it, return.
_LD_W, _AND, _JEQ, _JGT, _JGE, _RET = 0x20, 0x54, 0x15, 0x25, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
#: Offsets in struct seccomp_data; the low words of arguments, both machines are little
#: endian.
_NR_AT, _ARCH_AT = 0, 4
_ARG0_AT, _ARG1_AT, _ARG2_AT, _ARG3_AT = 16, 24, 32, 40

_TO_WRITE = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
#: Memory that belongs to no process and that RLIMIT_DATA does not count.
_COMMON_MEMORY = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
#: MAP_GROWSDOWN: a stack to the kernel, which RLIMIT_DATA does not count either
#: (mm/mmap.c, is_data_mapping). pthread_create(3) asks for MAP_STACK, which is none.
_GROWS_DOWN = 0x100
#: With these a pipe would send any signal to any process (fcntl(2)).
_SIGNAL_COMMANDS = (fcntl.F_SETOWN, fcntl.F_SETSIG, 15)  # 15: F_SETOWN_EX


def confine(readable: Sequence[Path], *, memory_bytes: int) -> Confined:
    """Confine this process.

    Args:
        readable: folders and files that may be read; all else that is open stays open.
        memory_bytes: of data, ours until now included.

    Raises:
        OSError: a limit or the filter cannot be set, or other threads run already:
            nothing may be tried then.
    """
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise OSError(errno.EBUSY, "cannot confine a process that has other threads")
    _limit(memory_bytes)
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    landlock = _lock_files(libc, readable)
    return Confined(seccomp=_filter(libc, platform.machine()), landlock=landlock)


def _limit(memory_bytes: int) -> None:
    for kind, value in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_STACK, _STACK_BYTES),  # RLIMIT_DATA counts no stack
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


# --- seccomp -----------------------------------------------------------------------


def _filter(libc: ctypes.CDLL, machine: str) -> bool:
    """Put the filter in force; tell whether machine and kernel have one."""
    if machine not in syscalls.MACHINES:
        return False
    program = filter_program(machine, own_pid=os.getpid())
    text = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, padding, a pointer.
    size = len(program) // _INSTRUCTION.size
    fprog = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", size, ctypes.addressof(text))
    )
    result = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, fprog, 0, 0)
    if result < 0 and ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS):
        return False  # a kernel without CONFIG_SECCOMP_FILTER
    _check(result)
    return True


#: struct sock_filter: code, jump if true, jump if false, operand.
_INSTRUCTION = struct.Struct("HBBI")


def filter_program(machine: str, *, own_pid: int) -> bytes:
    """Write the filter: classic BPF over struct seccomp_data.

    Args:
        machine: a key of `syscalls.MACHINES`.
        own_pid: whom alone signals may reach.
    """
    audit, _ = syscalls.MACHINES[machine]
    lines = [
        (_LD_W, 0, 0, _ARCH_AT),
        *_unless(_JEQ, audit, _KILL),
        (_LD_W, 0, 0, _NR_AT),
        *_if(_JGE, _X32, _KILL),
        *_if(_JGT, syscalls.NEWEST, _ERRNO | errno.ENOSYS),
    ]
    for number in syscalls.numbers(syscalls.DENIED, machine).values():
        lines += _if(_JEQ, number, _ERRNO | errno.EPERM)
    rules = _rules(own_pid)
    for name, number in syscalls.numbers(syscalls.WATCHED, machine).items():
        # Whatever a rule lets through is allowed: nothing else asks for its number.
        rule = [*rules[name], (_RET, 0, 0, _ALLOW)]
        lines += [(_JEQ, 0, len(rule), number), *rule]
    lines.append((_RET, 0, 0, _ALLOW))
    return b"".join(_INSTRUCTION.pack(code, yes, no, k) for code, yes, no, k in lines)


_Line = tuple[int, int, int, int]


def _rules(own_pid: int) -> dict[str, list[_Line]]:
    """Return what each watched call is asked; one that passes is allowed."""
    refused = _ERRNO | errno.EPERM
    # glibc falls back to calls whose arguments can be looked at.
    unknown: list[_Line] = [(_RET, 0, 0, _ERRNO | errno.ENOSYS)]
    return {
        "clone3": unknown,
        "openat2": unknown,
        "clone": [*_masked(_ARG0_AT, _CLONE_THREAD), *_if(_JEQ, 0, refused)],
        "tgkill": [(_LD_W, 0, 0, _ARG0_AT), *_unless(_JEQ, own_pid, refused)],
        # Of others: their limits. 0 is oneself.
        "prlimit64": [(_LD_W, 0, 0, _ARG0_AT), *_unless(_JEQ, 0, refused)],
        "open": [*_masked(_ARG1_AT, _TO_WRITE), *_unless(_JEQ, 0, refused)],
        "openat": [*_masked(_ARG2_AT, _TO_WRITE), *_unless(_JEQ, 0, refused)],
        "fcntl": [
            (_LD_W, 0, 0, _ARG1_AT),
            *(line for each in _SIGNAL_COMMANDS for line in _if(_JEQ, each, refused)),
        ],
        "mmap": [
            *_masked(_ARG3_AT, _GROWS_DOWN),
            *_unless(_JEQ, 0, refused),
            *_masked(_ARG3_AT, _COMMON_MEMORY),
            *_if(_JEQ, _COMMON_MEMORY, refused),
        ],
    }


def _masked(argument_at: int, mask: int) -> list[_Line]:
    return [(_LD_W, 0, 0, argument_at), (_AND, 0, 0, mask)]


def _if(comparison: int, k: int, result: int) -> list[_Line]:
    return [(comparison, 0, 1, k), (_RET, 0, 0, result)]


def _unless(comparison: int, k: int, result: int) -> list[_Line]:
    return [(comparison, 1, 0, k), (_RET, 0, 0, result)]


# --- Landlock ----------------------------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_VERSION = 1
#: LANDLOCK_ACCESS_FS_*: execute 1, write_file 2, read_file 4, read_dir 8, and the
#: making and removing of every kind up to bit 12: version 1 of the interface.
_ALL, _READ_FILE, _READ_DIR = (1 << 13) - 1, 4, 8


def _lock_files(libc: ctypes.CDLL, readable: Sequence[Path]) -> bool:
    """Deny every file but those; tell whether the kernel can."""
    if not _has_landlock():
        return False
    attribute = struct.pack("Q", _ALL)
    ruleset = libc.syscall(_CREATE_RULESET, attribute, len(attribute), 0)
    _check(ruleset)
    try:
        for path in readable:
            _allow(libc, ruleset, path)
        _check(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _has_landlock() -> bool:
    """Ask in a process of its own: a unit's SystemCallFilter may end whoever asks.

    systemd 252 has these calls in no group but @known, so @system-service kills.
    """
    call = f"ctypes.CDLL(None).syscall({_CREATE_RULESET}, None, 0, {_VERSION})"
    ask = f"import ctypes, sys; sys.exit({call} < 1)"
    asked = subprocess.run(  # noqa: S603  # our own interpreter, and no input
        [sys.executable, "-I", "-S", "-c", ask],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return asked.returncode == 0


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # nothing is there to be read
    try:
        rights = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        rule = struct.pack("=Qi", rights, fd)
        _check(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(fd)


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
