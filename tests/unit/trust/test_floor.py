"""The least that is believed: how it rises, and the one way in which it falls."""

import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from edged.errors import StoreFailed
from edged.host.files import DiskFiles
from edged.trust import floor
from edged.trust.floor import Floor

NOW = datetime(2027, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

OLD = Floor(
    root=2, timestamp=9, snapshot=8, targets=7, keys=("a", "b"), issued=NOW, seen=NOW
)


def changed(**fields: object) -> Floor:
    """Return the old floor with other fields."""
    return msgspec.structs.replace(OLD, **fields)


@pytest.mark.parametrize("role", floor.ROLES)
def test_a_version_never_falls(role: str) -> None:
    """Of any role, whatever was verified."""
    lower = changed(**{role: 1})

    assert (OLD, [role]) == (OLD.raised(lower), list(OLD.above(lower)))


@pytest.mark.parametrize("role", floor.ROLES)
def test_a_version_rises(role: str) -> None:
    """With what was verified."""
    higher = changed(**{role: 10})

    assert (higher, []) == (OLD.raised(higher), list(OLD.above(higher)))


def test_a_key_that_is_gone_takes_its_versions_with_it() -> None:
    """But not the root's, and no time that a clock has shown."""
    fresh = Floor(root=3, timestamp=1, snapshot=1, targets=1, keys=("b", "c"))

    assert changed(
        root=3, timestamp=1, snapshot=1, targets=1, keys=("b", "c"), issued=None
    ) == OLD.raised(fresh)


def test_a_key_that_is_new_takes_nothing_away() -> None:
    """Or who adds one could begin anew."""
    fresh = Floor(root=3, timestamp=1, keys=("a", "b", "c"))

    assert changed(root=3, keys=("a", "b", "c")) == OLD.raised(fresh)


def test_an_older_root_takes_nothing_away() -> None:
    """Its keys are those of the past."""
    assert OLD == OLD.raised(Floor(root=1, timestamp=10, keys=("z",)))


@pytest.mark.parametrize(
    ("issued", "seen", "expected"),
    [(None, None, None), (NOW, None, NOW), (NOW, NOW + HOUR, NOW + HOUR)],
)
def test_the_time_is_the_newest_that_is_known(
    issued: datetime | None, seen: datetime | None, expected: datetime | None
) -> None:
    """By whoever vouched for it."""
    assert expected == Floor(issued=issued, seen=seen).utc


@pytest.mark.parametrize(
    ("fresh", "expected"),
    [
        (OLD, False),
        (changed(seen=NOW + HOUR), False),
        (changed(seen=NOW + 6 * HOUR), True),
        (changed(timestamp=10), True),
        (changed(timestamp=10, seen=None), True),
    ],
)
def test_a_floor_is_written_when_it_says_something_new(
    fresh: Floor, *, expected: bool
) -> None:
    """Time alone is worth a write every six hours."""
    assert expected == fresh.is_news(OLD)


def test_the_first_floor_is_news() -> None:
    """There was none."""
    assert OLD.is_news(None)


def test_a_floor_is_read_as_it_was_written(tmp_path: Path) -> None:
    """With its times."""
    floor.write(tmp_path, OLD, DiskFiles())

    assert OLD == floor.read(tmp_path)


def test_there_is_none_where_none_was_written(tmp_path: Path) -> None:
    """Nor a folder."""
    assert floor.read(tmp_path / "none") is None


@pytest.mark.parametrize("cut", [0, 1, 8, 9, 50, -2])
def test_a_torn_floor_is_none(tmp_path: Path, cut: int) -> None:
    """Wherever it is torn."""
    floor.write(tmp_path, OLD, DiskFiles())
    path = tmp_path / floor.FILE
    path.write_bytes(path.read_bytes()[:cut])

    assert floor.read(tmp_path) is None


def test_a_floor_with_one_other_digit_is_none(tmp_path: Path) -> None:
    """It can be read, and it is lower."""
    floor.write(tmp_path, OLD, DiskFiles())
    path = tmp_path / floor.FILE
    path.write_bytes(path.read_bytes().replace(b'"timestamp":9', b'"timestamp":1'))

    assert floor.read(tmp_path) is None


def test_a_floor_of_another_shape_is_none(tmp_path: Path) -> None:
    """Though its checksum is right."""
    (tmp_path / floor.FILE).write_bytes(b"%08x []\n" % zlib.crc32(b"[]"))

    assert floor.read(tmp_path) is None


def test_a_floor_that_cannot_be_read_is_the_disks_fault(tmp_path: Path) -> None:
    """It is not taken for none: that would lower it."""
    (tmp_path / floor.FILE).symlink_to("elsewhere")

    with pytest.raises(StoreFailed):
        floor.read(tmp_path)
