"""Who signs what, and what becomes of it, with real keys and a clock moved by hand."""

import shutil
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from edged.errors import NoInput
from edged.publish.documents import Settled
from edged.publish.office import waiting_for
from edged.publish.papers import Papers
from tests.fakes.publishing import House


def versions(settled: Settled) -> dict[str, int]:
    """Return what was written, by role."""
    return {one.role: one.version for one in settled.wrote}


def papers_of(house: House) -> Papers:
    """Return a folder's documents."""
    return Papers(house.home, house.files)


def move_keys(house: House, pattern: str, to: Path) -> None:
    """Put keys into a safe."""
    to.mkdir(exist_ok=True)
    for path in house.home.keys.glob(pattern):
        shutil.move(path, to / path.name)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a folder that is set up."""
    made = House(tmp_path / "house")
    made.init()
    return made.again()


def test_every_document_has_the_signatures_that_the_root_asks_for(house: House) -> None:
    """All four, from the start."""
    papers = papers_of(house)
    root = papers.root()

    found: list[Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp] | None] = [
        papers.newest(Targets),
        papers.newest(Snapshot),
        papers.newest(Timestamp),
    ]

    assert waiting_for(None, root) is None
    assert [None] * 3 == [waiting_for(root.signed, one) for one in found if one]


def test_each_document_names_the_one_before_it_and_says_when(house: House) -> None:
    """By version, and by its bytes; `issued` is our clock's floor."""
    house.add()
    papers = papers_of(house)
    targets, snapshot = papers.newest(Targets), papers.newest(Snapshot)
    timestamp = papers.newest(Timestamp)
    assert targets is not None
    assert snapshot is not None
    assert timestamp is not None

    snapshot.signed.meta["targets.json"].verify_length_and_hashes(
        papers.path("targets", 2).read_bytes()
    )
    timestamp.signed.snapshot_meta.verify_length_and_hashes(
        papers.path("snapshot", 2).read_bytes()
    )

    issued = {"edged": {"issued": "2030-03-01T12:00:00Z"}}
    assert [issued] * 3 == [
        one.signed.unrecognized_fields for one in (targets, snapshot, timestamp)
    ]


def test_documents_expire_as_the_settings_say(house: House) -> None:
    """The timestamp first."""
    expected = {
        "root": "2031-03-01T12:00:00Z",
        "targets": "2030-08-28T12:00:00Z",
        "snapshot": "2030-03-31T12:00:00Z",
        "timestamp": "2030-03-08T12:00:00Z",
    }

    assert expected == {one.role: one.expires for one in house.publisher.list().roles}


def test_nothing_changes_without_a_change(house: House) -> None:
    """Roll-outs go on by the clock, not by new versions."""
    with pytest.raises(NoInput):
        House(house.root / "elsewhere").publisher.renew()

    assert {"timestamp": 2} == versions(house.publisher.renew().settled)


def test_a_snapshot_is_renewed_when_half_of_its_life_is_over(house: House) -> None:
    """The timestamp every time."""
    house.clock.later(days=14)
    early = house.publisher.renew()

    house.clock.later(days=2)
    late = house.publisher.renew()

    assert [{"timestamp": 2}, {"snapshot": 2, "timestamp": 3}] == [
        versions(early.settled),
        versions(late.settled),
    ]


def test_targets_are_renewed_by_the_way_where_their_key_is(house: House) -> None:
    """When two thirds of their life are over."""
    house.clock.later(days=125)

    assert {"targets": 2, "snapshot": 2, "timestamp": 2} == versions(
        house.publisher.renew().settled
    )


def test_a_nightly_job_needs_the_online_key_alone(house: House, tmp_path: Path) -> None:
    """What others must sign is left alone."""
    move_keys(house, "root-*", tmp_path / "safe")
    move_keys(house, "targets-*", tmp_path / "safe")
    house.clock.later(days=125)

    settled = house.publisher.renew().settled

    assert ({"snapshot": 2, "timestamp": 2}, ()) == (
        versions(settled),
        settled.waiting,
    )


def test_a_change_waits_for_a_key_that_is_elsewhere(
    house: House, tmp_path: Path
) -> None:
    """Devices see nothing of it until it is signed there."""
    move_keys(house, "targets-*", tmp_path / "safe")

    waits = house.add().settled
    seen_before = papers_of(house).newest(Targets)
    other = House(house.root, keys=tmp_path / "safe", clock=house.clock)
    signed = other.publisher.sign("targets").settled
    finished = house.publisher.renew().settled

    assert seen_before is not None
    assert (1, [("targets", 2, 0, 1)]) == (
        seen_before.signed.version,
        [(w.role, w.version, w.signatures, w.threshold) for w in waits.waiting],
    )
    assert {"targets": 2} == versions(signed)
    assert {"snapshot": 2, "timestamp": 2} == versions(finished)


def test_two_machines_sign_a_root_together(house: House, tmp_path: Path) -> None:
    """Each with one of three keys; only `staged/` travels."""
    first, second, third = sorted(house.home.keys.glob("root-*"))
    for number, path in enumerate((first, second, third)):
        safe = tmp_path / f"safe-{number}"
        safe.mkdir()
        shutil.move(path, safe / path.name)
    here = House(house.root, keys=tmp_path / "safe-0", clock=house.clock)
    there = House(tmp_path / "copy", keys=tmp_path / "safe-1", clock=house.clock)

    waits = here.publisher.sign("root").settled
    shutil.copytree(house.root, there.root, ignore=shutil.ignore_patterns("keys"))
    done = there.publisher.sign("root").settled
    shutil.copy(there.home.metadata / "2.root.json", house.home.metadata)

    assert [("root", 2, 1, 2)] == [
        (w.role, w.version, w.signatures, w.threshold) for w in waits.waiting
    ]
    assert {second.stem[-8:], third.stem[-8:]} == {*waits.waiting[0].keys}
    assert {"root": 2} == versions(done)
    assert 2 == papers_of(house).root().signed.version


def test_a_signature_is_not_counted_twice(house: House) -> None:
    """One key of three, however often."""
    paths = sorted(house.home.keys.glob("root-*"))
    for path in paths[1:]:
        path.unlink()

    for _ in range(3):
        waiting = house.publisher.sign("root").settled.waiting

    assert (1, 2) == (waiting[0].signatures, waiting[0].threshold)


def test_a_root_that_the_old_keys_did_not_sign_waits(house: House) -> None:
    """Two of the new keys are not enough: boxes believe the old ones."""
    away, also_away, here = sorted(house.home.keys.glob("root-*"))
    away.unlink()
    also_away.unlink()

    report = house.publisher.rotate("root", key=away.stem[-8:], passphrase=None)

    assert [("root", 2, 1, 2)] == [
        (w.role, w.version, w.signatures, w.threshold) for w in report.settled.waiting
    ]
    assert ((), None) == (report.settled.wrote, report.spent)
    assert here.exists()


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("targets", {"root": 2, "targets": 2, "snapshot": 2, "timestamp": 2}),
        ("online", {"root": 2, "snapshot": 2, "timestamp": 2}),
    ],
)
def test_what_a_replaced_key_had_signed_is_signed_anew(
    house: House, label: str, expected: dict[str, int]
) -> None:
    """At once, so that devices never stand between two keys for long."""
    report = house.publisher.rotate(label, key=None, passphrase=None)

    assert expected == versions(report.settled)
    assert report.spent is not None
    assert Path(report.spent).name.startswith(label)


def test_a_root_key_is_replaced_by_name(house: House) -> None:
    """Old and new roots both ask for two signatures."""
    old = min(house.home.keys.glob("root-*"))

    house.publisher.rotate("root", key=old.stem[-8:], passphrase=None)

    root = papers_of(house).root().signed
    keys = root.roles[Root.type].keyids
    assert (2, 3, 2, False) == (
        root.version,
        len(keys),
        root.roles[Root.type].threshold,
        any(keyid.startswith(old.stem[-8:]) for keyid in keys),
    )
