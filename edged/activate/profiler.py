"""Profiles of live releases: made when somebody asks, and by itself on an idle box.

Law: one at a time, each figure in a child of its own and on the thread of trials, so
that a newcomer's trial never runs beside one and waits for one figure at most. What
answers is not touched. One that nobody asked for ends as soon as the box is not idle.
Who asks may go away. On the loop.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic

from edged.activate import profiling
from edged.activate.passage import Passage
from edged.activate.profile_due import Due, Pace
from edged.activate.profile_shelf import ProfileShelf
from edged.activate.records import about
from edged.activate.shelf import trouble, which
from edged.activate.swapper import P
from edged.activate.workshop import Workshop
from edged.errors import Broken, Busy, Conflict, Draining, EdgedError
from edged.host.clock import Clock
from edged.store.releases import Release
from edged.wire.changes import EDGED
from edged.wire.messages import ModelName, Trouble
from edged.wire.notices import Notice
from edged.wire.profiles import ModelProfile, ProfileRequest
from edged.wire.proofs import Profiled, VariantProof

_log = logging.getLogger(__name__)


class Profiler(Generic[P]):
    """A service; its verbs are called on the loop.

    Args:
        shop: the tools.
        passage: whose trials come first.
        clock: dates profiles.
        objection: says what speaks against a profile that nobody asked for. Blocks.
        pace: of those.
    """

    name = "profiles"

    def __init__(
        self,
        shop: Workshop[P],
        passage: Passage[P],
        clock: Clock,
        *,
        objection: Callable[[], str],
        pace: Pace | None = None,
    ) -> None:
        self._shop = shop
        self._clock = clock
        self._shelf = ProfileShelf(shop)
        self._due = Due(
            shop, passage, self._shelf, objection=objection, pace=pace or Pace()
        )
        self._wanted: dict[str, str] = {}  # by whom, by model; the first is next
        self._doing: dict[str, str] = {}
        self._problems: dict[str, Trouble] = {}
        self._made: Counter[str] = Counter()

    # --- asked for ---------------------------------------------------------------

    async def show(self, request: ProfileRequest) -> ModelProfile:
        """Tell a model's profile; wait for news of one under way if that is asked for.

        Raises:
            UnknownModel: no such name.
            BadRelease: nothing of it is live.
        """
        shop, name = self._shop, request.name
        await shop.look(lambda: shop.shelf.check_known(name))
        try:
            async with asyncio.timeout(request.wait_s):
                await shop.revision.until(
                    lambda _: self._doing.get(name, "") != request.doing
                )
        except TimeoutError:
            pass
        return await self._told(name)

    async def begin(self, request: ModelName, by: str) -> ModelProfile:
        """Have a model's live release profiled; it goes on without who asked.

        One that is under way already is theirs, too.

        Raises:
            UnknownModel: no such name.
            BadRelease: nothing of it is live, or it is damaged.
            Conflict: it has no proof on this board, or no variant that may serve.
        """
        name = request.name
        await self._shop.look(lambda: self._shelf.subject(name))
        self._problems.pop(name, None)
        self._wanted.setdefault(name, by)
        if name not in self._doing:
            self._say(name, "waiting for its turn")
        return await self._told(name)

    async def _told(self, name: str) -> ModelProfile:
        shop = self._shop
        # First: who waits for the end must find what was kept by then.
        doing = self._doing.get(name, "")
        release = await shop.look(lambda: self._shelf.live(name))
        proof = await shop.look(lambda: shop.proof_of(release))
        return ModelProfile(
            model=name,
            release=which(release),
            proof=proof,
            threads=self._shelf.threads,
            lately=self._shelf.lately(release, proof),
            made=self._made[name],
            doing=doing,
            problem=self._problems.get(name),
        )

    # --- the service -------------------------------------------------------------

    async def run(self, ready: Callable[[], None]) -> None:
        """Profile what is wanted, and what is due; see `lifecycle.Service`."""
        ready()
        while True:
            due = next(iter(self._wanted), None) or await self._due.until_news()
            if due is not None:
                await self._profile(due)

    async def _profile(self, name: str) -> None:
        """Profile a model; what goes wrong is told to who asks for its profile."""
        digest, whole = self._shop.swapper.serves(name), True
        try:
            await self._measure(name)
        except Draining:
            raise
        except EdgedError as error:
            whole = not isinstance(error, Busy)
            self._failed(name, error)
        except Exception:  # noqa: BLE001  # the top of a profile: told to who asks
            _log.exception(
                "a profile of %s failed, and this is a bug",
                name,
                extra=about(name, Notice.BUG.value),
            )
            bug = Broken(
                f"cannot profile {name}: a bug in edged; its log has it",
                hint="journalctl -u edged",
            )
            self._failed(name, bug)
        finally:
            self._wanted.pop(name, None)
            self._doing.pop(name, None)
            self._shop.tell()
        if digest is not None:
            self._due.ended(digest, whole=whole)

    async def _measure(self, name: str) -> None:
        shop = self._shop
        self._say(name, "reading its files")
        release, proof = await shop.look(lambda: self._shelf.subject(name))
        await shop.attempt(lambda: self._shelf.check_whole(release))
        variants = [v for v in release.manifest.variants if v.id not in proof.unfit]
        steps = [(v, count) for v in variants for count in shop.trial.counts]
        before = self._shelf.activity()
        found: dict[str, list[VariantProof]] = {}
        for number, (variant, count) in enumerate(steps, 1):
            self._check(release, before)
            threads = "1 thread" if count == 1 else f"{count} threads"
            self._say(name, f"{variant.id}, {threads}: {number} of {len(steps)}")
            measure = partial(shop.trial.measured, release, variant, count)
            found.setdefault(variant.id, []).append(await shop.attempt(measure))
        profiled = Profiled(
            at_utc=self._clock.utc().strftime("%Y-%m-%dT%H:%M:%SZ"),
            by=self._wanted.get(name, EDGED),
            requests=profiling.answered(before, self._shelf.activity()),
        )
        proof = await shop.work(lambda: self._shelf.keep(release, found, profiled))
        shop.swapper.proved(name, proof)
        self._problems.pop(name, None)
        self._made[name] += 1
        _record(release, profiled, profiling.failures(found))

    def _check(self, release: Release, before: profiling.Activity) -> None:
        """Check that a profile may go on.

        Raises:
            Busy: nobody asked for it, and the box is not idle any more.
            Conflict: another release is live.
        """
        name = release.name
        if self._shop.swapper.serves(name) not in {release.digest, None}:
            raise Conflict(
                f"cannot profile {name}: another release of it went live meanwhile",
                hint=f"edgectl profile {name}",
            )
        why = "" if name in self._wanted else self._due.disturbed(before)
        if why:
            raise Busy(f"cannot profile {name} now: {why}")

    def _failed(self, name: str, error: EdgedError) -> None:
        if name in self._wanted:
            self._problems[name] = trouble(name, error)
        _log.info("%s", error.message, extra=about(name, error.code))

    def _say(self, name: str, text: str) -> None:
        self._doing[name] = text
        self._shop.tell()

    def __repr__(self) -> str:
        return ", ".join(f"{n}: {doing}" for n, doing in self._doing.items()) or "idle"


def _record(release: Release, when: Profiled, failures: Mapping[str, str]) -> None:
    name = release.name
    version = release.manifest.version
    _log.info("%s %s is profiled, for %s", name, version, when.by, extra=about(name))
    for variant, problem in failures.items():
        _log.warning(
            "%s: variant %s could not be profiled: %s",
            name,
            variant,
            problem,
            extra=about(name, Notice.NOT_PROFILED.value),
        )
