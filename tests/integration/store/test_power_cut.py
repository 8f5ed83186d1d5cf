"""A power cut at every step: the live link always leads to a whole release.

Each test runs a change with the power cut before its first step, its second, and so
on; once with everything lost that was not synced, and once with everything kept.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from edged.host.files import DiskFiles
from edged.store.bundle import Limits, receive
from tests.fakes.bundles import Shop, bundle_files, in_pieces, tar_of
from tests.fakes.files import PowerCut, RecordingFiles

Change = Callable[[Shop], object]


def _repair(shop: Shop) -> None:
    """Install the live release again, which is damaged."""
    shop.install(seq=2)


def _install_thin(shop: Shop) -> None:
    """Install a release that leaves out what others have."""
    sent = {n: d for n, d in bundle_files(seq=4).items() if n != "labels.txt"}
    into = shop.layout.incoming / "new"
    staged = receive(in_pieces(tar_of(sent)), into, shop.files, Limits())
    release = shop.releases.adopt(shop.releases.filled(staged))
    shop.links.switch("pets", release.folder, previous=_folder(shop, 3))


def _delete(shop: Shop) -> None:
    oldest = min(shop.releases.installed("pets"), key=lambda r: r.manifest.seq)
    shop.releases.delete(oldest)


CHANGES: dict[str, Change] = {
    "install": lambda shop: shop.install(seq=4),
    "install-thin": _install_thin,
    "install-other": lambda shop: shop.install("wolves", 1),
    "rollback": lambda shop: shop.links.put_back(
        "pets", _folder(shop, 2), previous=_folder(shop, 1)
    ),
    "use": lambda shop: shop.links.switch(
        "pets", _folder(shop, 1), previous=_folder(shop, 3)
    ),
    "delete": _delete,
    "remove-other": lambda shop: shop.releases.remove("cows"),
}


def _folder(shop: Shop, seq: int) -> str:
    installed = shop.releases.installed("pets")
    return next(r.folder for r in installed if r.manifest.seq == seq)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store to copy: the third release live, the second previous; and cows."""
    root = tmp_path_factory.mktemp("before") / "state"
    shop = Shop(root, DiskFiles()).open()
    shop.install("cows", 1)
    for seq in (1, 2, 3):
        shop.install(seq=seq)
    return root


@pytest.mark.parametrize("lose", [True, False], ids=["lost", "kept"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_live_link_leads_to_a_whole_release_at_every_step(
    tmp_path: Path, before: Path, change: str, *, lose: bool
) -> None:
    """And to the release before the change, or the one after it."""
    live = set()
    for cut in range(100):
        root = shutil.copytree(before, tmp_path / str(cut), symlinks=True)
        finished = _runs_through(root, CHANGES[change], cut=cut, lose=lose)
        names = Shop(root, DiskFiles()).releases.names()
        live.add(last := _check(root))
        if finished:
            break

    assert finished
    assert cut >= 2
    after = {"install": 4, "install-thin": 4, "rollback": 2, "use": 1}.get(change, 3)
    assert {3, after} == live
    # What was done is still done when the power is cut right after it.
    assert after == last
    known = {"install-other": ("cows", "pets", "wolves"), "remove-other": ("pets",)}
    assert known.get(change, ("cows", "pets")) == names


@pytest.mark.parametrize("lose", [True, False], ids=["lost", "kept"])
def test_what_was_put_right_stays_right_at_every_step(
    tmp_path: Path, before: Path, *, lose: bool
) -> None:
    """The damaged live release is either as damaged as before, or less, or whole."""
    faults = set()
    for cut in range(100):
        root = shutil.copytree(before, tmp_path / str(cut), symlinks=True)
        release = Shop(root, DiskFiles()).install(seq=2)
        (release.path / "model.onnx").write_bytes(b"")
        (release.path / "model.yaml").unlink()
        finished = _runs_through(root, _repair, cut=cut, lose=lose)
        shop = Shop(root, DiskFiles()).open()
        faults.add(len(shop.releases.verify(release)))
        if finished:
            break

    assert {2, 1, 0} == faults
    assert () == shop.releases.verify(release)


def _runs_through(root: Path, change: Change, *, cut: int, lose: bool) -> bool:
    """Carry a change out until the power is cut; tell whether it was done before."""
    disk = RecordingFiles(cut_after=cut, lose=lose)
    try:
        change(Shop(root, disk))
    except PowerCut:
        return False
    with suppress(PowerCut):
        disk.cut()
    return True


def _check(root: Path) -> int:
    """Start again after a cut; return the live `seq`."""
    shop = Shop(root, DiskFiles()).open()
    names = shop.releases.names()
    assert "pets" in names
    assert [] == shop.leftovers()
    for name in names:
        assert () == shop.releases.damaged(name)
        for release in shop.releases.installed(name):
            assert () == shop.releases.verify(release)
    current = shop.links.current("pets")
    previous = shop.links.previous("pets")
    assert current is not None
    assert previous is not None
    live = shop.releases.read("pets", current).manifest.seq

    # The next installation works, whatever this one left.
    again = shop.install(seq=9)
    assert (again.folder, current) == (
        shop.links.current("pets"),
        shop.links.previous("pets"),
    )
    assert bundle_files(seq=9) == {p.name: p.read_bytes() for p in again.path.iterdir()}
    return live
