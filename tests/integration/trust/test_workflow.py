"""What python-tuf does in our scratch folder, and what it does not do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from edged.errors import NotFetched, StoreFailed, Untrusted
from edged.trust.workflow import METADATA, Workflow
from tests.fakes.tuf_repository import TufRepository
from tests.integration.trust.conftest import NOW, Box


class Fetcher(FetcherInterface):
    """python-tuf's own port, from a host in memory."""

    def __init__(self, host: TufRepository) -> None:
        self.host = host

    def _fetch(self, url: str) -> list[bytes]:  # type: ignore[override]  # is iterated
        if url not in self.host.files:
            from tuf.api.exceptions import DownloadHTTPError  # noqa: PLC0415  # here alone

            raise DownloadHTTPError("not there", 404)
        return [self.host.files[url]]


def refresh_by_reference_client(folder: Path, host: TufRepository) -> None:
    """Update as an application does that uses python-tuf as its manual says."""
    Updater(
        str(folder), METADATA, fetcher=Fetcher(host), bootstrap=host.first_root
    ).refresh()


def publish_until_ninth(host: TufRepository) -> bytes:
    """Bring the timestamp to version 9; return version 3."""
    old = b""
    while host.timestamp.version < 9:
        host.publish("timestamp")
        if host.timestamp.version == 3:
            old = host.files["metadata/timestamp.json"]
    return old


def test_the_reference_client_loses_its_memory_with_a_torn_file(
    tmp_path: Path,
) -> None:
    """Version 3 is refused after 9, and taken once a power cut emptied the file.

    python-tuf never calls fsync, so this is what a cut may leave. The next test
    shows ours.
    """
    host = TufRepository(datetime.now(UTC))  # its clock is the machine's
    folder = tmp_path / "metadata"
    folder.mkdir()
    old = publish_until_ninth(host)
    refresh_by_reference_client(folder, host)
    host.files["metadata/timestamp.json"] = old

    with pytest.raises(RepositoryError):
        refresh_by_reference_client(folder, host)
    (folder / "timestamp.json").write_bytes(b"")
    refresh_by_reference_client(folder, host)

    assert old == (folder / "timestamp.json").read_bytes()


def test_ours_does_not(box: Box, host: TufRepository) -> None:
    """The same story, with our floor: version 3 stays refused, version 9 heals."""
    old = publish_until_ninth(host)
    newest = host.files["metadata/timestamp.json"]
    box.repository().refresh(host.fetch)
    host.files["metadata/timestamp.json"] = old
    (box.folder / "timestamp.json").write_bytes(b"")

    with pytest.raises(Untrusted) as caught:
        box.repository().refresh(host.fetch)
    host.files["metadata/timestamp.json"] = newest
    healed = box.repository().refresh(host.fetch)

    assert ("rollback", 9) == (
        caught.value.fields["reason"],
        healed.versions["timestamp"],
    )


@pytest.mark.parametrize(("days", "is_refused"), [(6, False), (8, True)])
def test_expiry_is_held_against_the_time_that_we_give(
    tmp_path: Path, host: TufRepository, days: int, *, is_refused: bool
) -> None:
    """The attribute that we set is the one that python-tuf reads; it is not public."""
    at = NOW + timedelta(days=days)
    flow = Workflow(tmp_path, host.first_root, host.fetch, at=at, home=tmp_path)

    refused = False
    try:
        flow.refresh()
    except Untrusted as error:
        refused = "freeze" == error.fields["reason"]

    assert is_refused == refused


def test_a_scratch_folder_that_is_gone_is_the_disks_fault(
    tmp_path: Path, host: TufRepository
) -> None:
    """Not the publisher's."""
    missing = tmp_path / "file"
    missing.touch()

    with pytest.raises(StoreFailed):
        Workflow(missing, host.first_root, host.fetch, at=NOW, home=tmp_path)


def test_found_are_the_documents_under_the_names_of_a_host(
    tmp_path: Path, host: TufRepository
) -> None:
    """As a signed release carries them."""
    flow = Workflow(tmp_path, host.first_root, host.fetch, at=NOW, home=tmp_path)

    flow.refresh()

    assert host.documents() == flow.found()


def test_a_document_without_an_end_is_left_at_its_limit(
    tmp_path: Path, host: TufRepository
) -> None:
    """It is not read to its end, which there may be none of."""
    taken = []

    def fetch(_name: str, _limit: int) -> Iterator[bytes]:
        for n in range(1000):
            taken.append(n)
            yield bytes(100_000)

    flow = Workflow(tmp_path, host.first_root, fetch, at=NOW, home=tmp_path)

    with pytest.raises(Untrusted) as caught:
        flow.refresh()

    assert ("endless-metadata", 6) == (caught.value.fields["reason"], len(taken))


def test_a_transport_that_stops_an_endless_document_is_understood(
    tmp_path: Path, host: TufRepository
) -> None:
    """It counts bytes, too, and may be the first to see it."""

    def fetch(name: str, _limit: int) -> Iterator[bytes]:
        raise NotFetched(f"cannot fetch {name}", reason="endless")

    flow = Workflow(tmp_path, host.first_root, fetch, at=NOW, home=tmp_path)

    with pytest.raises(Untrusted) as caught:
        flow.refresh()

    assert "endless-metadata" == caught.value.fields["reason"]


def test_a_bucket_that_may_not_be_listed_ends_the_roots(
    tmp_path: Path, host: TufRepository
) -> None:
    """It refuses what is not there."""

    def fetch(name: str, limit: int) -> Iterator[bytes]:
        if name == "metadata/2.root.json":
            raise NotFetched(f"cannot fetch {name}", reason="no-entry")
        return host.fetch(name, limit)

    flow = Workflow(tmp_path, host.first_root, fetch, at=NOW, home=tmp_path)

    flow.refresh()

    assert host.documents() == flow.found()
