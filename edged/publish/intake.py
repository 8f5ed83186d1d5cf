"""A bundle -> files of ours, whose manifest is true and whose variants answer right.

Law: what a box would refuse is refused here first, by the same code: the store's for
files, the trial's for models. The bundle is copied, and the copy is what is looked at
and published. Blocking.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from edged.errors import BadBundle, Rejected
from edged.host.files import Files, Site
from edged.store import bundle, integrity
from edged.store.layout import MANIFEST
from edged.store.manifest import write_manifest
from edged.wire.proofs import VariantProof
from edged.wire.release import Manifest

#: A device's own bounds are its settings; here only a slip is to be caught.
_LIMITS = bundle.Limits(max_bytes=8 << 30, max_files=4096)

#: One thread: answers are what counts here, and cost is each board's own matter.
_THREADS = (1,)


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """What a bare model file does not say about itself.

    Attributes:
        name: the model's.
        version: for people; None for the number.
        seq: the release's number.
        golden: inputs, and answers where they are known; None to make some up.
    """

    name: str
    version: str | None
    seq: int
    golden: Path | None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A release that may be published.

    Attributes:
        folder: its files, which are ours.
        data: the bytes of `model.yaml`.
        variants: how each did here.
    """

    folder: Path
    manifest: Manifest
    data: bytes
    variants: tuple[VariantProof, ...] = ()

    @property
    def size_bytes(self) -> int:
        """All files together, the manifest not counted."""
        return sum(entry.size for entry in self.manifest.files.values())


@contextmanager
def taken(
    path: Path, *, bare: Bare | None, work: Path, files: Files
) -> Iterator[Candidate]:
    """Copy a bundle into a folder of ours, which is gone afterwards.

    Args:
        path: a bundle's folder, a tar of one, or a bare model file.
        bare: describes a bare model file; None for a bundle.
        work: where the copy is made.
        files: writes it.

    Raises:
        NoInput: it cannot be read.
        BadBundle: it is no bundle, or its files are not what its manifest says.
        BadModel: a bare model cannot be run.
        StoreFailed: the disk refuses.
    """
    folder = work / secrets.token_hex(8)
    stream = bundle.pack(path, golden=bare.golden if bare else None)
    staged = bundle.receive(stream, folder, files, _LIMITS)
    try:
        if staged.manifest is None:
            staged = _drafted(staged, bare, path, files)
        elif bare is not None:
            raise BadBundle(
                f"cannot publish {path} under another name: it has a {MANIFEST}",
                hint=f"`edgectl publish add {path}`, or change its {MANIFEST}",
            )
        manifest, _ = integrity.agreed(staged)
        data = staged.manifest or b""
        yield Candidate(folder=folder, manifest=manifest, data=data)
    finally:
        files.remove_tree(Site.STAGE_DROP, folder)


def proved(candidate: Candidate, tell: Callable[[str], None]) -> Candidate:
    """Load every variant and hold its answers against the golden ones.

    Raises:
        Rejected: a variant does not load, or does not give its golden answers.
    """
    # Imported here: who rolls out or renews needs no runtime.
    from edged.runtime import measure  # noqa: PLC0415

    manifest = candidate.manifest
    found = []
    for number, variant in enumerate(manifest.variants, 1):
        tell(f"trying {variant.id}, {number} of {len(manifest.variants)}")
        subject = measure.Subject(
            path=candidate.folder, manifest=manifest, variant=variant
        )
        found.append(measure.measure(subject, threads=_THREADS))
    problems = [f"{one.id}: {one.problem}" for one in found if one.problem]
    if problems:
        raise Rejected(
            f"cannot publish {manifest.name} {manifest.version}: "
            + "; ".join(problems),
            hint="mend the bundle: a box would refuse it, too",
            variants={one.id: one.problem for one in found if one.problem},
        )
    return replace(candidate, variants=tuple(found))


def _drafted(
    staged: bundle.Staged, bare: Bare | None, path: Path, files: Files
) -> bundle.Staged:
    if bare is None:
        raise BadBundle(
            f"cannot publish {path} without a name: it has no {MANIFEST}",
            hint=f"edgectl publish add {path} --name NAME",
        )
    from edged.runtime.draft import draft  # noqa: PLC0415  # as above

    model = staged.model_file
    if model is None:
        raise AssertionError("a bundle without a manifest has a model file")
    manifest, extra = draft(
        model, name=bare.name, seq=bare.seq, golden=staged.golden_file
    )
    if bare.version is not None:
        manifest = replace(manifest, version=bare.version)
    return bundle.complete(staged, {**extra, MANIFEST: write_manifest(manifest)}, files)


def digest_of(data: bytes) -> str:
    """Return the sha256 of bytes, as a listing has it."""
    return hashlib.sha256(data).hexdigest()
