"""A release's way from installed to live.

Law: whatever fails, what was live stays live or is live again, and the journal says so
before the store or the callers see it. Until the link is swapped a change can be
refused; after that it can only be rolled back.
"""

import logging
from typing import Generic

import msgspec

from edged.activate import forecast, judge
from edged.activate.forecast import Fit
from edged.activate.judge import Outcome
from edged.activate.records import about, log_live, unnoted
from edged.activate.swapper import P
from edged.activate.ward import Ward
from edged.activate.workshop import Workshop
from edged.errors import (
    Conflict,
    Draining,
    EdgedError,
    Held,
    NoMemory,
    Rejected,
    StoreFailed,
)
from edged.host.headroom import available_bytes
from edged.host.process import memory_bytes
from edged.store.releases import Release
from edged.wire.changes import Change, Step
from edged.wire.messages import ModelStatus
from edged.wire.proofs import Proof

_log = logging.getLogger(__name__)

#: This part of the machine's memory is kept for all else.
_RESERVED = 20


class Errand(msgspec.Struct, kw_only=True):
    """A change on its way.

    Attributes:
        release: installed, not live.
        was_there: whether it had been installed before: then it stays if refused.
        compares: whether it must agree with the live release; not when a person
            chose it.
        is_live: whether the link leads to it: no refusal any more.
        why_not: set by who must have it stopped before it is live.
    """

    change: Change
    release: Release
    was_there: bool = False
    compares: bool = True
    is_live: bool = False
    why_not: EdgedError | None = None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial found.

    Attributes:
        beside: the release that it was compared with; None for none.
    """

    proof: Proof
    beside: Release | None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Where the links lead, and what that means for who goes live.

    Attributes:
        live: what answers, or would; None for nothing whole.
        home: the last committed release; None for none.
        before: folder of the one before that.
        watched: the change whose release is live and in probation.
    """

    live: Release | None
    home: Release | None
    before: str | None
    watched: Change | None

    @property
    def back(self) -> str | None:
        """Folder of `home`."""
        return self.home.folder if self.home else None


class Passage(Generic[P]):
    """Carries releases.

    Args:
        shop: the tools.
        ward: takes them in when they are live.
        rules: what must be proved.
    """

    def __init__(self, shop: Workshop[P], ward: Ward[P], rules: judge.Rules) -> None:
        self.rules = rules
        self._shop = shop
        self._ward = ward
        self._pending: dict[str, Errand] = {}

    # --- looking -----------------------------------------------------------------

    def pending(self, name: str) -> Errand | None:
        """Return the errand of a model that is not live yet."""
        return self._pending.get(name)

    @property
    def is_busy(self) -> bool:
        """Whether any model's errand is under way."""
        return bool(self._pending)

    # --- forth -------------------------------------------------------------------

    def stop(self, name: str, error: EdgedError) -> None:
        """Let what is under way for a model be refused with this error."""
        if name in self._pending:
            self._pending[name].why_not = error

    def take(self, errand: Errand) -> None:
        """Count a change as under way. Held by `shop.turn`."""
        self._pending[errand.release.name] = errand

    async def carry(self, errand: Errand) -> None:
        """Prove a release and make it live.

        Raises:
            Rejected: it failed its trial.
            Held: a person must decide.
            EdgedError: it could not be done; nothing has changed.
        """
        name = errand.release.name
        try:
            while not errand.is_live:
                tried = await self._tried(errand)
                async with self._shop.turn:
                    if errand.why_not is not None:
                        raise errand.why_not
                    # What it was compared with may have been rolled back meanwhile.
                    if await self._is_beside(errand, tried.beside):
                        await self._armed(errand, tried)
                        await self._go_live(errand, tried.proof)
        except Draining:
            raise  # the next start says so
        except EdgedError as failed:
            error = errand.why_not or failed
            if errand.is_live:
                error = unnoted(errand.release, failed)
                self._shop.trouble(error, name)
            await self.refuse(errand, error)
            raise error from failed
        finally:
            del self._pending[name]

    async def _tried(self, errand: Errand) -> Tried:
        shop, release = self._shop, errand.release
        if errand.change.last.step is Step.STAGED:
            errand.change = await shop.step(errand.change, Step.TRIAL)
        live = await shop.look(lambda: shop.shelf.whole_live(release.name))
        beside = live if errand.compares else None
        tell = shop.teller(errand.change)
        tell("reading its files")
        await shop.attempt(lambda: _check_static(release))
        proof = await shop.attempt(lambda: shop.trial.prove(release, beside, tell))
        tell("waiting for its turn")
        return Tried(proof=proof, beside=beside)

    async def _is_beside(self, errand: Errand, beside: Release | None) -> bool:
        """Tell whether what is live is what a release was compared with."""
        if not errand.compares:
            return True
        shop, name = self._shop, errand.release.name
        live = await shop.work(lambda: shop.shelf.whole_live(name))
        return (live and live.digest) == (beside and beside.digest)

    async def _armed(self, errand: Errand, tried: Tried) -> None:
        """Judge what was found.

        Raises:
            Rejected: it failed its trial.
            Held: a person must decide.
        """
        shop, proof = self._shop, tried.proof
        verdict = judge.judge(
            proof,
            errand.release.manifest,
            live=tried.beside.manifest if tried.beside else None,
            rules=self.rules,
        )
        if verdict.outcome is Outcome.REJECTED:
            raise Rejected(verdict.why, hint=verdict.hint, **verdict.figures)
        await shop.work(lambda: shop.profiles.keep(proof))
        if verdict.outcome is Outcome.HELD:
            raise Held(verdict.why, hint=verdict.hint, **verdict.figures)
        if errand.change.last.step is not Step.ARMED:  # a person accepted it
            errand.change = await shop.step(
                errand.change, Step.ARMED, why=verdict.why, figures=verdict.figures
            )

    async def _go_live(self, errand: Errand, proof: Proof) -> None:
        shop, release = self._shop, errand.release
        name = release.name
        way = await shop.work(lambda: self._way(name))
        held, both = shop.in_memory(name), (way.live, way.home)
        loaded = {r.digest: r for r in both if r is not None and r.digest in held}
        fits = await shop.work(lambda: self._forecast(proof, tuple(loaded.values())))
        errand.change = await shop.step(
            errand.change, Step.SWITCHING, figures=fits.figures
        )
        await shop.work(
            lambda: shop.history.attempt(
                errand.change.id,
                digest=release.digest,
                model=name,
                current=way.back,
                previous=way.before,
            )
        )
        goes_home = release.folder == way.back
        prepared = await self._loaded(release, proof, way, fits)
        try:
            await shop.work(
                lambda: shop.links.switch(
                    name,
                    release.folder,
                    previous=way.before if goes_home else way.back,
                )
            )
        except BaseException:
            await self._unloaded(prepared, way, fits)
            raise
        errand.is_live = True
        stays = fits.may_stay and not goes_home and self._ward.rules.duration_s > 0
        failed = _share_failed(shop.swapper.status(name)) if way.home else 0.0
        keep = way.home.digest if stays and way.home else None
        shop.swapper.switch(prepared, keep=keep)
        self._ward.forget(name)
        if not goes_home and way.home is not None and self._ward.rules.duration_s:
            self._ward.watch(errand.change, release, proof, failures=failed)
        log_live(release, "is live")
        await self._settle(errand, way)

    async def _settle(self, errand: Errand, way: Way) -> None:
        """Begin its probation, and end that of the one whose place it took."""
        if way.watched is not None:
            by = f"seq {errand.release.manifest.seq} took its place"
            await self._shop.step(way.watched, Step.SUPERSEDED, why=by)
        if self._ward.watched(errand.release.name) is not errand.change:
            await self._ward.commit(errand.change, "")
        else:
            await self._begin_probation(errand.change)

    async def _begin_probation(self, change: Change) -> None:
        rules = self._ward.rules
        why = f"for {rules.duration_s:g} s and {rules.inferences} answers"
        self._ward.goes_on(await self._shop.step(change, Step.PROBATION, why=why))

    async def finish(self, live: Release) -> None:
        """Write down what the disk did not take when a release went live.

        Under `shop.turn`; whoever asks for a release that serves already may do so.
        """
        for change in self._shop.history.open_changes(live.name):
            is_it = change.release and change.release.digest == live.digest
            if change.last.step is not Step.SWITCHING or not is_it:
                continue
            if self._ward.watched(live.name) is not None:
                await self._begin_probation(change)
            else:
                why = "it serves; the disk took no note of that at once"
                await self._ward.commit(change, why)
            self._shop.mended(live.name)

    # --- steps -------------------------------------------------------------------

    def _way(self, name: str) -> Way:
        shop = self._shop
        live, previous = shop.shelf.linked(name)
        watched = self._ward.watched(name)
        places = shop.history.places(watched.id) if watched else None
        if places is not None:
            live, previous = places.current, places.previous
        home = shop.shelf.whole(name, live)
        return Way(
            live=shop.shelf.whole_live(name),
            home=home,
            before=previous,
            watched=watched,
        )

    def _forecast(self, proof: Proof, loaded: tuple[Release, ...]) -> forecast.Forecast:
        return forecast.forecast(
            proof,
            [p for r in loaded if (p := self._shop.proof_of(r)) is not None],
            available_bytes=available_bytes(),
            reserve_bytes=memory_bytes() // _RESERVED,
        )

    async def _loaded(
        self, release: Release, proof: Proof, way: Way, fits: forecast.Forecast
    ) -> P:
        """Load beside the live release, or in its place while requests wait.

        Raises:
            NoMemory: not even alone.
        """
        shop = self._shop
        if fits.fit is Fit.NOT:
            raise NoMemory(
                f"cannot load {release.name} {release.manifest.version}: {fits.why}",
                retry_after_s=60.0,
                hint="free -m",
                figures=fits.figures,
            )
        if fits.fit is Fit.PARK:
            await shop.swapper.park(release.name)
        try:
            return await shop.work(
                lambda: shop.prepare(release, proof=proof, strict=True)
            )
        except BaseException:
            if fits.fit is Fit.PARK:
                await self._resumed(release.name, way)
            raise

    async def _unloaded(self, prepared: P, way: Way, fits: forecast.Forecast) -> None:
        """Undo `_loaded`."""
        shop = self._shop
        await shop.work(lambda: shop.swapper.discard(prepared))
        if fits.fit is Fit.PARK and way.live is not None:
            await self._resumed(way.live.name, way)

    async def _resumed(self, name: str, way: Way) -> None:
        """Let the old release answer again to those who wait."""
        shop, live = self._shop, way.live
        try:
            if live is None:
                raise Conflict(f"cannot use {name}: no release of it is live")
            old = await shop.work(lambda: shop.prepare(live))
            shop.swapper.switch(old)
        except EdgedError as error:
            shop.swapper.unpark(name, error)

    async def refuse(self, errand: Errand, error: EdgedError) -> None:
        """Write down why not; take away what it brought, unless a person decides.

        What is live already cannot be refused any more.
        """
        if errand.is_live:
            return
        shop, release = self._shop, errand.release
        step = Step.HELD if isinstance(error, Held) else Step.REFUSED
        _log.warning(
            "%s %s is not live: %s",
            release.name,
            release.folder,
            error.message,
            extra=about(release.name, error.code),
        )
        try:
            errand.change = await shop.step(
                errand.change,
                step,
                why=error.message,
                code=error.code,
                hint=error.hint,
                figures=_figures(error),
            )
            if step is Step.REFUSED and not errand.was_there:
                await shop.work(lambda: shop.undo(release))
        except StoreFailed as failed:  # the first error is the one to tell
            shop.trouble(failed, release.name)


def _check_static(release: Release) -> None:
    # Imported here: a box that installs nothing need not hold its readers.
    from edged.activate.gate import check_static  # noqa: PLC0415

    check_static(release.path, release.manifest)


def _share_failed(status: ModelStatus) -> float:
    return status.failures / status.requests if status.requests else 0.0


def _figures(error: EdgedError) -> dict[str, float | str]:
    return {
        key: value
        for key, value in error.fields.items()
        if isinstance(value, int | float | str)
    }
