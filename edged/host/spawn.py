"""A process that is thrown away: started, bounded, and gone with all that it made.

Law: exec'd, never forked to go on in Python; its own session, killed as a group; last
in line for the CPU and the disk, first in line for the OOM killer. Its task is one
line; the pipe stays open after it, so that its end tells the child that we are gone
(`tie`). How much memory it used it must say itself: ru_maxrss lives on over an exec, so
here it would be ours.
Source: prctl(2), PR_SET_PDEATHSIG is per parent *thread* and would kill a child whose
thread of ours ended; hence the pipe. fcntl(2), O_ASYNC. proc(5), oom_score_adj.
ioprio_set(2). sched(7), autogroup: a session is a group of its own where no cgroup has
the processor, and niceness counts within it alone; the group has one, too.
"""

import errno
import fcntl
import os
import select
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from edged.errors import Broken, EdgedError, NoMemory

#: What stays of what it says on stderr: the end, where the reason stands.
ERRORS_BYTES = 4096

_NICE = 10
_OOM_FIRST = "1000"
_PIECE = 65536

#: Processes, memory or descriptors are used up: a matter of the hour, not of a model.
_NO_ROOM = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})

#: For a killed group to be gone: longer only where a disk hangs, or its pipes are held
#: by what left the group.
_GONE_S = 5.0


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What it may take; memory is for the child itself to set, see `host.confine`."""

    seconds: float
    output_bytes: int = 1 << 20


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended.

    Attributes:
        output: what it wrote to stdout, cut at the bound.
        errors: the end of what it wrote to stderr.
        status: of its exit; negative is the signal that killed it.
        timed_out: whether we killed it because its time was over.
        talked_too_much: whether we killed it because its output was.
        cpu_s: user and system time of it and its threads.
    """

    output: bytes
    errors: str
    status: int
    timed_out: bool = False
    talked_too_much: bool = False
    cpu_s: float


class Child:
    """One such process.

    Args:
        command: program and arguments.
        stdin: its task, one line.
        env: its whole environment.
        bounds: of its time and output.

    Raises:
        NoMemory: the kernel has no room for one more process now.
        Broken: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: bytes,
        env: Mapping[str, str],
        bounds: Bounds,
    ) -> None:
        self._bounds = bounds
        self._ended = threading.Lock()  # held while its pid may be reused
        self._gone = False
        self._output = bytearray()
        self._errors = b""
        self._timed_out = False
        self._talked_too_much = False
        try:
            self._process = subprocess.Popen(  # noqa: S603  # a list, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,  # what a pipe did not take is not tried again at its close
                env=dict(env),
                cwd="/",
                start_new_session=True,
                close_fds=True,
            )
        except OSError as exc:
            raise _not_started(command[0], exc) from exc
        self._step_back()
        self._stdin = stdin

    def wait(self) -> Ended:
        """Give it its task and wait for its end. Blocks; call once."""
        end = time.monotonic() + self._bounds.seconds
        with self._process as process:
            assert process.stdin is not None  # noqa: S101  # PIPE was asked for
            with suppress(BrokenPipeError):
                process.stdin.write(self._stdin)
            self._listen(end)
            return self._reap(end)

    def kill(self) -> None:
        """End it and all that it started. Any thread; harmless when it is gone."""
        with self._ended:
            if not self._gone:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _listen(self, end: float) -> None:
        """Read what it says until it is silent for good, or its time is over."""
        process = self._process
        with selectors.DefaultSelector() as ready:
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None  # noqa: S101  # PIPE was asked for
                ready.register(pipe, selectors.EVENT_READ)
            while ready.get_map():
                if time.monotonic() >= end:
                    if self._timed_out:
                        return  # the group is killed, and somebody holds its pipes
                    end = self._stop_late()
                for key, _ in ready.select(max(0.0, end - time.monotonic())):
                    piece = os.read(key.fd, _PIECE)
                    if not piece:
                        ready.unregister(key.fileobj)
                    elif key.fileobj is process.stdout:
                        self._keep_output(piece)
                    else:
                        self._errors = (self._errors + piece)[-ERRORS_BYTES:]

    def _keep_output(self, piece: bytes) -> None:
        room = self._bounds.output_bytes - len(self._output)
        self._output += piece[:room]
        if len(piece) > room and not self._talked_too_much:
            self._talked_too_much = True
            self.kill()

    def _stop_late(self) -> float:
        """Kill it, and return until when it must be gone."""
        self._timed_out = True
        self.kill()
        return time.monotonic() + _GONE_S

    def _reap(self, end: float) -> Ended:
        """Wait for it; its pipes are closed, so it has ended or will not end."""
        pid = self._process.pid
        fd = os.pidfd_open(pid)
        try:
            with selectors.DefaultSelector() as gone:
                gone.register(fd, selectors.EVENT_READ)
                if not gone.select(max(0.0, end - time.monotonic())):
                    gone.select(self._stop_late() - time.monotonic())
        finally:
            os.close(fd)
        self.kill()  # what it started and left behind; its own status stands
        with self._ended:
            _, raw, usage = os.wait4(pid, 0)
            self._gone = True
        self._process.returncode = os.waitstatus_to_exitcode(raw)
        return Ended(
            output=bytes(self._output),
            errors=self._errors.decode("utf-8", "replace").strip(),
            status=self._process.returncode,
            timed_out=self._timed_out,
            talked_too_much=self._talked_too_much,
            cpu_s=usage.ru_utime + usage.ru_stime,
        )

    def _step_back(self) -> None:
        """Let everybody else go first; what the kernel refuses is no reason to fail."""
        pid = self._process.pid
        with suppress(OSError, psutil.Error):
            Path(f"/proc/{pid}/oom_score_adj").write_text(_OOM_FIRST)
        with suppress(OSError, psutil.Error):
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        with suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(f"{_NICE}")
        with suppress(OSError, psutil.Error):
            psutil.Process(pid).ionice(psutil.IOPRIO_CLASS_IDLE)


def _not_started(program: str, exc: OSError) -> EdgedError:
    why = f"cannot start {program}: {(exc.strerror or str(exc)).lower()}"
    if exc.errno in _NO_ROOM:
        return NoMemory(why, retry_after_s=60.0, hint="systemctl status edged")
    return Broken(why, hint="install edged again: a part of it is missing")


def tie() -> None:
    """Let the kernel kill this process when its standard input ends.

    For the child, once it has read its task. No thread, and no lock of Python's: a
    runtime that never comes back ends as well.
    """
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    ended = select.poll()
    ended.register(0, select.POLLHUP)
    if ended.poll(0):  # it had ended before
        os._exit(os.EX_UNAVAILABLE)
