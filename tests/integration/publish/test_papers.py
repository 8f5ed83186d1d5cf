"""Signed metadata on the real disk."""

from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from edged.errors import BadRelease, NoInput
from edged.host.files import DiskFiles
from edged.publish.home import Home
from edged.publish.papers import Papers, bytes_of, parsed


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    """Return an empty folder's documents."""
    files = DiskFiles()
    home = Home(tmp_path)
    home.prepare(files)
    return Papers(home, files)


def targets(version: int, **more: object) -> Metadata[Targets]:
    """Return a document without signatures."""
    return Metadata(Targets(version=version, unrecognized_fields=dict(more)))


def test_the_newest_is_found_by_number_not_by_name(papers: Papers) -> None:
    """10 is newer than 9."""
    for version in (9, 10):
        papers.publish(targets(version))

    newest = papers.newest(Targets)

    assert newest is not None
    assert 10 == newest.signed.version


def test_a_timestamp_has_one_name(papers: Papers, tmp_path: Path) -> None:
    """Devices begin there."""
    papers.publish(Metadata(Timestamp(version=3)))

    assert ["timestamp.json"] == [
        path.name for path in (tmp_path / "repository" / "metadata").iterdir()
    ]


def test_what_waits_is_elsewhere_until_it_is_published(papers: Papers) -> None:
    """Then it waits no more."""
    papers.stage(targets(1))

    before = papers.newest(Targets)
    papers.publish(targets(1))

    assert before is None
    assert papers.staged(Targets) is None


def test_what_a_crash_left_behind_does_not_wait(papers: Papers) -> None:
    """The document was put in place, and its draft not yet removed."""
    papers.publish(targets(1))
    papers.stage(targets(1))

    assert papers.staged(Targets) is None


def test_a_draft_that_came_too_late_is_refused(papers: Papers) -> None:
    """Another machine has published that version with other words."""
    papers.publish(targets(2))
    papers.stage(targets(2, other="words"))

    with pytest.raises(BadRelease, match="targets 2 has been published since"):
        papers.staged(Targets)


def test_a_folder_that_is_not_set_up_says_how(papers: Papers) -> None:
    """By the command to type."""
    assert papers.is_new
    with pytest.raises(NoInput) as caught:
        papers.root()

    assert "edgectl publish init" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"{}", bytes_of(Metadata(Snapshot()))])
def test_what_is_no_document_of_its_role_is_refused(data: bytes) -> None:
    """Garbage, or another role's."""
    with pytest.raises(BadRelease, match=r"cannot use x\.json"):
        parsed(data, Root, "x.json")


def test_a_document_that_devices_would_not_take_is_refused(papers: Papers) -> None:
    """python-tuf reads 16 KiB of a timestamp."""
    large = Metadata(Timestamp(version=1, unrecognized_fields={"x": "y" * 17_000}))

    with pytest.raises(BadRelease, match="devices take 16384"):
        papers.publish(large)
