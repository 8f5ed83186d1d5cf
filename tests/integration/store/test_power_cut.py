"""A power cut at every step: the live link always leads to a whole release.

Each test runs a change with the power cut before its first step, its second, and so
on; once with everything lost that was not synced, and once with everything kept.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from edged.host.files import DiskFiles
from tests.fakes.bundles import Shop, bundle_files
from tests.fakes.files import PowerCut, RecordingFiles

Change = Callable[[Shop], object]


def _repair(shop: Shop) -> None:
    """Install the live release again; `_before` has damaged it."""
    shop.install(seq=2)


def _delete(shop: Shop) -> None:
    oldest = min(shop.releases.installed("pets"), key=lambda r: r.manifest.seq)
    shop.releases.delete(oldest)


CHANGES: dict[str, Change] = {
    "install": lambda shop: shop.install(seq=4),
    "install-other": lambda shop: shop.install("wolves", 1),
    "rollback": lambda shop: shop.links.swap_back("pets"),
    "use": lambda shop: shop.links.switch("pets", _folder(shop, 1)),
    "delete": _delete,
    "remove-other": lambda shop: shop.releases.remove("cows"),
}


def _folder(shop: Shop, seq: int) -> str:
    installed = shop.releases.installed("pets")
    return next(r.folder for r in installed if r.manifest.seq == seq)


def _before(root: Path) -> None:
    """Three releases, the third live and the second previous; and another model."""
    shop = Shop(root, DiskFiles()).open()
    shop.install("cows", 1)
    for seq in (1, 2, 3):
        shop.install(seq=seq)


@pytest.mark.parametrize("lose", [True, False], ids=["lost", "kept"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_live_link_leads_to_a_whole_release_at_every_step(
    tmp_path: Path, change: str, *, lose: bool
) -> None:
    """And to the release before the change, or the one after it."""
    live = set()
    for cut in range(100):
        root = tmp_path / str(cut)
        _before(root)
        finished = _runs_through(root, CHANGES[change], cut=cut, lose=lose)
        live.add(_check(root))
        if finished:
            break

    assert finished
    assert cut >= 2
    expected = {"install": {3, 4}, "rollback": {2, 3}, "use": {1, 3}}
    assert expected.get(change, {3}) == live


@pytest.mark.parametrize("lose", [True, False], ids=["lost", "kept"])
def test_what_was_put_right_stays_right_at_every_step(
    tmp_path: Path, *, lose: bool
) -> None:
    """The damaged live release is either as damaged as before, or less, or whole."""
    faults = set()
    for cut in range(100):
        root = tmp_path / str(cut)
        _before(root)
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
    try:
        change(Shop(root, RecordingFiles(cut_after=cut, lose=lose)))
    except PowerCut:
        return False
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
