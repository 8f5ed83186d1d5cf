"""`publish.yaml`."""

from datetime import timedelta

import pytest

from edged.errors import BadConfig
from edged.publish.settings import (
    Expiry,
    PublishSettings,
    chosen,
    read_settings,
    write_settings,
)
from tests.fakes.publishing import BEGIN


def test_it_reads_back() -> None:
    """All of it is shown, also what is default."""
    settings = PublishSettings(expiry=Expiry(timestamp=3600.0))

    written = write_settings(settings)

    assert settings == read_settings(written, "publish.yaml")
    assert "root: 365d" in written.decode()


def test_a_role_expires_as_it_says() -> None:
    """Counted from now."""
    assert BEGIN + timedelta(days=30) == Expiry().of("snapshot", BEGIN)


def test_expiries_can_be_chosen_one_by_one() -> None:
    """The others keep their default."""
    assert Expiry(timestamp=86400.0) == chosen({"timestamp": 86400.0}).expiry


@pytest.mark.parametrize("expiry", [{"times": 86400.0}, {"timestamp": 1.0}])
def test_what_cannot_be_is_refused(expiry: dict[str, float]) -> None:
    """A misspelt role, and a time that nobody could keep up with."""
    with pytest.raises(BadConfig, match="cannot "):
        chosen(expiry)


def test_a_fault_is_told_with_its_line() -> None:
    """As in every file of edged."""
    with pytest.raises(BadConfig, match=r"publish.yaml:2:\d+: expiry.root"):
        read_settings(b"format: 1\nexpiry: {root: soon}\n", "publish.yaml")
