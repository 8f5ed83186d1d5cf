"""Who vouches for a release of a source.

Law: declared here, where it is needed; what signatures are is others' business.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from edged.wire.names import Trust


class Vouched(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says of a release, and of its model.

    Attributes:
        revoked: digests of the model's releases that must not run any more.
        models: that the source may bring; empty for all.
    """

    trust: Trust
    revoked: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()


class Verifier(Protocol):
    """Knows the sources. Blocking; one call at a time."""

    def verify(
        self, source: str, documents: Mapping[str, bytes], manifest: bytes
    ) -> Vouched:
        """Check that a source stands for a manifest.

        Args:
            source: its name in the settings.
            documents: signed metadata that came along, by name.
            manifest: the bytes of `model.yaml`; empty where there is none.

        Raises:
            Unsigned: the source signs its releases, and nothing signed came along.
            Untrusted: what is signed does not hold, or is another release.
            BadBundle: the manifest cannot be read.
            StoreFailed: what is trusted cannot be kept.
        """

    def revoked(
        self, source: str, documents: Mapping[str, bytes], model: str
    ) -> Mapping[str, str]:
        """Return which releases of a model a source has revoked, and why, by digest.

        Args:
            source: its name in the settings.
            documents: signed metadata, by name.
            model: the only one that is asked about.

        Raises:
            Unsigned: the source signs nothing, or nothing signed came.
            Untrusted: what is signed does not hold, or the source has no say there.
            StoreFailed: what is trusted cannot be kept.
        """
