"""What a start finds, puts right and loads.

Law: journal and links are reconciled before the first load; what has no proof on this
board, because a runtime or the board is another, is proved anew. One model's failure
is its own; it is told, never raised.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Generic

from edged.activate import judge
from edged.activate.judge import Outcome
from edged.activate.ledger import Places
from edged.activate.recall import forbidden
from edged.activate.records import about, log_live
from edged.activate.recovery import Facts, Next, Open, Plan, reconcile
from edged.activate.shelf import which
from edged.activate.swapper import P
from edged.activate.ward import Ward
from edged.activate.workshop import Workshop
from edged.errors import (
    BadModel,
    BadRelease,
    EdgedError,
    NotReady,
    Rejected,
    StoreFailed,
)
from edged.store.releases import Release
from edged.wire.changes import EDGED, Change, Step, Which, Wish
from edged.wire.notices import Notice
from edged.wire.proofs import Proof

_log = logging.getLogger(__name__)

_BY = EDGED

#: When a load may succeed that failed for want of memory, or by a disk's refusal.
RETRY_S = 10.0


class Opening(Generic[P]):
    """Starts models.

    Args:
        shop: the tools.
        ward: takes in what was in probation.
        rules: what a proof made anew must hold.
        boot: reads the kernel's id of this boot.
    """

    def __init__(
        self,
        shop: Workshop[P],
        ward: Ward[P],
        rules: judge.Rules,
        *,
        boot: Callable[[], str],
    ) -> None:
        self._shop = shop
        self._ward = ward
        self._rules = rules
        self._boot = boot

    async def start(self, swept: Callable[[], None]) -> None:
        """Load every model's live release.

        Args:
            swept: called when streams may be taken in.
        """
        shop = self._shop
        async with shop.turn:
            names: tuple[str, ...] = ()
            try:
                await shop.work(lambda: shop.history.open(self._boot()))
                names = await shop.work(shop.releases.names)
                await shop.work(shop.intake.sweep)
            except EdgedError as error:  # a read-only store still serves
                shop.trouble(error)
                names = names or await self._names()
            swept()
            for name in names:
                shop.swapper.loading(name)
            for name in names:
                try:
                    await self._open(name)
                except EdgedError as error:
                    shop.failed(name, error)

    async def load(self, name: str, *, warm: bool = False) -> Release:
        """Load what is live into memory. Under `shop.turn`.

        Args:
            name: of the model.
            warm: whether each variant is to run once before it answers.

        Raises:
            BadRelease: nothing is live, or it is damaged.
            BadModel, Rejected: it cannot serve.
            Revoked: it must not.
        """
        shop = self._shop
        release = await shop.work(lambda: shop.shelf.described_live(name))
        if release is None:
            raise BadRelease(
                f"cannot load {name}: no release of it is live",
                hint=f"edgectl models use {name} SEQ, or edgectl install PATH",
            )
        if (error := forbidden(shop, release)) is not None:
            raise error
        proof = await self._proof(release)
        change = self._on_trial(release)
        if change is not None:
            await self._count(change, release)
        prepared = await shop.work(lambda: shop.prepare(release, proof=proof))
        if warm:
            await self._warm(prepared)
        shop.swapper.switch(prepared)
        if change is not None:
            self._ward.watch(change, release, proof)
        log_live(release, "is loaded")
        return release

    async def wake(self, name: str) -> None:
        """Load what is live, warm. Under `shop.turn`.

        What answered until it slept is not left for a load that fails: memory may have
        gone meanwhile, and comes back. It is where it is damaged, as a start does.

        Raises:
            NotReady: not now; it is whole, and did answer.
            BadRelease, BadModel, Rejected, Revoked: see `load`; none can serve.
        """
        try:
            await self.load(name, warm=True)
        except (BadModel, StoreFailed) as error:
            if not await self._is_damaged(name):
                raise NotReady(
                    f"cannot load {name} again now: {error.message}",
                    hint=error.hint or f"edgectl models show {name}",
                    retry_after_s=RETRY_S,
                ) from error
            if not await self._fell_back(name, error):
                raise
        except (BadRelease, Rejected) as error:
            if not await self._fell_back(name, error):
                raise

    # --- one model ---------------------------------------------------------------

    async def _names(self) -> tuple[str, ...]:
        try:
            return await self._shop.work(self._shop.releases.names)
        except EdgedError:
            return ()

    async def _open(self, name: str) -> None:
        plan = await self._shop.work(lambda: reconcile(self._facts(name)))
        await self._follow(name, plan)
        if not plan.load:
            raise BadRelease(
                plan.why or f"cannot load {name}: no release of it is live",
                hint=f"edgectl models use {name} SEQ, or edgectl install PATH",
            )
        try:
            await self.load(name)
        except (BadModel, BadRelease, Rejected) as error:
            if not await self._fell_back(name, error):
                raise

    async def _is_damaged(self, name: str) -> bool:
        """Tell whether what is live is not what was installed."""
        shop = self._shop
        try:
            live = await shop.work(lambda: shop.shelf.described_live(name))
            return live is None or bool(
                await shop.look(lambda: shop.releases.rotten(live))
            )
        except StoreFailed:
            return False

    def _facts(self, name: str) -> Facts:
        shop = self._shop
        current, previous = shop.shelf.linked(name)
        installed = tuple(map(which, shop.releases.known(name)))
        whole = {release.folder for release in installed}
        return Facts(
            links=Places(
                current=current if current in whole else None,
                previous=previous if previous in whole else None,
            ),
            installed=installed,
            committed=shop.history.committed(name),
            quarantined=frozenset(
                release.folder
                for release in installed
                if shop.history.quarantine(release.digest)
            ),
            open=tuple(
                Open(
                    change=change,
                    places=shop.history.places(change.id),
                    crashes=shop.history.crashes(change.release.digest)
                    if change.release
                    else 0,
                )
                for change in shop.history.open_changes(name)
            ),
            kept=shop.history.kept(name),
        )

    async def _follow(self, name: str, plan: Plan) -> None:
        shop, begun = self._shop, None
        if plan.why:
            _log.warning(
                "%s: %s",
                name,
                plan.why,
                extra=about(name, Notice.RECONCILED.value),
            )
        for mark in plan.marks:
            await shop.quarantine(name, mark.release, by=_BY, why=mark.why)
        for release in await shop.work(lambda: shop.shelf.installed(name)):
            if release.folder in plan.delete:
                await shop.work(partial(shop.releases.delete, release))
        await self._take(plan.steps)
        if plan.begin is not None:
            begun = await self._begun(name, plan.begin.left, plan.begin.why)
        if plan.links is not None:
            await self._lead(name, plan.links)
        await self._take(plan.ends)
        if begun is not None:
            await shop.step(begun, Step.DONE)

    async def _lead(self, name: str, places: Places) -> None:
        shop, home = self._shop, places.current
        if home is None:
            await shop.work(lambda: shop.links.clear(name))
        else:
            await shop.work(
                lambda: shop.links.put_back(name, home, previous=places.previous)
            )

    async def _take(self, steps: tuple[Next, ...]) -> None:
        shop = self._shop
        for each in steps:
            change = shop.history.change(each.change)
            await shop.step(change, each.step, why=each.why, code=each.code)

    async def _begun(self, name: str, left: Which | None, why: str) -> Change:
        shop = self._shop
        return await shop.work(
            lambda: shop.history.begin(
                model=name,
                wish=Wish.ROLLBACK,
                by=_BY,
                step=Step.ROLLING_BACK,
                before=left,
                why=why,
            )
        )

    # --- loading -----------------------------------------------------------------

    async def _proof(self, release: Release) -> Proof | None:
        """Return a proof that holds here; None where none can be made.

        Raises:
            Rejected: it fails on this board, or with this runtime.
        """
        shop, name = self._shop, release.name
        proof = await shop.look(lambda: shop.proof_of(release))
        if proof is not None:
            return proof
        if await shop.look(lambda: shop.releases.rotten(release)):
            return None  # what is whole of it may serve; a trial would reject all
        try:
            proof = await shop.attempt(
                lambda: shop.trial.prove(release, None, lambda _: None)
            )
        except EdgedError as error:  # no room for a trial: better unproved than down
            shop.trouble(error, name)
            return None
        verdict = judge.judge(proof, release.manifest, live=None, rules=self._rules)
        if verdict.outcome is not Outcome.PROVED:
            raise Rejected(verdict.why, hint=verdict.hint, **verdict.figures)
        kept = proof
        await shop.work(lambda: shop.profiles.keep(kept))
        return proof

    async def _warm(self, prepared: P) -> None:
        shop = self._shop
        try:
            await shop.work(prepared.warm)
        except BaseException:
            await shop.work(lambda: shop.swapper.discard(prepared))
            raise

    def _on_trial(self, release: Release) -> Change | None:
        for change in self._shop.history.open_changes(release.name):
            is_it = change.release and change.release.digest == release.digest
            if change.last.step is Step.PROBATION and is_it:
                return change
        return None

    async def _count(self, change: Change, release: Release) -> None:
        shop = self._shop
        places = shop.history.places(change.id) or Places()
        await shop.work(
            lambda: shop.history.attempt(
                change.id,
                digest=release.digest,
                model=release.name,
                current=places.current,
                previous=places.previous,
            )
        )

    async def _fell_back(self, name: str, error: EdgedError) -> bool:
        """Let the previous release serve instead, if there is one that can."""
        shop = self._shop
        left, folder = await shop.work(lambda: shop.shelf.linked(name))
        if folder is None or folder == left:
            return False
        try:
            home = await shop.work(lambda: shop.shelf.previous(name))
        except BadRelease:
            return False
        if home is None or shop.history.quarantine(home.digest) is not None:
            return False
        change = await self._begun(name, which(home), error.message)
        await shop.work(lambda: shop.links.put_back(name, home.folder, previous=left))
        await shop.step(change, Step.DONE)
        await self.load(name)
        shop.trouble(error, name)
        return True
