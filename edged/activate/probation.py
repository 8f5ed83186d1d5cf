"""A release that serves and is watched: until it counts as good, or is found bad.

Law: pure; the clock is a parameter. What callers do to it is not its fault: requests
that were refused, came late or brought bad input are not runs that failed. What is
slow is judged by CPU time against its own trial, in medians, for other work on the
box makes any single run slow.
"""

import collections
import enum
import math
import statistics
from collections.abc import Mapping

import msgspec

from edged.activate.swapper import Observation
from edged.errors import Broken, by_code
from edged.wire.proofs import Proof, VariantProof
from edged.wire.release import Signature

#: Below so many runs a share says nothing.
MIN_RUNS = 20

#: Runs of one median; two medians in a row must be slow. 50 runs in all.
WINDOW = 25

#: Shorter runs are judged as if they took this: in a daemon caches are colder than
#: in a trial, which a run of 20 us feels several times over.
FLOOR_MS = 0.25

#: A box that is asked less is watched for longer, up to this multiple.
PATIENCE = 24

#: Growth of the daemon's memory that is not held against it: the runtime's arenas
#: grow to the peak of the trial, one for each worker that runs at a time, and other
#: models do so too.
SPARE_BYTES = 128 * 1024 * 1024
PEAKS = 2

_MIB = 1024 * 1024


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """See the `install` settings.

    Attributes:
        duration_s: to be watched, at least; 0 trusts at once.
        inferences: answers that must have been given by then.
        error_share: of runs that may fail beyond what the predecessor's did.
        slowdown: CPU time as a multiple of the trial's.
    """

    duration_s: float
    inferences: int
    error_share: float
    slowdown: float


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What the release is held against.

    Attributes:
        failures: share of the predecessor's runs that failed.
        busy_ms: CPU time of the calling thread in the trial, by variant.
        threads: that it had there; runs with others are not compared by time.
        input_bytes: runs with larger inputs are not compared by time.
        peak_bytes: the most that the release held in its trial.
    """

    failures: float = 0.0
    busy_ms: Mapping[str, float] = {}
    threads: int = 1
    input_bytes: int = 0
    peak_bytes: int = 0


def baseline(
    proof: Proof, signature: Signature, *, threads: int, failures: float
) -> Baseline:
    """Return what a release is held against.

    Args:
        proof: of it.
        signature: of it.
        threads: of a run in the daemon.
        failures: share of its predecessor's runs that failed, 0 to 1.
    """
    busy = {variant.id: _busy_ms(variant, threads) for variant in proof.fit}
    return Baseline(
        failures=failures,
        busy_ms={name: ms for name, ms in busy.items() if ms is not None},
        threads=threads,
        input_bytes=one_answer_bytes(signature),
        peak_bytes=sum(variant.peak_bytes for variant in proof.fit),
    )


class Trigger(enum.Enum):
    """What condemns a release."""

    NOT_FINITE = "not-finite"
    ERRORS = "errors"
    SLOW = "slow"
    MEMORY = "memory"
    PERSON = "person"


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """Why a release must go.

    Attributes:
        why: for people, with the evidence; a clause that stands after a colon.
        figures: the same for machines.
    """

    trigger: Trigger
    why: str
    figures: dict[str, float | str] = {}


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing until a release counts as good.

    Attributes:
        time_s: that must pass at least.
        answers: that must be given, unless it is watched for as long as `most_s`.
        most_s: after which it counts as good anyway.
    """

    time_s: float
    answers: int
    most_s: float

    def __str__(self) -> str:
        if not self.answers:
            return f"{_span(self.time_s)} more"
        answers = f"{self.answers} answers more, or {_span(self.most_s)}"
        return f"{_span(self.time_s)} and {answers}" if self.time_s else answers


class Probation:
    """One release, from its switch on.

    Args:
        rules: in force when it began.
        against: what it is held against.
        began_s: on the monotonic clock.
    """

    def __init__(self, rules: Rules, against: Baseline, *, began_s: float) -> None:
        self._rules = rules
        self._against = against
        self._began_s = began_s
        self._runs = 0
        self._failed = 0
        self._codes: collections.Counter[str] = collections.Counter()
        self._recent: collections.deque[bool] = collections.deque(maxlen=MIN_RUNS)
        self._busy: dict[str, list[float]] = {}
        self._slow_ms: dict[str, float] = {}
        self._rss_bytes: int | None = None
        self._is_large = False

    @property
    def answers(self) -> int:
        """Runs that answered."""
        return self._runs - self._failed

    # --- until it is found bad ---------------------------------------------------

    def observe(self, ran: Observation, now_s: float) -> Trip | None:
        """Take one run into account; tell whether that was enough."""
        if not ran.ok and not is_fault(ran.code):
            return None
        self._runs += 1
        self._recent.append(not ran.ok)
        if not ran.ok:
            self._failed += 1
            self._codes[ran.code] += 1
            return self._errors()
        if not ran.finite:
            return self._not_finite(ran, now_s)
        return self._slow(ran)

    def memory(self, rss_bytes: int) -> Trip | None:
        """Take the daemon's resident memory into account, every few seconds.

        The first reading is what growth is counted from; two in a row must be large.
        """
        if self._rss_bytes is None:
            self._rss_bytes = rss_bytes
        grown = rss_bytes - self._rss_bytes
        allowed = SPARE_BYTES + PEAKS * self._against.peak_bytes
        was_large, self._is_large = self._is_large, grown > allowed
        if not (was_large and self._is_large):
            return None
        return Trip(
            trigger=Trigger.MEMORY,
            why=f"the daemon's memory has grown by {grown / _MIB:.0f} MiB since it"
            f" serves, {allowed / _MIB:.0f} MiB are allowed",
            figures={
                "grown_mib": round(grown / _MIB, 1),
                "allowed_mib": round(allowed / _MIB, 1),
                "runs": self._runs,
            },
        )

    def _errors(self) -> Trip | None:
        allowed = min(1.0, self._against.failures + self._rules.error_share)
        share = self._failed / self._runs
        recent = sum(self._recent) / MIN_RUNS
        # One that breaks after thousands of good runs is not to fail as many.
        is_sudden = recent > max(0.5, allowed)
        if self._runs < MIN_RUNS or not (share > allowed or is_sudden):
            return None
        code, _ = self._codes.most_common(1)[0]
        what = (
            f"{self._failed} of its {self._runs} runs failed"
            if share > allowed
            else f"{sum(self._recent)} of its last {MIN_RUNS} runs failed"
        )
        return Trip(
            trigger=Trigger.ERRORS,
            why=f"{what}, mostly with {code!r}; its predecessor's share was"
            f" {self._against.failures:.1%}, and {allowed:.1%} are allowed",
            figures={
                "runs": self._runs,
                "failed": self._failed,
                "failed_of_last_20": sum(self._recent),
                "share_allowed": round(allowed, 4),
                "code": code,
            },
        )

    def _not_finite(self, ran: Observation, now_s: float) -> Trip:
        after_s = now_s - self._began_s
        return Trip(
            trigger=Trigger.NOT_FINITE,
            why=f"variant {ran.variant} answered with a value that is not a number, or"
            f" infinite, to inputs that were neither: in run {self._runs}, after"
            f" {_span(after_s)}",
            figures={
                "variant": ran.variant,
                "run": self._runs,
                "after_s": round(after_s, 1),
            },
        )

    def _slow(self, ran: Observation) -> Trip | None:
        proved_ms = self._against.busy_ms.get(ran.variant)
        if proved_ms is None or ran.input_bytes > self._against.input_bytes:
            return None
        if ran.threads != self._against.threads:  # a strategy caps them
            return None
        window = self._busy.setdefault(ran.variant, [])
        window.append(ran.busy_ns / 1e6)
        if len(window) < WINDOW:
            return None
        median_ms = statistics.median(window)
        window.clear()
        allowed_ms = self._rules.slowdown * max(proved_ms, FLOOR_MS)
        before_ms = self._slow_ms.pop(ran.variant, None)
        if median_ms <= allowed_ms:
            return None
        if before_ms is None:
            self._slow_ms[ran.variant] = median_ms
            return None
        usual_ms = min(before_ms, median_ms)
        return Trip(
            trigger=Trigger.SLOW,
            why=f"variant {ran.variant} takes {usual_ms:.3g} ms of CPU time for an"
            f" answer, {proved_ms:.3g} ms in its trial; {allowed_ms:.3g} ms are"
            " allowed",
            figures={
                "variant": ran.variant,
                "busy_ms": round(usual_ms, 3),
                "proved_ms": round(proved_ms, 3),
                "allowed_ms": round(allowed_ms, 3),
                "runs": 2 * WINDOW,
            },
        )

    # --- until it counts as good -------------------------------------------------

    def due(self, now_s: float) -> bool:
        """Tell whether it counts as good now."""
        left = self.left(now_s)
        return not left.most_s or (not left.time_s and not left.answers)

    def left(self, now_s: float) -> Left:
        """Return what is missing until then."""
        passed_s = now_s - self._began_s
        return Left(
            time_s=max(0.0, self._rules.duration_s - passed_s),
            answers=max(0, self._rules.inferences - self.answers),
            most_s=max(0.0, PATIENCE * self._rules.duration_s - passed_s),
        )

    def __repr__(self) -> str:
        return f"{self._runs} runs, {self._failed} failed"


def is_fault(code: str) -> bool:
    """Tell whether a run that failed so is the release's fault, or the runtime's."""
    error = by_code(code)
    return error is None or issubclass(error, Broken)


def one_answer_bytes(signature: Signature) -> int:
    """Return the least that the inputs of one answer take; 0 where none can be told."""
    total = 0
    for spec in signature.inputs:
        item = spec.datatype.item_bytes
        if item is None:
            return 0
        total += item * math.prod(max(1, dim) for dim in spec.shape)
    return total


def _busy_ms(variant: VariantProof, threads: int) -> float | None:
    """Return what was measured with so many threads, or the next fewer."""
    fewer = [cost for cost in variant.costs if cost.threads <= threads]
    if not fewer:
        return variant.costs[0].busy_ms if variant.costs else None
    return max(fewer, key=lambda cost: cost.threads).busy_ms


def _span(seconds: float) -> str:
    if seconds < 100:  # noqa: PLR2004  # so that two digits are shown
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
