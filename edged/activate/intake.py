"""A stream -> a candidate: staged files and a manifest that describes them.

Law: blocking; the agent brings the thread. Until `adopt`, a candidate is a folder in
`incoming/` that `drop`, or the next start, removes.
"""

import hashlib
import secrets
from collections.abc import Iterable

import msgspec

from edged.activate.verifier import Verifier, Vouched
from edged.errors import BadBundle, Untrusted
from edged.host.files import Files
from edged.store import bundle
from edged.store.layout import MANIFEST, Layout
from edged.store.manifest import read_manifest, write_manifest
from edged.store.releases import Release, Releases
from edged.wire.messages import InstallRequest
from edged.wire.names import Trust
from edged.wire.release import Manifest
from edged.wire.updates import Reason


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is not installed yet.

    Attributes:
        source: whose it is; None for one that a person brings.
        vouched: why it may come in.
    """

    manifest: Manifest
    digest: str
    staged: bundle.Staged
    source: str | None = None
    vouched: Vouched = Vouched(trust=Trust.LOCAL)


class Intake:
    """Takes streams in."""

    def __init__(
        self,
        releases: Releases,
        *,
        layout: Layout,
        files: Files,
        limits: bundle.Limits,
        verifier: Verifier,
    ) -> None:
        self._layout = layout
        self._releases = releases
        self._files = files
        self._verifier = verifier
        self.limits = limits

    def receive(
        self, chunks: Iterable[bytes], request: InstallRequest
    ) -> bundle.Staged:
        """Stage a stream; one of a source may have signed metadata in it.

        Raises:
            BadBundle: the stream is not a bundle.
            StoreFailed: the disk refuses.
        """
        return bundle.receive(
            chunks,
            self._layout.incoming / secrets.token_hex(8),
            self._files,
            self.limits,
            signed=request.source is not None,
        )

    def describe(self, staged: bundle.Staged, request: InstallRequest) -> Candidate:
        """Read its manifest; a bare model gets one that is drafted from it.

        Where it comes from a source, nobody reads on before that has vouched for it;
        then what was left out is taken from other releases. The draft takes the next
        `seq`, so no other change may be under way. What is refused is dropped.

        Raises:
            BadBundle: the manifest is not right, the name differs from the one
                asked for, or a file was left out that no release here has.
            Unsigned, Untrusted: its source does not vouch for it.
            BadModel: a bare model file cannot be read by its runtime.
            StoreFailed: the disk refuses.
        """
        vouched = Vouched(trust=Trust.LOCAL)
        try:
            if request.source is not None:
                vouched = self._verifier.verify(
                    request.source, staged.documents, staged.manifest or b""
                )
                if staged.manifest is not None:
                    staged = self._releases.filled(staged)
            if staged.manifest is None:
                staged = self._drafted(staged, request)
            data = staged.manifest
            if data is None:
                raise AssertionError("a completed bundle has a manifest")
            manifest = read_manifest(data, MANIFEST)
            _check_name(manifest.name, request, vouched)
        except BaseException:
            self._releases.discard(staged)
            raise
        return Candidate(
            manifest=manifest,
            digest=hashlib.sha256(data).hexdigest(),
            staged=staged,
            source=request.source,
            vouched=vouched,
        )

    def adopt(self, candidate: Candidate) -> Release:
        """Check every file and install the candidate; it is not live yet."""
        return self._releases.adopt(candidate.staged)

    def drop(self, candidate: Candidate) -> None:
        """Remove a candidate that is not wanted."""
        self._releases.discard(candidate.staged)

    def sweep(self) -> None:
        """Make the store's folders, and remove what an earlier life left there."""
        self._releases.prepare()
        self._releases.sweep()

    def _drafted(self, staged: bundle.Staged, request: InstallRequest) -> bundle.Staged:
        model = staged.model_file
        if model is None:
            raise AssertionError("a bundle without a manifest has a model file")
        if request.name is None:
            raise BadBundle(
                f"cannot install {model.name}: a bare model file needs a name",
                hint=f"edgectl install {model.name} --name NAME",
            )
        # Imported here: a box that installs bundles, or nothing, does not hold it.
        from edged.runtime.draft import draft  # noqa: PLC0415

        taken = [r.manifest.seq for r in self._releases.installed(request.name)]
        manifest, extra = draft(
            model,
            name=request.name,
            seq=max(taken, default=0) + 1,
            golden=staged.golden_file,
        )
        return bundle.complete(
            staged, {**extra, MANIFEST: write_manifest(manifest)}, self._files
        )


def _check_name(name: str, request: InstallRequest, vouched: Vouched) -> None:
    if request.name is not None and request.name != name:
        raise BadBundle(
            f"cannot install as {request.name!r}: the bundle's name is {name!r}",
            hint="leave --name out, or change `name:` in model.yaml",
        )
    if vouched.models and name not in vouched.models:
        raise Untrusted(
            f"cannot trust source {request.source} with {name}: the settings let it "
            f"bring {', '.join(vouched.models)} alone",
            hint="edgectl config show",
            reason=Reason.NOT_OFFERED.value,
        )
