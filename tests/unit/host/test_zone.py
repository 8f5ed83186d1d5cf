"""The zone of the clock on the wall."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edged.host.zone import zone

SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)
DATABASE = Path("/usr/share/zoneinfo")


def test_a_name_is_a_zone() -> None:
    """As the settings have it."""
    assert "Europe/Vienna" == str(zone("Europe/Vienna"))


@pytest.mark.skipif(
    not (DATABASE / "Asia/Kathmandu").exists(), reason="needs the package tzdata"
)
def test_without_a_name_it_is_the_boxs_own(tmp_path: Path) -> None:
    """/etc/localtime is a link into the database."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to(DATABASE / "Asia/Kathmandu")

    found = zone(None, tmp_path)

    assert timedelta(hours=5, minutes=45) == SUMMER.astimezone(found).utcoffset()
    assert "local time" == str(found)


@pytest.mark.parametrize("content", [None, b"", b"no zone at all" * 9])
def test_what_cannot_be_read_is_utc(tmp_path: Path, content: bytes | None) -> None:
    """As for the C library; a window must open at some time."""
    if content is not None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/localtime").write_bytes(content)

    assert zone(None, tmp_path) is UTC


def test_a_name_that_is_gone_is_utc() -> None:
    """The database may have changed after the settings were checked."""
    assert zone("Europe/Atlantis") is UTC
