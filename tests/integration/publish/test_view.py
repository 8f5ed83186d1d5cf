"""What devices will see of a folder."""

import shutil
from pathlib import Path

import pytest

from edged.errors import BadRelease, Conflict
from edged.publish.papers import Papers
from edged.publish.view import View, blob_files, target_files, view
from tests.fakes.publishing import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a folder with one release."""
    made = House(tmp_path / "house")
    made.init()
    made.add()
    return made


def seen(house: House) -> View:
    """Look."""
    return view(Papers(house.home, house.files), house.clock.utc())


def test_it_begins_at_the_timestamp(house: House) -> None:
    """What that does not lead to is not seen."""
    house.home.metadata.joinpath("9.targets.json").write_bytes(
        house.home.metadata.joinpath("2.targets.json").read_bytes()
    )

    found = seen(house)

    assert ((1,), 2, 2, 2, ["digits"]) == (
        found.roots,
        found.targets.signed.version,
        found.snapshot.signed.version,
        found.timestamp.signed.version,
        [one.model for one in found.releases],
    )


def test_every_file_of_a_release_is_found(house: House) -> None:
    """Two targets, four blobs."""
    found = seen(house)

    paths = [
        *target_files(found, house.home, found.releases[0]),
        *blob_files(found, house.home, found.releases[0]),
    ]

    assert 6 == len({*paths})
    assert all(path.is_file() for path in paths)


@pytest.mark.parametrize("kind", ["blobs", "targets"])
def test_a_release_with_a_file_missing_is_not_offered(house: House, kind: str) -> None:
    """A device would try for ever."""
    next(p for p in (house.home.repository / kind).rglob("*") if p.is_file()).unlink()
    found = seen(house)

    find = blob_files if kind == "blobs" else target_files
    with pytest.raises(BadRelease, match="cannot offer"):
        find(found, house.home, found.releases[0])


def test_a_release_with_a_file_cut_short_is_not_offered(house: House) -> None:
    """As a full disk leaves it."""
    min(house.home.blobs.iterdir()).write_bytes(b"")
    found = seen(house)

    with pytest.raises(BadRelease, match="is not there as"):
        blob_files(found, house.home, found.releases[0])


@pytest.mark.parametrize(
    ("gone", "role"),
    [("timestamp.json", "timestamp"), ("2.snapshot.json", "snapshot")],
)
def test_a_view_is_whole_or_none(house: House, gone: str, role: str) -> None:
    """And it is said what is missing."""
    (house.home.metadata / gone).unlink()

    with pytest.raises(Conflict, match=f"the {role} is not signed"):
        seen(house)


def test_a_view_of_an_old_root_is_none(house: House, tmp_path: Path) -> None:
    """The newest root asks for a key that is on another machine."""
    shutil.copytree(house.root, tmp_path / "safe")
    safe = House(tmp_path / "safe", clock=house.clock)
    safe.publisher.rotate("online", key=None, passphrase=None)
    shutil.copy(safe.home.metadata / "2.root.json", house.home.metadata)

    with pytest.raises(Conflict, match="the timestamp is not signed as the newest"):
        seen(house)


@pytest.mark.parametrize(
    ("days", "role", "step"),
    [(8, "timestamp 2", "renew"), (181, "targets 2", "sign targets")],
)
def test_what_has_expired_is_not_offered(
    house: House, days: int, role: str, step: str
) -> None:
    """Devices whose clock is right would refuse it."""
    house.clock.later(days=days)

    with pytest.raises(Conflict, match=f"{role} has expired") as caught:
        seen(house)

    assert f"edgectl publish {step}" == caught.value.hint
