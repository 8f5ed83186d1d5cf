"""A real process confines itself, and then tries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT

#: Runs before each attempt: all that it needs is imported and open, as in a trial.
PRELUDE = """
import ctypes, fcntl, json, mmap, os, resource, signal, socket, subprocess, sys
import threading
from pathlib import Path
from edged.host import syscalls
from edged.host.confine import confine

folder = Path(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *args):
    tables = {**syscalls.DENIED, **syscalls.WATCHED}
    number = syscalls.numbers(tables, os.uname().machine)[name]
    if libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), name)
"""
AFTER = """
readable = [folder / "open", Path("/usr"), Path("/lib"), Path("/proc/self"),
            Path("/proc/cpuinfo"), Path("/sys/devices/system"),
            *map(Path, sys.path), Path(sys.prefix), Path(sys.base_prefix)]
confined = confine(readable, memory_bytes=400_000_000)
try:
    attempt()
    print("done")
except OSError as error:
    print(os.strerror(error.errno))
except MemoryError:
    print("no memory")
"""
NOT_PERMITTED = "Operation not permitted"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of which the half is readable to the confined."""
    for name in ("open", "shut"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


def confined(
    folder: Path, attempt: str, *, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Let a process confine itself and then attempt something."""
    body = "\n".join(f"    {line}" for line in attempt.splitlines())
    source = f"{PRELUDE}\n{before}\ndef attempt():\n{body}\n{AFTER}"
    env = {
        "PYTHONPATH": os.pathsep.join((str(ROOT), *filter(None, sys.path))),
        "PATH": "/usr/bin:/bin",
        "ORT_DISABLE_TELEMETRY": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = (sys.executable, "-P", "-c", source, str(folder))
    return subprocess.run(
        command, capture_output=True, text=True, env=env, timeout=15, check=False
    )


def outcome(folder: Path, attempt: str, *, before: str = "") -> str:
    """Return what became of an attempt."""
    ended = confined(folder, attempt, before=before)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_INET)",
        "socket.socketpair()",
        "kept.send(b'x')",
        "kept.connect('/run/edged/control.sock')",
        "os.execv('/bin/true', ['true'])",
        "call('execveat', -100, b'/bin/true', None, None, 0)",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.fork()",
        "call('fork')",
        "call('vfork')",
        "call('clone', signal.SIGCHLD, 0, 0, 0, 0)",
        "os.kill(os.getppid(), 0)",
        "os.killpg(0, 0)",
        "call('tkill', os.getppid(), 0)",
        "call('tgkill', os.getppid(), os.getppid(), 0)",
        "call('rt_sigqueueinfo', os.getppid(), 0, bytes(128))",
        "call('pidfd_open', os.getppid(), 0)",
        "fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
        "call('ptrace', 16, os.getppid(), 0, 0)",
        "call('process_vm_readv', os.getppid(), None, 0, None, 0, 0)",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (9, 9))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setaffinity(os.getppid(), {0})",
        "(folder / 'open/file').open('a')",
        "(folder / 'open/file').open('r+')",
        "(folder / 'open/new').open('x')",
        "(folder / 'open/file').unlink()",
        "(folder / 'open/file').rename(folder / 'open/other')",
        "(folder / 'open/file').chmod(0o777)",
        "(folder / 'open/new').mkdir()",
        "(folder / 'open/new').symlink_to('file')",
        "os.utime(folder / 'open/file')",
        "Path(f'/proc/{os.getppid()}/oom_score_adj').write_text('1000')",
        "os.memfd_create('hidden')",
        "mmap.mmap(-1, 4096)",
        "mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100)",
        "call('io_uring_setup', 8, bytes(120))",
        "call('bpf', 0, None, 0)",
        "call('userfaultfd', 0)",
        "call('keyctl', 0, 0)",
        "call('unshare', 0x10000000)",
        "call('mount', None, b'/', None, 0, None)",
        "call('shmget', 0, 4096, 0o1600)",
    ],
)
def test_it_cannot_reach_out(folder: Path, attempt: str) -> None:
    """No network, no other process, nothing to write, no memory beside its own."""
    before = "kept = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"

    assert NOT_PERMITTED == outcome(folder, attempt, before=before)


@pytest.mark.parametrize("path", ["/etc/passwd", "shut/file", "shut"])
def test_it_reads_nothing_but_what_it_was_given(folder: Path, path: str) -> None:
    """Landlock denies every other file and folder, where the kernel has it."""
    attempt = f"""
path = folder / {path!r}
if not confined.landlock:
    raise SystemExit(77)
list(path.iterdir()) if path.name == "shut" else path.read_text()
"""

    ended = confined(folder, attempt)

    if ended.returncode == 77:
        pytest.skip("this kernel has no Landlock")
    assert ("Permission denied\n", "") == (ended.stdout, ended.stderr)


def test_it_reads_what_it_was_given(folder: Path) -> None:
    """Files and folders, from any thread."""
    attempt = """
assert ["file"] == [path.name for path in (folder / "open").iterdir()]
assert "open" == (folder / "open/file").read_text()
import wave, sqlite3  # the standard library, and a shared object
"""

    assert "done" == outcome(folder, attempt)


def test_its_stack_cannot_grow_beyond_the_limit(folder: Path) -> None:
    """The memory limit does not count it; only root could raise it again."""
    attempt = """
if os.geteuid() == 0:
    os.setuid(65534)
before = resource.getrlimit(resource.RLIMIT_STACK)
try:
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, 64 << 20))
except (ValueError, OSError):
    assert before == (8 << 20, 8 << 20)
else:
    raise AssertionError("it was raised")
"""

    assert "done" == outcome(folder, attempt.strip())


def test_where_landlock_would_be_the_end_it_does_without(folder: Path) -> None:
    """A unit's SystemCallFilter may kill whoever asks for it: systemd 252's does."""
    number = {"x86_64": 444, "aarch64": 444}[os.uname().machine]
    before = f"""
import struct
program = b"".join(struct.pack("HBBI", *each) for each in (
    (0x20, 0, 0, 0), (0x15, 0, 1, {number}), (0x06, 0, 0, 0x80000000),
    (0x06, 0, 0, 0x7FFF0000)))
text = ctypes.create_string_buffer(program, len(program))
fprog = ctypes.create_string_buffer(
    struct.pack("HxxxxxxP", 4, ctypes.addressof(text)))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, fprog, 0, 0) == 0
"""
    attempt = "assert (confined.seccomp, confined.landlock) == (True, False)"

    assert "done" == outcome(folder, attempt, before=before)


def test_memory_ends_at_the_limit(folder: Path) -> None:
    """Python's, numpy's and the C library's, each with an error and no crash."""
    before = "import numpy as np; libc.malloc.restype = ctypes.c_void_p"
    attempt = """
assert libc.malloc(ctypes.c_size_t(500_000_000)) is None
for make in (lambda: bytearray(500_000_000), lambda: np.ones(60_000_000)):
    try:
        make()
    except MemoryError:
        continue
    raise AssertionError("there was more")
np.ones(20_000_000)
"""

    assert "done" == outcome(folder, attempt, before=before)


def test_threads_run_and_are_confined_too(folder: Path) -> None:
    """Threads begin as always; none of them can do more than the first."""
    attempt = """
found = []
def reach():
    try:
        socket.socket()
    except PermissionError:
        found.append("refused")
threads = [threading.Thread(target=reach) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert ["refused"] * 4 == found
"""

    assert "done" == outcome(folder, attempt)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("os.abort()", -6), ("ctypes.string_at(0)", -11), ("os._exit(3)", 3)],
)
def test_it_can_still_die(folder: Path, ending: str, status: int) -> None:
    """abort(3) signals its own thread, and that is how a runtime gives up."""
    assert status == confined(folder, ending).returncode


@pytest.mark.parametrize("file", ["digits_fp32.onnx", "digits_int8.tflite"])
def test_both_runtimes_load_and_answer(folder: Path, file: str) -> None:
    """With two threads of their own, and numpy beside them."""
    data = (ROOT / "demo/digits" / file).read_bytes()
    (folder / "open" / file).write_bytes(data)
    before = f"""
import numpy as np
from edged.runtime import backends
from edged.runtime.base import numpy_dtype
backend = backends.SUFFIXES[Path({file!r}).suffix]
backends.warm(backend)
"""
    attempt = f"""
loaded = backends.load(backend, folder / "open" / {file!r}, threads=2)
(spec,) = loaded.inputs
feeds = {{spec.name: np.zeros([max(1, n) for n in spec.shape], numpy_dtype(spec))}}
(out,) = loaded.run(feeds, (loaded.outputs[0].name,)).values()
assert np.isfinite(out).all()
assert np.isfinite(np.ones((300, 300)) @ np.ones((300, 300))).all()
"""

    assert "done" == outcome(folder, attempt, before=before)


def test_it_says_which_layers_are_in_force(folder: Path) -> None:
    """On these machines seccomp always is; Landlock where the kernel has it."""
    ended = confined(folder, "print(json.dumps([confined.seccomp]))")

    assert [os.uname().machine in ("x86_64", "aarch64")] == json.loads(
        ended.stdout.splitlines()[0]
    )


def test_a_process_with_other_threads_is_not_confined(folder: Path) -> None:
    """They would stay free, and one thread can make another do anything."""
    before = "threading.Thread(target=signal.pause, daemon=True).start()"

    ended = confined(folder, "pass", before=before)

    assert 1 == ended.returncode
    assert "cannot confine a process that has other threads" in ended.stderr
