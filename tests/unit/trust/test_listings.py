"""What targets list, and what is left out of it."""

import msgspec
import pytest
from tuf.api.metadata import TargetFile

from edged.trust.listings import releases
from edged.wire.listing import Listing, Stage, custom_of
from edged.wire.updates import Reason

LISTING = Listing(
    model="digits",
    version="1.4.0",
    seq=14,
    size_bytes=900,
    issued="2027-03-01T12:00:00Z",
    starts="2027-03-01T12:00:00Z",
    rollout=(Stage(share=0.01, after_s=0), Stage(share=1, after_s=86400)),
)
PATH = "models/digits/14/model.yaml"


def target(custom: object, path: str = PATH, sha256: str = "ab" * 32) -> TargetFile:
    """Return a target with a `custom`."""
    return TargetFile(700, {"sha256": sha256}, path, {"custom": custom})


def listed(**fields: object) -> object:
    """Return a `custom` with other fields."""
    return custom_of(msgspec.structs.replace(LISTING, **fields))


def test_a_release_comes_out_as_it_was_signed() -> None:
    """With the hash and size of its manifest, and shares that are no floats there."""
    good, bad = releases({PATH: target(custom_of(LISTING))})

    assert (LISTING, PATH, "ab" * 32, 700) == msgspec.structs.astuple(good[0])
    assert ((), 1) == (bad, len(good))


def test_releases_are_in_order() -> None:
    """By model, then by number as a number."""
    targets = {}
    for model, seq in (("b", 1), ("a", 10), ("a", 9)):
        path = f"models/{model}/{seq}/model.yaml"
        targets[path] = target(listed(model=model, seq=seq), path)

    good, _ = releases(targets)

    assert [("a", 9), ("a", 10), ("b", 1)] == [
        (one.listing.model, one.listing.seq) for one in good
    ]


@pytest.mark.parametrize(
    "path", ["models/digits/14/chunks.json", "other.txt", "models/a/b/1/model.yaml"]
)
def test_other_targets_are_somebody_elses(path: str) -> None:
    """They are neither releases nor faults."""
    assert ((), ()) == releases({path: target(None, path)})


@pytest.mark.parametrize(
    ("custom", "why"),
    [
        (None, "its listing cannot be read"),
        ({"edged": {"model": "digits"}}, "its listing cannot be read"),
        ({"edged": None}, "its listing cannot be read"),
        (listed(seq=13), "its listing is of digits 13"),
        (listed(model="other"), "its listing is of other 14"),
        (listed(issued="yesterday"), "'yesterday' in its listing is no time"),
        (listed(starts=""), "'' in its listing is no time"),
        (listed(mandatory_by="soon"), "'soon' in its listing is no time"),
    ],
)
def test_an_entry_that_cannot_be_used_hides_no_other(custom: object, why: str) -> None:
    """It is left out, with its reason."""
    other = "models/digits/2/model.yaml"

    good, bad = releases({PATH: target(custom), other: target(listed(seq=2), other)})

    assert ([2], [PATH]) == ([o.listing.seq for o in good], [o.path for o in bad])
    assert bad[0].why.startswith(why)
    assert Reason.BAD_METADATA is bad[0].reason


def test_a_listing_of_a_newer_format_needs_a_newer_edged() -> None:
    """And says so."""
    _, bad = releases({PATH: target(listed(format=2))})

    assert Reason.NEEDS_EDGED is bad[0].reason


def test_a_number_is_written_in_one_way() -> None:
    """Or one release would have two names."""
    path = "models/digits/014/model.yaml"

    good, bad = releases({path: target(custom_of(LISTING), path)})

    assert ((), 1) == (good, len(bad))


def test_a_manifest_without_a_sha256_cannot_be_checked() -> None:
    """The daemon knows releases by it."""
    _, bad = releases({PATH: target(custom_of(LISTING), sha256="")})

    assert "it has no sha256" == bad[0].why
