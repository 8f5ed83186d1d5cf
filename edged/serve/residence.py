"""Which rungs of a release stay in memory.

Law: all of them, while memory allows. Where it is short, those go that nobody used of
late; the one that answers by itself always stays, and nothing that a request uses is
closed under it. They come back one by one, warm, when memory is not short any more and
there is room for them. Call on the event loop only, but for `load`.
"""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import numpy as np

from edged.runtime.memory import give_back
from edged.runtime.samples import make_up
from edged.serve.ladder import Rung, load_rung
from edged.serve.threads import count
from edged.store.releases import Release
from edged.wire.proofs import Cost, Proof
from edged.wire.release import Signature, Variant

#: This share of memory stays free when a rung comes back, or it would soon go again:
#: memory is short below a tenth, see `steward`.
KEPT = 0.15
#: What a file takes once it is loaded, where no proof says it.
_PER_FILE = 3

_MIB = 1 << 20
_SEED = 0

Dispose = Callable[[Callable[[], None]], Future[None]]


class Residence:
    """The rungs of one release, as they are now.

    Args:
        release: whose.
        rungs: that are loaded.
        proof: what this board measured of them; None for nothing.
        threads: of one run, where nothing is capped.

    Attributes:
        share: of the best count of threads that a run may have; see `Caps.threads`.
        away: why each rung is not in memory that was, by variant.
    """

    def __init__(
        self,
        release: Release,
        rungs: tuple[Rung, ...],
        *,
        proof: Proof | None,
        threads: int,
    ) -> None:
        self._release = release
        self._threads = threads
        self._needs: dict[str, int] = {}
        self._proved: dict[str, tuple[Cost, ...]] = {}
        self._given_up: dict[str, int] = {}
        self._failed: set[str] = set()  # away, and did not load; until others go
        self.share = 1.0
        if proof is not None:
            self.prove(proof)
        self._rungs = {rung.id: rung for rung in rungs}
        self._leaving: list[Rung] = []
        self._counts: dict[str, int] = {}
        self.away: dict[str, str] = {}

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Those that may be chosen, best first."""
        order = [variant.id for variant in self._release.manifest.variants]
        return tuple(self._rungs[each] for each in order if each in self._rungs)

    @property
    def every(self) -> tuple[Rung, ...]:
        """Those that hold memory, those that are about to go included."""
        return (*self._rungs.values(), *self._leaving)

    @property
    def is_stirred(self) -> bool:
        """Whether a rung is to come back, or about to go."""
        return bool(self._leaving) or self.wanted() is not None

    @property
    def is_leaving(self) -> bool:
        """Whether a rung is to be closed that a request may still have."""
        return bool(self._leaving)

    def prove(self, proof: Proof) -> None:
        """Take over what this board measured."""
        for found in proof.variants:
            self._needs[found.id] = max(found.peak_bytes, found.held_bytes)
            self._proved[found.id] = found.costs

    def spare(self, usual: str, counts: dict[str, int]) -> bool:
        """Let go of what nobody used since the last time; tell whether any was.

        Args:
            usual: the rung that answers by itself.
            counts: runs that each rung ever did.
        """
        before, self._counts = self._counts, counts
        idle = [
            name
            for name in self._rungs
            if name != usual and before.get(name) == counts[name]
        ]
        for name in idle:
            self._leaving.append(self._rungs.pop(name))
            self.away[name] = "memory is short"
        if idle:
            self._failed.clear()
        return bool(idle)

    def bury(self, in_use: Callable[[Rung], bool], dispose: Dispose) -> None:
        """Close what leaves and is not in use any more.

        Args:
            in_use: tells whether a request waits for a rung, or runs on it.
            dispose: runs something on a worker of the release.
        """
        gone = [rung for rung in self._leaving if not in_use(rung)]
        self._leaving = [rung for rung in self._leaving if rung not in gone]
        for rung in gone:
            dispose(partial(_close, rung))

    def wanted(self) -> Variant | None:
        """Return the next variant to bring back, the cheapest first; None for none."""
        tried = self.away.keys() - self._failed
        back = [v for v in self._release.manifest.variants if v.id in tried]
        return back[-1] if back else None

    def lacks(self, variant: Variant, *, available: int, total: int) -> str:
        """Say what would be needed to bring it back; empty where it is there.

        Args:
            variant: of `wanted`.
            available: bytes that can be taken.
            total: bytes that there are.
        """
        needs = self._needs.get(variant.id, 0)
        if not needs:
            needs = _PER_FILE * self._release.manifest.files[variant.file].size
        room = max(0, available - int(KEPT * total))
        if needs <= room:
            return ""
        return (
            f"it needs {needs / _MIB:.0f} MiB, and {room / _MIB:.0f} MiB are there "
            f"({KEPT * total / _MIB:.0f} MiB are kept for all else)"
        )

    def refuse(self, variant: Variant, why: str) -> None:
        """Leave it away, and say why; it may fit later."""
        self.away[variant.id] = why

    def fail(self, variant: Variant, why: str) -> None:
        """Leave it away, as it does not load; the others have their turn."""
        self.away[variant.id] = why
        self._failed.add(variant.id)

    def load(self, variant: Variant) -> Rung:
        """Load a variant and warm it up. Blocks; any thread.

        Raises:
            BadModel: the runtime refuses the file, or fails on it.
        """
        rung = load_rung(self._release, variant, threads=self.threads(variant.id))
        try:
            warm(rung, self._release.manifest.signature)
        except BaseException:
            rung.close()
            raise
        return rung

    def take(self, rung: Rung) -> None:
        """Let a rung that is back be chosen."""
        self._rungs[rung.id] = rung
        del self.away[rung.id]

    # --- threads -----------------------------------------------------------------

    @property
    def most_threads(self) -> int:
        """Those of a run where nothing is capped."""
        return self._threads

    def threads(self, variant: str) -> int:
        """Return how many a run of a variant may have now."""
        proved = self._proved.get(variant, ())
        return count(self.share, proved, most=self._threads)

    def unfitting(self) -> Variant | None:
        """Return the next variant whose rung has not the threads that it may have.

        Not one of which an older rung is still in use: there are two at most.
        """
        for rung in self.rungs:
            threads = self.threads(rung.id)
            if self._given_up.get(rung.id, threads) != threads:
                del self._given_up[rung.id]  # tried again, once it may have them again
            is_double = any(old.id == rung.id for old in self._leaving)
            is_hopeless = rung.id in self._given_up
            if rung.threads != threads and not is_double and not is_hopeless:
                return rung.variant
        return None

    def give_up(self, variant: Variant, threads: int) -> None:
        """Leave a variant the threads that it has: with so many it does not load."""
        self._given_up[variant.id] = threads

    def exchange(self, rung: Rung) -> None:
        """Let a rung take the place of its variant's; or go, where that has gone."""
        old = self._rungs.get(rung.id)
        if old is not None:
            self._rungs[rung.id] = rung
        self._leaving.append(rung if old is None else old)

    def __repr__(self) -> str:
        return f"{', '.join(self._rungs)}; away: {', '.join(self.away) or 'none'}"


def warm(rung: Rung, signature: Signature) -> None:
    """Run a rung once, on inputs that are made up. Blocks; any thread.

    Raises:
        BadModel: the runtime fails on it.
    """
    made = make_up(signature, samples=1, seed=_SEED)
    feeds = {name: np.ascontiguousarray(each[0]) for name, each in made.items()}
    rung.run(feeds, tuple(output.name for output in signature.outputs))


def _close(rung: Rung) -> None:
    rung.close()
    give_back()
