"""The port to where releases come from.

Law: a source says what there is, and where its bytes are; it decides nothing. What it
says of a release was checked: signed metadata against its root, or the word of a host
that the administrator believes.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from edged.update.offers import Offer
from edged.wire.listing import ChunkIndex


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of a release before its first byte.

    Attributes:
        manifest: the bytes of `model.yaml`; its sha256 is the offer's digest. Empty
            where the release is one file: a bundle's tar, or a bare model file, which
            has that digest itself.
        index: of every file that the manifest names, or of the one file.
        documents: signed metadata for the daemon, by name; none where there is none.
    """

    manifest: bytes
    index: ChunkIndex
    documents: Mapping[str, bytes] = {}


class Source(Protocol):
    """One source. Its methods are called on the loop, one at a time.

    They raise nothing but:

    - `NotFetched`: bytes did not arrive; `fields["reason"]`, `retry_after_s`.
    - `Untrusted`: signatures do not hold; `fields["reason"]`.
    - `StoreFailed`: what is trusted could not be made durable.

    Attributes:
        name: as in the settings.
        kind: `tuf`, `api`.
        url: as in the settings, for people.
        clock: what it thinks of the box's clock: `right`, `behind`, `unknown`.
        versions: of its signed metadata, by role; empty for one that has none.
    """

    @property
    def name(self) -> str:
        """Tell its name."""

    @property
    def kind(self) -> str:
        """Tell how it is asked."""

    @property
    def url(self) -> str:
        """Tell where it is."""

    @property
    def clock(self) -> str:
        """Tell what it thinks of the clock; see class."""

    @property
    def versions(self) -> Mapping[str, int]:
        """Tell the versions of its metadata; see class."""

    async def look(self) -> tuple[Offer, ...]:
        """Ask what there is; all of it, and what must not run any more."""

    async def describe(self, offer: Offer) -> Described:
        """Fetch what describes a release that it offered."""

    async def documents(self) -> Mapping[str, bytes]:
        """Return the signed metadata of the last look; none where nothing is signed."""

    def urls(self, sha256: str) -> tuple[str, ...]:
        """Return where a file of the release last described can be had, best first."""
