"""What is trusted, on a real disk, from a host in memory."""

from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    TargetFile,
    Targets,
)

from edged.config.update import Expired
from edged.errors import EdgedError, NotFetched, Untrusted
from tests.fakes.files import RecordingFiles
from tests.fakes.tuf_repository import TufRepository
from tests.integration.trust.conftest import NOW, Box


def reason(caught: pytest.ExceptionInfo[EdgedError]) -> object:
    """Return the stable word of a refusal."""
    return caught.value.fields["reason"]


def test_a_repository_says_what_was_signed(box: Box, host: TufRepository) -> None:
    """Versions and releases come out as they went in."""
    trusted = box.repository().refresh(host.fetch)

    assert {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 2} == trusted.versions
    assert [("digits", 3)] == [
        (r.listing.model, r.listing.seq) for r in trusted.releases
    ]
    assert ("right", False) == (trusted.clock, trusted.expired)


def test_what_is_trusted_outlives_the_process(box: Box, host: TufRepository) -> None:
    """A fresh object finds it on the disk, without a question to the host."""
    before = box.repository().refresh(host.fetch)
    host.asked.clear()

    after = box.repository().trusted()

    assert before == after
    assert [] == host.asked


def test_a_box_that_never_asked_trusts_nothing(box: Box) -> None:
    """No folder is made by looking."""
    repository = box.repository()

    assert (None, {}) == (repository.trusted(), repository.documents())
    assert not box.folder.exists()


def test_no_news_costs_two_questions(box: Box, host: TufRepository) -> None:
    """Only the next root and the timestamp are asked for, and nothing is written."""
    box.repository().refresh(host.fetch)
    before = {path: path.stat().st_ino for path in box.folder.glob("*.json")}
    host.asked.clear()

    box.repository().refresh(host.fetch)

    assert ["metadata/2.root.json", "metadata/timestamp.json"] == host.asked
    assert before == {path: path.stat().st_ino for path in box.folder.glob("*.json")}


def test_a_target_arrives_as_it_was_signed(box: Box, host: TufRepository) -> None:
    """A manifest comes from its name with the hash."""
    repository = box.repository()
    repository.refresh(host.fetch)

    data = repository.target("models/digits/3/model.yaml", host.fetch)

    assert b"name: digits\nseq: 3\n" == data


def test_a_target_that_nobody_signed_is_not_fetched(
    box: Box, host: TufRepository
) -> None:
    """It is not even asked for."""
    repository = box.repository()
    repository.refresh(host.fetch)
    host.asked.clear()

    with pytest.raises(Untrusted) as caught:
        repository.target("models/digits/4/model.yaml", host.fetch)

    assert ("not-offered", []) == (reason(caught), host.asked)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"name: digits\nseq: 4\n", "wrong-hash"),
        (b"name: digits\n", "wrong-length"),
        (b"name: digits\nseq: 3\n" * 9, "endless"),
        (None, "not-found"),
    ],
)
def test_a_target_that_is_not_what_was_signed_is_refused(
    box: Box, host: TufRepository, data: bytes | None, expected: str
) -> None:
    """Each way by its name, as something another mirror may do better."""
    repository = box.repository()
    repository.refresh(host.fetch)
    name = host.target_name("models/digits/3/model.yaml")
    if data is None:
        del host.files[name]
    else:
        host.files[name] = data

    with pytest.raises(NotFetched) as caught:
        repository.target("models/digits/3/model.yaml", host.fetch)

    assert expected == reason(caught)


def test_expired_metadata_is_taken_where_the_administrator_says_so(
    box: Box, host: TufRepository
) -> None:
    """And it says so."""
    box.dial.now = box.dial.now.replace(year=2030)

    trusted = box.repository(expired=Expired.ACCEPT).refresh(host.fetch)

    assert trusted.expired


def delegated(host: TufRepository) -> None:
    """Let a team sign what is below `team/`."""
    signer = CryptoSigner.generate_ed25519()
    role = DelegatedRole(
        "team", [signer.public_key.keyid], 1, terminating=False, paths=["team/*"]
    )
    keys: dict[str, Key] = {signer.public_key.keyid: signer.public_key}
    host.targets.delegations = Delegations(keys, {"team": role})
    target = TargetFile.from_data("team/x", b"of the team", ["sha256"])
    team = Metadata(
        Targets(expires=NOW + timedelta(days=9), targets={"team/x": target})
    )
    team.sign(signer)
    host.snapshot.meta["team.json"] = MetaFile(1)
    host.files["metadata/1.team.json"] = team.to_bytes()
    host.files[f"targets/team/{target.hashes['sha256']}.x"] = b"of the team"
    host.publish()


def test_a_target_of_a_delegated_role_arrives(box: Box, host: TufRepository) -> None:
    """Its document is fetched; those of the top roles are not, once more."""
    delegated(host)
    repository = box.repository()
    repository.refresh(host.fetch)
    host.asked.clear()

    data = repository.target("team/x", host.fetch)

    assert b"of the team" == data
    assert ["metadata/1.team.json", "targets"] == [
        host.asked[0],
        host.asked[1].partition("/")[0],
    ]


def test_a_delegated_role_that_does_not_hold_is_refused(
    box: Box, host: TufRepository
) -> None:
    """By its name, as any other."""
    delegated(host)
    repository = box.repository()
    repository.refresh(host.fetch)
    host.files["metadata/1.team.json"] = b"{}"

    with pytest.raises(Untrusted) as caught:
        repository.target("team/x", host.fetch)

    assert "bad-metadata" == reason(caught)


def test_a_target_that_is_too_large_for_memory_is_not_fetched(
    box: Box, host: TufRepository
) -> None:
    """Whoever signed it."""
    host.targets.targets["models/digits/3/model.yaml"].length = 1 << 40
    host.publish()
    repository = box.repository()
    repository.refresh(host.fetch)

    with pytest.raises(Untrusted) as caught:
        repository.target("models/digits/3/model.yaml", host.fetch)

    assert "bad-metadata" == reason(caught)


def test_a_folder_is_made_with_those_above_it(box: Box, host: TufRepository) -> None:
    """And all of their names are durable."""
    files = RecordingFiles()

    box.repository(files).refresh(host.fetch)

    made = [op.path for op in files.ops if op.verb == "mkdir"]
    synced = [op.path for op in files.ops if op.verb == "sync_dir"]
    assert made[:3] == [box.folder.parent.parent, box.folder.parent, box.folder]
    assert synced == [path.parent for path in made[:3]]
