"""Removing releases."""

import errno

from edged.activate.shelf import Shelf
from edged.activate.tidy import tidy, undo
from edged.host.files import Site
from tests.fakes.box import Box, bundle


async def test_what_is_linked_never_goes(box: Box) -> None:
    """Neither live nor previous, whatever the bound and whoever asks."""
    for seq in (1, 2):
        await box.install(bundle(seq=seq))
    shelf = Shelf(box.releases, box.links)

    assert tidy(box.releases, shelf, "sums", keep=0) == []
    for release in shelf.installed("sums"):
        undo(box.releases, shelf, release)

    assert len(box.folders()) == 2


async def test_a_disk_that_refuses_is_a_warning(box: Box) -> None:
    """The change that came before has succeeded."""
    for seq in (1, 2, 3):
        await box.install(bundle(seq=seq))
    box.files.fail(Site.RELEASE_DELETE, OSError(errno.EROFS, "no"))

    warnings = tidy(box.releases, Shelf(box.releases, box.links), "sums", keep=2)

    assert len(warnings) == 1
    assert "read-only" in warnings[0]
