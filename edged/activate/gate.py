"""What can be told of a release's files before a runtime sees one.

Law: blocking; bounded readers of our own, see `runtime.onnx_file` and
`runtime.tflite_file`. Nothing is followed out of the release's folder.
"""

from pathlib import Path

from edged.errors import BadBundle
from edged.runtime import onnx_file, tflite_file
from edged.store.integrity import fault
from edged.wire.release import BackendName, Manifest


def check_static(folder: Path, manifest: Manifest) -> None:
    """Check the files of a staged or installed release.

    Args:
        folder: it lies there.
        manifest: names its files.

    Raises:
        BadBundle: a file is missing, no plain file or not what the manifest says of
            its size and digest, or a model keeps tensors where the manifest names
            nothing.
        BadModel: a model's file is damaged, or not what its backend takes.
    """
    for name, entry in manifest.files.items():
        if wrong := fault(folder / name, entry):
            raise BadBundle(
                f"cannot use {manifest.name} {manifest.version}: {wrong}",
                hint="install it again, from plain files as they were published",
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
