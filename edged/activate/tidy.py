"""Removing releases: what retention does not keep, and what did not go live.

Law: blocking; the agent brings the thread. What is live, or previous, never goes: the
links are asked, not memory.
"""

from edged.activate.shelf import Shelf
from edged.errors import EdgedError
from edged.store.releases import Release, Releases
from edged.store.retention import expendable


def undo(releases: Releases, shelf: Shelf, release: Release) -> None:
    """Delete a release that did not go live.

    Raises:
        StoreFailed: the disk refuses.
    """
    if release.folder not in shelf.linked(release.name):
        releases.delete(release)


def tidy(releases: Releases, shelf: Shelf, name: str, *, keep: int) -> list[str]:
    """Delete what retention does not keep; a failure is a warning.

    Args:
        releases: of the store.
        shelf: asks it.
        name: of the model.
        keep: releases that stay; live and previous count, and stay in any case.
    """
    try:
        live, previous = shelf.linked(name)
        installed = shelf.installed(name)
        for release in expendable(
            installed, live=live, previous=previous, keep=max(0, keep - 2)
        ):
            releases.delete(release)
    except EdgedError as error:
        return [error.message]
    return []
