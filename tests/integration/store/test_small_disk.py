"""Real file systems that refuse: full, out of inodes, read-only."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.files import DiskFiles
from tests.fakes.bundles import Shop, in_pieces, manifest_for, tar_of, write_manifest

SIZE = "256k"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a tmpfs of 256 KiB and 40 inodes, or skip where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},nr_inodes=40", "tmpfs", mount],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.strip()}")
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


@pytest.fixture
def shop(small: Path) -> Shop:
    """Return a store on it, with two releases."""
    shop = Shop(small / "state", DiskFiles()).open()
    shop.install(seq=1)
    shop.install(seq=2)
    return shop


def _large(seq: int, *, files: int = 1) -> bytes:
    parts = {f"part-{n}.bin": os.urandom(300_000 // files) for n in range(files)}
    parts["model.onnx"] = b"w"
    manifest = write_manifest(manifest_for(parts, name="pets", seq=seq))
    return tar_of({"model.yaml": manifest, **parts})


def test_a_full_disk_keeps_what_was_there(shop: Shop, small: Path) -> None:
    """It says which file system, how much is free, and what to type."""
    before = shop.tree()

    with pytest.raises(StoreFailed) as caught:
        shop.take(in_pieces(_large(3)))

    assert errno.ENOSPC == caught.value.fields["errno"]
    assert f"the file system at {small} is full (" in caught.value.message
    assert "MiB free of 0.2 MiB)" in caught.value.message
    assert f"df -h {small}" in caught.value.hint
    assert before == shop.tree()
    assert [] == shop.leftovers()
    assert 3 == shop.install(seq=3).manifest.seq


def test_a_disk_without_inodes_is_told_apart(shop: Shop) -> None:
    """There is space, and yet no file can be made."""
    before = shop.tree()

    with pytest.raises(StoreFailed, match="has no free inodes of 40"):
        shop.take(in_pieces(tar_of({f"f{n}": b"" for n in range(60)})))

    assert before == shop.tree()
    assert [] == shop.leftovers()


def test_a_read_only_store_still_serves(shop: Shop, small: Path) -> None:
    """The kernel does this to a card with errors: reading goes on."""
    live = shop.links.current("pets")
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)

    with pytest.raises(StoreFailed, match="is read-only") as caught:
        shop.install(seq=3)

    assert f"mount -o remount,rw {small}" in caught.value.hint
    assert live == shop.links.current("pets")
    assert [1, 2] == [r.manifest.seq for r in shop.releases.installed("pets")]
    shop.releases.prepare()
    shop.releases.sweep()


def test_a_link_cannot_be_swapped_on_a_read_only_store(shop: Shop, small: Path) -> None:
    """Neither forth nor back."""
    links = shop.links.current("pets"), shop.links.previous("pets")
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)

    with pytest.raises(StoreFailed, match="is read-only"):
        shop.links.put_back("pets", str(links[1]), previous=links[0])

    assert links == (shop.links.current("pets"), shop.links.previous("pets"))
