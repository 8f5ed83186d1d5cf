"""The attacks of the TUF specification, on what is fetched and on what is handed in.

Each begins with a box that trusts a repository of three editions: release 2 is in the
first alone, 3 in all, 4 in the last.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest
from securesystemslib.signer import CryptoSigner

from edged.errors import EdgedError, NotFetched, Untrusted
from edged.trust.offline import verify
from tests.fakes.tuf_repository import TufRepository, meta
from tests.integration.trust.conftest import Box

#: What the host served at each edition.
Editions = list[dict[str, bytes]]

Attack = Callable[[TufRepository, Editions, Box], None]


def old_timestamp(host: TufRepository, editions: Editions, _box: Box) -> None:
    """Show the first edition again."""
    host.files["metadata/timestamp.json"] = editions[0]["metadata/timestamp.json"]


def old_snapshot(host: TufRepository, editions: Editions, _box: Box) -> None:
    """With the timestamp's key, name an old snapshot."""
    data = editions[0]["metadata/2.snapshot.json"]
    host.timestamp.version += 1
    host.timestamp.snapshot_meta = meta(2, data)
    host.sign("timestamp")


def old_targets(host: TufRepository, editions: Editions, _box: Box) -> None:
    """With the keys of timestamp and snapshot, name old targets."""
    data = editions[0]["metadata/2.targets.json"]
    host.snapshot.version += 1
    host.snapshot.meta["targets.json"] = meta(2, data)
    host.sign("snapshot")
    host.publish("timestamp")


def time_passes(_host: TufRepository, _editions: Editions, box: Box) -> None:
    """Show the same for longer than it holds."""
    box.dial.now += timedelta(days=8)


def time_passes_for_targets(host: TufRepository, _editions: Editions, box: Box) -> None:
    """Renew timestamp and snapshot, which need no offline key, around old targets."""
    host.now = box.dial.now = box.dial.now + timedelta(days=100)
    host.publish("snapshot", "timestamp")


def time_passes_for_roots(host: TufRepository, _editions: Editions, box: Box) -> None:
    """Renew all but the root."""
    host.now = box.dial.now = box.dial.now + timedelta(days=400)
    host.publish()


def other_snapshot(host: TufRepository, editions: Editions, _box: Box) -> None:
    """Put an older snapshot where the timestamp names a new one."""
    host.publish()
    name = f"metadata/{host.snapshot.version}.snapshot.json"
    host.files[name] = editions[-1]["metadata/3.snapshot.json"]


def other_targets(host: TufRepository, editions: Editions, _box: Box) -> None:
    """Put older targets where the snapshot names new ones."""
    host.publish()
    name = f"metadata/{host.targets.version}.targets.json"
    host.files[name] = editions[-1]["metadata/3.targets.json"]


def other_snapshot_without_hashes(
    host: TufRepository, editions: Editions, _box: Box
) -> None:
    """The same, where the publisher names versions alone."""
    host.publish("snapshot")
    host.publish("timestamp")
    host.timestamp.snapshot_meta.hashes = None
    host.timestamp.snapshot_meta.length = None
    host.sign("timestamp")
    name = f"metadata/{host.snapshot.version}.snapshot.json"
    host.files[name] = editions[-1]["metadata/3.snapshot.json"]


def same_snapshot_with_other_words(
    host: TufRepository, _editions: Editions, _box: Box
) -> None:
    """Sign another snapshot under the version that the box has."""
    host.snapshot.unrecognized_fields["other"] = True
    host.sign("snapshot")
    host.publish("timestamp")


def endless_timestamp(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Never stop."""
    host.files["metadata/timestamp.json"] += b" " * 20_000


def endless_root(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Offer a root that never ends."""
    host.files["metadata/2.root.json"] = b" " * 600_000


def endless_snapshot(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Add to what the timestamp gave a length."""
    host.publish()
    host.files[f"metadata/{host.snapshot.version}.snapshot.json"] += b" "


def own_key(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Sign with a key that no root knows."""
    host.signers["timestamp"] = [CryptoSigner.generate_ed25519()]
    host.publish("timestamp")


def stolen_and_revoked_key(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Sign with a key that was good until the publisher took it away."""
    stolen = list(host.signers["timestamp"])
    host.rotate("timestamp")
    host.publish("root", "timestamp")
    host.signers["timestamp"] = stolen
    host.publish("timestamp")


def own_root(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Offer a root that the old one has not signed."""
    host.rotate("root")
    host.signers["root"] = host.signers["root"][:1]
    host.publish("root")


def half_signed_root(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Sign a new root with one key, where two must."""
    host.root.roles["root"].threshold = 2
    host.publish("root")


def one_key_twice(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Sign twice with one key, where two keys must."""
    second = CryptoSigner.generate_ed25519()
    host.root.add_key(second.public_key, "timestamp")
    host.root.roles["timestamp"].threshold = 2
    host.signers["timestamp"] *= 2
    host.publish("root", "timestamp")


def skipped_root(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Offer a root under the number of the next."""
    host.root.version = 2
    host.publish("root")
    host.files["metadata/2.root.json"] = host.files["metadata/3.root.json"]


def root_again(host: TufRepository, editions: Editions, _box: Box) -> None:
    """Offer an old root under the number of the next."""
    host.files["metadata/2.root.json"] = editions[0]["metadata/1.root.json"]


def garbage(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Answer with a page."""
    host.files["metadata/timestamp.json"] = b"<html>please sign in</html>"


def nested(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Answer with what takes a parser to its limits."""
    host.files["metadata/timestamp.json"] = b"[" * 16_000


def other_role(host: TufRepository, editions: Editions, _box: Box) -> None:
    """Answer with a good document of another role."""
    host.files["metadata/timestamp.json"] = editions[0]["metadata/2.snapshot.json"]


def nothing_named(host: TufRepository, _editions: Editions, _box: Box) -> None:
    """Sign a snapshot that names no targets."""
    host.snapshot.version += 1
    del host.snapshot.meta["targets.json"]
    host.sign("snapshot")
    host.publish("timestamp")


class Case(NamedTuple):
    """An attack and its name."""

    attack: Attack
    reason: str


CASES = (
    Case(old_timestamp, "rollback"),
    Case(old_snapshot, "rollback"),
    Case(old_targets, "rollback"),
    Case(root_again, "rollback"),
    Case(time_passes, "freeze"),
    Case(time_passes_for_targets, "freeze"),
    Case(time_passes_for_roots, "freeze"),
    Case(other_snapshot, "mix-and-match"),
    Case(other_targets, "mix-and-match"),
    Case(other_snapshot_without_hashes, "mix-and-match"),
    Case(same_snapshot_with_other_words, "mix-and-match"),
    Case(endless_timestamp, "endless-metadata"),
    Case(endless_root, "endless-metadata"),
    Case(endless_snapshot, "endless-metadata"),
    Case(own_key, "bad-signature"),
    Case(stolen_and_revoked_key, "bad-signature"),
    Case(own_root, "bad-signature"),
    Case(half_signed_root, "bad-signature"),
    Case(one_key_twice, "bad-signature"),
    Case(skipped_root, "bad-metadata"),
    Case(garbage, "bad-metadata"),
    Case(nested, "bad-metadata"),
    Case(other_role, "bad-metadata"),
    Case(nothing_named, "bad-metadata"),
)

every_case = pytest.mark.parametrize(
    "case", CASES, ids=[case.attack.__name__ for case in CASES]
)


@pytest.fixture
def editions(box: Box) -> tuple[TufRepository, Editions]:
    """Return a host, and what it served before, of which the box trusts the last."""
    host = TufRepository(box.dial.now)
    box.first_root = host.first_root
    host.add("digits", 2)
    host.add("digits", 3)
    host.publish()
    first = dict(host.files)
    del host.targets.targets["models/digits/2/model.yaml"]
    host.add("digits", 4)
    host.publish()
    box.repository().refresh(host.fetch)
    return host, [first, dict(host.files)]


def documents(host: TufRepository) -> dict[str, bytes]:
    """Return every document that the host has."""
    return {
        name.removeprefix("metadata/"): data
        for name, data in host.files.items()
        if name.startswith("metadata/")
    }


@every_case
def test_an_attack_on_the_way_is_refused_by_its_name(
    box: Box, editions: tuple[TufRepository, Editions], case: Case
) -> None:
    """And what was trusted before is trusted after."""
    host, before = editions
    trusted = box.repository().documents()
    case.attack(host, before, box)

    with pytest.raises(EdgedError) as caught:
        box.repository().refresh(host.fetch)

    assert (Untrusted, case.reason) == (caught.type, caught.value.fields["reason"])
    left = box.repository().documents()
    assert not left or {n: d for n, d in left.items() if n in trusted} == trusted


@every_case
def test_an_attack_in_what_is_handed_in_is_refused_by_its_name(
    box: Box, editions: tuple[TufRepository, Editions], case: Case
) -> None:
    """A signed release is held against the same floor, without a network."""
    host, before = editions
    case.attack(host, before, box)

    with pytest.raises(EdgedError) as caught:
        verify(
            documents(host),
            box.repository(),
            manifest=b"name: digits\nseq: 2\n",
            model="digits",
            seq=2,
        )

    assert (Untrusted, case.reason) == (caught.type, caught.value.fields["reason"])


def test_a_damaged_root_is_no_way_back(
    box: Box, editions: tuple[TufRepository, Editions]
) -> None:
    """Where the newest root is lost and the host hides it, the floor remembers it."""
    host, _ = editions
    host.rotate("timestamp")
    host.publish("root", "timestamp")
    box.repository().refresh(host.fetch)
    (box.folder / "2.root.json").write_bytes(b"")
    del host.files["metadata/2.root.json"]

    with pytest.raises(EdgedError) as caught:
        box.repository().refresh(host.fetch)

    assert caught.value.fields["reason"] in {"rollback", "bad-signature"}


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_fast_forward_ends_with_new_keys(
    box: Box, editions: tuple[TufRepository, Editions], role: str
) -> None:
    """A stolen key signed versions without an end; the publisher begins anew."""
    host, _ = editions
    part = getattr(host, role)
    good, part.version = part.version, 2**31
    host.publish()
    box.repository().refresh(host.fetch)
    host.rotate("timestamp")
    host.rotate("snapshot")
    part.version = good
    host.publish("root", "targets", "snapshot", "timestamp")

    trusted = box.repository().refresh(host.fetch)

    assert good + 1 == trusted.versions[role]


def test_a_fast_forward_does_not_end_without_new_keys(
    box: Box, editions: tuple[TufRepository, Editions]
) -> None:
    """Or a thief could do the same."""
    host, _ = editions
    host.timestamp.version = 2**31
    host.publish("timestamp")
    box.repository().refresh(host.fetch)
    host.timestamp.version = 5
    host.publish("root", "timestamp")

    with pytest.raises(Untrusted) as caught:
        box.repository().refresh(host.fetch)

    assert "rollback" == caught.value.fields["reason"]


def test_a_root_that_is_none_makes_nothing_trusted(box: Box) -> None:
    """The administrator's file is looked at first."""
    box.first_root = b"{}"

    with pytest.raises(Untrusted) as caught:
        box.repository().trusted()

    assert "no-root" == caught.value.fields["reason"]


def test_a_host_without_a_timestamp_is_no_attack(
    box: Box, editions: tuple[TufRepository, Editions]
) -> None:
    """It is a host that lacks a file."""
    host, _ = editions
    del host.files["metadata/timestamp.json"]

    with pytest.raises(NotFetched) as caught:
        box.repository().refresh(host.fetch)

    assert "not-found" == caught.value.fields["reason"]
