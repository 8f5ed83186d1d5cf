"""What the daemon has not heard yet of releases that were revoked."""

from edged.update.offers import Installed, Offer
from edged.update.tidings import Tiding, tidings
from edged.wire.listing import Listing

AT = "2026-11-24T06:00:00Z"
ONE, TWO = "1" * 64, "2" * 64
HERE = Installed(
    model="pets", seq=1, digest=ONE, version="1.1", releases=frozenset({ONE})
)


def offer(digest: str, revoked: str = "", source: str = "main") -> Offer:
    """Return a release of `pets` on offer."""
    listing = Listing(
        model="pets",
        version="1.1",
        seq=int(digest[0]),
        size_bytes=1,
        issued=AT,
        starts=AT,
        revoked=revoked,
    )
    return Offer(source=source, listing=listing, sha256=digest, size=1)


def told(
    *offers: Offer, here: Installed = HERE, alone: bool = False, stop: bool = False
) -> tuple[Tiding, ...]:
    """Return what must be told."""
    lonely = frozenset({"pets"}) if alone else frozenset()
    return tidings(offers, {"pets": here}, alone=lonely, stop=stop)


def test_all_is_well_and_nothing_is_told() -> None:
    """Nor of what is not installed."""
    assert () == told(offer(ONE), offer(TWO, "it leaks"))
    assert () == tidings([offer(ONE, "x")], {}, alone=frozenset(), stop=True)


def test_what_is_revoked_is_told_once() -> None:
    """With whether anything is to replace it."""
    knows = Installed(
        model="pets",
        digest=ONE,
        releases=frozenset({ONE}),
        revoked=frozenset({ONE}),
    )

    assert (Tiding(source="main", model="pets", alone=True),) == told(
        offer(ONE, "it leaks"), alone=True
    )
    assert () == told(offer(ONE, "it leaks"), here=knows, alone=True)


def test_what_must_stop_is_told_with_each_look() -> None:
    """Somebody may have loaded it; a release that is not live need not stop."""
    knows = Installed(
        model="pets",
        digest=TWO,
        releases=frozenset({ONE, TWO}),
        revoked=frozenset({ONE, TWO}),
    )

    assert () == told(offer(ONE, "it leaks"), here=knows, alone=True, stop=True)
    assert 1 == len(told(offer(TWO, "it leaks"), here=knows, alone=True, stop=True))


def test_what_may_run_again_is_told() -> None:
    """Unless another source still says that it must not."""
    knows = Installed(
        model="pets",
        digest=ONE,
        releases=frozenset({ONE}),
        revoked=frozenset({ONE}),
    )
    both = offer(ONE), offer(ONE, "it leaks", source="other")

    assert (Tiding(source="main", model="pets", alone=False),) == told(
        offer(ONE), here=knows
    )
    assert () == told(*both, here=knows)


def test_who_says_so_is_who_is_heard() -> None:
    """Another source has signed nothing of the kind."""
    both = offer(ONE), offer(ONE, "it leaks", source="other")

    assert (Tiding(source="other", model="pets", alone=False),) == told(*both)
