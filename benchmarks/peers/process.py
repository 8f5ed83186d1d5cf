"""A server under measurement: its processes, their memory and CPU, its end.

Law: what is started here is ended here, by its own numbers and its children's.
"""

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from environments import CannotRunError

_END_S = 10.0
_LOG_CHARS = 300


class Server:
    """A process and all that it starts.

    Args:
        command: what to run.
        environ: its variables.
        log: where its output goes.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], log: Path
    ) -> None:
        self._log = log
        self.began = time.perf_counter()
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [*map(str, command)],
                env=dict(environ),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def check(self) -> None:
        """Say what it said, if it has ended.

        Raises:
            CannotRunError: it has.
        """
        if self._process.poll() is not None:
            raise CannotRunError(f"it ended: {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of its log."""
        text = " ".join(self._log.read_text(errors="replace").split())
        return text[-_LOG_CHARS:] or "without a word"

    def stop(self) -> None:
        """End it and its children."""
        left = tree(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _, alive = psutil.wait_procs(left, timeout=1)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=_END_S)

    @property
    def pid(self) -> int:
        """The first process's number."""
        return self._process.pid


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process and its children.

    Pages that several map count once all in all (PSS), so that a server of many
    processes is not charged for each copy of a library.
    """
    return sum(process.memory_full_info().pss for process in tree(pid))


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process and its present children have used."""
    return sum(sum(process.cpu_times()[:2]) for process in tree(pid))


def processes(pid: int) -> int:
    """Return how many processes there are."""
    return len(tree(pid))


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and its children; nobody where it is gone."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
