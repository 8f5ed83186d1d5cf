"""A trial that believes every release, but for those that it is told not to.

Takes no process and no time; the real one has tests of its own.
"""

from collections.abc import Callable, Mapping

import msgspec

from edged.activate.trial import board_of
from edged.store.profiles import Profiles
from edged.store.releases import Release
from edged.wire.proofs import Cost, Proof, VariantProof
from edged.wire.release import Variant

AT = "2026-01-02T03:04:05Z"


class Believer:
    """Finds what it is told to find.

    Attributes:
        found: by version and variant, instead of "it is fine"; the version "*" is any.
        tried: versions, in order.
        timeout_s: as the real one has.
        before: called before each trial or measurement, in its thread.
        counts: of threads, as the real one has.
        wall_ms: of an answer by variant, as a profile finds it; 2 ms otherwise.
        measures: variant and count of threads, in order.
    """

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self.found: dict[tuple[str, str], Mapping[str, object]] = {}
        self.tried: list[str] = []
        self.timeout_s = 1.0
        self.before: Callable[[], None] = lambda: None
        self.counts: tuple[int, ...] = (1, 2)
        self.wall_ms: dict[str, float] = {}
        self.measures: list[tuple[str, int]] = []

    def holds(self, release: Release) -> Proof | None:
        """Return the proof that is kept."""
        return self._profiles.find(release.digest, board_of(release.manifest))

    def prove(
        self, release: Release, live: Release | None, tell: Callable[[str], None]
    ) -> Proof:
        """Find what was told."""
        kept = self.holds(release)
        if kept is not None and live is None:
            return kept
        tell("believing it")
        self.before()
        version = release.manifest.version
        self.tried.append(version)
        return Proof(
            digest=release.digest,
            board=board_of(release.manifest),
            at_utc=AT,
            against=live.digest if live else None,
            variants=tuple(
                self._variant(version, v.id) for v in release.manifest.variants
            ),
        )

    def measured(
        self, release: Release, variant: Variant, threads: int
    ) -> VariantProof:
        """Find what was told, with the figures of a profile."""
        self.before()
        self.measures.append((variant.id, threads))
        found = self._variant(release.manifest.version, variant.id)
        cost = Cost(
            threads=threads,
            cpu_ms=2.0,
            busy_ms=2.0,
            wall_ms=self.wall_ms.get(variant.id, 2.0),
            p95_ms=3.0,
            p99_ms=4.0,
            runs=1000,
        )
        return msgspec.structs.replace(found, costs=(cost,), meter="no meter")

    def stop(self) -> None:
        """Have nothing to stop."""

    def _variant(self, version: str, variant: str) -> VariantProof:
        cost = Cost(threads=1, cpu_ms=1.0, busy_ms=1.0, wall_ms=1.0)
        plain: dict[str, object] = {"costs": (cost,), "held_bytes": 1 << 20}
        told = self.found.get((version, variant), self.found.get(("*", variant), {}))
        return VariantProof(id=variant, **{**plain, **told})  # type: ignore[arg-type]
