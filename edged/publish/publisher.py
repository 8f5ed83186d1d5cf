"""What a publisher can do, command by command.

Law: every change goes through the office: staged, signed, put in place, the timestamp
last. Each verb first carries on what an earlier one had to leave, so a crash is mended
by the next command. Blocking; one at a time in a folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace
from tuf.api.metadata import Root, Signed, Snapshot, Targets, Timestamp

from edged.errors import Conflict, InvalidRequest
from edged.host.clock import Clock
from edged.host.files import Files, Site, store_errors
from edged.publish import intake, listings
from edged.publish.documents import Added, Changed, Published, RoleState, Waiting
from edged.publish.home import Home, alone, ensure
from edged.publish.intake import Bare
from edged.publish.keys import KeyRing, Passphrase, short
from edged.publish.listings import offered
from edged.publish.office import Office, waiting_for
from edged.publish.papers import Papers
from edged.publish.settings import PublishSettings, read_settings, write_settings
from edged.publish.shelf import Shelf
from edged.wire.listing import Listing, Stage
from edged.wire.words import utc_text

#: Which roles a key's file label stands for.
LABELS: dict[str, tuple[str, ...]] = {
    "root": (Root.type,),
    "targets": (Targets.type,),
    "online": (Snapshot.type, Timestamp.type),
}

#: What people sign, and what the online key signs by itself.
SIGNED = ("root", "targets")

_ROOT_KEYS_MAX = 16


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a new release is offered.

    Attributes:
        rollout: stages; empty for all boxes at once.
        mandatory_by: from when on boxes wait for no window or network.
        changelog: for people.
    """

    rollout: tuple[Stage, ...] = ()
    mandatory_by: datetime | None = None
    changelog: str = ""


class Publisher:
    """One publisher's folder.

    Args:
        home: where everything lies.
        files: writes.
        clock: dates what is signed.
        passphrase: asked for keys that have one.
    """

    def __init__(
        self, home: Home, *, files: Files, clock: Clock, passphrase: Passphrase
    ) -> None:
        self.home = home
        self._files = files
        self._clock = clock
        self._ring = KeyRing(home.keys, passphrase)
        self._papers = Papers(home, files)

    # --- keys and roles --------------------------------------------------------------

    def init(
        self,
        settings: PublishSettings,
        *,
        root_keys: int,
        threshold: int,
        passphrase: str | None,
    ) -> Changed:
        """Make keys, and the first metadata.

        Args:
            settings: how long signatures hold.
            root_keys: how many there are.
            threshold: how many of them must sign a change of keys.
            passphrase: encrypts all keys; None leaves them in the clear.

        Raises:
            InvalidRequest: the numbers cannot be meant.
            Conflict: the folder has been set up before.
            StoreFailed: the disk refuses.
        """
        if not 1 <= threshold <= root_keys <= _ROOT_KEYS_MAX:
            raise InvalidRequest(
                f"cannot let {threshold} of {root_keys} root keys sign: allowed are 1 "
                f"to {_ROOT_KEYS_MAX} keys, and no more signatures than keys",
                hint="edgectl publish init --root-keys 3 --threshold 2",
            )
        if not self._papers.is_new:
            raise Conflict(
                f"cannot set up {self.home.root}: it is set up already",
                hint="`edgectl publish list`, or `edgectl publish rotate` for new keys",
            )
        ensure(self._files, self.home.root)
        with alone(self.home.root):
            self.home.prepare(self._files)
            root = Root(consistent_snapshot=True)
            for label, roles in LABELS.items():
                for _ in range(root_keys if label == "root" else 1):
                    key = self._ring.make(label, passphrase)
                    for role in roles:
                        root.add_key(key, role)
            root.roles[Root.type].threshold = threshold
            self._files.write_atomic(
                Site.PUBLISH_SETTINGS, self.home.settings, write_settings(settings)
            )
            office = self._office(settings)
            office.stage_first_root(root)
            office.change_targets({})
            return Changed(settled=office.settle())

    def rotate(self, label: str, *, key: str | None, passphrase: str | None) -> Changed:
        """Replace a key by a new one.

        Args:
            label: `root`, `targets` or `online`.
            key: the first digits of the old one's id; needed where there are several.
            passphrase: encrypts the new one.

        Raises:
            InvalidRequest: it cannot be told which key is meant.
            EdgedError: as the office says.
        """
        with self._at_work() as office:
            roles = LABELS[label]
            root = self._papers.root().signed
            known = [root.get_key(keyid) for keyid in root.roles[roles[0]].keyids]
            meant = [k for k in known if key is None or k.keyid.startswith(key)]
            if len(meant) != 1:
                ids = ", ".join(short(k) for k in known)
                raise InvalidRequest(
                    f"cannot tell which {label} key to replace: there are {ids}",
                    hint=f"edgectl publish rotate {label} --key {short(known[0])}",
                )
            old = meant[0]
            fresh = self._ring.make(label, passphrase)

            def change(root: Root) -> None:
                for role in roles:
                    root.revoke_key(old.keyid, role)
                    root.add_key(fresh, role)

            office.change_root(change)
            settled = office.settle()
            done = any(one.role == Root.type for one in settled.wrote)
            path = self._ring.path(old) if done else None
            return Changed(settled=settled, spent=str(path) if path else None)

    def sign(self, role: str) -> Changed:
        """Sign what waits; where nothing waits, make the role's metadata anew.

        Raises:
            EdgedError: as the office says.
        """
        with self._at_work() as office:
            if role in SIGNED and not office.is_staged(role):
                office.anew(role)
            return Changed(settled=office.settle())

    def renew(self) -> Changed:
        """Make the timestamp anew, and whatever else will expire soon.

        Raises:
            EdgedError: as the office says.
        """
        with self._at_work() as office:
            return Changed(settled=office.settle(renew=True))

    # --- releases --------------------------------------------------------------------

    def add(
        self,
        path: Path,
        plan: Plan,
        *,
        bare: Callable[[int], Bare] | None = None,
        name: str = "",
        tell: Callable[[str], None],
    ) -> Added:
        """Publish a release.

        Args:
            path: a bundle, or a bare model file.
            plan: how it is offered.
            bare: describes a bare model file, given the next number of `name`.
            name: of a bare model file's model.
            tell: told what is being done.

        Raises:
            Conflict: its number is not higher than all of its model.
            Rejected: a variant does not give its golden answers.
            EdgedError: the bundle is bad, or as the office says.
        """
        with self._at_work() as office:
            self._sweep()
            office.settle()  # what a crash left
            targets = office.targets()
            made = bare((listings.highest(targets, name) or 0) + 1) if bare else None
            with intake.taken(
                path, bare=made, work=self.home.work, files=self._files
            ) as copied:
                manifest = copied.manifest
                listings.check_next(targets, manifest.name, manifest.seq)
                candidate = intake.proved(copied, tell)
                fresh, new_bytes = Shelf(self.home, self._files).put(candidate)
            now = self._clock.utc()
            listing = Listing(
                model=manifest.name,
                version=manifest.version,
                seq=manifest.seq,
                size_bytes=candidate.size_bytes,
                issued=utc_text(now),
                starts=utc_text(now),
                rollout=plan.rollout,
                mandatory_by=utc_text(plan.mandatory_by) if plan.mandatory_by else None,
                changelog=plan.changelog,
                needs_edged=manifest.needs.edged or "",
                arch=manifest.needs.arch,
            )
            office.change_targets(listings.listed({**targets, **fresh}, listing))
            return Added(
                release=offered(listing, now),
                variants=candidate.variants,
                new_bytes=new_bytes,
                settled=office.settle(),
            )

    def change(
        self, model: str, seq: int, change: Callable[[Listing], Listing]
    ) -> Changed:
        """Say something else about a release.

        Raises:
            UnknownVersion: it is not listed.
            Conflict: it says that already.
            EdgedError: as the office says.
        """
        with self._at_work() as office:
            office.settle()  # what a crash left
            targets = office.targets()
            before = listings.find(targets, model, seq)
            after = change(before)
            if after == before:
                revoked = before.revoked
                raise Conflict(
                    f"cannot change release {seq} of {model}: "
                    + (f"it is revoked: {revoked}" if revoked else "")
                    + ("" if revoked else "it is listed so already"),
                    hint="edgectl publish add BUNDLE, with a higher seq"
                    if revoked
                    else "edgectl publish list",
                )
            office.change_targets(listings.listed(targets, after))
            return Changed(
                release=offered(after, self._clock.utc()), settled=office.settle()
            )

    def roll_out(
        self, model: str, seq: int, rollout: tuple[Stage, ...], starts: datetime
    ) -> Changed:
        """Offer a release in stages.

        Raises:
            EdgedError: as `change`.
        """
        return self.change(
            model, seq, lambda it: replace(it, rollout=rollout, starts=utc_text(starts))
        )

    # --- looking ---------------------------------------------------------------------

    def list(self) -> Published:
        """Tell what there is here; nothing is changed.

        Raises:
            NoInput: the folder is no publisher's.
            BadRelease: a document is damaged.
            StoreFailed: a document cannot be read.
        """
        now = self._clock.utc()
        office = self._office(self._settings())
        papers = (
            self._papers.newest(Root),
            self._papers.newest(Targets),
            self._papers.newest(Snapshot),
            self._papers.newest(Timestamp),
        )
        return Published(
            releases=tuple(
                offered(one, now) for one in listings.listings(office.targets())
            ),
            roles=tuple(role_state(paper.signed, now) for paper in papers if paper),
            waiting=self._waiting(),
        )

    def _waiting(self) -> tuple[Waiting, ...]:
        root = self._papers.root().signed
        papers = (self._papers.staged(Root), self._papers.staged(Targets))
        found = (waiting_for(root, paper) for paper in papers if paper is not None)
        return tuple(one for one in found if one is not None)

    # --- small steps -----------------------------------------------------------------

    @contextmanager
    def _at_work(self) -> Iterator[Office]:
        settings = self._settings()
        with alone(self.home.root):
            yield self._office(settings)

    def _settings(self) -> PublishSettings:
        self._papers.root()
        with store_errors("read", self.home.settings):
            data = self.home.settings.read_bytes()
        return read_settings(data, str(self.home.settings))

    def _office(self, settings: PublishSettings) -> Office:
        return Office(self._papers, self._ring, settings.expiry, self._clock)

    def _sweep(self) -> None:
        """Remove what an earlier `add` left when it was killed."""
        self.home.prepare(self._files)
        for left in sorted(self.home.work.iterdir()):
            self._files.remove_tree(Site.SWEEP, left)


def role_state(signed: Signed, now: datetime) -> RoleState:
    """Return a role's metadata as people are told of it."""
    return RoleState(
        role=signed.type,
        version=signed.version,
        expires=utc_text(signed.expires),
        left_s=int((signed.expires - now).total_seconds()),
    )
