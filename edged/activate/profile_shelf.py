"""What is known of live releases' costs: their proofs, and what live traffic says.

Law: questions, and one effect: `keep` adds a profile to the proof that is there.
Whatever asks the store blocks, in any thread; whatever asks the serving side is called
on the loop.
"""

from collections.abc import Mapping, Sequence
from typing import Generic

from edged.activate import profiling
from edged.activate.swapper import P
from edged.activate.workshop import Workshop
from edged.errors import BadRelease, Conflict
from edged.store.releases import Release
from edged.wire.profiles import Lately
from edged.wire.proofs import Profiled, Proof, VariantProof


class ProfileShelf(Generic[P]):
    """Reads and keeps profiles."""

    def __init__(self, shop: Workshop[P]) -> None:
        self._shop = shop

    # --- the store; blocks -------------------------------------------------------

    def live(self, name: str) -> Release:
        """Return what is live.

        Raises:
            UnknownModel: no such name.
            BadRelease: nothing is live, or it is damaged.
        """
        self._shop.shelf.check_known(name)
        release = self._shop.shelf.described_live(name)
        if release is None:
            raise BadRelease(
                f"cannot profile {name}: no release of it is live",
                hint=f"edgectl models use {name} SEQ, or edgectl install PATH",
            )
        return release

    def subject(self, name: str) -> tuple[Release, Proof]:
        """Return what can be profiled, and its proof.

        Raises:
            UnknownModel: no such name.
            BadRelease: nothing is live, or it is damaged.
            Conflict: it has no proof on this board, or no variant that may serve.
        """
        release = self.live(name)
        proof = self._shop.proof_of(release)
        if proof is None or not proof.fit:
            raise Conflict(
                f"cannot profile {name}: no variant of it is proved on this board",
                hint="edgectl status",
            )
        return release, proof

    def check_whole(self, release: Release) -> None:
        """Hash its files: as long as a disk takes to read them.

        Raises:
            BadRelease: one has rotted.
        """
        rotten = self._shop.releases.rotten(release)
        if rotten:
            raise BadRelease(
                f"cannot profile {release.name}: {next(iter(rotten.values()))}",
                hint="install the release again: edgectl install PATH",
            )

    def keep(
        self,
        release: Release,
        found: Mapping[str, Sequence[VariantProof]],
        profiled: Profiled,
    ) -> Proof:
        """Keep what was found with the proof that is there; return both.

        Raises:
            Conflict: the release is gone.
            StoreFailed: the disk refuses; the proof is as it was.
        """
        shop = self._shop
        proof = shop.proof_of(release)
        if proof is None:  # it goes with its release
            raise Conflict(f"cannot keep a profile of {release.name}: it was removed")
        whole = profiling.merged(proof, found, profiled)
        shop.profiles.keep(whole)
        return whole

    # --- the serving side; on the loop -------------------------------------------

    @property
    def threads(self) -> int:
        """How many a run in the daemon has."""
        return self._shop.trial.counts[0]

    def lately(self, release: Release, proof: Proof | None) -> tuple[Lately, ...]:
        """Tell what live traffic says of a release; nothing if it does not answer."""
        swapper = self._shop.swapper
        if swapper.serves(release.name) != release.digest:
            return ()
        variants = swapper.status(release.name).variants
        return profiling.lately(proof, variants, threads=self.threads)

    def activity(self) -> profiling.Activity:
        """Tell what every model has been asked."""
        return profiling.activity(self._shop.swapper.statuses())
