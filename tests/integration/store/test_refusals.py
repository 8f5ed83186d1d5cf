"""Every site refuses in turn, with every errno a disk has: the old state stays."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edged.errors import StoreFailed
from edged.host.files import Site
from edged.store.bundle import Limits, receive
from tests.fakes.bundles import Shop, in_pieces, tar_of
from tests.fakes.files import RecordingFiles

ERRORS = [
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EIO,
    errno.EMFILE,
]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What reaches a site, and what must be true when the site refuses.

    Attributes:
        kept: what is installed is as before.
        raised: the caller hears of it.
        left: names in `incoming/`, which the next start sweeps.
    """

    change: Callable[[Shop], object]
    kept: bool = True
    raised: bool = True
    left: int = 0


def _discard(shop: Shop) -> None:
    chunks = in_pieces(tar_of({"net.onnx": b""}))
    staged = receive(chunks, shop.layout.incoming / "new", shop.files, Limits())
    shop.releases.discard(staged)


def _repair(shop: Shop) -> None:
    path = shop.layout.current("pets") / "model.onnx"
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    try:
        shop.install(seq=2)
    finally:
        path.write_bytes(whole)


def _prepare_anew(shop: Shop) -> None:
    shop.layout.incoming.rmdir()
    try:
        shop.open()
    finally:
        shop.layout.incoming.mkdir(exist_ok=True)


def _sweep(shop: Shop) -> None:
    (shop.layout.incoming / "half").mkdir()
    shop.open()


def _restore(shop: Shop) -> None:
    disk = shop.files
    assert isinstance(disk, RecordingFiles)
    disk.fail(Site.LINK_CURRENT, OSError(errno.EIO, ""))
    shop.install(seq=3)


def _install(shop: Shop) -> None:
    shop.install(seq=3)


def _delete(shop: Shop) -> None:
    shop.releases.delete(shop.releases.installed("pets")[0])


CASES = {
    Site.STORE_FOLDER: Case(change=_prepare_anew),
    Site.SWEEP: Case(change=_sweep, left=1),
    Site.STAGE_FOLDER: Case(change=_install),
    Site.STAGE_FILE: Case(change=_install),
    Site.STAGE_SYNC: Case(change=_install),
    Site.STAGE_DROP: Case(change=_discard, raised=False, left=1),
    Site.MODEL_FOLDER: Case(change=lambda shop: shop.install("wolves")),
    Site.RELEASE_SHARE: Case(change=_install),
    Site.RELEASE_ADOPT: Case(change=_install),
    Site.RELEASE_REPAIR: Case(change=_repair),
    Site.RELEASE_DELETE: Case(change=_delete),
    Site.MODEL_DELETE: Case(change=lambda shop: shop.releases.remove("pets")),
    Site.TRASH_DROP: Case(change=_delete, kept=False, raised=False, left=1),
    # The new release is installed and not live: the agent deletes it.
    Site.LINK_PREVIOUS: Case(change=_install, kept=False),
    Site.LINK_CURRENT: Case(change=_install, kept=False),
    Site.LINK_RESTORE: Case(change=_restore, kept=False),
    Site.LINK_CLEAR: Case(change=lambda shop: shop.links.clear("pets")),
}

#: Not a site of releases and links; these have tests of their own.
ELSEWHERE = {
    Site.PUBLISH_FOLDER,
    Site.PUBLISH_SETTINGS,
    Site.PUBLISH_FILE,
    Site.PUBLISH_STAGED,
    Site.PUBLISH_METADATA,
    Site.PUBLISH_PUSH,
    Site.PUBLISH_TAR,
    Site.STATUS_SNAPSHOT,
    Site.JOURNAL_APPEND,
    Site.JOURNAL_COMPACT,
    Site.PROOF,
    Site.PROOF_DROP,
    Site.PART_FILE,
    Site.PART_MAP,
    Site.PART_DROP,
    Site.TRUST_FOLDER,
    Site.TRUST_METADATA,
    Site.TRUST_FLOOR,
    Site.UPDATE_FOLDER,
    Site.UPDATE_NOTES,
}


def test_every_site_of_the_store_has_its_case() -> None:
    """A new site needs a new line here."""
    assert set(Site) == CASES.keys() | ELSEWHERE


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("site", CASES, ids=lambda site: site.value)
def test_a_site_that_refuses_leaves_the_old_state(
    tmp_path: Path, site: Site, number: int
) -> None:
    """The live release serves on, nothing is half there, and it is told why."""
    disk = RecordingFiles()
    shop = Shop(tmp_path / "state", disk).open()
    shop.install(seq=1)
    live = shop.install(seq=2)
    before = shop.tree()
    case = CASES[site]
    disk.fail(site, OSError(number, os.strerror(number)))

    error = _error_of(case, shop)

    assert case.raised == (error is not None)
    if error is not None:
        assert error.message.startswith("cannot ")
        assert error.hint
    if case.kept:
        assert before == shop.tree()
    assert live.folder == shop.links.current("pets")
    assert all(
        () == shop.releases.verify(release)
        for name in shop.releases.names()
        for release in shop.releases.installed(name)
    )
    assert case.left == len(shop.leftovers())
    disk.mend()
    assert [] == shop.open().leftovers()
    assert 5 == shop.install(seq=5).manifest.seq


@pytest.mark.parametrize("site", CASES, ids=lambda site: site.value)
def test_a_case_reaches_its_site(tmp_path: Path, site: Site) -> None:
    """Without this, a case could pass because it does nothing."""
    disk = RecordingFiles()
    shop = Shop(tmp_path / "state", disk).open()
    shop.install(seq=1)
    shop.install(seq=2)
    disk.ops.clear()

    _error_of(CASES[site], shop)

    assert site in disk.sites


def _error_of(case: Case, shop: Shop) -> StoreFailed | None:
    try:
        case.change(shop)
    except StoreFailed as error:
        return error
    return None
