"""This process, for the rest of its life: no network, no new program, no file to write.

Law: called once, by a process that is thrown away, before it touches what it does not
trust. Whatever this kernel lacks is told, not missed silently. No library: the filter
is thirty instructions, and libseccomp's binding has no wheels for aarch64.

Layers, each for itself:

- limits: data memory, size of written files (0), descriptors, no core dump;
- no new privileges;
- seccomp: calls that reach out are refused with EPERM; a call of another
  architecture ends the process; clone only for threads;
- Landlock, where the kernel has it: reads below the given folders alone.

Source: seccomp(2), landlock(7), prctl(2), setrlimit(2); <asm/unistd.h> of x86_64 and
aarch64. RLIMIT_DATA counts private writable mappings since Linux 4.7, so malloc and
numpy are bounded by it, and files that are mapped to be read are not. RLIMIT_CPU is
left alone: with it the kernel counts the process's CPU time in ticks of 4 ms, and a
model's cost could not be measured; whoever started us bounds the time.
"""

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_DESCRIPTORS = 256


class Confined(msgspec.Struct, frozen=True, kw_only=True):
    """Which layers are in force."""

    seccomp: bool
    landlock: bool


class _Machine(msgspec.Struct, frozen=True, kw_only=True):
    """System call numbers of one architecture; None where it has no such call."""

    audit: int
    clone: int
    clone3: int
    denied: tuple[int, ...]


# socket, connect, accept, sendto, sendmsg, bind, listen, socketpair, execve, fork,
# vfork, kill, tkill, ptrace, mount, umount2, chroot, pivot_root, reboot, setns,
# unshare, init_module, finit_module, kexec_load, add_key, request_key, keyctl, bpf,
# perf_event_open, process_vm_readv, process_vm_writev, userfaultfd, execveat,
# io_uring_{setup,enter,register}, pidfd_{open,getfd,send_signal}, accept4,
# open_by_handle_at, name_to_handle_at, memfd_create, ptrace's friends.
_X86_64 = _Machine(
    audit=0xC000003E,
    clone=56,
    clone3=435,
    denied=(
        41, 42, 43, 44, 46, 49, 50, 53, 57, 58, 59, 62, 101, 155, 161, 165, 166, 169,
        175, 246, 248, 249, 250, 272, 288, 298, 303, 304, 308, 310, 311, 313, 319,
        321, 322, 323, 424, 425, 426, 427, 434, 438,
    ),
)  # fmt: skip
_AARCH64 = _Machine(
    audit=0xC00000B7,
    clone=220,
    clone3=435,
    denied=(
        198, 199, 200, 201, 202, 203, 206, 211, 221, 129, 117, 40, 39, 51, 41, 142,
        268, 97, 105, 273, 104, 217, 218, 219, 280, 241, 270, 271, 282, 281, 425,
        426, 427, 434, 438, 424, 242, 264, 265, 279,
    ),
)  # fmt: skip
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}

#: Set in the numbers of x32 calls, which would pass for others (seccomp(2)).
_X32 = 0x40000000
_CLONE_THREAD = 0x00010000

_LD_W, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_EPERM, _ENOSYS = 0x00050001, 0x00050026
_NR_AT, _ARCH_AT, _ARG0_AT = 0, 4, 16


def confine(readable: Sequence[Path], *, memory_bytes: int) -> Confined:
    """Confine this process.

    Args:
        readable: folders and files that may be read; all else that is open stays open.
        memory_bytes: of data, ours until now included.

    Raises:
        OSError: a limit or the filter cannot be set: nothing may be tried then.
    """
    _limit(memory_bytes)
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    landlock = _lock_files(libc, readable)
    machine = _MACHINES.get(platform.machine())
    if machine is not None:
        _filter(libc, machine)
    return Confined(seccomp=machine is not None, landlock=landlock)


def _limit(memory_bytes: int) -> None:
    for kind, value in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


# --- seccomp -----------------------------------------------------------------------


def _filter(libc: ctypes.CDLL, machine: _Machine) -> None:
    program = _program(machine)
    text = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, padding, a pointer.
    size = len(program) // 8
    fprog = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", size, ctypes.addressof(text))
    )
    _check(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, fprog, 0, 0))


def _program(machine: _Machine) -> bytes:
    """Write the filter: classic BPF over struct seccomp_data."""

    def op(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("HBBI", code, yes, no, k)

    head = [
        op(_LD_W, _ARCH_AT),
        op(_JEQ, machine.audit, 1, 0),
        op(_RET, _KILL),
        op(_LD_W, _NR_AT),
        op(_JGE, _X32, 0, 1),
        op(_RET, _KILL),
        # glibc falls back to clone, whose flags can be looked at.
        op(_JEQ, machine.clone3, 0, 1),
        op(_RET, _ENOSYS),
        op(_JEQ, machine.clone, 0, 4),
        op(_LD_W, _ARG0_AT),
        op(_JSET, _CLONE_THREAD, 0, 1),
        op(_RET, _ALLOW),
        op(_RET, _EPERM),
    ]
    body = []
    for number in machine.denied:
        body += [op(_JEQ, number, 0, 1), op(_RET, _EPERM)]
    return b"".join([*head, *body, op(_RET, _ALLOW)])


# --- Landlock ----------------------------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_VERSION = 1
#: LANDLOCK_ACCESS_FS_*: execute 1, write_file 2, read_file 4, read_dir 8, and the
#: making and removing of every kind up to bit 12: version 1 of the interface.
_ALL, _READ_FILE, _READ_DIR = (1 << 13) - 1, 4, 8


def _lock_files(libc: ctypes.CDLL, readable: Sequence[Path]) -> bool:
    """Deny every file but those; tell whether the kernel can."""
    if libc.syscall(_CREATE_RULESET, None, 0, _VERSION) < 1:
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
