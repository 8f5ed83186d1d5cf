"""One release that answers: its rungs, its queue, its counters.

Law: it closes its rungs when it is retired *and* nobody uses it any more, never
earlier. Call on the event loop, unless it says otherwise.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Future

from edged.runtime.base import Runs
from edged.runtime.memory import give_back
from edged.serve import admission
from edged.serve.batching import Batching, rows
from edged.serve.choosing import Chooser
from edged.serve.conditions import Conditions
from edged.serve.ladder import Ladder, Rung
from edged.serve.observing import Ear
from edged.serve.request import Array
from edged.serve.residence import Residence, warm
from edged.serve.scheduler import Scheduler
from edged.serve.stats import ModelStats
from edged.store.releases import Release
from edged.wire.messages import VariantStatus
from edged.wire.proofs import Proof
from edged.wire.release import Manifest, Signature


class Live:
    """A loaded release. Made by `Registry.prepare`, in any thread.

    Attributes:
        labels: class names by output, for outputs that have them.
        scheduler: its queue and its workers.
        conditions: of the box.
        caps: what the strategy in force allows, as of `obey`.
        chooser: says which rung answers.
        ladder: as it was loaded.
        residence: the rungs of it that are in memory.
        ear: who listens to its runs.
        is_parked: whether new requests wait: see `Model.park`.
        is_closed: whether its rungs are gone, or about to be.
        unused_s: when it was last in use, on the monotonic clock.
    """

    def __init__(  # noqa: PLR0913  # by name, but for what it is
        self,
        release: Release,
        ladder: Ladder,
        labels: Mapping[str, tuple[str, ...]],
        *,
        workers: int = 1,
        threads: int = 1,
        joined: Batching | None = None,
        window_s: float = 0.0,
        proof: Proof | None = None,
        conditions: Conditions | None = None,
        stats: ModelStats | None = None,
    ) -> None:
        self.release = release
        self.ladder = ladder
        self.labels = dict(labels)
        self.plan = admission.plan(release.manifest.signature)
        self.stats = stats or ModelStats(
            variant.id for variant in release.manifest.variants
        )
        self.scheduler = Scheduler(
            self.name, workers=workers, taken=self.stats.variants, joined=joined
        )
        self.scheduler.idle = self._settle
        self.conditions = conditions or Conditions()
        self.chooser = Chooser(
            release,
            ladder,
            proof=proof,
            taken=self.stats.variants,
            wait_s=self.scheduler.wait_s,
            conditions=self.conditions,
        )
        self.scheduler.learn = self._learn
        self.ear = Ear()
        for rung in ladder.rungs:
            rung.ear = self.ear
        self.is_parked = False
        self.is_closed = False
        self.unused_s = time.monotonic()
        self._joined = joined
        self._window_s = window_s
        self._held = 0
        self._pinned = 0
        self._empty: asyncio.Future[None] | None = None
        self._retired = False
        self.residence = Residence(release, ladder.rungs, proof=proof, threads=threads)
        self.caps = self.conditions.regime.caps

    @property
    def rungs(self) -> Mapping[str, Runs]:
        """What each loaded rung runs, by variant: to prove it before it goes live."""
        return {rung.id: rung.runs for rung in self.ladder.rungs}

    @property
    def name(self) -> str:
        """The model's name."""
        return self.release.name

    @property
    def version(self) -> str:
        """The release's version, as OIP's `/versions/V` names it."""
        return self.release.manifest.version

    @property
    def seq(self) -> int:
        """The release's number for machines."""
        return self.release.manifest.seq

    @property
    def digest(self) -> str:
        """The release's sha256."""
        return self.release.digest

    @property
    def manifest(self) -> Manifest:
        """What `model.yaml` says."""
        return self.release.manifest

    @property
    def signature(self) -> Signature:
        """What callers send and get."""
        return self.release.manifest.signature

    @property
    def variants(self) -> tuple[str, ...]:
        """Ids of the rungs that can run, best first."""
        return tuple(rung.id for rung in self._here)

    @property
    def _here(self) -> tuple[Rung, ...]:
        return () if self.is_closed else self.residence.rungs

    def warm(self) -> None:
        """Run each rung once. Blocks; any thread, before it goes live.

        Raises:
            BadModel: the runtime fails on one.
        """
        for rung in self.ladder.rungs:
            warm(rung, self.signature)

    def obey(self) -> None:
        """Take over what holds now."""
        self.caps = self.conditions.regime.caps
        self.residence.share = self.caps.threads
        self.chooser.obey()
        self.scheduler.obey(
            window_s=max(self._window_s, self.caps.batch_window_s), duty=self.caps.duty
        )

    def spare(self) -> None:
        """Let go of rungs that nobody used since the last time: memory is short."""
        counts = {
            rung.id: self.stats.variants[rung.id].count for rung in self.ladder.rungs
        }
        if self.residence.spare(self.chooser.usual, counts):
            self.chooser.house(self.residence.rungs, self.residence.away)

    def bury(self) -> None:
        """Close the rungs that were let go of and that no request uses any more."""
        if self.is_closed:  # they close with it
            return
        self.residence.bury(self.scheduler.uses, self.scheduler.dispose)

    def bring_back(self, rung: Rung) -> None:
        """Let a rung be chosen that was away; it is warm."""
        rung.ear = self.ear
        self.residence.take(rung)
        self.chooser.house(self.residence.rungs, self.residence.away)

    def exchange(self, rung: Rung) -> None:
        """Let a warm rung take the place of one with other threads."""
        rung.ear = self.ear
        self.residence.exchange(rung)
        self.chooser.house(self.residence.rungs, self.residence.away)

    def prove(self, proof: Proof) -> None:
        """Take over newer figures of this release on this board."""
        self.residence.prove(proof)
        self.chooser.prove(proof)

    def may_join(self, rung: Rung, inputs: Mapping[str, Array]) -> bool:
        """Tell whether a request may share a run with others."""
        if not self.scheduler.window_s or not self._joined or rung.runs.stateful:
            return False
        return 0 < rows(inputs, self._joined.axis) <= self._joined.most

    def hold(self) -> None:
        """Keep this release in memory for an open sequence."""
        self._held += 1

    def let_go(self, *, used: bool = True) -> None:
        """Undo one `hold`; one for the sake of edged alone is no use of it."""
        self._held -= 1
        self._settle(used=used)

    def pin(self) -> None:
        """Keep it for a request whose body arrives; only `close_now` is stronger."""
        self._pinned += 1

    def unpin(self) -> None:
        """Undo one `pin`."""
        self._pinned -= 1
        self._settle()

    def retire(self) -> None:
        """Close as soon as nobody uses it. No new request may follow."""
        self._retired = True
        self._settle()

    async def emptied(self) -> None:
        """Wait until nothing waits or runs, and no sequence is open."""
        while self._is_used:
            self._empty = asyncio.get_running_loop().create_future()
            await self._empty

    def close_now(self) -> Future[None]:
        """Close without waiting for anybody: it never went live, or is empty."""
        self._retired = False
        self.is_closed = True
        return self.scheduler.close(self._close)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs, arrives or is open."""
        return not self._is_used and not self._pinned

    @property
    def _is_used(self) -> bool:
        return bool(self.scheduler.inflight or self._held)

    def _settle(self, *, used: bool = True) -> None:
        """Look whether somebody waits for what has just become unused."""
        if self._is_used:
            return
        if used:
            self.unused_s = time.monotonic()
        if self._empty is not None and not self._empty.done():
            self._empty.set_result(None)
        if self._retired and not self._pinned and not self.is_closed:
            self.close_now()

    def _learn(self, rung: Rung, inputs: Mapping[str, Array], ns: int) -> None:
        """Learn from a run; one with threads of before says nothing of these."""
        if rung in self.residence.rungs:
            self.chooser.learn(rung.id, inputs, ns)

    def _close(self) -> None:
        for rung in self.residence.every:
            rung.close()
        give_back()

    def variant_statuses(self) -> tuple[VariantStatus, ...]:
        """Describe every rung, those that failed included."""
        rows, loaded = [], {rung.id: rung for rung in self._here}
        answers = sum(recent.count for recent in self.stats.variants.values())
        for variant in self.manifest.variants:
            recent = self.stats.variants[variant.id]
            failure = self.ladder.failures.get(variant.id)
            rows.append(
                VariantStatus(
                    id=variant.id,
                    backend=variant.backend.value,
                    loaded=variant.id in loaded,
                    placement=self.scheduler.placement(variant.id).value
                    if variant.id in loaded
                    else None,
                    threads=loaded[variant.id].threads
                    if variant.id in loaded
                    else None,
                    most_threads=self.residence.most_threads,
                    accuracy=variant.accuracy,
                    cost_ms=self.chooser.cost_ms(variant.id),
                    requests=recent.count,
                    share=round(recent.count / answers, 4) if answers else None,
                    passed_over=self.chooser.passed_over(variant.id),
                    p50_ms=recent.percentile_ms(0.50),
                    p95_ms=recent.percentile_ms(0.95),
                    problem=failure.message if failure else None,
                )
            )
        return tuple(rows)

    def __repr__(self) -> str:
        return f"{self.name} {self.version} (seq {self.seq}): {self.scheduler!r}"
