"""What was counted, per release and per rung.

Law: counters only grow while a release is live; nothing here waits or allocates per
request beyond its fixed rings. Call on the event loop only.
Source of the names: Triton's extension_statistics.md.
"""

import bisect
import collections
from collections.abc import Iterable

#: Upper bounds in seconds: a tiny model answers in 100 us, a large one in seconds.
BUCKETS_S = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip

#: Samples kept for percentiles: enough for an honest p95, 4 KiB a rung.
RING = 512


class Duration:
    """A cumulative `{count, ns}` leaf."""

    __slots__ = ("count", "ns")

    def __init__(self) -> None:
        self.count = 0
        self.ns = 0

    def add(self, ns: int) -> None:
        """Count one more, of `ns` nanoseconds."""
        self.count += 1
        self.ns += ns

    def __repr__(self) -> str:
        return f"{self.count} in {self.ns / 1e6:.3f} ms"


class Histogram:
    """Cumulative-by-rendering buckets over `BUCKETS_S`, in Prometheus' sense."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect.bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds


class Recent:
    """The last `RING` durations of a rung, for percentiles.

    Attributes:
        count: of all that ever were.
        usual_ns: a moving average over about the last eight: what the next one
            should take. Kept at hand because every request that waits asks for it.
    """

    __slots__ = ("_ring", "count", "usual_ns")

    def __init__(self) -> None:
        self._ring: collections.deque[int] = collections.deque(maxlen=RING)
        self.count = 0
        self.usual_ns = 0

    def add(self, ns: int) -> None:
        """Remember one duration."""
        self._ring.append(ns)
        self.count += 1
        self.usual_ns += (ns - self.usual_ns) // 8 if self.count > 1 else ns

    def percentile_ms(self, share: float) -> float | None:
        """Return the nearest-rank percentile in milliseconds, None before any."""
        return percentile(self._ring, share)


def percentile(samples_ns: Iterable[int], share: float) -> float | None:
    """Return the nearest-rank percentile in milliseconds, None without samples."""
    ordered = sorted(samples_ns)
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6


class ModelStats:
    """Everything counted for one live release."""

    def __init__(self, variants: Iterable[str] = ()) -> None:
        self.success = Duration()
        self.fail = Duration()
        self.queue = Duration()
        self.compute_input = Duration()
        self.compute_infer = Duration()
        self.compute_output = Duration()
        self.inference_count = 0
        self.execution_count = 0
        self.last_inference_ms = 0
        self.request_seconds = Histogram()
        self.queue_seconds = Histogram()
        self.infer_seconds = Histogram()
        #: Runs by rung, the scheduler's to fill.
        self.variants = {variant: Recent() for variant in variants}
        self.codes: collections.Counter[str] = collections.Counter()
        self.rejected: collections.Counter[str] = collections.Counter()

    def succeeded(self, *, queue_ns: int, compute_ns: int, at_ms: int) -> None:
        """Count one answered request."""
        self.success.add(queue_ns + compute_ns)
        self.queue.add(queue_ns)
        self.compute_infer.add(compute_ns)
        self.inference_count += 1
        self.execution_count += 1
        self.last_inference_ms = at_ms
        self.request_seconds.observe((queue_ns + compute_ns) / 1e9)
        self.queue_seconds.observe(queue_ns / 1e9)
        self.infer_seconds.observe(compute_ns / 1e9)
        self.codes["ok"] += 1

    def failed(self, code: str, ns: int) -> None:
        """Count one request that ran and failed."""
        self.fail.add(ns)
        self.codes[code] += 1

    def refused(self, code: str) -> None:
        """Count one request that was not let in."""
        self.codes[code] += 1
        self.rejected[code] += 1

    def __repr__(self) -> str:
        return f"{self.success.count} ok, {self.fail.count} failed"
