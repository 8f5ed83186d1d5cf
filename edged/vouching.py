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
    from edged.trust.listings import Trusted
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
        signer = self._signer(asked)
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
            revoked=frozenset(_revoked(trusted, told.name) if trusted else ()),
            models=asked.models or signer.models,
        )

    def revoked(
        self, source: str, documents: Mapping[str, bytes], model: str
    ) -> Mapping[str, str]:
        """Tell what a source has revoked of a model; see `Verifier`."""
        asked = self._source(source)
        if asked.trust is SourceTrust.SHA256 or not documents:
            raise Unsigned(
                f"cannot hear of {model} from {source}: nothing signed came",
                hint="edgectl config show",
            )
        signer = self._signer(asked)
        may = asked.models or signer.models
        if may and model not in may:
            raise Untrusted(
                f"cannot trust source {source} with {model}: the settings let it "
                f"bring {', '.join(may)} alone",
                hint="edgectl config show",
                reason=Reason.NOT_OFFERED.value,
            )
        from edged.trust import offline  # noqa: PLC0415  # see the law

        trusted, _ = offline.heard(documents, self._repository(signer))
        return _revoked(trusted, model)

    def _signer(self, asked: Source) -> Source:
        is_signed = asked.kind is SourceKind.TUF
        return asked if is_signed else self._source(asked.confirm)

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


def _revoked(trusted: "Trusted", model: str) -> dict[str, str]:
    return {
        one.sha256: one.listing.revoked
        for one in trusted.releases
        if one.listing.model == model and one.listing.revoked
    }
