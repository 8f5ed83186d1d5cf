"""How far documents hold together, from a root."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from edged.errors import Untrusted
from edged.trust.documents import Held, hold, name_of, role_of, version_in
from tests.fakes.tuf_repository import TufRepository

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
ALL = {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 2}


@pytest.fixture(scope="module")
def host() -> TufRepository:
    """Return a host at its second edition; a test takes copies."""
    host = TufRepository(NOW)
    host.add("digits", 3)
    host.publish()
    return host


def held(host: TufRepository, **changed: bytes | None) -> Held:
    """Follow the host's documents, some of them others, by role."""
    documents = host.documents()
    for name in list(documents):
        role = role_of(name) or ""
        if role in changed:
            data = changed[role]
            documents.pop(name)
            if data is not None:
                documents[name] = data
    return hold(host.first_root, documents)


def test_a_whole_set_holds(host: TufRepository) -> None:
    """Every document of it, and no other."""
    found = hold(host.first_root, {**host.documents(), "1.targets.json": b"{}"})

    assert (ALL, host.documents()) == (found.versions, found.documents)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: None,
        lambda _: b"",
        lambda data: data[:-1],
        lambda data: re.sub(rb'"version": ?2', b'"version":3', data),
    ],
)
def test_a_set_holds_as_far_as_its_first_damage(
    host: TufRepository, role: str, damage: Callable[[bytes], bytes | None]
) -> None:
    """Nothing below a damaged document is believed."""
    name = "timestamp.json" if role == "timestamp" else f"2.{role}.json"
    data = damage(host.documents()[name])

    found = held(host, **{role: data})

    order = ["root", "timestamp", "snapshot", "targets"]
    assert order[: order.index(role)] == list(found.versions)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_document_of_another_role_does_not_hold(
    host: TufRepository, role: str
) -> None:
    """Though it is well signed."""
    found = held(host, **{role: host.first_root})

    assert role not in found.versions


def test_roots_are_followed_as_far_as_each_was_signed_by_the_last() -> None:
    """A third root that skips the second's keys is none."""
    host = TufRepository(NOW)
    host.rotate("root")
    host.publish("root")
    second = host.root.version
    host.signers["root"] = host.signers["root"][:1]
    host.rotate("root")
    host.signers["root"] = host.signers["root"][:1]
    host.publish("root")

    found = hold(host.first_root, host.documents())

    assert second == found.root.version


def test_a_root_that_its_own_keys_have_not_signed_is_none() -> None:
    """Nobody may hold them."""
    host = TufRepository(NOW)
    old = host.signers["root"]
    host.rotate("root")
    host.signers["root"] = old
    host.publish("root")

    assert 1 == hold(host.first_root, host.documents()).root.version


def test_a_root_under_another_number_is_none() -> None:
    """Roots follow one by one."""
    host = TufRepository(NOW)
    host.root.version = 2
    host.publish("root")
    documents = {"2.root.json": host.files["metadata/3.root.json"]}

    assert 1 == hold(host.first_root, documents).root.version


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_a_document_that_another_does_not_name_does_not_hold(role: str) -> None:
    """Though it is well signed, and has the version that is named."""
    host = TufRepository(NOW)
    getattr(host, role).unrecognized_fields["other"] = True
    host.sign(role)

    assert role not in hold(host.first_root, host.documents()).versions


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_a_document_of_another_version_than_named_does_not_hold(role: str) -> None:
    """Where versions are all that is named."""
    host = TufRepository(NOW)
    host.timestamp.snapshot_meta.hashes = host.timestamp.snapshot_meta.length = None
    host.snapshot.meta["targets.json"].hashes = None
    host.snapshot.meta["targets.json"].length = None
    for part in ("snapshot", "timestamp"):
        host.sign(part)
    whole = hold(host.first_root, host.documents())
    documents = host.documents()
    getattr(host, role).version = 2
    host.sign(role)
    documents[f"1.{role}.json"] = host.files[f"metadata/2.{role}.json"]

    found = hold(host.first_root, documents)

    assert (True, False) == (role in whole.versions, role in found.versions)


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b"\xff"])
def test_an_administrators_root_that_is_none_is_told(data: bytes) -> None:
    """Before anything else."""
    with pytest.raises(Untrusted) as caught:
        hold(data, {})

    assert "no-root" == caught.value.fields["reason"]


def test_an_administrators_root_that_nobody_signed_is_told(
    host: TufRepository,
) -> None:
    """Or a torn copy would be one."""
    unsigned = re.sub(rb'"sig": ?"..', rb'"sig":"00', host.first_root)

    with pytest.raises(Untrusted):
        hold(unsigned, {})


def test_the_floor_is_what_documents_say_and_name(host: TufRepository) -> None:
    """A timestamp alone tells the snapshot's version, too."""
    floor = held(host, snapshot=None).floor()

    assert (1, 2, 2, 0) == (floor.root, floor.timestamp, floor.snapshot, floor.targets)
    assert (NOW, None) == (floor.issued, floor.seen)


def test_an_issue_time_after_the_expiry_is_a_slip() -> None:
    """It would make everything else look expired, everywhere."""
    host = TufRepository(NOW)
    host.publish()
    host.now = NOW + timedelta(days=4000)
    host.publish("timestamp", renew=False)

    floor = hold(host.first_root, host.documents()).floor()

    assert NOW == floor.issued


def test_what_expires_first_is_named(host: TufRepository) -> None:
    """The timestamp, after a week."""
    assert (NOW + timedelta(days=7), "timestamp") == held(host).expires


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("1.root.json", "root"),
        ("timestamp.json", "timestamp"),
        ("12.targets.json", "targets"),
        ("0.root.json", None),
        ("1.team.json", None),
        ("../1.root.json", None),
        ("1.root.json\n", None),
        ("floor", None),
    ],
)
def test_a_name_tells_the_role(name: str, role: str | None) -> None:
    """Of the four; a name of anything else is nobody's."""
    assert role == role_of(name)


def test_a_document_tells_its_name(host: TufRepository) -> None:
    """By the version in it."""
    assert "1.root.json" == name_of("root", host.first_root)


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 100_000, b'{"signed": {}}'])
def test_what_has_no_version_has_none(data: bytes) -> None:
    """And raises nothing."""
    assert version_in(data) is None
