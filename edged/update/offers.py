"""What is decided from: releases on offer, the box, people's wishes, how things stand.

Law: values alone. Unknown is None, never a guess. Moments are aware; `now` is the
reference time of `edged.trust`, which a wrong clock cannot set back. Where a name may
stand for one model, None stands for all of them.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo

import msgspec

from edged.config.update import Update
from edged.update.window import Window, window
from edged.wire.adapt import Errand
from edged.wire.listing import Listing
from edged.wire.updates import Reason


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One release, as one source offers it.

    Attributes:
        source: its name in the settings.
        listing: what was signed about it, or what an API was believed.
        sha256: of its `model.yaml`, hex: the release's digest.
        size: of its `model.yaml`, in bytes.
    """

    source: str
    listing: Listing
    sha256: str
    size: int

    def __str__(self) -> str:
        listing = self.listing
        return f"{listing.model} {listing.version} (seq {listing.seq})"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """One model, as the daemon has it.

    Attributes:
        seq, digest, version: of the live release; None where none is.
        pinned: a person wants it to stay as it is.
        quarantined: digests of releases that were bad here.
        releases: digests of all that are installed.
        revoked: of these, what the daemon knows to be revoked.
        held: digest of the release that waits for a person's decision.
        under_way: number of the change that is not over and waits for no person.
        watched: number of the change whose release is live and in probation.
    """

    model: str
    seq: int | None = None
    digest: str | None = None
    version: str | None = None
    pinned: bool = False
    quarantined: frozenset[str] = frozenset()
    releases: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()
    held: str | None = None
    under_way: int | None = None
    watched: int | None = None


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while edged runs.

    Attributes:
        edged: its version.
        arch: as `uname -m` says.
        device_id: see `host.identity`; empty: it comes last in every roll-out.
    """

    edged: str
    arch: str
    device_id: str


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """How the box is doing; None is unknown, and then no objection.

    Attributes:
        battery_pct: its charge, 0 to 100.
        on_mains: whether something feeds it; True where it has no battery.
        metered: whether the network costs by the byte.
        errands: what the strategy in force allows for the sake of updates; None is all.
        strategy: that one, in words, with the figures that led to it.
        clock_unset_s: for how long, in all lives, nobody has set the clock; None while
            it is right.
    """

    battery_pct: float | None = None
    on_mains: bool | None = None
    hot: bool | None = None
    metered: bool | None = None
    errands: tuple[Errand, ...] | None = None
    strategy: str = ""
    clock_unset_s: float | None = None

    @property
    def may_look(self) -> bool:
        """Whether sources may be asked, as far as that is known."""
        return self.errands is None or Errand.CHECK in self.errands

    @property
    def may_fetch(self) -> bool:
        """Whether files may be fetched, as far as that is known."""
        return self.errands is None or Errand.DOWNLOAD in self.errands

    @property
    def may_try(self) -> bool:
        """Whether a release may be tried here, as far as that is known."""
        return self.errands is None or Errand.TRIAL in self.errands


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants nothing to be fetched; `until` None: until it is resumed."""

    by: str = ""
    until: datetime | None = None
    why: str = ""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants no release of a model, or of any, until then."""

    model: str | None = None
    until: datetime
    why: str = ""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What people said to the updater.

    Attributes:
        now: models that they want updated at once.
    """

    pause: Pause | None = None
    holds: tuple[Hold, ...] = ()
    now: frozenset[str | None] = frozenset()

    def urges(self, model: str) -> bool:
        """Tell whether a person wants this model updated at once."""
        return not self.now.isdisjoint({model, None})


class Setback(msgspec.Struct, frozen=True, kw_only=True):
    """What stood against a release when it was tried.

    Attributes:
        sha256: of the release.
        until: when it may be tried again, and nothing older is taken meanwhile; None:
            this release is not tried again by itself, and an older one may be.
    """

    sha256: str
    reason: Reason
    text: str
    hint: str = ""
    until: datetime | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the administrator allows.

    Attributes:
        window: when; None: at any time.
        min_battery_pct: least charge to fetch with, where nothing feeds the box.
        metered: also over networks that cost by the byte.
    """

    window: Window | None = None
    min_battery_pct: int = 0
    metered: bool = False


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the offers.

    Attributes:
        installed: by model; one that is missing has no release here.
        setbacks: of releases that were tried.
        current: digest of the release that is being taken; it goes on before others
            begin.
    """

    box: Box
    policy: Policy
    now: datetime
    installed: Mapping[str, Installed] = {}
    wishes: Wishes = Wishes()
    conditions: Conditions = Conditions()
    setbacks: tuple[Setback, ...] = ()
    current: str | None = None


def policy(settings: Update, zone: tzinfo) -> Policy:
    """Return what the settings allow.

    Args:
        settings: as the administrator wrote them.
        zone: of the window; `settings.time_zone`, or the box's own.
    """
    return Policy(
        window=None if settings.window is None else window(settings.window, zone),
        min_battery_pct=settings.min_battery,
        metered=settings.metered,
    )
