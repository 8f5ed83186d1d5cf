"""A release's variants in memory: loading, running, letting go.

Law: blocking, any thread, one thread at a time per rung. A rung that fails to load
is left out with its reason, unless the caller is strict.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from edged.errors import BadModel, EdgedError
from edged.runtime import backends, convert
from edged.runtime.base import NOWHERE, Tensors
from edged.serve.request import Array
from edged.store.releases import Release
from edged.wire.release import Variant


class Ran(msgspec.Struct, frozen=True):
    """Outputs and the time of one run, on the monotonic clock."""

    outputs: dict[str, Array]
    started_ns: int
    ended_ns: int


class Rung:
    """One loaded variant behind the release's signature."""

    def __init__(self, variant: Variant, runs: convert.Adapted) -> None:
        self.variant = variant
        self.runs = runs

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
        started_ns = time.monotonic_ns()
        outputs = self.runs.run(feeds, wanted, into)
        return Ran(outputs, started_ns, time.monotonic_ns())

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
        return Rung(variant, convert.adapt(loaded, release.manifest.signature, variant))
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


def load_ladder(
    release: Release,
    *,
    threads: int,
    strict: bool,
    rotten: Mapping[str, str] = MappingProxyType({}),
) -> Ladder:
    """Load every variant of a release.

    Args:
        release: on disk.
        threads: for one run of one rung.
        strict: let the first failure out instead of leaving the rung aside.
        rotten: files that are not what was installed, and how; they are not loaded.

    Raises:
        BadModel: strict, or not one variant loads.
    """
    rungs: list[Rung] = []
    failures: dict[str, EdgedError] = {}
    try:
        for variant in release.manifest.variants:
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
