"""A candidate is tried on this board, where it can do no harm.

Law: each variant in a child of its own, one after the other; a child that crashes,
hangs or takes all memory is a finding about its variant and nothing else. Blocks; the
agent brings the thread. A proof that holds is not made again.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from edged.activate.task import Task
from edged.errors import Draining, NoMemory
from edged.host.clock import Clock
from edged.host.headroom import available_bytes
from edged.host.spawn import Bounds, Child, Ended
from edged.runtime.board import board
from edged.store.profiles import Profiles
from edged.store.releases import Release
from edged.wire.proofs import Board, Effort, Proof, VariantProof
from edged.wire.release import Manifest, Variant
from edged.wire.unreadable import UNREADABLE

#: `-P`: what stands in the working directory is not imported.
COMMAND = (sys.executable, "-P", "-m", "edged.activate.child")

#: Of the memory that is available; the rest is for those who serve meanwhile.
_MEMORY_SHARE = 0.75

#: The interpreter and both runtimes hold 90 MB before a model is loaded.
_LEAST_BYTES = 160_000_000

_REASON_MAX = 300


class Trial:
    """Tries releases.

    Args:
        profiles: proofs that are kept.
        clock: dates them.
        threads: of a run in the daemon.
        command: the child's program.
        available: bytes of memory that may be taken.
        root: what stands for `/` where meters are looked for.

    Attributes:
        timeout_s: for one variant.
        counts: of threads that a profile measures, the daemon's first.
    """

    def __init__(  # noqa: PLR0913  # what it stands on, by name only
        self,
        *,
        profiles: Profiles,
        clock: Clock,
        timeout_s: float,
        threads: int,
        command: Sequence[str] = COMMAND,
        available: Callable[[], int] = available_bytes,
        root: Path = Path("/"),
    ) -> None:
        self.timeout_s = timeout_s
        self._profiles = profiles
        self._clock = clock
        self._command = tuple(command)
        self._available = available
        cores = len(os.sched_getaffinity(0))
        self._root = root
        self._threads = tuple(dict.fromkeys((threads, 1, cores)))
        self.counts = tuple(dict.fromkeys((threads, *_doublings(cores), cores)))
        self._child: Child | None = None
        self._is_over = False

    def holds(self, release: Release) -> Proof | None:
        """Return the proof of a release that holds on this board; None for none."""
        return self._profiles.find(release.digest, board_of(release.manifest))

    def prove(
        self, release: Release, live: Release | None, tell: Callable[[str], None]
    ) -> Proof:
        """Return a proof of a release, made now if none holds.

        Args:
            release: installed, or staged.
            live: what it must be compared with; None to compare with nothing.
            tell: told what is being done.

        Raises:
            NoMemory: there is too little to try anything.
            Draining: the daemon is stopping.
        """
        kept = self.holds(release)
        if kept is not None and live is None:
            return kept
        if live is not None and not _comparable(release.manifest, live.manifest):
            live = None
        found = []
        variants = release.manifest.variants
        for number, variant in enumerate(variants, 1):
            tell(f"trying {variant.id}, {number} of {len(variants)}")
            found.append(self._tried(release, variant, live))
        return Proof(
            digest=release.digest,
            board=board_of(release.manifest),
            at_utc=self._clock.utc().strftime("%Y-%m-%dT%H:%M:%SZ"),
            against=live.digest if live else None,
            variants=tuple(found),
        )

    def measured(
        self, release: Release, variant: Variant, threads: int
    ) -> VariantProof:
        """Measure a release that is proved once more: one variant, one count.

        With the runs that percentiles need, energy where there is a meter, and nothing
        else in the child, so that its memory is that of this count.

        Raises:
            NoMemory: there is too little to try anything.
            Draining: the daemon is stopping.
        """
        return self._run(
            Task(
                release=str(release.path),
                variant=variant.id,
                threads=(threads,),
                memory_bytes=self._room_bytes(f"profile {release.name}"),
                effort=Effort.PROFILE,
                meters=str(self._root),
            )
        )

    def stop(self) -> None:
        """End what is being tried. Any thread; nothing can be tried afterwards."""
        self._is_over = True
        if self._child is not None:
            self._child.kill()

    def _tried(
        self, release: Release, variant: Variant, live: Release | None
    ) -> VariantProof:
        return self._run(
            Task(
                release=str(release.path),
                variant=variant.id,
                threads=self._threads,
                memory_bytes=self._room_bytes(
                    f"try {release.name} {release.manifest.version}"
                ),
                live=str(live.path) if live else None,
            )
        )

    def _room_bytes(self, doing: str) -> int:
        memory_bytes = int(self._available() * _MEMORY_SHARE)
        if memory_bytes < _LEAST_BYTES:
            raise NoMemory(
                f"cannot {doing}: a trial has {memory_bytes / 1e6:.0f} MB, and needs "
                f"{_LEAST_BYTES / 1e6:.0f} MB",
                retry_after_s=60.0,
                hint="free -m",
                needs_bytes=_LEAST_BYTES,
                has_bytes=memory_bytes,
            )
        return memory_bytes

    def _run(self, task: Task) -> VariantProof:
        self._child = Child(
            self._command,
            stdin=msgspec.json.encode(task) + b"\n",
            env=_environment(),
            bounds=Bounds(seconds=self.timeout_s),
        )
        if self._is_over:
            self._child.kill()
        ended = self._child.wait()
        if self._is_over:
            raise Draining("cannot try a model now: the daemon is stopping")
        return self._finding(task.variant, ended, task.memory_bytes)

    def _finding(self, variant: str, ended: Ended, memory_bytes: int) -> VariantProof:
        if ended.status == 0:
            try:
                found = msgspec.json.decode(ended.output, type=VariantProof)
            except UNREADABLE:
                return VariantProof(id=variant, problem="its trial gave no answer")
            problem = found.problem
            if problem is not None and _ran_out(problem):
                problem = _too_much(memory_bytes)
            return msgspec.structs.replace(found, id=variant, problem=problem)
        return VariantProof(id=variant, problem=self._why(ended, memory_bytes))

    def _why(self, ended: Ended, memory_bytes: int) -> str:
        said = ended.errors.rpartition("\n")[2][-_REASON_MAX:]
        tail = f"; it said: {said}" if said else ""
        if ended.timed_out:
            return (
                f"it was not done after {self.timeout_s:g} s "
                "(install.trial-timeout allows more)"
            )
        if ended.talked_too_much:
            return "its trial wrote more than an answer, and was ended"
        if ended.status == -signal.SIGKILL:
            return "it was killed: there was not enough memory for it"
        if _ran_out(ended.errors):
            return _too_much(memory_bytes)
        if ended.status < 0:
            name = signal.Signals(-ended.status).name
            return f"it crashed its trial ({name}){tail}"
        return f"its trial ended with {ended.status}{tail}"


def _doublings(cores: int) -> list[int]:
    return [1 << power for power in range(cores.bit_length())]


def board_of(manifest: Manifest) -> Board:
    """Return what a proof of a release depends on here."""
    return board(variant.backend for variant in manifest.variants)


def _comparable(new: Manifest, live: Manifest) -> bool:
    return new.signature.specs() == live.signature.specs()


def _too_much(memory_bytes: int) -> str:
    return (
        f"it needs more than the {memory_bytes / 1e6:.0f} MB that there are for a trial"
    )


def _ran_out(errors: str) -> bool:
    return any(word in errors for word in ("bad_alloc", "MemoryError", "out of memory"))


def _environment() -> dict[str, str]:
    """Return all that a child needs to know."""
    here = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(dict.fromkeys((str(here), *filter(None, sys.path))))
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "OPENBLAS_NUM_THREADS": "1",  # numpy's: confinement wants one thread
        "LC_ALL": "C.UTF-8",
    }
