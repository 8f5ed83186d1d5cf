"""A release's variants in memory: loading, running, letting go.

Law: blocking, any thread, one thread at a time per rung. A rung that fails to load
is left out with its reason, unless the caller is strict.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from edged.errors import BadModel, EdgedError, Rejected
from edged.runtime import backends, convert
from edged.runtime.base import NOWHERE, Tensors
from edged.serve.observing import Ear, Observation, code_of, is_finite
from edged.serve.request import Array
from edged.store.releases import Release
from edged.wire.release import Variant


class Ran(msgspec.Struct, frozen=True):
    """Outputs and the time of one run, on the monotonic clock."""

    outputs: dict[str, Array]
    started_ns: int
    ended_ns: int


class Rung:
    """One loaded variant behind the release's signature.

    Attributes:
        threads: of one run, as it was loaded.
        ear: who listens to its runs; its release's, once it is a rung of one.
    """

    def __init__(
        self, variant: Variant, runs: convert.Adapted, *, threads: int = 1
    ) -> None:
        self.variant = variant
        self.runs = runs
        self.threads = threads
        self.ear = Ear()

    @property
    def id(self) -> str:
        """The variant's id."""
        return self.variant.id

    def run(
        self,
        feeds: Tensors,
        wanted: tuple[str, ...],
        into: Tensors = NOWHERE,
    ) -> Ran:
        """Run with no memory of earlier callers."""
        if self.runs.stateful:
            self.runs.reset()
        return self.run_on(feeds, wanted, into)

    def run_on(
        self,
        feeds: Tensors,
        wanted: tuple[str, ...],
        into: Tensors = NOWHERE,
    ) -> Ran:
        """Run, continuing from whatever the last run left in the graph."""
        if self.ear.observer is not None:
            return self._run_heard(feeds, wanted)
        started_ns = time.monotonic_ns()
        outputs = self.runs.run(feeds, wanted, into)
        return Ran(outputs, started_ns, time.monotonic_ns())

    def _run_heard(self, feeds: Tensors, wanted: tuple[str, ...]) -> Ran:
        """Run, and tell how it went; into memory that is nobody else's."""
        outputs: dict[str, Array] = {}
        code = ""
        began_ns, started_ns = time.thread_time_ns(), time.monotonic_ns()
        try:
            outputs = self.runs.run(feeds, wanted)
        except BaseException as error:
            code = code_of(error)
            raise
        finally:
            busy_ns = time.thread_time_ns() - began_ns
            ran = Ran(outputs, started_ns, time.monotonic_ns())
            self.ear.tell(
                Observation(
                    variant=self.id,
                    threads=self.threads,
                    ok=not code,
                    code=code,
                    finite=is_finite(outputs) or not is_finite(feeds),
                    input_bytes=sum(array.nbytes for array in feeds.values()),
                    busy_ns=busy_ns,
                    compute_ns=ran.ended_ns - ran.started_ns,
                )
            )
        return ran

    def close(self) -> None:
        """Let go of the model."""
        self.runs.close()

    def __repr__(self) -> str:
        return f"{self.id} ({self.variant.backend.value})"


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """The rungs that loaded, best first, and why the others did not."""

    rungs: tuple[Rung, ...]
    failures: dict[str, EdgedError]

    def close(self) -> None:
        """Let go of every rung."""
        for rung in self.rungs:
            rung.close()


def load_rung(release: Release, variant: Variant, *, threads: int) -> Rung:
    """Load one variant.

    Raises:
        BadModel: the runtime refuses the file, or it cannot serve the signature.
    """
    path = release.path / variant.file
    loaded = backends.load(variant.backend, path, threads=threads)
    try:
        runs = convert.adapt(loaded, release.manifest.signature, variant)
        return Rung(variant, runs, threads=threads)
    except BaseException:
        loaded.close()
        raise


def _check_whole(release: Release, variant: Variant, rotten: Mapping[str, str]) -> None:
    """Refuse a file that has rotted: it might load, and answer wrongly.

    Raises:
        BadModel: its bytes are not those that were installed.
    """
    if variant.file in rotten:
        raise BadModel(
            f"cannot load {variant.file}: {rotten[variant.file]}",
            hint=f"install {release.name} {release.manifest.version} again: "
            "edgectl install PATH",
        )


def _left_out(release: Release, variant: Variant, why: str) -> EdgedError:
    return Rejected(
        f"cannot use {variant.id}: {why}", hint=f"edgectl models show {release.name}"
    )


def load_ladder(
    release: Release,
    *,
    threads: int,
    strict: bool,
    rotten: Mapping[str, str] = MappingProxyType({}),
    without: Mapping[str, str] = MappingProxyType({}),
) -> Ladder:
    """Load every variant of a release.

    Args:
        release: on disk.
        threads: for one run of one rung.
        strict: let the first failure out instead of leaving the rung aside.
        rotten: files that are not what was installed, and how; they are not loaded.
        without: variants that are left out, strict or not, and why.

    Raises:
        BadModel: strict, or not one variant loads.
    """
    rungs: list[Rung] = []
    failures: dict[str, EdgedError] = {}
    try:
        for variant in release.manifest.variants:
            if variant.id in without:
                why = without[variant.id]
                failures[variant.id] = _left_out(release, variant, why)
                continue
            try:
                _check_whole(release, variant, rotten)
                rungs.append(load_rung(release, variant, threads=threads))
            except BadModel as error:
                if strict:
                    raise
                failures[variant.id] = error
        if not rungs:
            first = next(iter(failures.values()))
            raise BadModel(
                f"cannot load {release.name} {release.manifest.version}: none of its "
                f"{len(failures)} variants loads; the best says: {first.message}",
                hint=first.hint or f"edgectl models show {release.name}",
            )
    except BaseException:
        for rung in rungs:
            rung.close()
        raise
    return Ladder(rungs=tuple(rungs), failures=failures)
