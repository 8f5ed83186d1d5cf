"""From a publisher's folder to a web server's, with power cuts in between."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edged.errors import BadRelease, Conflict, NoInput, StoreFailed, UnknownVersion
from edged.host.files import DiskFiles, Site
from edged.publish.check import verify
from edged.publish.documents import Verified
from edged.publish.places import Folder
from edged.publish.push import Pusher
from tests.fakes.files import PowerCut, RecordingFiles
from tests.fakes.publishing import House, silent, states


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a folder with one release."""
    made = House(tmp_path / "house")
    made.init()
    made.add()
    return made


def device(house: House, at: Path) -> Verified:
    """Look at a folder as a device does."""
    root = house.home.first_root.read_bytes()
    return verify(str(at), Folder(at), root, house.clock)


def test_the_timestamp_comes_last_and_files_first(house: House, tmp_path: Path) -> None:
    """Whoever looks in between sees the old view or the new one."""
    files = RecordingFiles()

    Pusher(house.home, files, house.clock).push(tmp_path / "www", silent)

    names = [op.path.name for op in files.ops if op.verb == "rename"]
    kinds = [
        "blob" if len(name) == 64 else name.partition(".")[2] or name
        for name in names
        if not name.endswith((".yaml", ".chunks.json"))
    ]
    assert [
        *["blob"] * 4,
        "targets.json",
        "snapshot.json",
        "root.json",
        "json",  # timestamp.json
    ] == kinds


def test_what_is_there_is_not_written_again(house: House, tmp_path: Path) -> None:
    """A push of a change costs what has changed."""
    first = house.push(tmp_path / "www")
    house.publisher.renew()

    second = house.push(tmp_path / "www")
    third = house.push(tmp_path / "www")

    assert (10, 1, 0) == (first, second, third)


def test_only_what_is_for_devices_is_pushed(house: House, tmp_path: Path) -> None:
    """No key, no draft, no document that nothing leads to."""
    house.push(tmp_path / "www")

    names = {*states(tmp_path / "www")}
    assert {"metadata", "targets", "blobs"} == {name.split("/")[0] for name in names}
    assert {"1.root.json", "2.targets.json", "2.snapshot.json", "timestamp.json"} == {
        name.split("/")[1] for name in names if name.startswith("metadata")
    }


def test_every_cut_leaves_a_view_that_a_device_can_use(
    house: House, tmp_path: Path
) -> None:
    """The old one or the new one, with all of its files; the next push mends it."""
    house.push(tmp_path / "www")
    house.add(seq=2)
    counted = RecordingFiles()
    Pusher(house.home, counted, house.clock).push(tmp_path / "count", silent)
    seen = set()

    for cut in range(1, len(counted.ops)):
        files = RecordingFiles(cut_after=cut)
        try:
            Pusher(house.home, files, house.clock).push(tmp_path / "www", silent)
        except PowerCut:
            pass
        else:
            break
        found = device(house, tmp_path / "www")
        assert found.ok, found.lacking
        seen.add(tuple(one.seq for one in found.releases))
    house.push(tmp_path / "www")

    assert {(1,)} <= seen <= {(1,), (1, 2)}
    assert (True, 2) == (
        device(house, tmp_path / "www").ok,
        len(device(house, tmp_path / "www").releases),
    )


def test_a_full_disk_is_told_and_leaves_the_old_view(
    house: House, tmp_path: Path
) -> None:
    """Nothing half is there."""
    house.push(tmp_path / "www")
    before = states(tmp_path / "www")
    house.add(seq=2)
    files = RecordingFiles()
    files.fail(Site.PUBLISH_PUSH, OSError(28, os.strerror(28)), verb="create")

    with pytest.raises(StoreFailed, match="cannot "):
        Pusher(house.home, files, house.clock).push(tmp_path / "www", silent)

    assert before == states(tmp_path / "www")


def test_an_older_folder_is_not_pushed_over_a_newer_one(
    house: House, tmp_path: Path
) -> None:
    """Devices would take it for a rollback."""
    kept = states(house.home.metadata)
    house.publisher.renew()
    house.push(tmp_path / "www")
    for name, data in kept.items():
        (house.home.metadata / name).write_bytes(data)

    with pytest.raises(Conflict, match="its timestamp is 3, and ours is 2"):
        house.push(tmp_path / "www")


def test_another_publisher_is_not_pushed_over_this_one(
    house: House, tmp_path: Path
) -> None:
    """It has other words under the same versions."""
    house.push(tmp_path / "www")
    other = House(tmp_path / "other")
    other.init()

    with pytest.raises(Conflict, match="cannot push over"):
        other.push(tmp_path / "www")


def test_a_release_that_has_lost_a_file_is_not_pushed(
    house: House, tmp_path: Path
) -> None:
    """Before a byte is copied."""
    min(house.home.blobs.iterdir()).unlink()

    with pytest.raises(BadRelease, match="is not there as"):
        house.push(tmp_path / "www")

    assert {} == states(tmp_path / "www")


@pytest.mark.parametrize(
    "send",
    [
        lambda pusher, www: pusher.push(www, silent),
        lambda pusher, www: pusher.bundle("digits", 1, www.with_name("x.tar")),
    ],
    ids=["push", "bundle"],
)
def test_a_damaged_blob_goes_nowhere(
    house: House, tmp_path: Path, send: Callable[[Pusher, Path], object]
) -> None:
    """Its length is right; it is hashed on the way."""
    blob = min(house.home.blobs.iterdir())
    blob.write_bytes(bytes(blob.stat().st_size))
    (tmp_path / "out").mkdir()

    with pytest.raises(BadRelease, match="its bytes are damaged"):
        send(Pusher(house.home, DiskFiles(), house.clock), tmp_path / "out" / "www")

    assert {} == states(tmp_path / "out")


def test_a_folder_without_a_parent_is_a_slip(house: House, tmp_path: Path) -> None:
    """`/var/ww/models` is not made."""
    pusher = Pusher(house.home, DiskFiles(), house.clock)

    with pytest.raises(NoInput, match="there is no folder"):
        house.push(tmp_path / "no" / "www")
    with pytest.raises(NoInput, match="there is no folder"):
        pusher.bundle("digits", 1, tmp_path / "no" / "x.tar")


def test_a_tar_holds_one_release_as_a_repository(house: House, tmp_path: Path) -> None:
    """A device with no network reads it like any other, but for what is not in it."""
    house.add(seq=2)
    out = tmp_path / "digits.tar"

    report = Pusher(house.home, DiskFiles(), house.clock).bundle("digits", 2, out)

    with tarfile.open(out) as archive:
        archive.extractall(tmp_path / "stick", filter="data")
    names = {*states(tmp_path / "stick")}
    found = device(house, tmp_path / "stick")
    assert (len(names), out.stat().st_size) == (report.files, report.size_bytes)
    assert {"2"} == {n.split("/")[3] for n in names if n.startswith("targets/")}
    # The other release is listed, as it is signed; its two targets are not in the tar.
    assert 2 == len(found.lacking)


def test_a_tar_of_what_is_not_listed_is_refused(house: House, tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(UnknownVersion):
        Pusher(house.home, DiskFiles(), house.clock).bundle(
            "digits", 7, tmp_path / "x.tar"
        )

    assert not (tmp_path / "x.tar").exists()
