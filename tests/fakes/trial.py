"""A trial that believes every release, but for those that it is told not to.

Takes no process and no time; the real one has tests of its own.
"""

from collections.abc import Callable, Mapping

from edged.activate.trial import board_of
from edged.store.profiles import Profiles
from edged.store.releases import Release
from edged.wire.proofs import Cost, Proof, VariantProof

AT = "2026-01-02T03:04:05Z"


class Believer:
    """Finds what it is told to find.

    Attributes:
        found: by version and variant, instead of "it is fine"; the version "*" is any.
        tried: versions, in order.
        timeout_s: as the real one has.
        before: called before each trial, in its thread.
    """

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self.found: dict[tuple[str, str], Mapping[str, object]] = {}
        self.tried: list[str] = []
        self.timeout_s = 1.0
        self.before: Callable[[], None] = lambda: None

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

    def stop(self) -> None:
        """Have nothing to stop."""

    def _variant(self, version: str, variant: str) -> VariantProof:
        cost = Cost(threads=1, cpu_ms=1.0, busy_ms=1.0, wall_ms=1.0)
        plain: dict[str, object] = {"costs": (cost,), "held_bytes": 1 << 20}
        told = self.found.get((version, variant), self.found.get(("*", variant), {}))
        return VariantProof(id=variant, **{**plain, **told})  # type: ignore[arg-type]
