"""What was counted."""

import pytest

from edged.serve.stats import BUCKETS_S, RING, Histogram, ModelStats, Recent, percentile


def test_an_answered_request_is_counted_everywhere_once() -> None:
    """Queue and compute add up to the whole."""
    stats = ModelStats(["fp32", "int8"])

    stats.succeeded(queue_ns=1_000_000, compute_ns=3_000_000, at_ms=17)

    assert (stats.success.count, stats.success.ns) == (1, 4_000_000)
    assert (stats.queue.ns, stats.compute_infer.ns) == (1_000_000, 3_000_000)
    assert stats.last_inference_ms == 17
    assert stats.codes == {"ok": 1}


def test_a_refusal_is_no_failure() -> None:
    """`fail` counts what ran and broke; `rejected` what was not let in."""
    stats = ModelStats(["fp32"])

    stats.refused("queue-full")
    stats.failed("bad-model", 5)

    assert stats.fail.count == 1
    assert stats.rejected == {"queue-full": 1}
    assert stats.codes == {"queue-full": 1, "bad-model": 1}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 51.0), (0.95, 96.0), (1.0, 100.0)]
)
def test_percentiles_are_nearest_rank(share: float, expected: float) -> None:
    """Of 1..100 ms."""
    assert percentile([n * 1_000_000 for n in range(1, 101)], share) == expected


def test_the_ring_forgets_the_oldest() -> None:
    """Percentiles tell of now, counts of always."""
    recent = Recent()

    for ns in [10**9] + [10**6] * RING:
        recent.add(ns)

    assert recent.count == RING + 1
    assert recent.percentile_ms(1.0) == 1.0


def test_what_is_usual_follows_and_does_not_jump() -> None:
    """The first counts whole, each later one an eighth."""
    recent = Recent()

    recent.add(800)
    recent.add(1600)

    assert recent.usual_ns == 900
    assert recent.percentile_ms(0.0) == 800 / 1e6


@pytest.mark.parametrize(("seconds", "bucket"), [(0.00025, 0), (0.0003, 1), (99.0, -1)])
def test_a_bucket_s_bound_belongs_to_it(seconds: float, bucket: int) -> None:
    """Prometheus' `le` is inclusive; the last bucket is +Inf."""
    histogram = Histogram()

    histogram.observe(seconds)

    assert histogram.counts[bucket] == 1
    assert sum(histogram.counts) == 1
    assert len(histogram.counts) == len(BUCKETS_S) + 1
