"""Times and roll-outs as people type them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import InvalidRequest
from edged.publish.when import (
    instant,
    moment,
    share,
    span,
    stages,
    stages_text,
)
from edged.wire.listing import Listing, Stage
from edged.wire.words import utc_text

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STAGED = "1%@0h,10%@6h,100%@24h"


def listing(**said: object) -> Listing:
    """Return a release that is offered from `NOW` on."""
    base = {
        "model": "digits",
        "version": "1",
        "seq": 1,
        "size_bytes": 1,
        "issued": utc_text(NOW),
        "starts": utc_text(NOW),
    }
    return Listing(**{**base, **said})  # type: ignore[arg-type]  # named above


def test_a_rollout_is_read_as_it_is_typed() -> None:
    """Shares in percent, times from the start."""
    assert (
        Stage(share=0.01, after_s=0),
        Stage(share=0.1, after_s=21600),
        Stage(share=1, after_s=86400),
    ) == stages(STAGED)


@pytest.mark.parametrize("text", [STAGED, "0.5%@0h,100%@3d", "100%@90s", "100%@0h"])
def test_a_rollout_is_shown_as_it_is_typed(text: str) -> None:
    """So that it can be typed again."""
    assert text == stages_text(stages(text))


@given(
    st.lists(
        st.tuples(st.integers(1, 10**8), st.integers(0, 10_000_000)),
        min_size=1,
        max_size=9,
    )
)
def test_whatever_is_shown_can_be_typed_again(
    steps: list[tuple[int, int]],
) -> None:
    """Millionths of a percent, and seconds."""
    shares = sorted({share for share, _ in steps})
    times = sorted({after for _, after in steps})
    rollout = tuple(
        Stage(share=share / 10**8, after_s=after)
        for share, after in zip(shares, times, strict=False)
    )

    assert rollout == stages(stages_text(rollout))


def test_no_rollout_reads_as_one_for_all() -> None:
    """Nothing to remember for the usual case."""
    assert "100%@0h" == stages_text(())


@pytest.mark.parametrize(
    "text",
    ["", "1%", "1@0h", "0%@0h", "101%@0h", "1%@0h,1%@6h", "1%@6h,2%@6h", "9%@0x", "%"],
)
def test_what_is_no_rollout_is_refused_with_an_example(text: str) -> None:
    """Shares and times grow."""
    with pytest.raises(InvalidRequest) as caught:
        stages(text)

    assert caught.value.message.startswith("cannot ")
    assert "6h" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("6h", NOW + timedelta(hours=6)),
        ("30d", NOW + timedelta(days=30)),
        ("2026-12-24T18:00:00Z", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24T18:00:00+01:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_span_or_a_date(text: str, expected: datetime) -> None:
    """A span counts from now."""
    assert expected == moment(text, NOW)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-12-24", "2026-12-24T18:00:00"])
def test_a_date_without_its_zone_is_refused(text: str) -> None:
    """Boxes live in many."""
    with pytest.raises(InvalidRequest, match="cannot read the time"):
        instant(text)


@pytest.mark.parametrize("text", ["6", "h", "-6h", "1.5h", "6m"])
def test_a_span_has_a_whole_number_and_a_unit(text: str) -> None:
    """`m` could be a month."""
    with pytest.raises(InvalidRequest, match="cannot read the time span"):
        span(text)


@pytest.mark.parametrize(
    ("hours", "expected"), [(-1, 0), (0, 0.01), (5.9, 0.01), (6, 0.1), (24, 1), (99, 1)]
)
def test_the_share_follows_the_stages(hours: float, expected: float) -> None:
    """Nobody before the start."""
    staged = listing(rollout=stages(STAGED))

    assert expected == share(staged, NOW + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("said", "expected"), [({}, 1), ({"halted": True}, 0), ({"revoked": "bad"}, 0)]
)
def test_who_may_take_a_release_without_stages(
    said: dict[str, object], expected: float
) -> None:
    """All, or none."""
    assert expected == share(listing(**said), NOW)
