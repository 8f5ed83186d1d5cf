"""Targets, and what they list."""

import pytest
from tuf.api.metadata import TargetFile

from edged.errors import Conflict, UnknownVersion
from edged.publish import listings
from edged.wire.listing import Listing, manifest_path
from tests.fakes.publishing import BEGIN


def release(model: str = "digits", seq: int = 1) -> Listing:
    """Return a listing."""
    return Listing(
        model=model,
        version=f"1.{seq}",
        seq=seq,
        size_bytes=5,
        issued="2026-03-01T12:00:00Z",
        starts="2026-03-01T12:00:00Z",
    )


def targets_of(*found: Listing) -> dict[str, TargetFile]:
    """Return targets that list these, and one of somebody else."""
    targets = {"readme": TargetFile.from_data("readme", b"hello", ["sha256"])}
    for one in found:
        path = manifest_path(one.model, one.seq)
        targets[path] = TargetFile.from_data(path, b"format: 1", ["sha256"])
        targets = listings.listed(targets, one)
    return targets


def test_releases_are_listed_by_model_and_number() -> None:
    """Targets without a listing are let be."""
    targets = targets_of(release(seq=10), release(seq=9), release("cats", 2))

    assert (release("cats", 2), release(seq=9), release(seq=10)) == listings.listings(
        targets
    )


def test_a_listing_counts_at_its_own_place_only() -> None:
    """A target cannot list another's release."""
    targets = targets_of(release())
    targets["models/digits/2/model.yaml"] = targets.pop("models/digits/1/model.yaml")

    assert () == listings.listings(targets)


def test_a_change_leaves_the_file_and_the_others() -> None:
    """Only what is said of the release differs."""
    before = targets_of(release())

    after = listings.listed(before, release(seq=1))

    path = manifest_path("digits", 1)
    assert (before.keys(), before[path].hashes) == (after.keys(), after[path].hashes)


@pytest.mark.parametrize("seq", [1, 3])
def test_numbers_grow(seq: int) -> None:
    """No device would take it."""
    with pytest.raises(Conflict) as caught:
        listings.check_next(targets_of(release(seq=3)), "digits", seq)

    assert (
        f"cannot publish release {seq} of digits: 3 is listed, and numbers must grow",
        "write `seq: 4` into model.yaml",
    ) == (caught.value.message, caught.value.hint)


def test_a_first_and_a_next_number_are_taken() -> None:
    """Of each model for itself."""
    targets = targets_of(release(seq=3))

    listings.check_next(targets, "digits", 4)
    listings.check_next(targets, "cats", 0)

    assert (3, None) == (
        listings.highest(targets, "digits"),
        listings.highest(targets, "cats"),
    )


def test_what_is_not_listed_is_told_with_what_is() -> None:
    """So that nobody need look it up."""
    with pytest.raises(UnknownVersion, match="listed are 1, 2"):
        listings.find(targets_of(release(seq=1), release(seq=2)), "digits", 3)


def test_an_offer_says_who_may_take_it_now() -> None:
    """With the rest of the listing."""
    offer = listings.offered(release(), BEGIN)

    assert ("digits", 1, 1.0) == (offer.model, offer.seq, offer.share)
