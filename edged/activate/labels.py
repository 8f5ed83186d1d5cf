"""Labels name what a model answers; rotten ones would name it wrongly.

Law: pure.
"""

from collections.abc import Mapping

from edged.errors import BadRelease
from edged.store.releases import Release


def check_labels(release: Release, rotten: Mapping[str, str]) -> None:
    """Refuse a release whose label files have rotted.

    Args:
        release: on disk.
        rotten: what is wrong with files, by name.

    Raises:
        BadRelease: a label file is not what was installed.
    """
    for output in release.manifest.signature.outputs:
        if output.labels is not None and output.labels in rotten:
            raise BadRelease(
                f"cannot load {release.name}: {rotten[output.labels]}",
                hint=f"install {release.manifest.version} again: edgectl install PATH",
            )
