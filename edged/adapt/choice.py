"""Which variant answers: the most accurate one that will be in time.

Law: pure; the clock is a parameter. `allowed` is prepared when a strategy, the heat or
a profile changes; `choose` is asked by every request, and costs less than 3 us.

Where a caller sends one request after the other, its answers should not change between
variants for nothing. So whoever is in use is kept while it is in time, a better one
must be so with more certainty, and one that soon fell back must wait longer and longer.
Falling is never delayed. A stream that is refused is let through now and then,
so that it learns when the box is quick again.
"""

import enum
import math
from collections.abc import Sequence

import msgspec

from edged.adapt.slowdown import AROUND_S, UNSEEN, Estimate

#: Certainty of being in time, in standard deviations: 0.95 to be used, 0.99 to be taken
#: up again by a stream that answers with less, 0.5 not to be refused.
IN_TIME = 1.645
SURE = 2.326
EVEN = 0.0

#: How long a stream stays with less before it tries better. One that fell back within
#: `HASTY_S` of such a try waits twice as long as before, up to the most.
PATIENCE_S = 4.0
PATIENCE_MOST_S = 900.0
HASTY_S = 20.0

#: Where all would be late, but not on a quiet box, one request is let through in so
#: many times of its run: who measures nothing does not see that the box is quick again.
#: So that takes a quarter of a worker at most.
PROBE_RUNS = 4.0


class Why(enum.Enum):
    """What a pick rests on."""

    BEST = "the best that is allowed"
    IN_TIME = "the best that will be in time"
    CHEAPEST = "the cheapest: none is sure to be in time"
    LATE = "not even the cheapest would be in time"
    NONE = "none is as accurate as was asked"


class Costed(msgspec.Struct, frozen=True, kw_only=True):
    """A variant and what an answer costs on a quiet box.

    Attributes:
        id: a name that is unique among all models.
        wall_s: service time, with the threads that it has.
        cpu_s: CPU time of all its threads.
        accuracy: 0 to 1, as its author measured it; None where that is not known.
    """

    id: str
    wall_s: float
    cpu_s: float
    accuracy: float | None = None


class Pick(msgspec.Struct, frozen=True):
    """What was chosen.

    Attributes:
        index: among the options; None refuses.
        id: of the variant; empty where none was chosen.
    """

    index: int | None
    id: str
    why: Why


LATE = Pick(None, "", Why.LATE)
NONE = Pick(None, "", Why.NONE)


class Option(msgspec.Struct, frozen=True):
    """A variant that may be chosen, prepared.

    Attributes:
        wall_ln: logarithm of its service time in seconds, with `AROUND_S`.
        best, in_time, cheapest: the picks that it can become.
    """

    id: str
    wall_ln: float
    best: Pick
    in_time: Pick
    cheapest: Pick


Options = tuple[Option, ...]


def allowed(
    variants: Sequence[Costed],
    *,
    cost: float,
    bearable_s: float = math.inf,
    floor: float = 0.0,
) -> Options:
    """Prepare the variants that may be chosen.

    Args:
        variants: of one model, best first.
        cost: share of the dearest one's CPU time that an answer may cost. The cheapest
            one that is accurate enough is always allowed.
        bearable_s: CPU time of an answer that the box can bear; see `thermal.Ceiling`.
        floor: accuracy that the caller asks for. A variant that does not tell its own
            is not known to reach it.

    Returns:
        Best first, without those that are slower than one that is as accurate. Empty
        where none is as accurate as was asked.
    """
    most_s = min(cost * max((v.cpu_s for v in variants), default=0.0), bearable_s)
    good = [v for v in variants if not floor or (v.accuracy or 0.0) >= floor]
    least_s = min((v.cpu_s for v in good), default=0.0)
    kept: list[Costed] = []
    for variant in good:
        if variant.cpu_s > max(most_s, least_s):
            continue
        if all(variant.wall_s < better.wall_s for better in kept):
            kept = [better for better in kept if _is_better(better, variant)]
            kept.append(variant)
    return tuple(_option(index, variant) for index, variant in enumerate(kept))


def choose(
    options: Options,
    *,
    left_s: float | None,
    slowdown: Estimate,
    held: int = 0,
    first: int = 0,
) -> Pick:
    """Choose for one request.

    Args:
        options: see `allowed`.
        left_s: until its deadline, less its wait; None where it has no deadline.
        slowdown: of the box, now.
        held: the option in use; a better one must be surer.
        first: better ones than this are not tried.

    Returns:
        The most accurate that is in time with enough certainty; else the cheapest, if
        it is rather in time than not; else none.
    """
    if not options:
        return NONE
    if left_s is None:
        return options[first].best
    if left_s <= 0:
        return LATE
    left = math.log(left_s + AROUND_S) - slowdown.mean
    biases, variance = slowdown.biases, slowdown.variance
    slack = 0.0
    for index in range(first, len(options)):
        option = options[index]
        bias = biases.get(option.id, UNSEEN)
        slack = left - option.wall_ln - bias.mean
        sure = IN_TIME if index >= held else SURE
        if slack > 0 and slack * slack >= sure * sure * (variance + bias.variance):
            return option.in_time
    return option.cheapest if slack >= EVEN else LATE


def expected_s(option: Option, slowdown: Estimate) -> float:
    """Return what a run of an option should take."""
    bias = slowdown.biases.get(option.id, UNSEEN)
    return math.exp(option.wall_ln + slowdown.mean + bias.mean) - AROUND_S


class Streams:
    """What requests of one model, one preference and one floor were answered with.

    Those with deadlines within a factor of two of each other are one stream.
    """

    def __init__(self) -> None:
        self._streams: dict[int, _Stream] = {}

    def choose(
        self,
        options: Options,
        *,
        deadline_s: float | None,
        wait_s: float,
        slowdown: Estimate,
        now_s: float,
    ) -> Pick:
        """Choose for the next request of its stream; see `choose`.

        Args:
            options: see `allowed`; the same object until they change.
            deadline_s: from now on; None where it has none.
            wait_s: until its run would begin.
            slowdown: of the box, now.
            now_s: on the monotonic clock.
        """
        if deadline_s is None or not options:
            return choose(options, left_s=None, slowdown=slowdown)
        band = math.frexp(deadline_s)[1]
        stream = self._streams.get(band)
        if stream is None:
            stream = self._streams[band] = _Stream(now_s)
        if stream.options is not options:
            stream.adopt(options, now_s)
        held = stream.held
        pick = choose(
            options,
            left_s=deadline_s - wait_s,
            slowdown=slowdown,
            held=held,
            first=0 if now_s >= stream.climbs_s else held,
        )
        if pick.index is None and stream.may_probe(
            options[-1], left_s=deadline_s - wait_s, slowdown=slowdown, now_s=now_s
        ):
            pick = options[-1].cheapest
        if pick.index is not None:
            stream.ran_s = now_s
            if pick.index != held:
                stream.move(pick.index, now_s)
        return pick


class _Stream:
    """The option in use, from when on a better one is tried, and when one was last."""

    __slots__ = ("climbed_s", "climbs_s", "held", "options", "patience_s", "ran_s")

    def __init__(self, now_s: float) -> None:
        self.options: Options = ()
        self.held = 0
        self.patience_s = PATIENCE_S
        self.climbed_s = -math.inf
        self.climbs_s = -math.inf
        self.ran_s = now_s

    def adopt(self, options: Options, now_s: float) -> None:
        """Go on with other options: with the same variant, or the best at first."""
        before = self.options[self.held].id if self.options else ""
        ids = [option.id for option in options]
        self.options = options
        self.held = ids.index(before) if before in ids else 0
        if before not in ids:
            self.climbs_s = now_s

    def move(self, index: int, now_s: float) -> None:
        """Answer with another option from now on."""
        if index < self.held:
            self.climbed_s = now_s
            self.climbs_s = now_s
        else:
            is_hasty = now_s - self.climbed_s < HASTY_S
            more_s = min(2 * self.patience_s, PATIENCE_MOST_S)
            self.patience_s = more_s if is_hasty else PATIENCE_S
            self.climbs_s = now_s + self.patience_s
        self.held = index

    def may_probe(
        self, option: Option, *, left_s: float, slowdown: Estimate, now_s: float
    ) -> bool:
        """Tell whether a request is let through that should be late."""
        bias = slowdown.biases.get(option.id, UNSEEN)
        quiet_s = math.exp(option.wall_ln + bias.mean) - AROUND_S
        if quiet_s >= left_s:
            return False
        return now_s - self.ran_s >= PROBE_RUNS * quiet_s * math.exp(slowdown.mean)


def _is_better(before: Costed, after: Costed) -> bool:
    """Tell whether a variant may be worth more than one that is named after it."""
    if before.accuracy is None or after.accuracy is None:
        return True
    return before.accuracy > after.accuracy


def _option(index: int, variant: Costed) -> Option:
    return Option(
        variant.id,
        math.log(variant.wall_s + AROUND_S),
        *(Pick(index, variant.id, w) for w in (Why.BEST, Why.IN_TIME, Why.CHEAPEST)),
    )
