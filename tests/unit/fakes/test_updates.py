"""The updater's stand-ins keep the promises of what they stand for."""

import hashlib

import pytest

from edged.errors import NoDaemon, NotFetched, UnknownChange
from edged.store.sending import sent
from edged.store.signed import pack_signed
from edged.update.cargo import check
from edged.update.judgement import wanted
from edged.wire.changes import Step
from tests.fakes.updates import (
    DOCUMENTS,
    FakeDoor,
    FakeSource,
    published,
    taken,
)

ONE = published(15, size=1000)


async def test_a_source_offers_and_describes_what_it_has() -> None:
    """And what it says agrees with itself."""
    source = FakeSource("main", ONE)

    (offer,) = await source.look()

    check(wanted(offer, downgrade=False), await source.describe(offer))
    assert (1, 1) == (source.looks, source.described)


async def test_a_source_fails_as_often_as_it_is_told() -> None:
    """Then it answers again."""
    source = FakeSource("main", ONE)
    source.errors = [NotFetched("cannot fetch it", reason="cut")]

    with pytest.raises(NotFetched):
        await source.look()

    assert 1 == len(await source.look())


async def test_a_source_changes_what_it_says_of_a_release() -> None:
    """Of the one that is meant."""
    source = FakeSource("main", ONE, published(16, size=8))

    source.say(15, halted=True)

    assert [True, False] == [o.listing.halted for o in await source.look()]


async def test_a_door_takes_a_release_step_by_step() -> None:
    """It serves when its change says so, and its files are there."""
    door = FakeDoor()

    changed = await door.install(_tar(), source="main", model="pets", downgrade=False)
    assert changed.change is not None
    first = await door.change(changed.change, steps=0, wait_s=0)
    second = await door.change(changed.change, steps=1, wait_s=0)
    third = await door.change(changed.change, steps=2, wait_s=0)

    steps = [change.last.step for change in (first, second, third)]
    assert [Step.STAGED, Step.TRIAL, Step.PROBATION] == steps
    assert ONE.offer.sha256 == door.models["pets"].digest
    assert ONE.blobs.keys() <= await door.files()


async def test_a_door_holds_what_it_is_told_to_hold() -> None:
    """A release that waits for a person is known by its digest."""
    door = FakeDoor()
    door.steps = [taken(Step.HELD)]
    changed = await door.install(_tar(), source="main", model="pets", downgrade=False)
    assert changed.change is not None

    await door.change(changed.change, steps=1, wait_s=0)

    (pets,) = await door.installed()
    assert (ONE.offer.sha256, None) == (pets.held, pets.digest)


async def test_a_door_that_is_away_answers_nothing() -> None:
    """Not one of its verbs."""
    door = FakeDoor()
    door.away = NoDaemon("cannot reach edged")

    heard = door.hear((), source="main", model="pets", alone=False)
    for call in (door.installed(), door.files(), door.volume(), heard):
        with pytest.raises(NoDaemon):
            await call


async def test_a_door_knows_only_its_own_changes() -> None:
    """As a daemon whose journal is another one."""
    with pytest.raises(UnknownChange):
        await FakeDoor().change(9, steps=0, wait_s=0)


async def test_a_door_insists_on_what_it_has_not() -> None:
    """A tar that leaves out too much is a bug of the updater."""
    with pytest.raises(AssertionError):
        await FakeDoor().install(
            pack_signed(DOCUMENTS, ONE.manifest, {}),
            source="main",
            model="pets",
            downgrade=False,
        )


def test_blobs_are_named_by_what_is_in_them() -> None:
    """Each file of a release."""
    assert all(
        hashlib.sha256(data).hexdigest() == name for name, data in ONE.blobs.items()
    )


def _tar() -> list[bytes]:
    """Return the whole release as a tar."""
    return list(sent({"model.yaml": ONE.manifest, **ONE.files}))
