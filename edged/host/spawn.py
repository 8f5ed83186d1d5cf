"""A process that is thrown away: started, bounded, and gone with all that it made.

Law: exec'd, never forked to go on in Python; its own session, killed as a group; last
in line for the CPU and the disk, first in line for the OOM killer. Its task is one
line; the pipe stays open after it, so that a child that sees it end knows that we are
gone. How much memory it used it must say itself: ru_maxrss lives on over an exec, so
here it would be ours.
Source: prctl(2), PR_SET_PDEATHSIG is per parent *thread* and would kill a child whose
thread of ours ended; hence the pipe. proc(5), oom_score_adj. ioprio_set(2).
"""

import os
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

from edged.errors import BadModel

#: What stays of what it says on stderr: the end, where the reason stands.
ERRORS_BYTES = 4096

_NICE = 10
_OOM_FIRST = "1000"
_PIECE = 65536


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
        cpu_s: user and system time of it and its threads.
    """

    output: bytes
    errors: str
    status: int
    timed_out: bool
    cpu_s: float


class Child:
    """One such process.

    Args:
        command: program and arguments.
        stdin: its task, one line.
        env: its whole environment.
        bounds: of its time and output.

    Raises:
        BadModel: it cannot be started.
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
        try:
            self._process = subprocess.Popen(  # noqa: S603  # a list, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(env),
                cwd="/",
                start_new_session=True,
                close_fds=True,
            )
        except OSError as exc:
            raise BadModel(
                f"cannot start {command[0]} to try a model: {exc.strerror}"
            ) from exc
        self._step_back()
        self._stdin = stdin

    def wait(self) -> Ended:
        """Give it its task and wait for its end. Blocks; call once."""
        end = time.monotonic() + self._bounds.seconds
        output, errors = bytearray(), bytearray()
        timed_out = False
        with self._process as process, selectors.DefaultSelector() as ready:
            assert process.stdin and process.stdout and process.stderr  # noqa: PT018, S101  # PIPE was asked for
            with suppress(BrokenPipeError):
                process.stdin.write(self._stdin)
                process.stdin.flush()
            ready.register(process.stdout, selectors.EVENT_READ, output)
            ready.register(process.stderr, selectors.EVENT_READ, errors)
            while ready.get_map():
                left = end - time.monotonic()
                if left <= 0 and not timed_out:
                    timed_out = True
                    self.kill()
                for key, _ in ready.select(max(0.0, left) if not timed_out else 1.0):
                    piece = os.read(key.fd, _PIECE)
                    if not piece:
                        ready.unregister(key.fileobj)
                    self._keep(key.data, piece, is_output=key.data is output)
            status, cpu_s = self._reap(end)
        return Ended(
            output=bytes(output),
            errors=errors.decode("utf-8", "replace").strip(),
            status=status,
            timed_out=timed_out,
            cpu_s=cpu_s,
        )

    def kill(self) -> None:
        """End it and all that it started. Any thread; harmless when it is gone."""
        with self._ended:
            if not self._gone:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _keep(self, into: bytearray, piece: bytes, *, is_output: bool) -> None:
        into += piece
        if not is_output:
            del into[:-ERRORS_BYTES]
        elif len(into) > self._bounds.output_bytes:
            del into[self._bounds.output_bytes :]
            self.kill()

    def _reap(self, end: float) -> tuple[int, float]:
        """Wait for it; its pipes are closed, so it has ended or will not end."""
        pid = self._process.pid
        fd = os.pidfd_open(pid)
        try:
            with selectors.DefaultSelector() as gone:
                gone.register(fd, selectors.EVENT_READ)
                if not gone.select(max(0.0, end - time.monotonic())):
                    self.kill()
        finally:
            os.close(fd)
        with self._ended:
            _, raw, usage = os.wait4(pid, 0)
            self._gone = True
        self._process.returncode = os.waitstatus_to_exitcode(raw)
        return self._process.returncode, usage.ru_utime + usage.ru_stime

    def _step_back(self) -> None:
        """Let everybody else go first; what the kernel refuses is no reason to fail."""
        pid = self._process.pid
        with suppress(OSError, psutil.Error):
            Path(f"/proc/{pid}/oom_score_adj").write_text(_OOM_FIRST)
        with suppress(OSError, psutil.Error):
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        with suppress(OSError, psutil.Error):
            psutil.Process(pid).ionice(psutil.IOPRIO_CLASS_IDLE)
