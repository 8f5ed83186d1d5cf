"""A publisher's folder: where everything lies, and who may change it now.

Law: every path is made here. `repository` is what is pushed; nothing else ever is.

    publish.yaml   how long signatures hold
    keys/          private keys; offline ones are moved away, or `--keys` names another
    repository/    metadata/, targets/, blobs/: see `wire/listing`
    staged/        metadata that waits for signatures
    work/          a bundle that is looked at
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edged.errors import ChangeUnderWay
from edged.host.files import Files, Site, store_errors


class Home:
    """Paths of one publisher.

    Args:
        root: its folder.
        keys: where private keys are, if not there.
    """

    def __init__(self, root: Path, *, keys: Path | None = None) -> None:
        self.root = root
        self.settings = root / "publish.yaml"
        self.keys = keys or root / "keys"
        self.repository = root / "repository"
        self.metadata = self.repository / "metadata"
        self.targets = self.repository / "targets"
        self.blobs = self.repository / "blobs"
        self.staged = root / "staged"
        self.work = root / "work"

    @property
    def first_root(self) -> Path:
        """What every box is given."""
        return self.metadata / "1.root.json"

    def prepare(self, files: Files) -> None:
        """Make the folders that are pushed, and those beside them.

        Raises:
            StoreFailed: the disk refuses.
        """
        for folder in (
            self.root,
            self.repository,
            self.metadata,
            self.targets,
            self.blobs,
            self.staged,
            self.work,
        ):
            ensure(files, folder)


def ensure(files: Files, folder: Path, *, site: Site = Site.PUBLISH_FOLDER) -> None:
    """Make a folder and those above it that are missing, durably.

    Raises:
        StoreFailed: the disk refuses.
    """
    if folder.is_dir():
        return
    ensure(files, folder.parent, site=site)
    files.mkdir(site, folder)
    files.sync_dir(site, folder.parent)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other commands from changing a folder meanwhile; flock(2).

    Raises:
        ChangeUnderWay: one is at it.
        StoreFailed: the folder cannot be opened.
    """
    with store_errors("open", folder):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise ChangeUnderWay(
                f"cannot change {folder}: another `edgectl publish` is at it",
                hint="wait until it has ended",
            ) from exc
        yield
    finally:
        os.close(fd)
