"""Which rung of a release answers a request that does not insist on one.

Law: the choice is `adapt.choice`'s; here it gets what it rests on. A request without a
deadline, and a release of which one rung alone may answer, cost a look at what holds
and no more. Call on the event loop only.
"""

import math
import time
from collections.abc import Callable, Hashable, Mapping

import msgspec

from edged.adapt.choice import Costed, Options, Streams, allowed, expected_s
from edged.adapt.strategy import cost_cap
from edged.errors import EdgedError, NotReady, UnknownVariant
from edged.serve import admission
from edged.serve.bearing import LOOK_S, Bearing
from edged.serve.conditions import Conditions
from edged.serve.costs import SETTLED, costs, size, unit_bytes
from edged.serve.ladder import Ladder, Rung
from edged.serve.request import Array, InferRequest
from edged.serve.stats import Recent
from edged.store.releases import Release
from edged.wire.adapt import Preference
from edged.wire.proofs import Proof

#: Turns of others vary: a wait is taken for so much longer than it should be.
MARGIN = 1.5

#: So many times what a run should take is ample: nothing that was not seen in the last
#: second makes a box slower by so much.
_AMPLE = 20.0
_AMPLE_S = 1.0

#: A rung that was let go of may be back after so long.
_BACK_S = 60.0

#: No variant is as accurate as this.
_NONE = 2.0

Wait = Callable[[Hashable, int, float], float]


class Choice(msgspec.Struct, frozen=True):
    """A rung for a request.

    Attributes:
        in_time: whether it was held against the deadline, its wait included.
    """

    rung: Rung
    in_time: bool = False


class _Way:
    """What may answer one kind of request, and what answered it of late.

    Attributes:
        best: without a deadline; None where no rung is as accurate as was asked.
        options: to choose among; fewer than two where there is nothing to choose.
        choices: what each of them means.
        ample_s: time that is more than enough for the best, as of the last run.
    """

    __slots__ = ("ample_s", "best", "choices", "options", "streams")

    def __init__(self) -> None:
        self.best: Choice | None = None
        self.options: Options = ()
        self.choices: tuple[Choice, ...] = ()
        self.streams = Streams()
        self.ample_s = math.inf

    def lead(self, options: Options, rungs: Mapping[str, Rung]) -> None:
        """Lead to these options from now on; nothing happens where they are the old."""
        if options != self.options or len(self.choices) != len(options):
            self.options = options
        self.ample_s = math.inf
        self.choices = tuple(Choice(rungs[o.id], in_time=True) for o in options)
        self.best = Choice(rungs[options[0].id]) if options else None


class Chooser:
    """Chooses for one release.

    Args:
        release: whose.
        ladder: its rungs.
        proof: what this board proved of it; None for nothing.
        taken: durations of runs, by variant.
        wait_s: tells how long a new request would wait; see `Scheduler.wait_s`.
        conditions: of the box.
    """

    def __init__(
        self,
        release: Release,
        ladder: Ladder,
        *,
        proof: Proof | None,
        taken: Mapping[str, Recent],
        wait_s: Wait,
        conditions: Conditions,
    ) -> None:
        self._release = release
        self._ladder = ladder
        self._every = self._rungs = ladder.rungs
        self._away: Mapping[str, str] = {}
        self._by_id = {rung.id: rung for rung in ladder.rungs}
        self._proof = proof
        self._proofs = 0
        self._threads = {rung.id: rung.threads for rung in ladder.rungs}
        self._taken = taken
        self._wait_s = wait_s
        self._conditions = conditions
        self._regime = conditions.regime
        self._unit = unit_bytes(release.manifest.signature)
        self._bearing = Bearing()
        self._costs: dict[str, Costed] = {}
        self._dearest_s = 0.0
        self._seen = 0
        self._look_s = 0.0
        self._ample_until_s = 0.0
        self._ways: dict[tuple[Preference, float], _Way] = {}
        self._cost()
        self._usual = self._way(Preference.BALANCED, 0.0)

    # --- choosing ----------------------------------------------------------------

    def choose(self, request: InferRequest) -> Choice:
        """Return the rung that a request insists on, or the one to answer it.

        Raises:
            UnknownVariant: it does not exist or could not be loaded, or none is as
                accurate as was asked.
            NotReady: it, or all that are as accurate, were let go of for a while.
            DeadlineExceeded: not even the cheapest would be in time.
        """
        if request.variant is not None:
            return Choice(self._named(request.variant))
        if request.preference is Preference.BALANCED and not request.min_accuracy:
            way = self._usual
        else:
            way = self._way(request.preference, request.min_accuracy)
        if way.best is None:
            raise self._none(request.min_accuracy)
        if request.deadline_s is None or len(way.options) < 2:  # noqa: PLR2004
            return way.best
        return self._in_time(way, request, request.deadline_s)

    def _in_time(self, way: _Way, request: InferRequest, deadline_s: float) -> Choice:
        now_s = time.monotonic()
        left_s = deadline_s - now_s
        if left_s <= 0:
            return way.choices[-1]  # admission says so
        usual_s = self._taken[way.choices[0].rung.id].usual_ns / 1e9
        wait_s = MARGIN * self._wait_s(request.peer, request.priority, usual_s)
        if left_s - wait_s > way.ample_s and now_s < self._ample_until_s:
            return way.choices[0]
        times = size(request.inputs, self._unit) if self._unit else 1.0
        slowdown = self._conditions.slowdown(now_s)
        pick = way.streams.choose(
            way.options,
            deadline_s=left_s / times,
            wait_s=wait_s / times,
            slowdown=slowdown,
            now_s=now_s,
        )
        if pick.index is None:
            run_s = times * expected_s(way.options[-1], slowdown)
            raise admission.too_late(
                self._release.name, left_s=left_s, needs_s=wait_s + run_s
            )
        return way.choices[pick.index]

    def _named(self, variant: str) -> Rung:
        if variant in self._away:
            raise self._gone(variant, f"run variant {variant!r} of")
        if variant not in self._by_id:
            failed = self._ladder.failures.get(variant)
            why = (
                f"it could not be loaded: {failed.message}"
                if failed is not None
                else f"it has {', '.join(self._by_id)}"
            )
            raise UnknownVariant(
                f"cannot run variant {variant!r} of {self._release.name}: {why}",
                hint=f"edgectl models show {self._release.name}",
            )
        return self._by_id[variant]

    def _gone(self, variant: str, doing: str) -> NotReady:
        name = self._release.name
        return NotReady(
            f"cannot {doing} {name} now: {variant} was let go of, "
            f"{self._away[variant]}",
            hint=f"edgectl models show {name}",
            retry_after_s=_BACK_S,
        )

    def _none(self, floor: float) -> EdgedError:
        """Say why no rung is as accurate as that; one that is may come back."""
        for rung in reversed(self._every):
            if rung.id in self._away and (rung.variant.accuracy or 0.0) >= floor:
                return self._gone(rung.id, f"reach an accuracy of {floor:g} with")
        told = [r.variant.accuracy for r in self._rungs if r.variant.accuracy]
        best = f"its best has {max(told):g}" if told else "no variant tells its own"
        return UnknownVariant(
            f"cannot run {self._release.name} with an accuracy of {floor:g}: {best}",
            hint=f"edgectl models show {self._release.name}",
        )

    # --- learning ----------------------------------------------------------------

    def learn(self, variant: str, inputs: Mapping[str, Array], ns: int) -> None:
        """Learn from a run that nobody shared, and that has just ended.

        Args:
            variant: that ran.
            inputs: on which.
            ns: that it took.
        """
        now_s = time.monotonic()
        cost = self._costs.get(variant)
        if cost is not None and ns:
            times = size(inputs, self._unit) if self._unit else 1.0
            self._conditions.learn(cost, taken_s=ns / 1e9, size=times, now_s=now_s)
            self._ease(now_s)
        if self._proof is None and self._runs(SETTLED) != self._seen:
            self._cost()
            self._renew()
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self.look(now_s)

    def _ease(self, now_s: float) -> None:
        """Tell what is ample time for the usual request, so that few need a choice."""
        way = self._usual
        if self._unit is None and len(way.options) > 1:
            slowdown = self._conditions.slowdown(now_s)
            way.ample_s = _AMPLE * expected_s(way.options[0], slowdown)
            self._ample_until_s = now_s + _AMPLE_S

    def look(self, now_s: float) -> None:
        """Look whether the box bears what runs, on the monotonic clock."""
        conditions, bearing = self._conditions, self._bearing
        cpu_s = [self._costs[rung.id].cpu_s for rung in self._every if self._costs]
        slow = math.exp(conditions.slowdown(now_s).mean)
        runs = [self._taken[rung.id].count for rung in self._every]
        bearing.count(now_s, runs=runs, cpu_s=cpu_s, slowdown=slow)
        others = conditions.used(self._release.name, bearing.used, now_s)
        before = bearing.bearable_s
        bearing.look(
            now_s,
            regime=self._regime,
            cpu_s=cpu_s,
            slowdown=slow,
            cores=conditions.cores,
            others=others,
        )
        if bearing.bearable_s != before:
            self._renew()

    # --- what may be chosen ------------------------------------------------------

    def obey(self) -> None:
        """Take over what holds now."""
        self._regime = self._conditions.regime
        self._renew()

    def prove(self, proof: Proof) -> None:
        """Take over newer figures of this release on this board.

        How far each variant was off the older ones says nothing of these: they begin
        anew, under other names.
        """
        self._proof = proof
        self._proofs += 1
        self._cost()
        self._renew()

    def house(self, rungs: tuple[Rung, ...], away: Mapping[str, str]) -> None:
        """Choose among these from now on.

        Args:
            rungs: in memory, best first; never none.
            away: why others are not that were.
        """
        self._rungs, self._away = rungs, away
        self._by_id = {rung.id: rung for rung in rungs}
        threads = self._threads | {rung.id: rung.threads for rung in rungs}
        if threads != self._threads:
            self._threads = threads
            self._cost()
        self._renew()

    def _cost(self) -> None:
        """Tell anew what each rung costs."""
        self._seen = self._runs(SETTLED)
        found = costs(
            [rung.variant for rung in self._every],
            owner=f"{self._release.digest[:12]}.{self._proofs}",
            proof=self._proof,
            threads=self._threads,
            taken=self._taken,
        )
        self._costs = {
            rung.id: cost for rung, cost in zip(self._every, found, strict=False)
        }
        self._dearest_s = max((cost.cpu_s for cost in found), default=0.0)

    def _runs(self, most: int) -> int:
        return sum(min(most, self._taken[rung.id].count) for rung in self._every)

    def _renew(self) -> None:
        for (preference, floor), way in self._ways.items():
            self._lead(way, preference, floor)

    def _way(self, preference: Preference, floor: float) -> _Way:
        """Return what may answer such requests.

        Floors between the same two variants are one, so that callers cannot make many.
        """
        if floor:
            told = [r.variant.accuracy or 0.0 for r in self._rungs]
            floor = min((a for a in told if a >= floor), default=_NONE)
        way = self._ways.get((preference, floor))
        if way is None:
            way = self._ways[preference, floor] = _Way()
            self._lead(way, preference, floor)
        return way

    def _lead(self, way: _Way, preference: Preference, floor: float) -> None:
        regime, here = self._regime, self._rungs if self._costs else ()
        share = cost_cap(regime.table, regime.strategy, preference)
        options = allowed(
            [self._costs[rung.id] for rung in here],
            # Of what the dearest one costs, whether it is in memory or not.
            cost=1.0,
            bearable_s=min(self._bearing.bearable_s, share * self._dearest_s),
            floor=floor,
        )
        way.lead(options, {self._costs[rung.id].id: rung for rung in here})
        if not self._costs and (self._rungs[0].variant.accuracy or 0.0) >= floor:
            way.best = Choice(self._rungs[0])

    # --- telling -----------------------------------------------------------------

    @property
    def usual(self) -> str:
        """The variant that answers who has no deadline and wishes nothing."""
        best = self._usual.best
        return (best.rung if best else self._rungs[0]).id

    def cost_ms(self, variant: str) -> float | None:
        """Return what an answer of a variant costs, in CPU time on a quiet box."""
        cost = self._costs.get(variant)
        return None if cost is None else round(cost.cpu_s * 1e3, 3)

    def passed_over(self, variant: str) -> str:
        """Say why a loaded variant is not chosen now; empty where it may be."""
        chosen = [choice.rung.id for choice in self._usual.choices]
        cost = self._costs.get(variant)
        if variant in self._away:
            return f"it is not in memory: {self._away[variant]}"
        if variant in chosen or cost is None:
            return ""
        if cost.cpu_s > self._bearing.bearable_s:
            return "the box would get too hot"
        regime, dearest_s = self._regime, self._dearest_s
        if cost.cpu_s > regime.caps.cost * dearest_s:
            return (
                f"it costs {cost.cpu_s / dearest_s:.0%} of the dearest, "
                f"{regime.strategy.value} allows {regime.caps.cost:.0%}"
            )
        return "a better one takes no longer"

    def __repr__(self) -> str:
        allowed_ids = ", ".join(c.rung.id for c in self._usual.choices)
        return f"{allowed_ids or self._rungs[0].id}; {self._bearing!r}"
