"""May a change of this model begin: pins, quarantine, one change at a time.

Law: answers from the journal, from what is under way and from a rule of the settings;
changes nothing but to note that a held release is out of date. On the loop, under
`shop.turn`.
"""

from typing import Generic

from edged.activate.passage import Passage
from edged.activate.swapper import P
from edged.activate.workshop import Workshop
from edged.errors import ChangeUnderWay, NotNow, Pinned, Quarantined, Unsigned
from edged.wire.adapt import Errand
from edged.wire.changes import Change, Step
from edged.wire.messages import InstallRequest
from edged.wire.names import Trust

#: Until a strategy may be another one: the least that it stays.
RETRY_S = 60.0


class Gatekeeper(Generic[P]):
    """Keeps changes apart.

    Attributes:
        signed: whether only signed releases may come in.
    """

    def __init__(
        self, shop: Workshop[P], passage: Passage[P], *, signed: bool = False
    ) -> None:
        self._shop = shop
        self._passage = passage
        self.signed = signed

    def check(self, name: str, digest: str, doing: str) -> None:
        """Check that a release may begin its way.

        Args:
            name: of the model.
            digest: of the release.
            doing: what is wanted, as in "install digits 1.2".

        Raises:
            Pinned, Quarantined, ChangeUnderWay: not now.
        """
        self.check_pinned(name, doing)
        self.check_quarantine(digest, doing)
        number = self._under_way(name)
        if number is not None:
            raise ChangeUnderWay(
                f"cannot {doing}: change {number} of it is under way",
                hint=f"edgectl watch {number}",
                change=number,
            )

    def check_trust(self, trust: Trust, doing: str) -> None:
        """Check that what vouches for a release is enough here.

        Raises:
            Unsigned: it is not.
        """
        if self.signed and trust is not Trust.SIGNED:
            raise Unsigned(
                f"cannot {doing}: this box takes signed releases alone, and this one "
                "is not signed",
                hint="edgectl config show",
            )

    def check_wish(self, request: InstallRequest) -> None:
        """Check what can be checked of an install before a byte of it came.

        Raises:
            NotNow: nobody waits for it, and the strategy in force allows no trial.
            Unsigned: no source vouches for it, and that is not enough here.
        """
        regime = self._shop.regime and self._shop.regime.value
        if request.unattended and regime and Errand.TRIAL not in regime.caps.updates:
            raise NotNow(
                "cannot try a release by itself while the box is "
                f"{regime.strategy.value} ({regime.because})",
                hint="edgectl strategy; edgectl install tries one at once",
                retry_after_s=RETRY_S,
            )
        if request.source is None:
            self.check_trust(Trust.LOCAL, "install")

    def _under_way(self, name: str) -> int | None:
        """Return the change that must end first: on its way, or half gone back."""
        pending = self._passage.pending(name)
        if pending is not None:
            return pending.change.id
        for change in self._shop.history.open_changes(name):
            if change.last.step is Step.ROLLING_BACK:
                return change.id
        return None

    def check_pinned(self, name: str, doing: str) -> None:
        """Check that nobody wants the model to stay as it is.

        Raises:
            Pinned: somebody does.
        """
        pin = self._shop.history.pinned(name)
        if pin is not None:
            why = f": {pin.why}" if pin.why else ""
            raise Pinned(
                f"cannot {doing}: {pin.by} pinned {name} at {pin.at_utc}{why}",
                hint=f"edgectl models unpin {name}",
                by=pin.by,
            )

    def check_quarantine(self, digest: str, doing: str) -> None:
        """Check that the release has not been bad here.

        Raises:
            Quarantined: it has.
        """
        mark = self._shop.history.quarantine(digest)
        if mark is not None:
            raise Quarantined(
                f"cannot {doing}: it has been in quarantine since {mark.at_utc}: "
                f"{mark.why}",
                hint=f"edgectl models unquarantine {mark.model} {mark.seq}",
                since=mark.at_utc,
            )

    def held(self, name: str, digest: str) -> Change | None:
        """Return the change that holds a release until a person decides."""
        for change in self._shop.history.open_changes(name):
            release = change.release
            if change.last.step is Step.HELD and release and release.digest == digest:
                return change
        return None

    async def supersede_held(self, name: str, why: str) -> None:
        """End every held change of a model."""
        for change in self._shop.history.open_changes(name):
            if change.last.step is Step.HELD:
                await self._shop.step(change, Step.SUPERSEDED, why=why)
