"""What may stand against a release."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from edged.update.objections import OF_MODEL, OF_RELEASE, first, overdue, unknown
from edged.update.offers import (
    Box,
    Conditions,
    Hold,
    Installed,
    Offer,
    Pause,
    Policy,
    Setback,
    Situation,
    Wishes,
)
from edged.update.window import window
from edged.wire.adapt import Errand
from edged.wire.listing import Listing, Stage
from edged.wire.updates import Reason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
DIGEST = "d" * 64
OFFER = Offer(
    source="main",
    sha256=DIGEST,
    size=900,
    listing=Listing(
        model="digits",
        version="1.5.0",
        seq=15,
        size_bytes=3 << 20,
        issued="2026-03-01T00:00:00Z",
        starts="2026-03-01T00:00:00Z",
    ),
)
ALL_IS_KNOWN = Conditions(battery_pct=80, on_mains=False, hot=False, metered=False)
CALM = Situation(
    box=Box(edged="0.2.0", arch="aarch64", device_id="box-7"),  # its place: 0.1593
    policy=Policy(min_battery_pct=30),
    now=NOW,
    conditions=ALL_IS_KNOWN,
)
NIGHT = Policy(window=window("02:00-05:00", UTC))
TURN = datetime(2026, 3, 2, 3, 8, 39, tzinfo=UTC)  # 02:00, and 0.7629 of 90 minutes
URGED = Wishes(now=frozenset({"digits"}))


def listed(**what: object) -> Offer:
    """Return the offer with another listing."""
    listing = msgspec.structs.replace(OFFER.listing, **what)
    return msgspec.structs.replace(OFFER, listing=listing)


def situation(**what: object) -> Situation:
    """Return the calm situation with other parts."""
    return msgspec.structs.replace(CALM, **what)


def conditions(**what: object) -> Situation:
    """Return the calm situation with other conditions."""
    return situation(conditions=msgspec.structs.replace(ALL_IS_KNOWN, **what))


def standing(**what: object) -> Situation:
    """Return the calm situation where the daemon has the model like this."""
    plain = Installed(model="digits")
    return situation(installed={"digits": msgspec.structs.replace(plain, **what)})


def setback(until: datetime | None) -> Setback:
    """Return what came of a try."""
    return Setback(
        sha256=DIGEST,
        reason=Reason.STALLED,
        text="it stalled",
        hint="look at the network",
        until=until,
    )


def test_nothing_stands_against_a_plain_release() -> None:
    """Neither for itself nor for its model."""
    assert first(OF_RELEASE, OFFER, CALM) is None
    assert first(OF_MODEL, OFFER, CALM) is None


@pytest.mark.parametrize(
    ("offer", "where", "reason", "says", "hint"),
    [
        (
            listed(revoked="it reads sevens as ones"),
            CALM,
            Reason.REVOKED,
            "its publisher revoked it: it reads sevens as ones",
            "",
        ),
        (
            listed(halted=True),
            CALM,
            Reason.HALTED,
            "its publisher halted its roll-out",
            "edgectl update check",
        ),
        (
            OFFER,
            standing(quarantined=frozenset({DIGEST})),
            Reason.QUARANTINED,
            "it was bad on this box, and is in quarantine",
            "edgectl models unquarantine digits 15",
        ),
        (
            listed(needs_edged=">=0.3"),
            CALM,
            Reason.NEEDS_EDGED,
            "it needs edged >=0.3, this is 0.2.0",
            "install that version of edged first",
        ),
        (
            listed(arch=("x86_64", "riscv64")),
            CALM,
            Reason.NEEDS_ARCH,
            "it is for x86_64, riscv64, this box is aarch64",
            "ask its publisher for a release for this CPU",
        ),
        (
            listed(starts="soon"),
            CALM,
            Reason.NOT_UNDERSTOOD,
            "its roll-out starts at 'soon', which is no time",
            "ask its publisher to sign it again",
        ),
        (
            OFFER,
            situation(setbacks=(setback(None),)),
            Reason.STALLED,
            "it stalled",
            "look at the network",
        ),
    ],
)
def test_what_stands_against_one_release(
    offer: Offer, where: Situation, reason: Reason, says: str, hint: str
) -> None:
    """No end is known, and a person who wants it now changes none of it."""
    urged = msgspec.structs.replace(where, wishes=URGED)

    found = first(OF_RELEASE, offer, where)

    assert found is not None
    assert (reason, says, hint, None) == (
        found.reason,
        found.text,
        found.hint,
        found.until,
    )
    assert first(OF_RELEASE, offer, urged) == found


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (
            {"starts": "2026-03-01T13:00:00Z"},
            (
                "its roll-out begins at 2026-03-01T13:00:00Z; it is taken at the first "
                "look after 2026-03-01T13:00:00Z"
            ),
        ),
        (
            {
                "rollout": (
                    Stage(share=0.1, after_s=0),
                    Stage(share=1.0, after_s=86400),
                )
            },
            (
                "0.1 of all boxes may take it now, this one stands at 0.1593; it is "
                "taken at the first look after 2026-03-02T00:00:00Z"
            ),
        ),
        (
            {
                "starts": "2026-03-01T12:00:00Z",
                "rollout": (Stage(share=0.125, after_s=0),),
            },
            (
                "0.125 of all boxes may take it now, this one stands at 0.1593; no "
                "stage comes to it"
            ),
        ),
        (
            {"rollout": (Stage(share=0.1, after_s=0),)},
            (
                "0.1 of all boxes may take it now, this one stands at 0.1593; no stage "
                "comes to it"
            ),
        ),
    ],
)
def test_a_roll_out_that_has_not_come_is_told_with_its_figures(
    what: dict[str, object], says: str
) -> None:
    """No end, or a whole stage would come at once; but a person may take it now."""
    offer = listed(**what)

    found = first(OF_RELEASE, offer, CALM)

    assert found is not None
    assert (Reason.NOT_YET, says, None) == (found.reason, found.text, found.until)
    assert "edgectl update now digits" == found.hint
    assert first(OF_RELEASE, offer, situation(wishes=URGED)) is None


def test_a_roll_out_that_has_come_stands_in_nobodys_way() -> None:
    """0.1593 is below 0.2."""
    came = listed(rollout=(Stage(share=0.2, after_s=0),))
    comes = listed(starts="2026-03-01T12:00:00Z")

    assert [None, None] == [first(OF_RELEASE, offer, CALM) for offer in (came, comes)]


@pytest.mark.parametrize(
    ("wishes", "says", "hint", "until"),
    [
        (
            Wishes(pause=Pause()),
            "updates are paused",
            "edgectl update resume",
            None,
        ),
        (
            Wishes(pause=Pause(by="anna", until=NOW + HOUR, why="a demo")),
            "updates are paused by anna until 2026-03-01T13:00:00Z: a demo",
            "edgectl update resume",
            NOW + HOUR,
        ),
        (
            Wishes(holds=(Hold(model="digits", until=NOW + HOUR),)),
            "no release of digits is wanted until 2026-03-01T13:00:00Z",
            "edgectl update resume digits",
            NOW + HOUR,
        ),
        (
            Wishes(
                holds=(
                    Hold(model="digits", until=NOW + HOUR),
                    Hold(until=NOW + 2 * HOUR, why="harvest"),
                )
            ),
            "no release of any model is wanted until 2026-03-01T14:00:00Z: harvest",
            "edgectl update resume",
            NOW + 2 * HOUR,
        ),
    ],
)
def test_people_may_want_nothing(
    wishes: Wishes, says: str, hint: str, until: datetime | None
) -> None:
    """What they said stands, also when somebody wants it now: it must be taken back."""
    urged = msgspec.structs.replace(wishes, now=frozenset({None}))

    found = first(OF_MODEL, OFFER, situation(wishes=wishes))

    assert found is not None
    assert (says, hint, until) == (found.text, found.hint, found.until)
    assert found.reason is (Reason.PAUSED if wishes.pause else Reason.ON_HOLD)
    assert found == first(OF_MODEL, OFFER, situation(wishes=urged))


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(pause=Pause(until=NOW)),
        Wishes(holds=(Hold(until=NOW),)),
        Wishes(holds=(Hold(model="pets", until=NOW + DAY),)),
    ],
)
def test_a_wish_that_is_over_or_for_another_model_does_not_count(
    wishes: Wishes,
) -> None:
    """It ends at its moment, not after it."""
    assert first(OF_MODEL, OFFER, situation(wishes=wishes)) is None


@pytest.mark.parametrize(
    ("where", "reason", "says", "hint"),
    [
        (
            standing(pinned=True),
            Reason.PINNED,
            "digits is pinned to what is live",
            "edgectl models unpin digits",
        ),
        (
            standing(under_way=12),
            Reason.UNDER_WAY,
            "change 12 of digits is not over",
            "edgectl watch 12",
        ),
        (
            standing(held=DIGEST),
            Reason.TO_DECIDE,
            (
                "it is here, answers otherwise than the live release, and a person "
                "must decide"
            ),
            (
                "edgectl models use digits 15 if that is wanted; if not: edgectl "
                "models quarantine digits 15"
            ),
        ),
        (
            conditions(hot=True),
            Reason.HOT,
            "the box is too hot for more work",
            "give it air; it goes on by itself",
        ),
        (
            conditions(errands=(Errand.CHECK,), strategy="lightweight (15 %)"),
            Reason.STRATEGY,
            "nothing is fetched while the box is lightweight (15 %)",
            "edgectl strategy; if it must be: edgectl strategy force normal --for 1h",
        ),
    ],
)
def test_what_stands_against_a_model_though_somebody_wants_it_now(
    where: Situation, reason: Reason, says: str, hint: str
) -> None:
    """Its end is not known."""
    urged = msgspec.structs.replace(where, wishes=URGED)

    found = first(OF_MODEL, OFFER, where)

    assert found is not None
    assert (reason, says, hint, None) == (
        found.reason,
        found.text,
        found.hint,
        found.until,
    )
    assert found == first(OF_MODEL, OFFER, urged)


def test_another_release_that_waits_for_a_person_stands_in_nobodys_way() -> None:
    """A newer one may be what answers as it should."""
    assert first(OF_MODEL, OFFER, standing(held="e" * 64)) is None


@pytest.mark.parametrize(
    ("where", "reason", "says", "until"),
    [
        (
            situation(policy=NIGHT),
            Reason.WINDOW,
            (
                "it waits for 02:00-05:00 (UTC); this box's turn in it is "
                "2026-03-02T03:08:39Z"
            ),
            TURN,
        ),
        (
            situation(policy=NIGHT, conditions=Conditions(clock_unset_s=86_400.0)),
            Reason.WINDOW,
            (
                "it waits for 02:00-05:00 (UTC), and nobody has set this box's clock; "
                "in 2 d it waits no longer"
            ),
            NOW + 2 * DAY,
        ),
        (
            situation(policy=NIGHT, conditions=Conditions(clock_unset_s=259_199.0)),
            Reason.WINDOW,
            (
                "it waits for 02:00-05:00 (UTC), and nobody has set this box's clock; "
                "in 1 s it waits no longer"
            ),
            NOW + timedelta(seconds=1),
        ),
        (
            conditions(battery_pct=29.4),
            Reason.BATTERY,
            "the battery is at 29 %, and 30 % are wanted",
            None,
        ),
        (
            conditions(battery_pct=12.0, on_mains=None),
            Reason.BATTERY,
            "the battery is at 12 %, and 30 % are wanted",
            None,
        ),
        (
            conditions(metered=True),
            Reason.METERED,
            "the network costs by the byte",
            None,
        ),
    ],
)
def test_what_stands_against_a_model_until_somebody_wants_it_now(
    where: Situation, reason: Reason, says: str, until: datetime | None
) -> None:
    """A hint says how, where trying again is not all there is to do."""
    found = first(OF_MODEL, OFFER, where)

    assert found is not None
    assert (reason, says, until) == (found.reason, found.text, found.until)
    assert "edgectl update now digits" in found.hint
    for now in ("digits", None):
        urged = msgspec.structs.replace(where, wishes=Wishes(now=frozenset({now})))
        assert first(OF_MODEL, OFFER, urged) is None


@pytest.mark.parametrize("now", [frozenset(), frozenset({"digits"}), frozenset({None})])
def test_what_failed_waits_also_for_who_wants_it_now(
    now: frozenset[str | None],
) -> None:
    """It failed after the wish, which made everything before it forgotten."""
    where = situation(setbacks=(setback(NOW + HOUR),), wishes=Wishes(now=now))

    found = first(OF_MODEL, OFFER, where)

    assert found is not None
    assert (Reason.STALLED, NOW + HOUR) == (found.reason, found.until)


@pytest.mark.parametrize(
    "where",
    [
        situation(policy=NIGHT, now=TURN),
        situation(policy=NIGHT, conditions=Conditions(clock_unset_s=3 * 86_400.0)),
        conditions(battery_pct=30.0),
        conditions(battery_pct=5.0, on_mains=True),
        situation(conditions=Conditions()),
        situation(
            policy=Policy(metered=True),
            conditions=msgspec.structs.replace(ALL_IS_KNOWN, metered=True),
        ),
        situation(setbacks=(setback(NOW),)),
        situation(setbacks=(msgspec.structs.replace(setback(None), sha256="e" * 64),)),
    ],
    ids=[
        "the window is open",
        "three days without a clock",
        "charged",
        "on mains",
        "nothing is known",
        "metered is fine",
        "tried again",
        "another was tried",
    ],
)
def test_what_does_not_stand_against_a_model(where: Situation) -> None:
    """At the very bound it is over."""
    assert first(OF_MODEL, OFFER, where) is None


def test_a_mandatory_release_waits_for_windows_and_networks_no_longer() -> None:
    """And for all else it does."""
    late = listed(mandatory_by="2026-03-01T12:00:00Z")
    early = listed(mandatory_by="2026-03-01T12:00:01Z")
    costly = msgspec.structs.replace(
        situation(policy=NIGHT),
        conditions=msgspec.structs.replace(ALL_IS_KNOWN, metered=True),
    )
    weak = conditions(battery_pct=5.0)
    found = first(OF_MODEL, late, weak)

    assert first(OF_MODEL, late, costly) is None
    assert first(OF_MODEL, early, costly) is not None
    assert found is not None
    assert Reason.BATTERY is found.reason
    assert [True, False, False] == [overdue(o, CALM) for o in (late, early, OFFER)]


ALL = (Reason.BATTERY, Reason.METERED, Reason.HOT)


@pytest.mark.parametrize(
    ("offer", "where", "found"),
    [
        (OFFER, CALM, ()),
        (OFFER, situation(conditions=Conditions()), ALL),
        (
            OFFER,
            situation(conditions=Conditions(on_mains=True)),
            (Reason.METERED, Reason.HOT),
        ),
        (
            OFFER,
            situation(conditions=Conditions(), policy=Policy(min_battery_pct=1)),
            ALL,
        ),
        (
            OFFER,
            situation(conditions=Conditions(), policy=Policy(metered=True)),
            (Reason.HOT,),
        ),
        (
            OFFER,
            situation(conditions=Conditions(), wishes=URGED),
            (Reason.HOT,),
        ),
        (
            listed(mandatory_by="2026-01-01T00:00:00Z"),
            situation(conditions=Conditions()),
            (Reason.BATTERY, Reason.HOT),
        ),
    ],
)
def test_what_nobody_knows_is_told_where_it_would_count(
    offer: Offer, where: Situation, found: tuple[Reason, ...]
) -> None:
    """The charge of a box on mains would not, nor what a person passes over."""
    assert found == unknown(offer, where)


def test_the_first_check_that_objects_is_told() -> None:
    """A revoked release that is halted, too, is a revoked one."""
    found = first(OF_RELEASE, listed(revoked="bad", halted=True), CALM)

    assert found is not None
    assert Reason.REVOKED is found.reason
