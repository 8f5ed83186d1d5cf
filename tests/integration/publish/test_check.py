"""What a device would see, from a folder and from a web server."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from edged.errors import NoInput, NotFetched, Untrusted
from edged.publish.check import first_root, verify
from edged.publish.documents import Verified
from edged.publish.places import place
from edged.wire.listing import Listing
from tests.fakes.publishing import House

Served = Callable[[Path], str]


@pytest.fixture
def www(tmp_path: Path) -> Path:
    """Return where a web server's folder is."""
    return tmp_path / "www"


@pytest.fixture
def house(tmp_path: Path, www: Path) -> House:
    """Return a folder with one release, which is pushed."""
    made = House(tmp_path / "house")
    made.init()
    made.add()
    made.push(www)
    return made


def revoke(listing: Listing) -> Listing:
    """Take a release back."""
    return replace(listing, revoked="it sees ghosts")


def look(house: House, at: object) -> Verified:
    """Look as a device with the first root."""
    root = first_root(house.home.first_root)
    return verify(str(at), place(str(at)), root, house.clock)


def test_a_device_sees_releases_and_how_long_they_hold(house: House, www: Path) -> None:
    """And that all files are there."""
    found = look(house, www)

    assert (True, 6, [("digits", 1, 1.0)]) == (
        found.ok,
        found.files,
        [(one.model, one.seq, one.share) for one in found.releases],
    )
    assert [("root", 1), ("targets", 2), ("snapshot", 2), ("timestamp", 2)] == [
        (one.role, one.version) for one in found.roles
    ]
    assert 7 * 86400 == found.roles[-1].left_s


def test_over_the_network_it_looks_the_same(
    house: House, www: Path, served: Served
) -> None:
    """But that a server may be unable to send parts."""
    url = served(www)

    found = look(house, url)

    assert (True, 6, False) == (found.ok, found.files, found.resumes)


def test_a_rollout_and_a_revocation_show(house: House, www: Path) -> None:
    """As soon as they are pushed."""
    house.publisher.change("digits", 1, revoke)
    house.push(www)

    (release,) = look(house, www).releases

    assert ("it sees ghosts", 0.0) == (release.revoked, release.share)


def test_what_a_device_would_not_get_is_named(house: House, www: Path) -> None:
    """Missing, cut short, or with other bytes."""
    gone, short = sorted((www / "blobs").iterdir())[:2]
    gone.unlink()
    short.write_bytes(b"x")
    (index,) = (www / "targets").rglob("*.model.yaml")
    index.write_bytes(bytes(index.stat().st_size))

    found = look(house, www)

    why = {one.path.rpartition("/")[2]: one.why for one in found.lacking}
    assert not found.ok
    assert {
        gone.name: "not found",
        "model.yaml": "it is not what was signed",
        short.name: "it has 1 bytes, and should have 20",
    } == why


def test_a_rotated_key_is_followed_from_the_first_root(house: House, www: Path) -> None:
    """Boxes keep the root that they were given."""
    house.publisher.rotate("targets", key=None, passphrase=None)
    house.publisher.rotate("online", key=None, passphrase=None)
    house.push(www)

    found = look(house, www)

    assert (True, 3) == (found.ok, found.roles[0].version)


def test_another_root_believes_none_of_it(
    house: House, www: Path, tmp_path: Path
) -> None:
    """That is what it is for."""
    other = House(tmp_path / "other", clock=house.clock)
    other.init()

    with pytest.raises(Untrusted, match="cannot trust"):
        look(other, www)


def test_an_expired_timestamp_is_not_believed(house: House, www: Path) -> None:
    """A mirror may show old news; somebody forgot `renew`."""
    house.clock.later(days=8)

    with pytest.raises(Untrusted, match="expired"):
        look(house, www)


def test_a_place_without_a_repository_is_told(house: House, tmp_path: Path) -> None:
    """A slip of the keyboard, or of the web server's."""
    (tmp_path / "empty").mkdir()

    with pytest.raises(NotFetched, match="cannot read"):
        look(house, tmp_path / "empty")


def test_a_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the option that names one."""
    with pytest.raises(NoInput) as caught:
        first_root(tmp_path / "root.json")

    assert "--root" in caught.value.hint
