"""Which release to take now, and why none of the others."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.update.offers import (
    Box,
    Conditions,
    Hold,
    Installed,
    Offer,
    Policy,
    Setback,
    Situation,
    Wishes,
)
from edged.update.plan import Choice, choose
from edged.update.window import window
from edged.wire.listing import Listing, Stage
from edged.wire.updates import Reason, WhyNot

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = (Stage(share=1.0, after_s=365 * 86_400),)
CALM = Situation(
    box=Box(edged="0.2.0", arch="aarch64", device_id="box-7"),
    policy=Policy(),
    now=NOW,
    conditions=Conditions(on_mains=True, hot=False, metered=False),
)


def digest(model: str, seq: int) -> str:
    """Return a digest that tells releases apart."""
    return f"{model}-{seq}".encode().hex().ljust(64, "0")


def offer(
    seq: int, model: str = "digits", *, source: str = "main", **what: object
) -> Offer:
    """Return a release on offer."""
    listing = Listing(
        model=model,
        version=f"1.{seq}.0",
        seq=seq,
        size_bytes=3 << 20,
        issued="2026-01-01T00:00:00Z",
        starts="2026-01-01T00:00:00Z",
    )
    return Offer(
        source=source,
        listing=msgspec.structs.replace(listing, **what),
        sha256=digest(model, seq),
        size=900,
    )


def with_live(seq: int, model: str = "digits", **what: object) -> Situation:
    """Return the calm situation where that release is live."""
    plain = Installed(model=model, seq=seq, digest=digest(model, seq))
    standing = msgspec.structs.replace(plain, **what)
    return msgspec.structs.replace(CALM, installed={model: standing})


def taken(choice: Choice) -> tuple[str, int] | None:
    """Return model and seq of what is to be taken."""
    if choice.take is None:
        return None
    listing = choice.take.offer.listing
    return listing.model, listing.seq


def reasons(choice: Choice) -> list[tuple[str | None, int | None, Reason]]:
    """Return what is not taken, and why."""
    return [(why.model, why.seq, why.reason) for why in choice.why_not]


def test_the_newest_is_taken_and_what_it_passes_over_is_no_news() -> None:
    """In whatever order they are listed."""
    choice = choose([offer(15), offer(17), offer(14), offer(16)], with_live(14))

    assert ("digits", 17) == taken(choice)
    assert [] == reasons(choice)


def test_what_is_live_or_older_is_not_taken() -> None:
    """Nor told: there is nothing to do."""
    choice = choose([offer(13), offer(14)], with_live(14))

    assert Choice(take=None, why_not=(), stop=()) == choice


def test_another_release_with_the_seq_of_the_live_one_is_not_newer() -> None:
    """Its publisher must count on, or nobody could tell which is which."""
    other = msgspec.structs.replace(offer(14), sha256="e" * 64)

    assert taken(choose([other], with_live(14))) is None


def test_a_model_that_the_box_has_not_got_is_taken() -> None:
    """A source brings what its settings let it bring; seq 0 is a release, too."""
    assert ("digits", 0) == taken(choose([offer(0)], CALM))


def test_an_older_release_is_taken_where_newer_ones_may_not_be() -> None:
    """Each newer one says why, the newest first."""
    offers = [
        offer(15),
        offer(16),
        offer(17, needs_edged=">=9"),
        offer(18, rollout=LATER),
        offer(19, halted=True),
    ]

    choice = choose(offers, with_live(14))

    assert ("digits", 16) == taken(choice)
    assert [
        ("digits", 19, Reason.HALTED),
        ("digits", 18, Reason.NOT_YET),
        ("digits", 17, Reason.NEEDS_EDGED),
    ] == reasons(choice)


def test_an_older_release_is_not_taken_because_the_newest_has_to_wait() -> None:
    """It would come a little later, and the older one would have cost for nothing."""
    wait = Setback(
        sha256=digest("digits", 16),
        reason=Reason.NO_SPACE,
        text="no room",
        until=NOW + HOUR,
    )
    offers = [offer(15), offer(16)]

    waits = choose(offers, msgspec.structs.replace(with_live(14), setbacks=(wait,)))
    over = msgspec.structs.replace(wait, until=None, reason=Reason.REFUSED)
    goes_on = choose(offers, msgspec.structs.replace(with_live(14), setbacks=(over,)))

    assert (None, [("digits", 16, Reason.NO_SPACE)]) == (taken(waits), reasons(waits))
    assert (("digits", 15), [("digits", 16, Reason.REFUSED)]) == (
        taken(goes_on),
        reasons(goes_on),
    )


def test_a_choice_is_told_in_words() -> None:
    """With what nobody knew, and until when the window lets it pass."""
    dark = msgspec.structs.replace(
        with_live(14),
        conditions=Conditions(),
        policy=Policy(window=window("11:00-13:00", UTC), metered=True),
    )

    choice = choose([offer(15)], dark)

    assert choice.take is not None
    assert choice.take.text == (
        "digits 1.15.0 (seq 15) from main, 3.0 MiB; not known: hot"
    )
    assert (Reason.HOT,) == choice.take.unknown
    assert NOW + HOUR == choice.take.until
    assert not choice.take.downgrade


@pytest.mark.parametrize(
    ("wishes", "clock_unset_s", "by"),
    [
        (Wishes(now=frozenset({None})), None, None),
        (Wishes(), 3 * 86_400.0, None),
        (Wishes(), None, "2026-02-01T00:00:00Z"),
    ],
    ids=["a person", "no clock", "mandatory"],
)
def test_what_passes_the_window_by_need_not_end_with_it(
    wishes: Wishes, clock_unset_s: float | None, by: str | None
) -> None:
    """The window is closed; the release is taken, and nothing stops it again."""
    night = msgspec.structs.replace(
        with_live(14),
        wishes=wishes,
        policy=Policy(window=window("02:00-05:00", UTC)),
        conditions=Conditions(clock_unset_s=clock_unset_s),
    )

    choice = choose([offer(15, mandatory_by=by)], night)

    assert choice.take is not None
    assert choice.take.until is None


def test_with_all_known_the_text_is_short() -> None:
    """No window, nothing unknown."""
    choice = choose([offer(15)], CALM)

    assert choice.take is not None
    assert "digits 1.15.0 (seq 15) from main, 3.0 MiB" == choice.take.text
    assert choice.take.until is None


@pytest.mark.parametrize(
    "what",
    [{"current": digest("b", 1)}, {"wishes": Wishes(now=frozenset({"b"}))}],
    ids=["it began", "a person wants it"],
)
def test_one_release_at_a_time(what: dict[str, object]) -> None:
    """The others say which goes first."""
    where = msgspec.structs.replace(CALM, **what)

    choice = choose([offer(1, "a"), offer(1, "b"), offer(1, "c")], where)

    assert ("b", 1) == taken(choice)
    assert [("a", 1, Reason.UNDER_WAY), ("c", 1, Reason.UNDER_WAY)] == reasons(choice)
    assert {"one release at a time: b 1.1.0 (seq 1) goes first"} == {
        each.text for each in choice.why_not
    }


@pytest.mark.parametrize(
    "sooner",
    [
        offer(1, "b", mandatory_by="2026-02-01T00:00:00Z"),
        offer(1, "b", starts="2025-12-31T00:00:00Z"),
    ],
)
def test_what_is_overdue_or_older_news_goes_first(sooner: Offer) -> None:
    """Else the names decide: the same on every day."""
    assert ("b", 1) == taken(choose([offer(1, "a"), sooner], CALM))
    assert ("a", 1) == taken(choose([offer(1, "b"), offer(1, "a")], CALM))


def test_a_model_that_has_to_wait_does_not_stop_another() -> None:
    """A hold is for one model."""
    wishes = Wishes(holds=(Hold(model="a", until=NOW + HOUR),))

    choice = choose(
        [offer(1, "a"), offer(1, "b")], msgspec.structs.replace(CALM, wishes=wishes)
    )

    assert (("b", 1), [("a", 1, Reason.ON_HOLD)]) == (taken(choice), reasons(choice))


def test_a_release_of_two_sources_is_one() -> None:
    """The preferred source brings it."""
    choice = choose([offer(15, source="main"), offer(15, source="near")], CALM)

    assert choice.take is not None
    assert ("main", ()) == (choice.take.offer.source, choice.why_not)


@pytest.mark.parametrize(
    ("late", "reason"),
    [
        (offer(15, source="near", halted=True), Reason.HALTED),
        (offer(15, source="near", revoked="bad"), Reason.REVOKED),
    ],
)
def test_what_one_source_takes_back_no_other_can_bring(
    late: Offer, reason: Reason
) -> None:
    """A mirror may be late, whichever it is."""
    sources = [offer(15, source="main"), late]

    found = [choose(sources, CALM), choose(sources[::-1], CALM)]

    assert [[("digits", 15, reason)]] * 2 == [reasons(choice) for choice in found]


def test_of_two_releases_with_one_seq_the_preferred_source_has_its_way() -> None:
    """The other one would be no newer then."""
    other = msgspec.structs.replace(offer(15, source="near"), sha256="e" * 64)

    choice = choose([offer(15), other], CALM)

    assert choice.take is not None
    assert ("main", ()) == (choice.take.offer.source, choice.why_not)


def test_a_revoked_live_release_is_replaced_by_an_older_one() -> None:
    """By the newest that may be taken, before any other model, and as a downgrade."""
    offers = [
        offer(1, "a"),
        offer(12),
        offer(13),
        offer(14, revoked="it leaks"),
        offer(15, halted=True),
    ]

    choice = choose(offers, with_live(14))

    assert choice.take is not None
    assert (("digits", 13), True) == (taken(choice), choice.take.downgrade)
    assert () == choice.stop
    assert [
        ("a", 1, Reason.UNDER_WAY),
        ("digits", 15, Reason.HALTED),
    ] == reasons(choice)


def test_a_revoked_live_release_with_a_newer_one_needs_no_downgrade() -> None:
    """As with every update."""
    choice = choose([offer(14, revoked="it leaks"), offer(15)], with_live(14))

    assert choice.take is not None
    assert (("digits", 15), False) == (taken(choice), choice.take.downgrade)


def test_the_seq_of_a_revoked_release_needs_a_downgrade() -> None:
    """The daemon takes no other release of the same number without being told."""
    other = msgspec.structs.replace(offer(14), sha256="e" * 64)

    choice = choose([offer(14, revoked="it leaks"), other], with_live(14))

    assert choice.take is not None
    assert ("e" * 64, True) == (choice.take.offer.sha256, choice.take.downgrade)


def test_a_revoked_live_release_that_nothing_replaces_is_told() -> None:
    """What becomes of it is the administrator's choice."""
    choice = choose(
        [offer(14, revoked="it leaks"), offer(13, halted=True)], with_live(14)
    )

    assert (None, ("digits",)) == (choice.take, choice.stop)
    assert [
        ("digits", 14, Reason.REVOKED),
        ("digits", 13, Reason.HALTED),
    ] == reasons(choice)
    assert choice.why_not[0].text == (
        "digits 1.14.0 (seq 14) is live, and its publisher has revoked it: it leaks; "
        "nothing replaces it"
    )
    assert "edgectl models show digits" == choice.why_not[0].hint


def test_a_revoked_live_release_runs_on_until_its_successor_may_come() -> None:
    """Both are told, and nothing is stopped: there is something to replace it."""
    choice = choose(
        [offer(14, revoked="it leaks"), offer(15)], with_live(14, pinned=True)
    )

    assert (None, ()) == (choice.take, choice.stop)
    assert [
        ("digits", 14, Reason.REVOKED),
        ("digits", 15, Reason.PINNED),
    ] == reasons(choice)
    assert choice.why_not[0].text.endswith("; digits 1.15.0 (seq 15) is to replace it")


def test_a_reason_has_all_that_people_are_told() -> None:
    """Whose release it is, and when it is looked at again."""
    hold = Hold(until=NOW + HOUR)
    held = msgspec.structs.replace(CALM, wishes=Wishes(holds=(hold,)))

    choice = choose([offer(15)], held)

    assert choice.why_not == (
        WhyNot(
            reason=Reason.ON_HOLD,
            source="main",
            text="no release of any model is wanted until 2026-03-01T13:00:00Z",
            hint="edgectl update resume",
            model="digits",
            seq=15,
            version="1.15.0",
            since_utc="2026-03-01T12:00:00Z",
            until_utc="2026-03-01T13:00:00Z",
        ),
    )


LISTED = st.builds(
    offer,
    st.integers(10, 18),
    model=st.sampled_from("ab"),
    source=st.sampled_from(["main", "near"]),
    halted=st.booleans(),
    revoked=st.sampled_from(["", "", "bad"]),
    rollout=st.sampled_from([(), LATER]),
)


@given(
    st.lists(LISTED, max_size=8),
    st.sampled_from([None, *range(10, 19)]),
    st.booleans(),
    st.sampled_from([frozenset[str | None](), frozenset({None})]),
)
def test_whatever_is_listed_the_laws_of_the_room_hold(
    offers: list[Offer],
    live: int | None,
    pinned: bool,  # noqa: FBT001  # drawn
    now: frozenset[str | None],
) -> None:
    """Nothing bad is taken; what is newer than the model's best has one reason."""
    standing = Installed(
        model="a",
        seq=live,
        digest=None if live is None else digest("a", live),
        pinned=pinned,
    )
    where = msgspec.structs.replace(
        CALM, installed={"a": standing}, wishes=Wishes(now=now)
    )
    halted = {_key(o) for o in offers if o.listing.halted}
    revoked = {_key(o) for o in offers if o.listing.revoked}
    lowest = {"a": -1 if live is None else live, "b": -1}

    choice = choose(offers, where)

    told = [(why.model or "", why.seq or 0) for why in choice.why_not]
    got = taken(choice)
    assert got not in halted | revoked
    assert len(set(told)) == len(told)
    silent = {_key(o) for o in offers} - {*told, got}
    for model, seq in silent:
        best = max([s for m, s in [*told, got or ("", 0)] if m == model], default=-1)
        assert seq <= max(lowest[model], best)
    if choice.take and got:
        assert not (pinned and got[0] == "a")
        assert choice.take.downgrade is (got[1] <= lowest[got[0]])
        assert not choice.take.downgrade or ("a", live) in revoked


def _key(offer: Offer) -> tuple[str, int]:
    return offer.listing.model, offer.listing.seq
