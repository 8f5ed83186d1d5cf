"""What can be told of a release's files before a runtime sees one.

Law: blocking; bounded readers of our own, see `runtime.onnx_file` and
`runtime.tflite_file`. Nothing is followed out of the release's folder.
"""

import stat
from pathlib import Path

from edged.errors import BadBundle
from edged.runtime import onnx_file, tflite_file
from edged.wire.release import BackendName, Manifest


def check_static(folder: Path, manifest: Manifest) -> None:
    """Check the files of a staged or installed release.

    Args:
        folder: it lies there.
        manifest: names its files.

    Raises:
        BadBundle: a file is none, or a model keeps tensors where the manifest names
            nothing.
        BadModel: a model's file is damaged, or not what its backend takes.
    """
    for name in manifest.files:
        if not stat.S_ISREG((folder / name).lstat().st_mode):
            raise BadBundle(
                f"cannot use {name} of {manifest.name}: it is not a regular file",
                hint="pack the bundle again, with files instead of links",
            )
    for variant in manifest.variants:
        path = folder / variant.file
        match variant.backend:
            case BackendName.ONNX:
                _check_external(path, manifest)
            case BackendName.LITERT:
                tflite_file.read(path)


def _check_external(path: Path, manifest: Manifest) -> None:
    for name in onnx_file.external_files(path):
        if name not in manifest.files:
            raise BadBundle(
                f"cannot use {path.name} of {manifest.name}: it keeps tensors in "
                f"{name!r}, which its manifest does not name",
                hint="add the file to `files:` in model.yaml",
            )
