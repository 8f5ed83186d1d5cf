"""Bundles that look like releases to the store: no runtime could load their model."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from edged.host.files import Files
from edged.store.bundle import Limits, receive
from edged.store.layout import Layout
from edged.store.links import Links
from edged.store.manifest import write_manifest
from edged.store.releases import Release, Releases
from edged.wire.release import (
    BackendName,
    FileEntry,
    Input,
    Manifest,
    Output,
    Signature,
    Variant,
)
from edged.wire.tensors import Datatype

LABELS = b"cat\ndog\n"


def manifest_for(files: Mapping[str, bytes], *, name: str, seq: int) -> Manifest:
    """Describe files, of which `model.onnx` is the only variant."""
    return Manifest(
        name=name,
        version=f"1.{seq}.0",
        seq=seq,
        signature=Signature(
            inputs=(Input(name="x", datatype=Datatype.FP32, shape=(1, 4)),),
            outputs=(
                Output(
                    name="y",
                    datatype=Datatype.FP32,
                    shape=(1, 2),
                    labels="labels.txt" if "labels.txt" in files else None,
                ),
            ),
        ),
        variants=(Variant(id="fp32", backend=BackendName.ONNX, file="model.onnx"),),
        files={
            file: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for file, data in files.items()
        },
    )


def bundle_files(name: str = "pets", seq: int = 1) -> dict[str, bytes]:
    """Return a whole bundle: each `seq` has its own model and the same labels."""
    files = {"model.onnx": b"weights %d " % seq * 999, "labels.txt": LABELS}
    manifest = write_manifest(manifest_for(files, name=name, seq=seq))
    return {"model.yaml": manifest, **files}


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """Pack files with the standard module."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def in_pieces(data: bytes, size: int = 4096) -> Iterator[bytes]:
    """Cut bytes as a socket does."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Shop:
    """A store in a folder, with the verbs of one installation after the other."""

    def __init__(self, root: Path, files: Files) -> None:
        self.layout = Layout(root)
        self.files = files
        self.releases = Releases(self.layout, files)
        self.links = Links(self.layout, files)

    def open(self) -> "Shop":
        """Do what the daemon does at start-up."""
        self.releases.prepare()
        self.releases.sweep()
        return self

    def install(self, name: str = "pets", seq: int = 1) -> Release:
        """Receive, adopt and switch."""
        return self.take(in_pieces(tar_of(bundle_files(name, seq))))

    def take(self, chunks: Iterable[bytes]) -> Release:
        """Receive, adopt and switch."""
        staged = receive(chunks, self.layout.incoming / "new", self.files, Limits())
        release = self.releases.adopt(staged)
        live = self.links.look(self.layout.current(release.name)).folder
        if live != release.folder:
            self.links.switch(release.name, release.folder, previous=live)
        return release

    def tree(self) -> dict[str, bytes | str]:
        """Return what is installed: bytes by path, targets by link."""
        return {
            str(path.relative_to(self.layout.models_dir)): (
                str(path.readlink()) if path.is_symlink() else path.read_bytes()
            )
            for path in sorted(self.layout.models_dir.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def leftovers(self) -> list[str]:
        """Return what lies in `incoming/`."""
        return sorted(path.name for path in self.layout.incoming.iterdir())
