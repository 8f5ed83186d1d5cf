"""Every role's metadata: written, signed with the keys at hand, and put in place.

Law: a change is staged first, unsigned; `settle` carries it on from wherever it stands,
after a crash and on another machine alike. Documents are put in place in the order in
which they lean on each other, the timestamp last: until that is written, devices see
what they saw before. What lacks a signature stays in `staged/`, and is told.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from securesystemslib.signer import Key
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from edged.host.clock import Clock
from edged.publish.documents import Settled, Waiting, Wrote
from edged.publish.keys import SHORT, KeyRing
from edged.publish.papers import Papers, bytes_of
from edged.publish.settings import Expiry
from edged.wire.listing import CUSTOM
from edged.wire.words import utc_text

#: Name of the targets' document in a snapshot, and of the snapshot's in a timestamp.
_TARGETS, _SNAPSHOT = "targets.json", "snapshot.json"

#: A snapshot with less than this left of its life is made anew by the way.
_SNAPSHOT_LEFT = 0.5

#: What a person must sign is made anew this early where its keys are at hand.
_OFFLINE_LEFT = 1 / 3


class Office:
    """Writes and signs.

    Args:
        papers: the documents.
        ring: the keys at hand.
        expiry: how long signatures hold.
        clock: dates them.
    """

    def __init__(
        self, papers: Papers, ring: KeyRing, expiry: Expiry, clock: Clock
    ) -> None:
        self._papers = papers
        self._ring = ring
        self._expiry = expiry
        self._clock = clock

    # --- changes -------------------------------------------------------------------

    def targets(self) -> dict[str, TargetFile]:
        """Return the targets there are, also those that wait for a signature.

        Raises:
            NoInput: the folder is no publisher's.
            BadRelease: a document is damaged.
            StoreFailed: a document cannot be read.
        """
        self._papers.root()
        found = self._papers.staged(Targets) or self._papers.newest(Targets)
        return dict(found.signed.targets) if found else {}

    def change_targets(self, targets: dict[str, TargetFile]) -> None:
        """Stage other targets.

        Raises:
            BadRelease: a document is damaged.
            StoreFailed: the disk refuses.
        """
        newest = self._papers.newest(Targets)
        version = newest.signed.version + 1 if newest else 1
        now = self._clock.utc()
        signed = Targets(
            version=version,
            expires=self._expiry.of("targets", now),
            targets=targets,
            unrecognized_fields=_issued(now),
        )
        self._papers.stage(Metadata(signed))

    def change_root(self, change: Callable[[Root], None]) -> None:
        """Stage another root.

        Raises:
            NoInput: the folder is no publisher's.
            BadRelease: a document is damaged.
            StoreFailed: the disk refuses.
        """
        now = self._papers.root().signed.version
        staged = self._papers.staged(Root) or self._papers.root()
        root = staged.signed
        change(root)
        root.version = now + 1
        root.expires = self._expiry.of("root", self._clock.utc())
        self._papers.stage(Metadata(root))

    def stage_first_root(self, root: Root) -> None:
        """Stage the root that all others lead back to.

        Raises:
            StoreFailed: the disk refuses.
        """
        root.expires = self._expiry.of("root", self._clock.utc())
        self._papers.stage(Metadata(root))

    def is_staged(self, role: str) -> bool:
        """Tell whether a document of a role waits for signatures."""
        if role == Root.type:
            return self._papers.staged(Root) is not None
        return self._papers.staged(Targets) is not None

    def anew(self, role: str) -> None:
        """Stage the next version of a role with nothing changed but its expiry.

        Raises:
            NoInput: the folder is no publisher's.
            BadRelease: a document is damaged.
            StoreFailed: the disk refuses.
        """
        if role == Root.type:
            self.change_root(lambda _: None)
        else:
            self.change_targets(self.targets())

    # --- settling --------------------------------------------------------------------

    def settle(self, *, renew: bool = False) -> Settled:
        """Sign what is staged, and put in place all that has its signatures.

        Args:
            renew: the timestamp is made anew, and what will expire soon.

        Raises:
            NotPermitted: a key's passphrase is missing or wrong.
            BadRelease: a document is damaged.
            StoreFailed: the disk refuses.
        """
        wrote: list[Wrote] = []
        waiting: list[Waiting] = []
        for step in (self._root, self._targets):
            step(wrote, waiting, renew=renew)
        self._snapshot(wrote, waiting, renew=renew)
        return Settled(wrote=tuple(wrote), waiting=tuple(waiting))

    def _root(self, wrote: list[Wrote], waiting: list[Waiting], *, renew: bool) -> None:
        before = self._papers.newest(Root)
        if renew and self._may_renew(before, Root.type):
            self.anew(Root.type)
        staged = self._papers.staged(Root)
        if staged is None:
            return
        was = before.signed if before else None
        self._sign(staged, _keys(staged.signed, Root.type))
        if was is not None:
            self._sign(staged, _keys(was, Root.type))
        lacking = waiting_for(was, staged)
        if lacking is None:
            self._publish(staged, wrote)
            return
        self._papers.stage(staged)
        waiting.append(lacking)

    def _targets(
        self, wrote: list[Wrote], waiting: list[Waiting], *, renew: bool
    ) -> None:
        root = self._papers.newest(Root)
        if root is None:
            return
        staged = self._papers.staged(Targets)
        newest = self._papers.newest(Targets)
        if staged is None and (
            (newest is not None and not _holds(root.signed, newest))
            or (renew and self._may_renew(newest, Targets.type))
        ):
            self.anew(Targets.type)
            staged = self._papers.staged(Targets)
        if staged is None:
            return
        self._sign(staged, _keys(root.signed, Targets.type))
        self._done(root.signed, staged, wrote, waiting)

    def _snapshot(
        self, wrote: list[Wrote], waiting: list[Waiting], *, renew: bool
    ) -> None:
        root, targets = self._papers.newest(Root), self._papers.newest(Targets)
        if root is None or targets is None or not _holds(root.signed, targets):
            return
        now = self._clock.utc()
        old = self._papers.newest(Snapshot)
        is_good = (
            old is not None
            and _holds(root.signed, old)
            and old.signed.meta[_TARGETS].version == targets.signed.version
        )
        if old is None or not is_good or (renew and self._is_old(old, _SNAPSHOT_LEFT)):
            snapshot = Metadata(
                Snapshot(
                    version=old.signed.version + 1 if old else 1,
                    expires=self._expiry.of("snapshot", now),
                    meta={_TARGETS: _meta(targets)},
                    unrecognized_fields=_issued(now),
                )
            )
            self._sign(snapshot, _keys(root.signed, Snapshot.type))
            if not self._done(root.signed, snapshot, wrote, waiting, stage=False):
                return
            old = snapshot
        self._timestamp(root.signed, old, wrote, waiting, renew=renew)

    def _timestamp(
        self,
        root: Root,
        snapshot: Metadata[Snapshot],
        wrote: list[Wrote],
        waiting: list[Waiting],
        *,
        renew: bool,
    ) -> None:
        old = self._papers.newest(Timestamp)
        if (
            not renew
            and old is not None
            and _holds(root, old)
            and old.signed.snapshot_meta.version == snapshot.signed.version
        ):
            return
        now = self._clock.utc()
        timestamp = Metadata(
            Timestamp(
                version=old.signed.version + 1 if old else 1,
                expires=self._expiry.of("timestamp", now),
                snapshot_meta=_meta(snapshot),
                unrecognized_fields=_issued(now),
            )
        )
        self._sign(timestamp, _keys(root, Timestamp.type))
        self._done(root, timestamp, wrote, waiting, stage=False)

    # --- small steps -----------------------------------------------------------------

    def _sign(self, paper: Metadata[Any], keys: Iterable[Key]) -> None:
        for signer in self._ring.signers(keys):
            paper.sign(signer, append=True)

    def _done(
        self,
        root: Root,
        paper: Metadata[Any],
        wrote: list[Wrote],
        waiting: list[Waiting],
        *,
        stage: bool = True,
    ) -> bool:
        """Put a document in place if it has its signatures; else say what it lacks."""
        lacking = waiting_for(root, paper)
        if lacking is None:
            self._publish(paper, wrote)
            return True
        if stage:
            self._papers.stage(paper)
        waiting.append(lacking)
        return False

    def _publish(self, paper: Metadata[Any], wrote: list[Wrote]) -> None:
        self._papers.publish(paper)
        wrote.append(
            Wrote(
                role=paper.signed.type,
                version=paper.signed.version,
                expires=utc_text(paper.signed.expires),
            )
        )

    def _may_renew(self, paper: Metadata[Any] | None, role: str) -> bool:
        """Tell whether a document will expire soon, and could be signed here."""
        if paper is None or not self._is_old(paper, _OFFLINE_LEFT):
            return False
        root = self._papers.root().signed
        held = [key for key in _keys(root, role) if self._ring.path(key)]
        return len(held) >= root.roles[role].threshold

    def _is_old(self, paper: Metadata[Any], left: float) -> bool:
        now = self._clock.utc()
        life: float = getattr(self._expiry, paper.signed.type)
        return _seconds(paper.signed.expires, now) < life * left


def waiting_for(root: Root | None, paper: Metadata[Any]) -> Waiting | None:
    """Return what a document lacks to be trusted; None where that is nothing.

    Args:
        root: the one that is trusted now; None before the first.
        paper: any role's document. The next root must be signed as the one before asks,
            and as it asks itself.
    """
    signed, payload = paper.signed, paper.signed_bytes
    if isinstance(signed, Root):
        both = signed.get_root_verification_result(root, payload, paper.signatures)
        result = both.second if both.first.verified else both.first
        unsigned = both.unsigned
    elif root is None:
        raise AssertionError("the first document is a root")
    else:
        result = root.get_verification_result(signed.type, payload, paper.signatures)
        unsigned = result.unsigned
    if result.verified:
        return None
    return Waiting(
        role=signed.type,
        version=signed.version,
        signatures=len(result.signed),
        threshold=result.threshold,
        keys=tuple(sorted(keyid[:SHORT] for keyid in unsigned)),
    )


def _keys(root: Root, role: str) -> list[Key]:
    return [root.get_key(keyid) for keyid in root.roles[role].keyids]


def _holds(root: Root, paper: Metadata[Any]) -> bool:
    """Tell whether a document has the signatures that a root asks for."""
    return waiting_for(root, paper) is None


def _meta(paper: Metadata[Any]) -> MetaFile:
    meta: MetaFile = MetaFile.from_data(
        paper.signed.version, bytes_of(paper), ["sha256"]
    )
    return meta


def _issued(now: datetime) -> dict[str, Any]:
    return {CUSTOM: {"issued": utc_text(now)}}


def _seconds(until: datetime, now: datetime) -> float:
    return (until - now).total_seconds()
