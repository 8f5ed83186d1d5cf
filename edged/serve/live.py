"""One release that answers: its rungs, its thread, its callers.

Law: it closes its rungs when it is retired *and* nobody uses it any more, never
earlier. Counting happens on the loop; runs and loads happen on its own one thread.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edged.errors import DeadlineExceeded, UnknownVariant
from edged.runtime.base import Runs
from edged.runtime.memory import give_back
from edged.serve import admission
from edged.serve.ladder import Ladder, Ran, Rung
from edged.serve.request import Array
from edged.serve.stats import ModelStats
from edged.store.releases import Release
from edged.wire.messages import VariantStatus
from edged.wire.release import Manifest, Signature

T = TypeVar("T")


class Live:
    """A loaded release. Made by `Registry.prepare`, in any thread.

    Attributes:
        labels: class names by output, for outputs that have them.
        inflight: requests admitted and not yet finished, timed-out ones included.
    """

    def __init__(
        self, release: Release, ladder: Ladder, labels: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.release = release
        self.ladder = ladder
        self.labels = dict(labels)
        self.plan = admission.plan(release.manifest.signature)
        self.stats = ModelStats(variant.id for variant in release.manifest.variants)
        self.inflight = 0
        self._held = 0
        self._retired = False
        self._running_since_s: float | None = None
        self._rungs = {rung.id: rung for rung in ladder.rungs}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"run-{self.name}")

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
        return tuple(self._rungs)

    def rung(self, variant: str | None) -> Rung:
        """Return the rung asked for, or the best.

        Raises:
            UnknownVariant: it does not exist or could not be loaded.
        """
        if variant is None:
            return self.ladder.rungs[0]
        if variant not in self._rungs:
            why = (
                f"it could not be loaded: {self.ladder.failures[variant].message}"
                if variant in self.ladder.failures
                else f"it has {', '.join(self._rungs)}"
            )
            raise UnknownVariant(
                f"cannot run variant {variant!r} of {self.name}: {why}",
                hint=f"edgectl models show {self.name}",
            )
        return self._rungs[variant]

    async def run(
        self,
        run: Callable[[Mapping[str, Array], tuple[str, ...]], Ran],
        feeds: Mapping[str, Array],
        wanted: tuple[str, ...],
        *,
        deadline_s: float,
    ) -> Ran:
        """Run on this release's thread, in the order of the calls.

        Raises:
            DeadlineExceeded: the deadline passed, while waiting or while running; a
                run that has begun is finished and its outputs are dropped.
        """

        def work() -> Ran:
            now_s = time.monotonic()
            admission.check_time(self.name, now_s=now_s, deadline_s=deadline_s)
            self._running_since_s = now_s
            try:
                return run(feeds, wanted)
            finally:
                self._running_since_s = None

        try:
            async with asyncio.timeout_at(deadline_s):
                return await self.on_thread(work)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"cannot answer for {self.name}: its deadline passed",
                hint="allow more time, or send fewer requests at a time",
            ) from error

    async def on_thread(self, work: Callable[[], T]) -> T:
        """Run `work` on this release's thread, counted as in flight until it ends."""
        loop = asyncio.get_running_loop()
        self.inflight += 1
        future = self._executor.submit(work)
        try:
            return await asyncio.wrap_future(future)
        finally:
            if future.done():
                self._left()
            else:  # the caller went away first; the thread still holds its arrays
                future.add_done_callback(
                    lambda _: loop.call_soon_threadsafe(self._left)
                )

    def _left(self) -> None:
        self.inflight -= 1
        self._close_if_unused()

    def hold(self) -> None:
        """Keep this release in memory for an open sequence."""
        self._held += 1

    def let_go(self) -> None:
        """Undo one `hold`."""
        self._held -= 1
        self._close_if_unused()

    def retire(self) -> None:
        """Close as soon as nobody uses it. No new request may follow."""
        self._retired = True
        self._close_if_unused()

    def close_now(self) -> Future[None]:
        """Close without waiting for anybody: for a release that never went live."""
        self._retired = False
        closing = self._executor.submit(self._close)
        self._executor.shutdown(wait=False)
        return closing

    def _close_if_unused(self) -> None:
        if self._retired and not self.inflight and not self._held:
            self.close_now()

    def _close(self) -> None:
        self.ladder.close()
        give_back()

    def running_s(self, now_s: float) -> float:
        """Return for how long the present run has been on, 0 when there is none."""
        since_s = self._running_since_s
        return 0.0 if since_s is None else now_s - since_s

    def variant_statuses(self) -> tuple[VariantStatus, ...]:
        """Describe every rung, those that failed included."""
        rows = []
        for variant in self.manifest.variants:
            recent = self.stats.variants[variant.id]
            failure = self.ladder.failures.get(variant.id)
            rows.append(
                VariantStatus(
                    id=variant.id,
                    backend=variant.backend.value,
                    loaded=variant.id in self._rungs,
                    accuracy=variant.accuracy,
                    requests=recent.count,
                    p50_ms=recent.percentile_ms(0.50),
                    p95_ms=recent.percentile_ms(0.95),
                    problem=failure.message if failure else None,
                )
            )
        return tuple(rows)

    def __repr__(self) -> str:
        return f"{self.name} {self.version} (seq {self.seq}): {self.inflight} in flight"
