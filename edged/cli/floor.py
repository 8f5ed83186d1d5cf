"""A model in this process, as the daemon has it: what serving cannot be faster than.

Law: the same file, the same conversion, the same number of threads; nothing is
written. Root loads no model that another user could have put there.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from edged.errors import BadRelease, NotPermitted, UnknownVariant
from edged.host.files import DiskFiles
from edged.runtime import backends, convert
from edged.runtime.base import Array
from edged.store.layout import Layout
from edged.store.releases import Release, Releases
from edged.wire.messages import ModelDetail


class Floor:
    """A loaded variant, ready to run."""

    def __init__(self, adapted: convert.Adapted, wanted: tuple[str, ...]) -> None:
        self._adapted = adapted
        self._wanted = wanted

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run once."""
        return self._adapted.run(inputs, self._wanted)

    def close(self) -> None:
        """Let go of the model."""
        self._adapted.close()


def opened(root: Path, detail: ModelDetail, variant: str, *, threads: int) -> Floor:
    """Load a variant of the live release from the store.

    Args:
        root: the daemon's `state-dir`.
        detail: says which release is live.
        variant: its id.
        threads: of one run.

    Raises:
        StoreFailed: this user may not read the store.
        BadRelease: it is another daemon's, or damaged.
        NotPermitted: root would load what another user wrote.
        UnknownVariant: the release has no such rung.
        BadModel: the file does not load here.
    """
    name = detail.status.name
    folder = next((ref.folder for ref in detail.releases if ref.live), None)
    if folder is None:
        raise BadRelease(f"cannot find the live release of {name}: none is listed")
    release = Releases(Layout(root), DiskFiles()).read(name, folder)
    found = {v.id: v for v in release.manifest.variants}.get(variant)
    if found is None:
        raise UnknownVariant(f"cannot load variant {variant!r}: {name} has no such")
    _check_owner(release, found.file)
    loaded = backends.load(found.backend, release.path / found.file, threads=threads)
    try:
        signature = release.manifest.signature
        adapted = convert.adapt(loaded, signature, found)
    except BaseException:
        loaded.close()
        raise
    return Floor(adapted, tuple(spec.name for spec in signature.outputs))


def _check_owner(release: Release, file: str) -> None:
    """Keep root from parsing in its own process what a lesser user can write."""
    owner = (release.path / file).stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        raise NotPermitted(
            f"cannot load {file} as root: it belongs to user {owner}",
            hint=f"sudo -u '#{owner}' edgectl bench {release.name}",
        )
