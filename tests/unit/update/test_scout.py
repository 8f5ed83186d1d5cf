"""Sources in their turns: kept over restarts, spread, and later after failures."""

from datetime import timedelta

import pytest

from edged.errors import NotFetched, Untrusted
from edged.update.backoff import FIRST_SPREAD_S
from edged.update.scout import RESUME_S, Scout
from edged.wire.updates import Reason
from edged.wire.words import utc_text
from tests.fakes.clock import Hours
from tests.fakes.updates import FakeSource, published

EVERY_S = 6 * 3600.0


class Place:
    """Two sources, a clock, and a draw."""

    def __init__(self) -> None:
        self.clock = Hours()
        self.chance = 0.5
        self.main = FakeSource("main", published(15, size=8))
        self.site = FakeSource("site", published(3, model="mobile", size=8))
        self.scout = Scout(
            (self.main, self.site), self.clock, lambda: self.chance, EVERY_S
        )


@pytest.fixture
def place() -> Place:
    """Return one."""
    return Place()


async def test_what_all_offer_is_offered(place: Place) -> None:
    """The preferred source first."""
    await place.scout.look(("site", "main"))

    assert ["pets", "mobile"] == [o.listing.model for o in place.scout.offers]
    assert place.scout.heard()


def test_a_first_life_is_spread(place: Place) -> None:
    """By chance, over minutes: somebody may stand in front of it."""
    place.scout.begin({}, {}, resumes=False)

    assert place.clock.now + FIRST_SPREAD_S / 2 == place.scout.next_s


def test_a_turn_is_kept_over_a_restart(place: Place) -> None:
    """Or a restart of all would bring all at once."""
    due = utc_text(place.clock.utc() + timedelta(hours=2))

    place.scout.begin({"main": due, "site": due}, {}, resumes=False)

    assert place.clock.now + 7200 == place.scout.next_s


def test_who_was_cut_off_goes_on_soon(place: Place) -> None:
    """Some boxes are only switched on for minutes."""
    due = utc_text(place.clock.utc() + timedelta(hours=2))

    place.scout.begin({"main": due, "site": due}, {}, resumes=True)

    assert place.clock.now + RESUME_S / 2 == place.scout.next_s


def test_turns_are_told_for_the_next_life(place: Place) -> None:
    """As dates."""
    place.scout.begin({}, {}, resumes=False)

    due = utc_text(place.clock.utc() + timedelta(seconds=FIRST_SPREAD_S / 2))
    assert {"main": due, "site": due} == place.scout.looks()


def test_when_a_source_answered_outlives_a_restart(place: Place) -> None:
    """A source that never did is not told of."""
    at = utc_text(place.clock.utc())
    place.scout.begin({}, {"main": at}, resumes=False)

    told = {one.name: one.checked_utc for one in place.scout.statuses(paused=False)}
    assert {"main": at, "site": None} == told
    assert {"main": at} == place.scout.answers()


async def test_after_a_look_the_next_one_is_far(place: Place) -> None:
    """Half of `every` to one and a half."""
    place.chance = 0.0
    await place.scout.look(("main", "site"))

    assert place.clock.now + EVERY_S / 2 == place.scout.next_s
    assert () == place.scout.due()


async def test_a_person_gives_all_their_turn(place: Place) -> None:
    """At once."""
    await place.scout.look(("main", "site"))

    place.scout.hurry()

    assert ("main", "site") == place.scout.due()


async def test_a_source_that_fails_keeps_what_it_said(place: Place) -> None:
    """It is told, with its reason, since when, and when it is asked again."""
    await place.scout.look(("main", "site"))
    place.main.errors = [Untrusted("cannot trust it", reason="freeze", hint="look")]
    place.clock.now += 60

    await place.scout.look(("main",))

    (why,) = place.scout.why_not()
    assert (Reason.FREEZE, "main", "cannot trust it") == (
        why.reason,
        why.source,
        why.text,
    )
    assert utc_text(place.clock.utc()) == why.since_utc
    assert utc_text(place.clock.utc() + timedelta(seconds=15)) == why.until_utc
    assert 2 == len(place.scout.offers)
    assert not place.scout.heard()
    assert (Reason.FREEZE, place.clock.now + 15) == place.scout.fault("main")


async def test_failures_in_a_row_are_one_reason_and_longer_waits(place: Place) -> None:
    """Since the first of them; another reason is another one."""
    cut = NotFetched("cannot fetch it", reason="cut")
    place.main.errors = [cut, cut, NotFetched("cannot fetch it", reason="tls")]

    since, waits = [], []
    for _ in range(3):
        await place.scout.look(("main",))
        since.append(place.scout.why_not()[0].since_utc)
        waits.append(place.scout._posts["main"].due_s - place.clock.now)
        place.clock.now += 60

    assert [16.0, 31.0, 61.0] == waits  # a second is what every such error asks for
    assert since[0] == since[1] != since[2]


async def test_a_host_says_when_to_come_back(place: Place) -> None:
    """And the spread comes on top, or all would come then."""
    place.main.errors = [
        NotFetched("cannot fetch it", reason="host-busy", retry_after_s=120.0)
    ]

    await place.scout.look(("main",))

    assert (Reason.HOST_BUSY, place.clock.now + 135) == place.scout.fault("main")


async def test_a_source_that_answers_again_is_heard(place: Place) -> None:
    """Nothing of its failure stays."""
    place.main.errors = [NotFetched("cannot fetch it", reason="cut")]
    await place.scout.look(("main", "site"))

    await place.scout.look(("main",))

    assert ((), None, True) == (
        place.scout.why_not(),
        place.scout.fault("main"),
        place.scout.heard(),
    )


async def test_what_was_said_too_long_ago_is_stale(place: Place) -> None:
    """By whoever offers it; who does not offer it need not be asked."""
    await place.scout.look(("main", "site"))
    digest = place.main.releases[0].offer.sha256
    fresh = place.scout.stale(digest, 300.0)
    place.clock.now += 301

    assert ((), ("main",)) == (fresh, place.scout.stale(digest, 300.0))


async def test_what_was_said_to_another_box_is_stale(place: Place) -> None:
    """Some sources answer what is news for a box as it is."""
    await place.scout.look(("main", "site"))
    digest = place.main.releases[0].offer.sha256

    place.scout.outdate(digest)

    assert ("main",) == place.scout.stale(digest, 300.0)
    await place.scout.look(("main",))
    assert () == place.scout.stale(digest, 300.0)


@pytest.mark.parametrize(
    ("clocks", "told"),
    [
        (("right", "right"), "right"),
        (("right", "unknown"), "unknown"),
        (("behind", "unknown"), "behind"),
        (("?", "?"), "unknown"),
    ],
)
def test_the_clock_is_judged_by_who_thinks_least_of_it(
    place: Place, clocks: tuple[str, str], told: str
) -> None:
    """One source may know better than another that it is wrong."""
    place.main.clock, place.site.clock = clocks

    assert told == place.scout.clock


async def test_every_source_is_told(place: Place) -> None:
    """In a pause without a next turn."""
    place.main.errors = [NotFetched("cannot fetch it", reason="cut")]
    await place.scout.look(("main", "site"))

    main, site = place.scout.statuses(paused=False)

    assert main.trouble is not None
    assert ("cut", None) == (main.trouble.code, main.checked_utc)
    assert (None, utc_text(place.clock.utc())) == (site.trouble, site.checked_utc)
    assert {"targets": 1} == site.versions
    assert [None, None] == [s.next_utc for s in place.scout.statuses(paused=True)]
