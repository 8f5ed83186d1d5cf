"""A host, a box, and a clock that a test moves."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edged.config.update import Expired
from edged.host.files import DiskFiles, Files
from edged.trust.clock import Watchmaker
from edged.trust.repository import Repository
from tests.fakes.tuf_repository import TufRepository

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Dial:
    """A `Clock` that shows what a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def monotonic(self) -> float:
        """Return what no test of this room asks for."""
        raise AssertionError

    def utc(self) -> datetime:
        """Return what it was set to."""
        return self.now


class Box:
    """A box with a folder for one source, whose clock and its discipline are set."""

    def __init__(self, root: Path, first_root: bytes) -> None:
        self.root = root
        self.first_root = first_root
        self.folder = root / "state" / "trust" / "main"
        self.dial = Dial(NOW)
        self.is_set = True

    def repository(
        self, files: Files | None = None, expired: Expired = Expired.REFUSE
    ) -> Repository:
        """Return what a fresh process would have."""
        watch = Watchmaker(self.root, clock=self.dial, kernel=lambda: self.is_set)
        return Repository(
            self.folder, self.first_root, files or DiskFiles(), watch, expired=expired
        )


@pytest.fixture
def host() -> TufRepository:
    """Return a host with one release."""
    host = TufRepository(NOW)
    host.add("digits", 3)
    host.publish()
    return host


@pytest.fixture
def box(tmp_path: Path, host: TufRepository) -> Box:
    """Return a box that has never asked."""
    return Box(tmp_path, host.first_root)
