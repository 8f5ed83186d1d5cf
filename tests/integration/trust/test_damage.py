"""Power cuts, a refusing disk and damaged files: what is trusted heals, never falls."""

import errno
from collections.abc import Callable

import pytest

from edged.errors import StoreFailed, Untrusted
from edged.host.files import Site
from tests.fakes.files import PowerCut, RecordingFiles
from tests.fakes.tuf_repository import TufRepository
from tests.integration.trust.conftest import Box

#: More steps than a run takes.
MANY = 100

Change = Callable[[TufRepository], None]


def renewed(host: TufRepository) -> None:
    """Publish one more release."""
    host.add("digits", 4)
    host.publish()


def rotated(host: TufRepository) -> None:
    """Publish one more release, with new keys and versions from the beginning."""
    host.rotate("timestamp")
    host.rotate("snapshot")
    for part in (host.timestamp, host.snapshot, host.targets):
        part.version = 1
    host.add("digits", 4)
    host.publish("root", "targets", "snapshot", "timestamp")


def seqs(box: Box) -> tuple[int, ...]:
    """Return the releases that a fresh process trusts."""
    found = box.repository().trusted()
    return tuple(one.listing.seq for one in found.releases) if found else ()


@pytest.mark.parametrize("lose", [True, False], ids=["lost", "kept"])
@pytest.mark.parametrize(
    ("change", "between"), [(renewed, {(3,), (3, 4)}), (rotated, {(3,), (), (3, 4)})]
)
def test_a_power_cut_leaves_the_old_or_the_new(
    box: Box,
    host: TufRepository,
    change: Change,
    between: set[tuple[int, ...]],
    *,
    lose: bool,
) -> None:
    """At each step; and the next run heals it.

    New keys take what was trusted away before the new is whole: nothing is trusted
    in between, as the specification has it.
    """
    old, seen = dict(host.files), set()
    change(host)
    new = host.files
    for step in range(MANY):
        cut = Box(box.root / str(step), host.first_root)
        host.files = old
        cut.repository().refresh(host.fetch)
        host.files = new

        try:
            files = RecordingFiles(cut_after=step, lose=lose)
            cut.repository(files).refresh(host.fetch)
        except PowerCut:
            seen.add(seqs(cut))
            cut.repository().refresh(host.fetch)
        else:
            break
        assert (3, 4) == seqs(cut)

    assert between == seen
    assert 10 < step < MANY


@pytest.mark.parametrize(
    ("site", "after"),
    [
        (Site.TRUST_FOLDER, (3,)),
        (Site.TRUST_METADATA, (3,)),
        (Site.TRUST_FLOOR, (3, 4)),  # the documents were durable by then
    ],
)
def test_nothing_is_told_before_it_is_durable(
    box: Box, host: TufRepository, site: Site, after: tuple[int, ...]
) -> None:
    """A disk that refuses is heard, and what was trusted is trusted."""
    box.repository().refresh(host.fetch)
    renewed(host)
    files = RecordingFiles()
    files.fail(site, OSError(errno.ENOSPC, "full"))

    with pytest.raises(StoreFailed):
        box.repository(files).refresh(host.fetch)

    assert after == seqs(box)


@pytest.mark.parametrize(
    "name", ["1.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]
)
@pytest.mark.parametrize("data", [b"", b"\0" * 500, None])
def test_a_damaged_document_is_fetched_anew(
    box: Box, host: TufRepository, name: str, data: bytes | None
) -> None:
    """From the root and the floor."""
    before = box.repository().refresh(host.fetch)
    path = box.folder / name
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)

    after = box.repository().refresh(host.fetch)

    assert before == after
    assert host.files[f"metadata/{name}"] == path.read_bytes()


@pytest.mark.parametrize("data", [b"", b"00000000 {}\n", None])
def test_a_damaged_floor_is_made_of_the_documents(
    box: Box, host: TufRepository, data: bytes | None
) -> None:
    """They were verified, so they say how far it had come."""
    box.repository().refresh(host.fetch)
    old = host.files["metadata/timestamp.json"]
    host.publish()
    box.repository().refresh(host.fetch)
    path = box.folder / "floor"
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    host.files["metadata/timestamp.json"] = old

    with pytest.raises(Untrusted) as caught:
        box.repository().refresh(host.fetch)

    assert "rollback" == caught.value.fields["reason"]


def test_what_is_not_needed_any_more_goes(box: Box, host: TufRepository) -> None:
    """The folder does not grow with every edition."""
    for _ in range(5):
        host.publish()
        box.repository().refresh(host.fetch)

    names = sorted(path.name for path in box.folder.glob("*.json"))

    assert [
        "1.root.json",
        "7.snapshot.json",
        "7.targets.json",
        "timestamp.json",
    ] == names


def test_a_key_that_was_taken_away_stays_so(box: Box, host: TufRepository) -> None:
    """A host that offers the new root and then fails has told enough."""
    box.repository().refresh(host.fetch)
    before = host.files["metadata/timestamp.json"]
    host.rotate("timestamp")
    host.publish("root", "timestamp")
    host.files["metadata/timestamp.json"] = before
    with pytest.raises(Untrusted):
        box.repository().refresh(host.fetch)
    del host.files["metadata/2.root.json"]

    with pytest.raises(Untrusted) as caught:
        box.repository().refresh(host.fetch)

    assert "bad-signature" == caught.value.fields["reason"]


def test_a_version_that_was_seen_is_remembered_though_the_rest_did_not_come(
    box: Box, host: TufRepository
) -> None:
    """What was whole before serves on; the newer timestamp is the floor."""
    box.repository().refresh(host.fetch)
    old = host.files["metadata/timestamp.json"]
    host.publish()
    targets = host.files.pop("metadata/3.targets.json")
    with pytest.raises(Exception, match="not there"):
        box.repository().refresh(host.fetch)
    host.files["metadata/3.targets.json"] = targets
    host.files["metadata/timestamp.json"] = old

    with pytest.raises(Untrusted) as caught:
        box.repository().refresh(host.fetch)

    assert ("rollback", (3,)) == (caught.value.fields["reason"], seqs(box))
