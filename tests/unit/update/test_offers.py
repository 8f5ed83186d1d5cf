"""What is decided from."""

from zoneinfo import ZoneInfo

from edged.config.update import Update
from edged.update.offers import Offer, Policy, Wishes, policy
from edged.update.window import window
from edged.wire.listing import Listing

VIENNA = ZoneInfo("Europe/Vienna")


def test_the_policy_is_what_the_settings_say() -> None:
    """By default there is no window, and no costly network."""
    night = Update(window="02:00-05:00", min_battery=50, metered=True)

    assert Policy(min_battery_pct=30) == policy(Update(), VIENNA)
    assert policy(night, VIENNA) == Policy(
        window=window("02:00-05:00", VIENNA), min_battery_pct=50, metered=True
    )


def test_none_stands_for_every_model() -> None:
    """A person may want one model updated, or all."""
    some = (frozenset[str | None](), frozenset({"digits"}), frozenset({None}))

    urged = [
        [Wishes(now=now).urges(model) for model in ("digits", "pets")] for now in some
    ]

    assert [[False, False], [True, False], [True, True]] == urged


def test_an_offer_reads_as_people_call_it() -> None:
    """Model, version, and the number for machines."""
    listing = Listing(
        model="digits", version="1.5.0", seq=15, size_bytes=1, issued="", starts=""
    )

    offer = Offer(source="main", listing=listing, sha256="d" * 64, size=1)

    assert "digits 1.5.0 (seq 15)" == str(offer)
