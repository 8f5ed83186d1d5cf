"""What can be told of a release's files before a runtime sees one.

Law: blocking; bounded readers of our own, see `runtime.onnx_file` and
`runtime.tflite_file`. Nothing is followed out of the release's folder.
"""

from io import BufferedReader
from pathlib import Path

from edged.errors import BadBundle
from edged.host.beneath import Elsewhere, open_plain
from edged.host.files import store_errors
from edged.runtime import onnx_file, tflite_file
from edged.store.integrity import fault_inside
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
        StoreFailed: a file cannot be read.
    """
    backends = {variant.file: variant.backend for variant in manifest.variants}
    for name, entry in manifest.files.items():
        with _opened(folder, name, manifest) as file:
            if wrong := fault_inside(file, folder / name, entry):
                raise _unusable(manifest, wrong)
            match backends.get(name):
                case BackendName.ONNX:
                    _check_external(file, folder / name, manifest)
                case BackendName.LITERT:
                    tflite_file.read_open(file, name)


def _opened(folder: Path, name: str, manifest: Manifest) -> BufferedReader:
    """Open a file once: what is hashed is what is looked into."""
    with store_errors("read", folder / name):
        try:
            return open_plain(folder, name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _unusable(manifest, f"{name} is missing") from error
        except Elsewhere as error:
            raise _unusable(manifest, f"{name} is not a plain file") from error


def _unusable(manifest: Manifest, wrong: str) -> BadBundle:
    return BadBundle(
        f"cannot use {manifest.name} {manifest.version}: {wrong}",
        hint="install it again, from plain files as they were published",
    )


def _check_external(file: BufferedReader, path: Path, manifest: Manifest) -> None:
    with store_errors("read", path):
        names = onnx_file.external_files_of(file, path)
    for name in names:
        if name not in manifest.files:
            raise BadBundle(
                f"cannot use {path.name} of {manifest.name}: it keeps tensors in "
                f"{name!r}, which its manifest does not name",
                hint="add the file to `files:` in model.yaml",
            )
