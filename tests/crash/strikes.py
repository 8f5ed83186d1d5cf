"""One system call of one thread, found in a plain run and struck in another.

strace counts each call by its name, in each thread for itself. So a plain run, with
everything traced, says which calls change the store, by whom, and the how many-th of
its name each of them is; a strike then traces that one thread. What it hit must be what
was planned, or it is a miss. The call is not carried out (a kill) or fails (an error).
Source: strace(1), inject; ptrace(2), syscall-stops.
"""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

#: Whatever changes a disk, by every name that a machine has for it. Sockets are
#: written with others. `?`: a name that this machine does not have is no error.
CALLS = (
    *("mkdir", "mkdirat", "openat", "write", "pwrite64", "writev", "ftruncate"),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "symlink", "symlinkat"),
    *("link", "linkat", "unlink", "unlinkat", "rmdir", "truncate", "fallocate"),
)

KILL = "signal=SIGKILL"

_LINE = re.compile(r"(?:(?P<tid>\d+) +)?(?P<name>[a-z]\w+)\((?P<said>.*)")
#: Names that are other ones in every run.
_RANDOM = re.compile(r"\b([0-9a-f]{16}|tmp\w{8})\b")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that changes the store.

    Attributes:
        thread: who makes it.
        name: of the system call.
        when: the how many-th of this name in this thread, from 1.
        what: the paths that it is about, below the store.
    """

    thread: str
    name: str
    when: int
    what: str

    def __str__(self) -> str:
        return f"{self.thread}, {self.name} {self.when} ({self.what})"


def threads(pid: int) -> dict[str, int]:
    """Return a process's threads by their names."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        found[(task / "comm").read_text().strip()] = int(task.name)
    return found


@contextmanager
def traced(pid: int, out: Path) -> Iterator[None]:
    """Trace all that a process does to disks, and its children too."""
    every = ",".join(f"?{name}" for name in CALLS)
    with _strace("-f", "-p", str(pid), "-o", str(out), "-e", f"trace={every}"):
        yield


@contextmanager
def struck(tid: int, call: Call, how: str, out: Path) -> Iterator[None]:
    """Strike one call of a thread; nothing else of it, and nobody else."""
    inject = f"inject={call.name}:{how}:when={call.when}"
    trace = f"trace={call.name}"
    with _strace("-p", str(tid), "-o", str(out), "-e", trace, "-e", inject):
        yield


@contextmanager
def _strace(*options: str) -> Iterator[None]:
    strace = subprocess.Popen(
        ["strace", "-y", "-e", "signal=none", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert strace.stderr is not None
    try:
        said = strace.stderr.readline()
        assert "attached" in said, said
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        try:
            strace.wait(5)
        except subprocess.TimeoutExpired:  # it may wait for a leader that is gone
            strace.kill()
            strace.wait()
        strace.stderr.close()


def planned(out: Path, names: dict[str, int], store: Path) -> list[Call]:
    """Return the calls of a plain run that change the store, in their order.

    Args:
        out: what `traced` wrote.
        names: of the process's threads; others are told by their number.
        store: where the calls are to be.
    """
    threads_by_id = {str(tid): name for name, tid in names.items()}
    counted: Counter[tuple[str, str]] = Counter()
    calls = []
    for line in out.read_text().splitlines():
        found = _LINE.match(line)
        if found is None:  # the end of a call that was cut by another, or of a thread
            continue
        thread = threads_by_id.get(found["tid"], found["tid"])
        counted[thread, found["name"]] += 1
        what = _what(found["said"], store)
        if not what or (found["name"] == "openat" and "O_CREAT" not in found["said"]):
            continue
        when = counted[thread, found["name"]]
        calls.append(Call(thread=thread, name=found["name"], when=when, what=what))
    return calls


def was_hit(out: Path, call: Call, store: Path) -> bool:
    """Tell whether a strike has hit the call that was planned."""
    lines = [
        found
        for line in out.read_text().splitlines()
        if (found := _LINE.match(line)) is not None
    ]
    if len(lines) < call.when:
        return False
    said = lines[call.when - 1]["said"]
    is_over = "(INJECTED)" in said or " = " not in said or " = ?" in said
    return is_over and call.what == _what(said, store)


def _what(said: str, store: Path) -> str:
    """Return the paths in the store that a call is about; `.` is the store itself."""
    found = re.findall(rf'{re.escape(str(store))}(?:/([^"<>]+))?["<>]', said)
    return _RANDOM.sub("*", " -> ".join(dict.fromkeys(name or "." for name in found)))
