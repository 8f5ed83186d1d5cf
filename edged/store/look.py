"""Looking at the store: what is there, in words that only `StoreFailed` interrupts.

Law: changes nothing and follows no link in the last component. A path that is not
there is an answer; a path that cannot be looked at (no permission, a loop of links, a
device that fails) is not, and says so. Nothing is opened that is not a plain file:
a FIFO would block for ever, a device has effects.
"""

import os
import stat
from pathlib import Path

from edged.errors import BadRelease
from edged.host.beneath import Elsewhere, open_plain
from edged.host.files import store_errors


def found(path: Path) -> os.stat_result | None:
    """Return what is at a path itself; None where nothing is.

    Raises:
        StoreFailed: it cannot be told.
    """
    with store_errors("read", path):
        try:
            return path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder, not a link to one.

    Raises:
        StoreFailed: it cannot be told.
    """
    there = found(path)
    return there is not None and stat.S_ISDIR(there.st_mode)


def is_file(path: Path) -> bool:
    """Tell whether there is a plain file, not a link to one.

    Raises:
        StoreFailed: it cannot be told.
    """
    there = found(path)
    return there is not None and stat.S_ISREG(there.st_mode)


def is_link(path: Path) -> bool:
    """Tell whether there is a symlink, wherever it leads.

    Raises:
        StoreFailed: it cannot be told.
    """
    there = found(path)
    return there is not None and stat.S_ISLNK(there.st_mode)


def listed(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none where there is no folder.

    Raises:
        StoreFailed: it cannot be read.
    """
    with store_errors("read", folder):
        try:
            return sorted(entry.name for entry in folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []


def read_plain(path: Path, *, max_bytes: int) -> bytes:
    """Read a small plain file that may be anything by now.

    Raises:
        BadRelease: it is missing, no plain file, or larger; the sentence is short,
            for the caller to put into its own.
        StoreFailed: it cannot be read.
    """
    with store_errors("read", path):
        try:
            file = open_plain(path.parent, path.name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadRelease(f"it has no {path.name}") from error
        except Elsewhere as error:
            raise BadRelease(f"its {path.name} is not a plain file") from error
        with file:
            data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise BadRelease(f"its {path.name} is larger than {max_bytes} bytes")
    return data
