"""The sources of the settings, as who vouches for a release.

A part of the composition root.

Law: what is trusted of a source lies in a folder of its own, below the daemon's state;
nobody else writes there. TUF is imported when the first signed release comes, so that a
daemon without one does not hold it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edged.activate.verifier import Vouched
from edged.config.update import Source, SourceKind, SourceTrust, Update
from edged.errors import BadBundle, Unsigned, Untrusted
from edged.host.files import Files
from edged.store.layout import MANIFEST
from edged.store.manifest import read_manifest
from edged.wire.names import Trust
from edged.wire.updates import Reason

if TYPE_CHECKING:
    from edged.trust.repository import Repository


class Vouching:
    """Satisfies `activate.verifier.Verifier`.

    Args:
        update: the settings that name the sources.
        folder: what is trusted lies in a folder of it for each source.
        files: where to write.
    """

    def __init__(self, update: Update, *, folder: Path, files: Files) -> None:
        self._update = update
        self._folder = folder
        self._files = files

    def verify(
        self, source: str, documents: Mapping[str, bytes], manifest: bytes
    ) -> Vouched:
        """Check that a source stands for a manifest; see `Verifier`."""
        asked = self._source(source)
        if asked.trust is SourceTrust.SHA256:
            return Vouched(trust=Trust.SHA256, models=asked.models)
        signer = asked if asked.kind is SourceKind.TUF else self._source(asked.confirm)
        if not documents:
            raise Unsigned(
                f"cannot install: source {asked.name} signs its releases, and nothing "
                "signed came with this one",
                hint="`edgectl update import PATH` sends what is signed along",
            )
        if not manifest:
            raise BadBundle(f"cannot take bundle: a signed release has its {MANIFEST}")
        told = read_manifest(manifest, MANIFEST)
        from edged.trust import offline  # noqa: PLC0415  # see the law

        repository = self._repository(signer)
        offline.verify(
            documents, repository, manifest=manifest, model=told.name, seq=told.seq
        )
        trusted = repository.trusted()
        return Vouched(
            trust=Trust.SIGNED,
            revoked=frozenset(
                one.sha256
                for one in (trusted.releases if trusted else ())
                if one.listing.model == told.name and one.listing.revoked
            ),
            models=asked.models or signer.models,
        )

    def _source(self, name: str | None) -> Source:
        found = [one for one in self._update.sources if one.name == name]
        if not found:
            have = ", ".join(one.name for one in self._update.sources)
            raise Untrusted(
                f"cannot trust source {name}: the settings name "
                + (f"{have} alone" if have else "no source"),
                hint="edgectl config show",
                reason=Reason.NO_ROOT.value,
            )
        return found[0]

    def _repository(self, source: Source) -> "Repository":
        """Open what is trusted of a source.

        Anew each time: an administrator may have exchanged the root.
        """
        if source.root is None:
            raise AssertionError(f"the settings let no root miss: {source.name}")
        from edged.trust.anchor import read_root  # noqa: PLC0415  # see the law
        from edged.trust.clock import Watchmaker  # noqa: PLC0415
        from edged.trust.repository import Repository  # noqa: PLC0415

        return Repository(
            self._folder / source.name,
            read_root(source.root, source.name),
            self._files,
            Watchmaker(),
            expired=self._update.expired,
        )
