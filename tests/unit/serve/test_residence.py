"""Which rungs of a release stay in memory."""

from collections.abc import Callable
from concurrent.futures import Future

from edged.serve.residence import KEPT
from tests.fakes.ladders import COSTS, ladder

GIB = 1 << 30


def counts(**more: int) -> dict[str, int]:
    """Return runs by variant."""
    return {name: more.get(name, 0) for name in COSTS}


def at_once(work: Callable[[], None]) -> Future[None]:
    """Run what is disposed of here and now."""
    work()
    return Future()


def test_what_nobody_used_since_the_last_look_goes() -> None:
    """Not at the first look: nobody can tell yet. Who answers by itself stays."""
    home = ladder().residence

    first = home.spare("big", counts())
    second = home.spare("big", counts(mid=1))

    assert (False, True) == (first, second)
    assert ["big", "mid"] == [rung.id for rung in home.rungs]
    assert {"small": "memory is short"} == home.away
    assert home.is_stirred
    assert "big, mid; away: small" == repr(home)


def test_who_answers_by_itself_stays() -> None:
    """Also where nobody ever asked it."""
    home = ladder().residence

    for _ in range(5):
        home.spare("small", counts())

    assert ["small"] == [rung.id for rung in home.rungs]


def test_a_rung_that_is_used_is_closed_when_it_is_not_any_more() -> None:
    """A request that has it never sees a closed one."""
    live = ladder()
    home = live.residence
    leaving = {rung.id: rung for rung in home.rungs}
    home.spare("big", counts())
    home.spare("big", counts())

    home.bury(lambda rung: rung.id == "mid", at_once)
    held = [each.id for each in home.every]
    first = {name: rung.runs.closed for name, rung in leaving.items()}
    home.bury(lambda _: False, at_once)

    assert ["big", "mid"] == held
    assert {"big": False, "mid": False, "small": True} == first
    assert leaving["mid"].runs.closed
    assert ["big"] == [each.id for each in home.every]


def test_the_cheapest_comes_back_first_and_is_told_what_it_needs() -> None:
    """A rung of 1 GiB needs more than what is left of 2 when a part is kept."""
    home = ladder(held_bytes=GIB).residence
    home.spare("big", counts())
    home.spare("big", counts())

    wanted = home.wanted()
    assert wanted is not None
    room = GIB + int(KEPT * 2 * GIB)
    enough = home.lacks(wanted, available=room, total=2 * GIB)
    lacks = home.lacks(wanted, available=room - 1, total=2 * GIB)
    home.refuse(wanted, lacks)

    assert ("small", "") == (wanted.id, enough)
    assert lacks.startswith("it needs 1024 MiB, and 1024 MiB are there (307 MiB are")
    assert lacks == home.away["small"]


def test_one_that_does_not_load_lets_the_others_come_back() -> None:
    """It is not tried for ever; when others have gone meanwhile, it is, again."""
    live = ladder()
    home = live.residence
    _, mid, small = live.manifest.variants
    home.spare("big", counts())
    home.spare("big", counts())
    home.bury(lambda _: False, at_once)

    home.fail(small, "cannot load small")
    next_one = home.wanted()
    home.fail(mid, "cannot load mid")
    none, is_stirred = home.wanted(), home.is_stirred

    assert (mid, None, False) == (next_one, none, is_stirred)
    assert {"mid": "cannot load mid", "small": "cannot load small"} == home.away


def test_one_that_did_not_load_is_tried_when_others_have_gone() -> None:
    """What it lacked may have been what they held."""
    live = ladder()
    home = live.residence
    small = live.manifest.variants[-1]
    home.spare("big", counts())
    home.spare("big", counts(mid=1))

    home.fail(small, "cannot load small")
    before = home.wanted()
    home.spare("big", counts(mid=1))

    assert (None, small) == (before, home.wanted())


def test_threads_that_failed_are_tried_again_when_they_are_allowed_again() -> None:
    """Not before: the cap must have been another one meanwhile."""
    home = ladder(threads=4).residence
    home.share = 0.5
    big = home.unfitting()
    assert big is not None

    home.give_up(big, 2)
    other = home.unfitting()
    home.share = 1.0
    whole = home.unfitting()
    home.share = 0.5

    assert (None, big) == (whole, home.unfitting())
    assert other is not None
    assert other != big


def test_a_whole_ladder_wants_nothing() -> None:
    """And nothing of it is stirred."""
    home = ladder().residence

    assert home.wanted() is None
    assert not home.is_stirred


def test_a_rung_whose_variant_went_meanwhile_goes_too() -> None:
    """Memory became short while it was loaded with other threads."""
    home = ladder(threads=4).residence
    home.share = 0.5
    home.spare("big", counts())
    home.spare("big", counts())
    home.bury(lambda _: False, at_once)
    late = ladder(threads=2).ladder.rungs[1]

    home.exchange(late)
    home.bury(lambda _: False, at_once)

    assert ["big"] == [each.id for each in home.every]
    assert late.runs.closed
    assert ("big", 2) == (home.rungs[0].id, home.threads("big"))
    assert "big" == getattr(home.unfitting(), "id", None)
