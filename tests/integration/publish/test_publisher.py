"""A publisher's commands, and TUF's own client at the other end of a web server."""

import json
import shutil
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tuf.ngclient import Updater

from edged.errors import (
    ChangeUnderWay,
    Conflict,
    InvalidRequest,
    NoInput,
    Rejected,
    StoreFailed,
    UnknownVersion,
)
from edged.host.files import Site
from edged.publish.home import alone
from edged.publish.intake import Bare
from edged.publish.papers import Papers
from edged.publish.publisher import Plan
from edged.publish.settings import PublishSettings
from edged.publish.view import View, view
from edged.publish.when import stages
from edged.wire.listing import (
    ChunkIndex,
    Listing,
    chunks_path,
    manifest_path,
    read_custom,
)
from edged.wire.words import utc_text
from tests.fakes.daemon import DEMO
from tests.fakes.files import PowerCut, RecordingFiles
from tests.fakes.publishing import BEGIN, House, silent, small_bundle, states

Served = Callable[[Path], str]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a folder that is set up."""
    made = House(tmp_path / "house")
    made.init()
    return made.again()


class Device:
    """TUF's own client, with the root that boxes are given."""

    def __init__(self, house: House, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._root = house.home.first_root.read_bytes()
        self._now = house.clock.utc
        folder.mkdir()

    def updater(self) -> Updater:
        """Refresh, at the house's own time."""
        updater = Updater(
            metadata_dir=str(self._folder / "metadata"),
            metadata_base_url=f"{self._url}/metadata/",
            target_dir=str(self._folder),
            target_base_url=f"{self._url}/targets/",
            bootstrap=self._root,
        )
        updater._trusted_set.reference_time = self._now()
        updater.refresh()
        return updater

    def listing(self, model: str, seq: int) -> Listing:
        """Return what is signed of a release."""
        info = self.updater().get_targetinfo(manifest_path(model, seq))
        assert info is not None
        return read_custom(info.custom)


def seen(house: House) -> View:
    """Look at what is signed."""
    return view(Papers(house.home, house.files), house.clock.utc())


def listing_of(house: House, seq: int = 1) -> Listing:
    """Return what is listed, as devices would see it after a push."""
    return next(one for one in seen(house).releases if one.seq == seq)


# --- setting up -------------------------------------------------------------------


def test_keys_are_for_their_owner_alone(house: House) -> None:
    """Three for the root, one for the targets, one online."""
    paths = sorted(house.home.keys.iterdir())

    assert ["online", "root", "root", "root", "targets"] == [
        path.name.partition("-")[0] for path in paths
    ]
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in paths}


def test_a_folder_is_set_up_once(house: House) -> None:
    """The boxes have its root."""
    with pytest.raises(Conflict, match="set up already"):
        house.init()


@pytest.mark.parametrize(("keys", "threshold"), [(0, 0), (3, 0), (2, 3), (17, 2)])
def test_numbers_of_keys_that_cannot_be_meant_are_refused(
    tmp_path: Path, keys: int, threshold: int
) -> None:
    """Nothing is made."""
    house = House(tmp_path / "house")

    with pytest.raises(InvalidRequest):
        house.init(root_keys=keys, threshold=threshold)

    assert not house.root.exists()


def test_nothing_is_done_in_a_folder_that_is_not_set_up(tmp_path: Path) -> None:
    """And it is said how to."""
    with pytest.raises(NoInput, match="it is not set up"):
        House(tmp_path).publisher.list()


def test_commands_in_one_folder_wait_for_each_other(house: House) -> None:
    """The second says so and changes nothing."""
    with alone(house.root), pytest.raises(ChangeUnderWay):
        house.publisher.renew()


# --- to a device ------------------------------------------------------------------


def test_tufs_own_client_reads_what_was_pushed(
    house: House, tmp_path: Path, served: Served
) -> None:
    """The manifest, the chunk index, and by it every blob."""
    plan = Plan(rollout=stages("1%@0h,10%@6h"), changelog="sees sevens")
    house.publisher.add(DEMO, plan, tell=silent)
    house.push(tmp_path / "www")
    device = Device(house, served(tmp_path / "www"), tmp_path / "device")
    updater = device.updater()

    fetched = {}
    for path in (manifest_path("digits", 1), chunks_path("digits", 1)):
        info = updater.get_targetinfo(path)
        assert info is not None
        fetched[path] = Path(updater.download_target(info)).read_bytes()

    index = msgspec.json.decode(fetched[chunks_path("digits", 1)], type=ChunkIndex)
    blobs = states(tmp_path / "www" / "blobs")
    listing = device.listing("digits", 1)
    assert (DEMO / "model.yaml").read_bytes() == fetched[manifest_path("digits", 1)]
    assert {name: (DEMO / name).read_bytes() for name in index.files} == {
        name: blobs[file.sha256] for name, file in index.files.items()
    }
    assert ("1.0.0", plan.rollout, "sees sevens", ">=0.1") == (
        listing.version,
        listing.rollout,
        listing.changelog,
        listing.needs_edged,
    )


def test_a_revoked_release_shows_on_devices(
    house: House, tmp_path: Path, served: Served
) -> None:
    """With why."""
    house.add()
    house.push(tmp_path / "www")
    device = Device(house, served(tmp_path / "www"), tmp_path / "device")
    before = device.listing("digits", 1)

    house.publisher.change("digits", 1, lambda it: replace(it, revoked="ghosts"))
    house.push(tmp_path / "www")

    assert ("", "ghosts") == (before.revoked, device.listing("digits", 1).revoked)


def test_a_device_follows_a_change_of_every_key(
    house: House, tmp_path: Path, served: Served
) -> None:
    """From root to root."""
    house.add()
    house.push(tmp_path / "www")
    device = Device(house, served(tmp_path / "www"), tmp_path / "device")
    device.updater()

    for label in ("targets", "online"):
        house.publisher.rotate(label, key=None, passphrase=None)
    old = min(house.home.keys.glob("root-*"))
    house.publisher.rotate("root", key=old.stem[-8:], passphrase=None)
    house.push(tmp_path / "www")

    assert 1 == device.listing("digits", 1).seq


# --- releases ---------------------------------------------------------------------


def test_a_bundle_that_answers_wrong_leaves_no_trace(
    house: House, tmp_path: Path
) -> None:
    """What is published is as before."""
    before = states(house.home.repository)
    bundle = small_bundle(tmp_path / "spoilt", spoilt=True)

    with pytest.raises(Rejected):
        house.publisher.add(bundle, Plan(), tell=silent)

    assert before == states(house.home.repository)
    assert [] == [*house.home.work.iterdir()]


@pytest.mark.parametrize("seq", [1, 2])
def test_a_number_that_is_not_higher_is_refused(house: House, seq: int) -> None:
    """Before anything is tried."""
    house.add(seq=2)

    with pytest.raises(Conflict, match="numbers must grow"):
        house.add(seq=seq)


def test_a_bare_model_gets_the_next_number(house: House) -> None:
    """Of its own model."""

    def bare(seq: int) -> Bare:
        return Bare(name="faces", version=None, seq=seq, golden=None)

    for _ in range(2):
        found = house.publisher.add(
            DEMO / "digits_fp32.onnx", Plan(), bare=bare, name="faces", tell=silent
        )

    assert (2, "2") == (found.release.seq, found.release.version)


def test_an_offer_is_signed_as_it_was_planned(house: House) -> None:
    """Its roll-out begins when it is added."""
    plan = Plan(
        rollout=stages("10%@0h,100%@1d"), mandatory_by=BEGIN + timedelta(days=30)
    )

    house.add(plan=plan)

    found = listing_of(house)
    assert (plan.rollout, utc_text(BEGIN), "2030-03-31T12:00:00Z") == (
        found.rollout,
        found.starts,
        found.mandatory_by,
    )


def test_every_change_of_an_offer_is_a_new_version(house: House) -> None:
    """Of targets, snapshot and timestamp; the file is as it was."""
    house.add()
    target = seen(house).targets.signed.targets
    before = target[manifest_path("digits", 1)].hashes
    house.clock.later(hours=2)

    halted = house.publisher.change("digits", 1, lambda it: replace(it, halted=True))
    rolled = house.publisher.roll_out("digits", 1, stages("5%@0h"), house.clock.utc())

    assert [{"targets": 3, "snapshot": 3, "timestamp": 3}, {4}] == [
        {one.role: one.version for one in halted.settled.wrote},
        {one.version for one in rolled.settled.wrote},
    ]
    after = seen(house).targets.signed.targets
    assert before == after[manifest_path("digits", 1)].hashes
    found = listing_of(house)
    assert (True, 0.05, "2030-03-01T14:00:00Z") == (
        found.halted,
        found.rollout[0].share,
        found.starts,
    )


def test_what_is_not_listed_cannot_be_changed(house: House) -> None:
    """A slip in the number."""
    with pytest.raises(UnknownVersion):
        house.publisher.change("digits", 9, lambda it: replace(it, halted=True))


def test_what_is_revoked_stays_so(house: House) -> None:
    """`resume` does not bring it back, and says what does."""
    house.add()
    house.publisher.change("digits", 1, lambda it: replace(it, revoked="it is wrong"))

    with pytest.raises(Conflict, match="it is revoked: it is wrong") as told:
        house.publisher.change("digits", 1, lambda it: replace(it, halted=False))

    assert "higher seq" in told.value.hint


def test_a_change_that_changes_nothing_signs_nothing(house: House) -> None:
    """A second `resume`."""
    house.add()
    before = states(house.home.metadata)

    with pytest.raises(Conflict, match="listed so already"):
        house.publisher.change("digits", 1, lambda it: replace(it, halted=False))

    assert before == states(house.home.metadata)


def test_the_list_says_what_waits(house: House) -> None:
    """And what is offered, though nobody sees it yet."""
    (targets,) = house.home.keys.glob("targets-*")
    targets.unlink()
    house.add()

    found = house.publisher.list()

    assert ([1], [("targets", 2)]) == (
        [one.seq for one in found.releases],
        [(one.role, one.version) for one in found.waiting],
    )


# --- crashes ----------------------------------------------------------------------


def test_every_cut_of_a_start_can_be_gone_on_from(tmp_path: Path) -> None:
    """By the same command, or, once there is a root, by the next."""
    counted = RecordingFiles()
    House(tmp_path / "counted", files=counted).init()

    for cut in range(len(counted.ops)):
        house = House(tmp_path / f"cut-{cut}", files=RecordingFiles(cut_after=cut))
        with pytest.raises(PowerCut):
            house.init()
        again = house.again()
        try:
            again.init()
        except Conflict:
            again.publisher.renew()
        assert () == seen(again).releases


def test_every_cut_of_an_add_leaves_a_view_and_the_next_command_ends_it(
    house: House, tmp_path: Path
) -> None:
    """The old view, as the timestamp is last; no version is ever signed twice."""
    house.add(seq=1)
    small_bundle(tmp_path / "bundle-2", seq=2)
    shutil.copytree(house.root, tmp_path / "base")
    counted = RecordingFiles()
    house.again(files=counted).add(seq=2)
    whole = states(house.home.metadata)
    steps = [n for n, op in enumerate(counted.ops) if op.site not in _BEFORE]
    left, ended = set(), set()

    for cut in steps:
        shutil.rmtree(house.root)
        shutil.copytree(tmp_path / "base", house.root)
        crashed = house.again(files=RecordingFiles(cut_after=cut))
        with pytest.raises(PowerCut):
            crashed.add(seq=2)
        left.add(tuple(one.seq for one in seen(house).releases))
        house.again().publisher.renew()
        ended.add(tuple(one.seq for one in seen(house).releases))
        after = states(house.home.metadata)
        assert not {
            name
            for name in whole.keys() & after.keys()
            if name[0].isdecimal() and whole[name] != after[name]
        }

    assert ({(1,)}, {(1,), (1, 2)}) == (left, ended)


def test_a_disk_that_is_full_is_told_and_what_was_stays(house: House) -> None:
    """The next try goes through."""
    house.add(seq=1)
    files = RecordingFiles()
    files.fail(Site.PUBLISH_METADATA, OSError(28, "full"))

    with pytest.raises(StoreFailed):
        house.again(files=files).add(seq=2)
    before = [one.seq for one in seen(house).releases]
    house.again().publisher.renew()

    assert ([1], [1, 2]) == (
        before,
        [one.seq for one in seen(house).releases],
    )


def test_the_same_add_again_ends_what_a_crash_left(house: House) -> None:
    """It is refused, because it is done."""
    files = RecordingFiles()
    files.fail(Site.PUBLISH_METADATA, OSError(28, "full"), after=1)
    with pytest.raises(StoreFailed):
        house.again(files=files).add()

    with pytest.raises(Conflict, match="1 is listed"):
        house.again().add()

    assert [1] == [one.seq for one in seen(house).releases]


def test_an_add_clears_what_one_that_was_killed_has_left(house: House) -> None:
    """A copy of a bundle may be large."""
    left = house.home.work / "0123"
    left.mkdir()
    (left / "model.onnx").write_bytes(b"half")

    house.add()

    assert [] == [*house.home.work.iterdir()]


def test_settings_are_read_each_time(house: House) -> None:
    """A person may edit them."""
    house.home.settings.write_text("format: 1\nexpiry: {timestamp: 1d}\n")

    (wrote,) = house.publisher.renew().settled.wrote

    assert "2030-03-02T12:00:00Z" == wrote.expires
    assert PublishSettings().expiry.timestamp == 7 * 86400.0


def test_what_is_signed_is_json_that_people_can_read(house: House) -> None:
    """And has no fraction in it: the canonical form knows none."""
    house.add(plan=Plan(rollout=stages("1.5%@0h")))

    said = json.loads((house.home.metadata / "2.targets.json").read_bytes())

    custom = said["signed"]["targets"]["models/digits/1/model.yaml"]["custom"]
    assert [{"after_s": 0, "share": "0.015"}] == custom["edged"]["rollout"]


#: Steps that only make room for the copy of the bundle.
_BEFORE = {Site.STAGE_FOLDER, Site.STAGE_FILE, Site.STAGE_SYNC}
