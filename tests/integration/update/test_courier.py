"""The courier with real files, over lives, and a world that can fail anywhere."""

import asyncio
import errno
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from edged.errors import (
    ChangeUnderWay,
    Conflict,
    EdgedError,
    InvalidRequest,
    NoDaemon,
    NotFetched,
    NotNow,
    NotPermitted,
    Rejected,
    StoreFailed,
    Untrusted,
)
from edged.host.files import DiskFiles, Site
from edged.update.courier import Courier
from edged.update.judgement import wanted
from edged.update.moves import Checking
from edged.update.offers import Conditions, Installed, Offer, Policy
from edged.update.window import window
from edged.wire.adapt import Errand
from edged.wire.changes import Step
from edged.wire.updates import (
    Activity,
    Attempt,
    AttemptsRequest,
    HoldRequest,
    Outcome,
    PauseRequest,
    Reason,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)
from edged.wire.words import read_utc
from tests.fakes.files import RecordingFiles
from tests.fakes.updates import (
    TERMS,
    FakeDoor,
    FakeSource,
    Published,
    World,
    emptied,
    published,
    taken,
    until,
    until_is,
)

ALL = UpdateScope()
CUT = NotFetched("cannot fetch it: cut", reason="cut")
AWAY = NoDaemon("cannot reach edged: no socket", hint="systemctl start edged")
CHUNKS = 4


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    """Return the one thread for the disk."""
    with ThreadPoolExecutor(1, thread_name_prefix="update") as executor:
        yield executor


@pytest.fixture
def world(tmp_path: Path, disk: ThreadPoolExecutor) -> World:
    """Return a world in which seq 14 is live and seq 15 is offered."""
    made = World(tmp_path / "updates", disk, FakeSource("main", published(15)))
    made.door.have(published(14))
    return made


async def attempts(courier: Courier) -> tuple[Attempt, ...]:
    """Return the whole history."""
    return (await courier.history(AttemptsRequest(limit=1000))).attempts


async def until_installed(courier: Courier, count: int = 1) -> tuple[Attempt, ...]:
    """Wait until so many attempts are in the history and nothing is under way."""
    known = -1
    while True:
        status = await courier.update(UpdateRequest(known=known, wait_s=15))
        known, found = status.revision, await attempts(courier)
        ended = [one for one in found if one.outcome is not Outcome.FAILED]
        if len(ended) >= count and status.activity is Activity.IDLE:
            return found


async def until_some_bytes(world: World, courier: Courier) -> UpdateStatus:
    """Let one chunk come, and no more."""
    world.carrier.hold.clear()
    await until_is(courier, Activity.DOWNLOADING)
    world.carrier.hold.set()
    await world.carrier.came.wait()
    world.carrier.hold.clear()
    return await courier.update(UpdateRequest())


def reasons(status: UpdateStatus) -> list[tuple[Reason, int | None]]:
    """Return the reasons that stand, with the releases that they are about."""
    return [(why.reason, why.seq) for why in status.reasons]


def nothing_twice(world: World) -> bool:
    """Tell whether no chunk came twice, in all lives."""
    return max(Counter(world.carrier.fetched).values(), default=0) <= 1


# --- the usual way --------------------------------------------------------------------


async def test_a_new_release_is_taken(world: World) -> None:
    """From the first look to an attempt in the history; nothing is left on the disk."""
    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)
        left = await emptied(world)

    members = ("signed/1.root.json", "signed/timestamp.json", "model.yaml")
    assert [("pets", 15, (*members, "model.onnx"))] == world.door.taken
    assert (Outcome.INSTALLED, 15, 1) == (attempt.outcome, attempt.seq, attempt.change)
    assert (3 * 2**18 + 5, 8) == (attempt.fetched_bytes, attempt.kept_bytes)
    assert [] == left


async def test_what_is_live_is_not_taken(world: World) -> None:
    """Up to date is one look, and no byte."""
    world.door.have(published(15))

    async with world.alive() as courier:
        status = await courier.check(ALL, "pi")

    assert (Activity.IDLE, "up to date") == (status.activity, status.text)
    assert [] == world.carrier.fetched


async def test_two_models_go_one_after_the_other(world: World) -> None:
    """Never two releases at once; each has its attempt."""
    world.source.releases.append(published(3, model="mobile"))

    async with world.alive() as courier:
        found = await until_installed(courier, 2)

    assert {("mobile", 3), ("pets", 15)} == {(a.model, a.seq) for a in found}
    assert 2 == len(world.door.taken)


async def test_progress_is_told_without_a_new_revision(world: World) -> None:
    """Who waits for news is not woken by every chunk."""
    async with world.alive() as courier:
        before = await until_some_bytes(world, courier)
        world.carrier.hold.set()
        await asyncio.sleep(0)
        world.carrier.hold.clear()
        after = await courier.update(UpdateRequest())

    assert before.revision == after.revision
    assert before.transfer is not None
    assert 3 * 2**18 + 5 + 8 == before.transfer.total_bytes
    assert 8 == before.transfer.kept_bytes


# --- lives ----------------------------------------------------------------------------


async def test_a_download_goes_on_in_the_next_life(world: World) -> None:
    """No chunk comes twice, and the attempt counts both lives."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
    world.carrier.hold.set()

    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)

    assert nothing_twice(world)
    assert (3 * 2**18 + 5, 8) == (attempt.fetched_bytes, attempt.kept_bytes)


async def test_a_change_is_followed_in_the_next_life(world: World) -> None:
    """It is not handed in twice."""
    world.door.hold.clear()
    async with world.alive() as courier:
        await until(courier, lambda status: status.change == 1)
    world.door.hold.set()

    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)

    assert 1 == len(world.door.taken)
    assert (Outcome.INSTALLED, 1) == (attempt.outcome, attempt.change)


async def test_a_release_that_went_live_unseen_is_no_failure(world: World) -> None:
    """The daemon took it while nobody looked: it is written down, and its bytes go."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
    world.door.have(published(15))

    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)
        left = await emptied(world)

    assert (Outcome.INSTALLED, []) == (attempt.outcome, left)


async def test_a_source_keeps_its_turn_over_a_restart(world: World) -> None:
    """A fleet that is restarted does not come all at once."""
    world.door.have(published(15))
    async with world.alive() as courier:
        await courier.check(ALL, "pi")
    looks = world.source.looks

    async with world.alive() as courier:
        await until_is(courier, Activity.IDLE)
        await asyncio.sleep(0.05)

    assert looks == world.source.looks


async def test_litter_of_other_lives_goes(world: World) -> None:
    """Bytes that no note knows are of no use to anybody."""
    folder = world.folder / "incoming"
    folder.mkdir(parents=True)
    (folder / f"{'ab' * 32}.part").write_bytes(b"x")
    world.door.have(published(15))

    async with world.alive():
        left = await emptied(world)

    assert [] == left


async def test_a_release_that_nothing_is_heard_of_is_not_handed_in_for_ever(
    world: World,
) -> None:
    """Three times, whatever died; then a person must say so."""
    world.door.errors = [NoDaemon("cannot reach edged: reset") for _ in range(9)]

    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)

    assert Outcome.REFUSED is attempt.outcome
    assert "3 times" in attempt.text
    assert 6 == len(world.door.errors)


async def test_damaged_notes_are_told(world: World) -> None:
    """And everything goes on as on the first day."""
    world.folder.mkdir()
    (world.folder / "notes").write_bytes(b"garbage")

    async with world.alive() as courier:
        await until_installed(courier)
        status = await courier.update(UpdateRequest())

    assert [(Reason.STORE_FAILED, None)] == reasons(status)
    assert "damaged" in status.reasons[0].text


async def test_nothing_is_handed_in_that_could_not_be_noted(world: World) -> None:
    """A disk that takes no note must not make a loop of a release."""
    files = RecordingFiles()
    world.files = files
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        files.fail(Site.UPDATE_NOTES, OSError(errno.ENOSPC, "no space"))
        world.carrier.hold.set()
        status = await until_is(courier, Activity.HELD)

    assert Reason.NO_SPACE in {why.reason for why in status.reasons}
    assert [] == world.door.taken


async def test_nothing_is_fetched_that_could_not_be_noted(world: World) -> None:
    """Bytes that no note knows would be swept away as litter, again and again."""
    files = RecordingFiles()
    files.fail(Site.UPDATE_NOTES, OSError(errno.EIO, "i/o error"))
    world.files = files

    async with world.alive() as courier:
        status = await until_is(courier, Activity.BACK_OFF)

    assert (Reason.STORE_FAILED, 15) in reasons(status)
    assert [] == world.carrier.fetched


async def test_what_cannot_be_removed_is_told_until_it_can(world: World) -> None:
    """Bytes that nobody wants fill a disk; the next look removes them."""
    files = RecordingFiles()
    world.files = files
    files.fail(Site.PART_DROP, OSError(errno.EROFS, "read-only"))
    async with world.alive() as courier:
        await until_installed(courier)
        told = await until(courier, lambda status: bool(status.reasons))
        files.mend()
        await courier.check(ALL, "pi")
        after = await until(courier, lambda status: not status.reasons)

    assert [(Reason.STORE_FAILED, None)] == reasons(told)
    assert "read-only" in told.reasons[0].text
    assert () == after.reasons
    assert [] == await emptied(world)


async def test_who_goes_on_after_a_restart_is_not_made_to_wait(world: World) -> None:
    """A person had paused it in the middle; until a source is asked it says so."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
    world.chance = 0.999  # the first turn is far
    async with world.alive() as courier:
        cut = await courier.update(UpdateRequest())
        world.carrier.hold.set()
        await courier.resume(ALL, "pi")
        (attempt,) = await until_installed(courier)

    assert (Activity.IDLE, "pets", 15) == (cut.activity, cut.model, cut.seq)
    assert "goes on with pets 1.15.0 (seq 15)" in cut.text
    assert cut.until_utc is not None
    assert Outcome.INSTALLED is attempt.outcome


# --- another decision while a release is on its way -----------------------------------


async def test_a_newer_release_takes_the_place_of_one_on_its_way(world: World) -> None:
    """The old one is given up, and its bytes go."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.source.releases.append(published(16))
        await courier.check(ALL, "pi")
        world.carrier.hold.set()
        found = await until_installed(courier, 2)
        left = await emptied(world)

    assert [(15, Outcome.GIVEN_UP), (16, Outcome.INSTALLED)] == [
        (one.seq, one.outcome) for one in found
    ]
    assert [] == left


async def test_a_halt_stops_a_download_and_keeps_its_bytes(world: World) -> None:
    """When it is lifted, it goes on where it was."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.source.say(15, halted=True)
        halted = await courier.check(ALL, "pi")
        world.source.say(15, halted=False)
        world.carrier.hold.set()
        await courier.check(ALL, "pi")
        await until_installed(courier)

    assert (Activity.IDLE, [(Reason.HALTED, 15)]) == (
        halted.activity,
        reasons(halted),
    )
    assert nothing_twice(world)


async def test_a_revoked_release_is_given_up(world: World) -> None:
    """Its bytes go: it will never be wanted again."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.source.say(15, revoked="it is wrong")
        status = await courier.check(ALL, "pi")
        (attempt,) = await attempts(courier)
        left = await emptied(world)

    assert [(Reason.REVOKED, 15)] == reasons(status)
    assert (Outcome.GIVEN_UP, Reason.REVOKED) == (attempt.outcome, attempt.reason)
    assert [] == left


async def test_a_release_that_is_not_offered_any_more_is_given_up(
    world: World,
) -> None:
    """Nobody will ask for its bytes again."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.source.releases.clear()
        await courier.check(ALL, "pi")
        (attempt,) = await attempts(courier)
        left = await emptied(world)

    assert (Outcome.GIVEN_UP, Reason.NOT_OFFERED) == (attempt.outcome, attempt.reason)
    assert [] == left


async def test_a_pause_stops_at_once_and_outlives_its_life(world: World) -> None:
    """Nothing is fetched in it; who resumes gets every byte that was there."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        paused = await courier.pause(PauseRequest(why="the fair"), "ann")
    world.carrier.hold.set()
    count, looks = len(world.carrier.fetched), world.source.looks
    async with world.alive() as courier:
        after = await until_is(courier, Activity.PAUSED)
        unheard = (len(world.carrier.fetched), world.source.looks)
        await courier.resume(ALL, "ann")
        await until_installed(courier)

    assert (Activity.PAUSED, "paused by ann") == (paused.activity, after.text)
    assert (count, looks) == unheard
    assert nothing_twice(world)


async def test_a_pause_ends_by_itself(world: World) -> None:
    """Its length is measured, whatever the date does."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        await courier.pause(PauseRequest(for_s=0.2), "ann")
        world.carrier.hold.set()
        await until_installed(courier)

    assert nothing_twice(world)


async def test_a_pause_ends_by_itself_in_another_life(world: World) -> None:
    """A restart makes it no longer."""
    async with world.alive() as courier:
        await courier.pause(PauseRequest(for_s=1.5), "ann")
    async with world.alive() as courier:
        await until_is(courier, Activity.PAUSED)
        (attempt,) = await until_installed(courier)

    assert Outcome.INSTALLED is attempt.outcome


async def test_nobody_updates_now_in_a_pause(world: World) -> None:
    """Who paused meant it; the refusal says what to type."""
    async with world.alive() as courier:
        await courier.pause(PauseRequest(), "ann")
        with pytest.raises(Conflict, match="paused by ann") as refused:
            await courier.now(ALL, "pi")

    assert "edgectl update resume" == refused.value.hint


async def test_a_look_in_a_pause_is_answered(world: World) -> None:
    """A person learns what there is, and no byte of it comes."""
    async with world.alive() as courier:
        await courier.pause(PauseRequest(), "ann")
        status = await courier.check(ALL, "pi")

    assert (Activity.PAUSED, [(Reason.PAUSED, 15)]) == (
        status.activity,
        reasons(status),
    )
    assert [] == world.carrier.fetched


async def test_a_hold_of_one_model_lets_others_pass(world: World) -> None:
    """Until it is lifted."""
    world.source.releases.append(published(3, model="mobile"))
    hold = HoldRequest(name="pets", until_utc="2030-01-01T00:00:00Z", why="tests")

    async with world.alive() as courier:
        await courier.hold(hold, "ann")
        await until_is(courier, Activity.HELD)
        first = [model for model, *_ in world.door.taken]
        held = (await courier.update(UpdateRequest())).wishes
        await courier.resume(UpdateScope(name="pets"), "ann")
        await until_installed(courier, 2)

        after = (await courier.update(UpdateRequest())).wishes

    assert ["mobile"] == first
    assert ("pets is held by ann until 2030-01-01T00:00:00Z: tests",) == held
    assert () == after


async def test_a_pause_and_a_hold_of_all_are_told_while_they_stand(
    world: World,
) -> None:
    """Also where there is no release that they stand against."""
    world.door.have(published(15))
    hold = HoldRequest(until_utc="2030-01-01T00:00:00Z")

    async with world.alive() as courier:
        await courier.pause(PauseRequest(why="the fair"), "ann")
        await courier.hold(hold, "bob")
        told = (await courier.update(UpdateRequest())).wishes
        await courier.resume(UpdateScope(), "ann")
        after = (await courier.update(UpdateRequest())).wishes

    assert (
        "paused by ann: the fair",
        "every model is held by bob until 2030-01-01T00:00:00Z",
    ) == told
    assert () == after


@pytest.mark.parametrize("when", ["tomorrow", "1999-01-01T00:00:00Z"])
async def test_a_hold_needs_a_date_to_come(world: World, when: str) -> None:
    """What cannot hold anything is refused."""
    async with world.alive() as courier:
        with pytest.raises(InvalidRequest, match="cannot hold"):
            await courier.hold(HoldRequest(until_utc=when), "ann")


class Drafting(FakeDoor):
    """A daemon that writes manifests of its own: no digest, no seq is as offered."""

    async def installed(self) -> tuple[Installed, ...]:
        """Tell versions as they came."""
        return tuple(
            msgspec.structs.replace(one, seq=1, digest="drafted")
            for one in await super().installed()
        )


class Answering(FakeSource):
    """A source that offers what is not live, as an API does."""

    def __init__(self, door: FakeDoor, *releases: Published) -> None:
        super().__init__("main", *releases)
        self._door = door

    async def look(self) -> tuple[Offer, ...]:
        """Offer what is not live."""
        live = self._door.models["pets"].version
        return tuple(o for o in await super().look() if o.listing.version != live)


async def test_what_was_news_before_an_install_is_none_after_it(world: World) -> None:
    """Who offers by version is asked again: no loop comes of a digest of its own."""
    world.door = Drafting()
    world.door.have(published(14))
    world.sources = (Answering(world.door, *world.source.releases),)

    async with world.alive() as courier:
        await until_installed(courier)
        await courier.check(ALL, "pi")

    assert (1, 3) == (len(world.door.taken), world.source.looks)


# --- the daemon says no ---------------------------------------------------------------


async def test_a_refused_release_is_not_fetched_again(world: World) -> None:
    """Its digest is remembered over lives; its reason stands."""
    world.door.steps = [taken(Step.REFUSED, "it answers nonsense", "rejected")]
    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)
    count = len(world.carrier.fetched)

    async with world.alive() as courier:
        status = await courier.check(ALL, "pi")

    assert (Outcome.REFUSED, Reason.REFUSED) == (attempt.outcome, attempt.reason)
    assert "it answers nonsense" == attempt.text
    assert (Activity.IDLE, [(Reason.REFUSED, 15)]) == (status.activity, reasons(status))
    assert (count, 1) == (len(world.carrier.fetched), len(world.door.taken))


async def test_a_newer_release_comes_after_a_refused_one(world: World) -> None:
    """What was refused is one digest, not the model."""
    world.door.errors = [Rejected("cannot install: no")]
    async with world.alive() as courier:
        await until_installed(courier)
        world.source.releases.append(published(16))
        await courier.check(ALL, "pi")
        found = await until_installed(courier, 2)

    assert [(15, Outcome.REFUSED), (16, Outcome.INSTALLED)] == [
        (one.seq, one.outcome) for one in found
    ]


async def test_a_person_lifts_a_refusal(world: World) -> None:
    """`update now` tries it once more."""
    world.door.errors = [Rejected("cannot install: no")]

    async with world.alive() as courier:
        await until_installed(courier)
        await courier.now(UpdateScope(name="pets"), "pi")
        found = await until_installed(courier, 2)

    assert [Outcome.REFUSED, Outcome.INSTALLED] == [one.outcome for one in found]


async def test_a_daemon_that_stops_in_a_trial_says_nothing_of_a_release(
    world: World,
) -> None:
    """It is handed in again, and not fetched again."""
    world.door.steps = [taken(Step.REFUSED, "the daemon is stopping", "draining")]

    async with world.alive() as courier:
        await until_is(courier, Activity.BACK_OFF)
        world.door.steps = [taken(Step.PROBATION)]
        (attempt,) = await until_installed(courier)

    assert (Outcome.INSTALLED, 2) == (attempt.outcome, attempt.change)
    assert (2, True) == (len(world.door.taken), nothing_twice(world))


async def test_a_release_that_is_left_in_probation_has_its_reason_at_once(
    world: World,
) -> None:
    """Nobody has to wait for the next look to be told why it is not there."""
    world.door.watches = True
    world.door.steps = [
        taken(Step.PROBATION),
        taken(Step.QUARANTINED, "it answered NaN", "rejected"),
    ]

    async with world.alive() as courier:
        status = await until(courier, lambda s: (Reason.QUARANTINED, 15) in reasons(s))
        (attempt,) = await attempts(courier)

    assert Outcome.INSTALLED is attempt.outcome
    assert Activity.IDLE is status.activity
    assert 1 == len(world.door.taken)


async def test_a_release_to_decide_waits_for_a_person(world: World) -> None:
    """It is here; nobody fetches it again."""
    world.door.steps = [taken(Step.HELD, "it answers otherwise", "held")]

    async with world.alive() as courier:
        status = await until(courier, lambda s: (Reason.TO_DECIDE, 15) in reasons(s))
        await courier.check(ALL, "pi")
        (attempt,) = await attempts(courier)

    assert (Activity.HELD, Reason.TO_DECIDE) == (status.activity, attempt.reason)
    assert 1 == len(world.door.taken)


async def test_a_change_of_the_model_is_waited_for(world: World) -> None:
    """Its end is news: nobody asks on and on, and nobody waits for the next look."""
    world.door.hold.clear()
    async with world.alive() as courier:
        await until(courier, lambda status: status.change == 1)
    other = world.door.models["pets"]
    (world.folder / "notes").unlink()
    world.door.have(published(14), under_way=1)
    async with world.alive() as courier:
        status = await until_is(courier, Activity.HELD)
        world.door.models["pets"] = other
        world.door.hold.set()
        await until(courier, lambda seen: seen.activity is not Activity.HELD)

    assert [(Reason.UNDER_WAY, 15)] == reasons(status)


async def test_a_change_that_another_one_replaced_is_given_up(world: World) -> None:
    """A newer release came in by another way."""
    world.door.steps = [taken(Step.SUPERSEDED)]

    async with world.alive() as courier:
        world.door.have(published(14))
        await until(courier, lambda status: status.change == 1)
        world.door.have(published(16))
        (attempt,) = await until_installed(courier)

    assert Outcome.GIVEN_UP is attempt.outcome


async def test_a_change_that_nobody_knows_is_begun_anew(world: World) -> None:
    """The daemon's journal is another one: it gets the release once more."""
    world.door.hold.clear()
    async with world.alive() as courier:
        await until(courier, lambda status: status.change == 1)
    world.door._changes.clear()
    world.door.hold.set()

    async with world.alive() as courier:
        await until_is(courier, Activity.BACK_OFF)
        (attempt,) = await until_installed(courier)

    assert (Outcome.INSTALLED, 2) == (attempt.outcome, len(world.door.taken))
    assert nothing_twice(world)


async def test_a_release_that_is_live_already_is_no_change(world: World) -> None:
    """Somebody was faster; the daemon says so, and that is that."""
    world.door.is_there = True

    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)

    assert (Outcome.INSTALLED, None) == (attempt.outcome, attempt.change)


async def test_a_busy_model_is_no_failure(world: World) -> None:
    """It is held for a while; nothing is refused, nothing is fetched again."""
    world.door.errors = [ChangeUnderWay("cannot install: change 3 is not over")]

    async with world.alive() as courier:
        status = await until_is(courier, Activity.HELD)
        await courier.now(ALL, "pi")
        await until_installed(courier)

    assert [(Reason.UNDER_WAY, 15)] == reasons(status)
    assert nothing_twice(world)


async def test_a_daemon_that_is_away_is_waited_for(world: World) -> None:
    """Nothing is decided without it."""
    world.door.away = AWAY

    async with world.alive() as courier:
        status = await until_is(courier, Activity.BACK_OFF)
        world.door.away = None
        await until_installed(courier)

    assert (Reason.DAEMON_AWAY, None) in reasons(status)
    assert "systemctl start edged" == status.reasons[0].hint


async def test_a_daemon_that_is_away_in_a_change_is_waited_for(world: World) -> None:
    """The change is followed on; nothing is handed in twice."""
    world.door.hold.clear()
    async with world.alive() as courier:
        await until(courier, lambda status: status.change == 1)
        world.door.away = AWAY
        world.door.hold.set()
        await asyncio.sleep(0.05)
        status = await courier.update(UpdateRequest())
        world.door.away = None
        await until_installed(courier)

    assert (Activity.STAGED, 1) == (status.activity, len(world.door.taken))


# --- the way --------------------------------------------------------------------------


async def test_a_cut_is_one_attempt_that_goes_on(world: World) -> None:
    """Back-off, then from where it was; the history has one line."""
    world.carrier.errors = [CUT, CUT]

    async with world.alive() as courier:
        status = await until_is(courier, Activity.BACK_OFF)
        found = await until_installed(courier)

    assert [(Reason.CUT, 15)] == reasons(status)
    assert [(Outcome.INSTALLED, 3 * 2**18 + 5)] == [
        (one.outcome, one.fetched_bytes) for one in found
    ]
    assert nothing_twice(world)


async def test_a_back_off_outlives_its_life(world: World) -> None:
    """A restart is no way round it; a person is."""
    world.chance = 0.99
    world.carrier.errors = [CUT]
    async with world.alive() as courier:
        await courier.check(ALL, "pi")
        await until_is(courier, Activity.BACK_OFF)
    async with world.alive() as courier:
        status = await courier.check(ALL, "pi")
        await courier.now(ALL, "pi")
        await until_installed(courier)

    assert (Activity.BACK_OFF, [(Reason.CUT, 15)]) == (status.activity, reasons(status))


async def test_wrong_bytes_back_off(world: World) -> None:
    """No mirror has the right ones: later, perhaps."""
    wrong = NotFetched("cannot fetch it: wrong", reason="wrong-hash")
    world.carrier.errors, world.carrier.chunks_before_error = [wrong], 0

    async with world.alive() as courier:
        await until_is(courier, Activity.BACK_OFF)
        (attempt,) = await attempts(courier)

    assert (Outcome.FAILED, Reason.WRONG_HASH) == (attempt.outcome, attempt.reason)


async def test_a_source_that_fails_is_told_and_asked_again(world: World) -> None:
    """Its reason goes when it answers."""
    world.source.errors = [Untrusted("cannot trust main: older", reason="rollback")]

    async with world.alive() as courier:
        status = await until(courier, lambda s: bool(s.reasons))
        await until_installed(courier)
        after = await courier.update(UpdateRequest())

    assert [(Reason.ROLLBACK, None)] == reasons(status)
    trouble = status.sources[0].trouble
    assert trouble is not None
    assert "rollback" == trouble.code
    assert () == after.reasons


async def test_one_source_that_fails_does_not_silence_another(
    tmp_path: Path, disk: ThreadPoolExecutor
) -> None:
    """Each is heard for itself."""
    silent = FakeSource("silent")
    silent.errors = [CUT] * 99
    spoken = published(15, source="spoken")
    world = World(tmp_path / "updates", disk, silent, FakeSource("spoken", spoken))

    async with world.alive() as courier:
        await until_installed(courier)
        status = await courier.update(UpdateRequest())

    assert [(Reason.CUT, None)] == reasons(status)


async def test_documents_that_contradict_each_other_are_not_fetched(
    world: World,
) -> None:
    """The daemon would refuse it after the last byte; we do before the first."""
    one = world.source.releases[0]
    files = {**one.files, "labels.txt": b"other"}
    world.source.releases[0] = msgspec.structs.replace(one, files=files)

    async with world.alive() as courier:
        status = await until_is(courier, Activity.BACK_OFF)

    assert [(Reason.NOT_UNDERSTOOD, 15)] == reasons(status)
    assert [] == world.carrier.fetched


async def test_an_offer_that_a_look_took_away_is_no_bug(world: World) -> None:
    """Between the choice and its first step it may be gone."""
    courier = world.courier()
    gone = wanted(published(16).offer, downgrade=False)

    with pytest.raises(NotFetched, match="does not offer it any more"):
        courier._council.offer(gone)


# --- the box --------------------------------------------------------------------------


async def test_no_space_is_held_until_there_is_room(world: World) -> None:
    """Nothing is fetched; a person who made room need not wait."""
    world.door.free_bytes = 1000

    async with world.alive() as courier:
        status = await until_is(courier, Activity.HELD)
        world.door.free_bytes = 1 << 40
        await courier.now(ALL, "pi")
        await until_installed(courier)

    assert [(Reason.NO_SPACE, 15)] == reasons(status)
    assert "1000 B are free" in status.text


async def test_a_network_that_begins_to_cost_stops_a_download(world: World) -> None:
    """And it goes on by itself when it does not any more."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.conditions.set(Conditions(metered=True))
        status = await until_is(courier, Activity.HELD)
        world.carrier.hold.set()
        world.conditions.set(Conditions(metered=False))
        await until_installed(courier)

    assert [(Reason.METERED, 15)] == reasons(status)
    assert nothing_twice(world)


async def test_inference_slows_a_download_down_in_the_middle(world: World) -> None:
    """It is not begun anew, says why, and comes to its end all the same."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.waits = True
        world.carrier.hold.set()
        status = await until(courier, lambda s: "right of way" in s.text)
        (attempt,) = await until_installed(courier)

    assert Activity.DOWNLOADING is status.activity
    assert [(Reason.BUSY, 15)] == reasons(status)
    assert Outcome.INSTALLED is attempt.outcome
    assert 1 == world.source.described


@pytest.fixture
def closed(world: World) -> World:
    """Return the world at noon, with a window at night."""
    policy = Policy(window=window("02:00-05:00", UTC))
    world.terms = msgspec.structs.replace(TERMS, policy=policy)
    return world


async def test_a_window_holds_and_a_person_does_not_wait(closed: World) -> None:
    """Now is now, also for a life that begins after it was said."""
    closed.carrier.hold.clear()
    async with closed.alive() as courier:
        status = await until_is(courier, Activity.HELD)
        await courier.now(ALL, "pi")
        await until_is(courier, Activity.DOWNLOADING)
    closed.carrier.hold.set()
    async with closed.alive() as courier:
        (attempt,) = await until_installed(courier)

    assert [(Reason.WINDOW, 15)] == reasons(status)
    assert Outcome.INSTALLED is attempt.outcome


async def test_who_waited_for_a_window_asks_again_before_the_first_byte(
    closed: World,
) -> None:
    """It may have been halted in the meantime."""
    async with closed.alive() as courier:
        await until_is(courier, Activity.HELD)
        closed.source.say(15, halted=True)
        courier._scout.outdate(closed.source.releases[0].offer.sha256)
        closed.now = datetime(2026, 11, 26, 3, tzinfo=UTC)
        closed.conditions.set(Conditions(hot=True))
        closed.conditions.set(Conditions(hot=False))
        status = await until_is(courier, Activity.IDLE)

    assert [(Reason.HALTED, 15)] == reasons(status)
    assert [] == closed.carrier.fetched


async def test_who_cannot_ask_again_does_not_begin(closed: World) -> None:
    """The source has fallen silent: it may have halted the release."""
    async with closed.alive() as courier:
        await until_is(courier, Activity.HELD)
        closed.source.errors = [CUT]
        courier._scout.outdate(closed.source.releases[0].offer.sha256)
        closed.now = datetime(2026, 11, 26, 3, tzinfo=UTC)
        closed.conditions.set(Conditions(hot=True))
        closed.conditions.set(Conditions(hot=False))
        status = await until_is(courier, Activity.BACK_OFF)
        before = list(closed.carrier.fetched)
        await until_installed(courier)

    assert [(Reason.CUT, None)] == reasons(status)
    assert [] == before


async def test_changed_settings_count_at_once(closed: World) -> None:
    """A window that is taken away holds nobody any more."""
    async with closed.alive() as courier:
        await until_is(courier, Activity.HELD)
        courier.obey(TERMS)
        (attempt,) = await until_installed(courier)

    assert Outcome.INSTALLED is attempt.outcome


async def test_a_hot_box_waits_in_the_middle(world: World) -> None:
    """And says so."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.conditions.set(Conditions(hot=True))
        status = await until(courier, lambda s: "too hot" in s.text)

    assert Activity.DOWNLOADING is status.activity


async def test_a_box_that_may_not_fetch_waits_in_the_middle(world: World) -> None:
    """And goes on when it may."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        world.conditions.set(Conditions(errands=(), strategy="critical (5 %)"))
        status = await until(courier, lambda s: "box is critical" in s.text)
        world.carrier.hold.set()
        await asyncio.sleep(0.05)
        count = len(world.carrier.fetched)
        world.conditions.set(Conditions())
        (attempt,) = await until_installed(courier)

    assert Activity.DOWNLOADING is status.activity
    assert count < CHUNKS
    assert Outcome.INSTALLED is attempt.outcome


async def test_a_strategy_holds_a_release_back_and_says_so(world: World) -> None:
    """Sources are asked where it allows that; and no further."""
    world.conditions.set(Conditions(errands=(Errand.CHECK,), strategy="lean (15 %)"))
    async with world.alive() as courier:
        status = await until_is(courier, Activity.HELD)
        world.conditions.set(Conditions(errands=tuple(Errand)))
        await until_installed(courier)

    assert [Reason.STRATEGY] == [why.reason for why in status.reasons]
    assert "while the box is lean (15 %)" in status.reasons[0].text


async def test_a_trial_is_made_up_for_when_the_strategy_allows_it(
    world: World,
) -> None:
    """What waits for it need not wait out ten minutes."""
    lean = Conditions(errands=(Errand.CHECK, Errand.DOWNLOAD), strategy="lean (15 %)")
    world.conditions.set(lean)
    world.door.errors = [NotNow("cannot try it now: lean", retry_after_s=600.0)]
    async with world.alive() as courier:
        status = await until(courier, lambda s: Activity.HELD is s.activity)
        world.conditions.set(msgspec.structs.replace(lean, battery_pct=20.0))
        await courier.check(ALL, "pi")
        still = await courier.update(UpdateRequest())
        world.conditions.set(Conditions(errands=tuple(Errand)))
        (attempt,) = await until_installed(courier)

    assert [(Reason.STRATEGY, 15)] == reasons(status) == reasons(still)
    assert Outcome.INSTALLED is attempt.outcome


async def test_a_strategy_that_forbids_looks_asks_no_source(world: World) -> None:
    """Unless a person does; and it is told why nobody is asked."""
    world.conditions.set(Conditions(errands=(), strategy="critical (5 %)"))
    async with world.alive() as courier:
        silent = await courier.update(UpdateRequest(wait_s=0.2))
        looks = world.source.looks
        asked = await courier.check(UpdateScope(), "ann")
        world.conditions.set(Conditions(errands=tuple(Errand)))
        await until_installed(courier)

    assert 0 == looks
    assert ["no source is asked while the box is critical (5 %)"] == [
        why.text for why in silent.reasons
    ]
    assert {Reason.STRATEGY} == {why.reason for why in asked.reasons}
    assert len(asked.reasons) > len(silent.reasons)


async def test_a_revoked_live_release_is_replaced_by_an_older_one(world: World) -> None:
    """As a downgrade, and the daemon is told so."""
    world.source.releases = [published(14), published(13)]
    world.source.say(14, revoked="it leaks")

    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)

    assert (13, [True]) == (attempt.seq, world.door.downgrades)


async def test_the_daemon_hears_what_was_revoked_of_what_it_has(world: World) -> None:
    """Signed metadata and no verdict; once, and with each look where it must stop."""
    world.source.releases = [published(14)]
    world.source.say(14, revoked="it leaks")
    world.door.revokes = frozenset({published(14).offer.sha256})
    async with world.alive() as courier:
        status = await courier.check(ALL, "pi")
        await courier.check(ALL, "pi")
    before = tuple(world.door.heard)
    world.terms = msgspec.structs.replace(TERMS, stop_revoked=True)
    async with world.alive() as courier:
        await courier.check(ALL, "pi")

    assert [(Reason.REVOKED, 14)] == reasons(status)
    assert (("main", "pets", True),) == before
    assert set(before) == set(world.door.heard)
    assert len(world.door.heard) > len(before)


async def test_the_daemon_hears_that_a_release_may_run_again(world: World) -> None:
    """Whatever it thinks of it that no source says."""
    digest = published(14).offer.sha256
    world.source.releases = [published(14)]
    world.door.have(published(14), revoked=frozenset({digest}))

    async with world.alive() as courier:
        await courier.check(ALL, "pi")

    assert [("main", "pets", False)] == world.door.heard


async def test_a_daemon_that_cannot_hear_is_no_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and the next look tells it again."""
    world.source.releases = [published(14)]
    world.source.say(14, revoked="it leaks")
    world.door.hear_error = NotPermitted("cannot hear: not permitted")

    async with world.alive() as courier:
        status = await courier.check(ALL, "pi")

    assert [(Reason.REVOKED, 14)] == reasons(status)
    assert "pets: the daemon cannot hear what is revoked" in caplog.text


# --- rest -----------------------------------------------------------------------------


async def test_at_rest_nothing_happens(world: World) -> None:
    """No look, no question to the daemon, no task that wakes up."""
    world.door.have(published(15))
    async with world.alive() as courier:
        await courier.check(ALL, "pi")
        before = world.source.looks
        world.door.away = AWAY  # whoever asked would notice
        await asyncio.sleep(1.5)
        status = await courier.update(UpdateRequest())

    assert (before, Activity.IDLE) == (world.source.looks, status.activity)


async def test_a_bug_of_a_source_takes_nobody_down(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The courier lives, and says in the log what it met."""
    world.source.errors = [RuntimeError("a bug")]  # type: ignore[list-item]  # on purpose

    async with world.alive() as courier:
        await courier.check(ALL, "pi")
        await courier.check(ALL, "pi")
        await until_installed(courier)

    assert "met a bug" in caplog.text


async def test_a_move_that_the_table_lacks_begins_anew(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours is told, and the next look goes on as if nothing had been."""
    async with world.alive() as courier:
        await until_some_bytes(world, courier)
        courier._helm.state = Checking()
        world.carrier.hold.set()
        await until_is(courier, Activity.IDLE)
        await courier.check(ALL, "pi")
        await until_installed(courier)

    assert "met a bug" in caplog.text
    assert nothing_twice(world)


async def test_a_bug_in_an_errand_ends_that_release(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not tried over and over."""
    world.carrier.errors = [RuntimeError("a bug")]  # type: ignore[list-item]  # on purpose

    async with world.alive() as courier:
        (attempt,) = await until_installed(courier)

    assert (Outcome.REFUSED, True) == (attempt.outcome, "a bug" in caplog.text)


async def test_who_waits_for_news_gets_none_without_any(world: World) -> None:
    """The answer is the same state, after the time that was asked for."""
    world.door.have(published(15))
    async with world.alive() as courier:
        known = await courier.check(ALL, "pi")

        again = await courier.update(UpdateRequest(known=known.revision, wait_s=0.05))

    assert known == again


async def test_it_has_one_line_for_people(world: World) -> None:
    """Its `repr` is what `edgectl` says."""
    world.door.have(published(15))
    async with world.alive() as courier:
        await courier.check(ALL, "pi")
        text = repr(courier)

    assert "<Courier idle: up to date>" == text


# --- power cuts -----------------------------------------------------------------------

#: Steps on the disk of one update; found by `test_no_step_is_left_out`.
STEPS = 24


async def test_no_step_is_left_out(world: World) -> None:
    """An update takes as many durable steps as are cut below, or fewer."""
    files = RecordingFiles()
    world.files = files

    async with world.alive() as courier:
        await until_installed(courier)
        await emptied(world)

    assert len(files.ops) <= STEPS


@pytest.mark.parametrize("lose", [True, False], ids=["lost", "kept"])
@pytest.mark.parametrize("cut", range(STEPS))
async def test_a_power_cut_anywhere_costs_one_flush_at_most(
    world: World, cut: int, *, lose: bool
) -> None:
    """The next life ends it; no more than one chunk came twice, nothing lies around."""
    world.files = RecordingFiles(cut_after=cut, lose=lose)
    with suppress(BaseExceptionGroup):
        async with world.alive() as courier:
            await until_installed(courier)
            await emptied(world)
    world.files = DiskFiles()

    async with world.alive() as courier:
        await courier.check(ALL, "pi")
        status = await until(courier, lambda s: s.text == "up to date")
        found = await attempts(courier)
        left = await emptied(world)

    again = sum(count - 1 for count in Counter(world.carrier.fetched).values())
    assert again <= 1
    assert {(15, Outcome.INSTALLED)} >= {(one.seq, one.outcome) for one in found}
    assert (15, []) == (world.door.models["pets"].seq, left)
    assert () == status.reasons


async def test_people_read_the_clock_on_the_wall(world: World) -> None:
    """Whatever is believed of it: a reason is as old as it stands here."""
    world.now = datetime(2020, 1, 1, tzinfo=UTC)
    world.source.say(15, starts="2029-01-01T00:00:00Z")

    async with world.alive() as courier:
        first = await until(courier, lambda s: (Reason.NOT_YET, 15) in reasons(s))
        await asyncio.sleep(1.1)  # dates have whole seconds
        again = await courier.check(ALL, "ann")
        world.source.say(15, halted=True)
        other = await courier.check(ALL, "ann")

    first_utc, again_utc, other_utc = (
        next(why.since_utc for why in status.reasons if why.seq == 15)
        for status in (first, again, other)
    )
    assert first_utc == again_utc < other_utc
    assert abs((datetime.now(UTC) - _date(first_utc)).total_seconds()) < 60


async def test_people_read_when_it_goes_on_by_their_clock(world: World) -> None:
    """A box whose clock is not believed does not say "in 0 s" for ever."""
    world.now = datetime(2020, 1, 1, tzinfo=UTC)
    world.source.say(15, starts="2019-01-01T00:00:00Z")
    world.chance = 0.9
    world.carrier.errors = [NotFetched("cannot fetch it: cut", reason="cut")] * 9

    async with world.alive() as courier:
        await courier.check(ALL, "ann")
        status = await until(courier, lambda s: (Reason.CUT, 15) in reasons(s))

    (why,) = [one for one in status.reasons if one.reason is Reason.CUT]
    assert why.until_utc is not None
    assert _date(why.until_utc) > datetime.now(UTC)


def _date(utc: str) -> datetime:
    date = read_utc(utc)
    assert date is not None
    return date


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (StoreFailed("cannot write it: full", errno=errno.ENOSPC), Reason.NO_SPACE),
        (NotFetched("cannot fetch it: cut", reason="cut"), Reason.CUT),
    ],
    ids=["full", "cut"],
)
async def test_what_a_person_wants_at_once_is_not_tried_without_end(
    world: World, failed: EdgedError, reason: Reason
) -> None:
    """A failure after `now` has its reason and its wait, as any has."""
    world.chance = 0.9
    world.carrier.chunks_before_error = 0
    world.carrier.errors = [failed] * 1000

    async with world.alive() as courier:
        await courier.now(ALL, "ann")
        status = await until(courier, lambda s: (reason, 15) in reasons(s))
        await asyncio.sleep(0.2)

    assert status.activity in {Activity.HELD, Activity.BACK_OFF}
    assert 999 == len(world.carrier.errors)
