"""One variant, measured on this board: does it answer right, and what does it cost.

Law: one code for the proof of a newcomer and for every later profile. It judges
nothing but what the release itself promises; CPU time is what counts, since wall time
beside a live load says nothing. Blocks; it has the process for itself.
Source: clock_gettime(2), CLOCK_PROCESS_CPUTIME_ID and CLOCK_THREAD_CPUTIME_ID; proc(5),
VmRSS and VmHWM.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from edged.errors import EdgedError
from edged.host.gauge import Gauge
from edged.runtime import backends, convert, golden
from edged.runtime.base import Array, Tensors
from edged.runtime.convert import Adapted
from edged.runtime.golden import GoldenSet
from edged.runtime.memory import give_back
from edged.runtime.samples import make_up
from edged.runtime.timing import Span, rank, timed
from edged.wire.proofs import Cost, Effort, VariantProof
from edged.wire.release import GoldenSource, Manifest, Variant

#: A trial needs a median; a profile a p99, of which a hundred runs say nothing yet.
SPANS = {
    Effort.TRIAL: Span(runs=30, seconds=1.5, warm_up=3),
    Effort.PROFILE: Span(runs=1000, seconds=6.0, warm_up=10),
}

#: Pairs of answers for a ratio.
_PAIRS = SPANS[Effort.TRIAL]

#: Samples that are made up where a release brings none.
_MADE_UP = 8

_MB = 1e6


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A variant of a release that lies in a folder."""

    path: Path
    manifest: Manifest
    variant: Variant

    def load(self, threads: int) -> Adapted:
        """Load it behind its signature.

        Raises:
            BadModel: it cannot be loaded, or cannot serve the signature.
        """
        file = self.path / self.variant.file
        loaded = backends.load(self.variant.backend, file, threads=threads)
        try:
            return convert.adapt(loaded, self.manifest.signature, self.variant)
        except BaseException:
            loaded.close()
            raise

    def known(self) -> GoldenSet | None:
        """Read its golden set; None where it has none.

        Raises:
            BadBundle: it cannot be used.
        """
        if self.manifest.golden is None:
            return None
        file = self.path / self.manifest.golden.file
        return golden.read(file, self.manifest.signature)


def measure(
    subject: Subject,
    *,
    threads: tuple[int, ...],
    beside: Subject | None = None,
    effort: Effort = Effort.TRIAL,
    gauge: Gauge | None = None,
) -> VariantProof:
    """Measure a variant.

    Args:
        subject: the variant.
        threads: counts to measure it with; the first is what the daemon will use.
        beside: the live release's best variant, of the same signature, to compare.
        effort: how long each figure is measured.
        gauge: measures energy; None for nobody.

    Returns:
        Whatever was found; `problem` says what the release promised and does not hold.
    """
    try:
        return _Bench(subject, threads, SPANS[effort], gauge).proof(beside)
    except EdgedError as error:
        return VariantProof(id=subject.variant.id, problem=error.message)


class _Bench:
    """One measurement under way."""

    def __init__(
        self,
        subject: Subject,
        threads: tuple[int, ...],
        span: Span,
        gauge: Gauge | None,
    ) -> None:
        self._subject = subject
        self._threads = threads
        self._span = span
        self._gauge = gauge
        self._known = subject.known()
        self._feeds = _feeds(subject, self._known)
        self._wanted = tuple(o.name for o in subject.manifest.signature.outputs)

    def proof(self, beside: Subject | None) -> VariantProof:
        give_back()
        before = _memory("VmRSS")
        began = time.perf_counter()
        runs = self._subject.load(self._threads[0])
        load_s = time.perf_counter() - began
        try:
            found = VariantProof(id=self._subject.variant.id, load_s=load_s)
            found = self._answers(found, runs)
            found = self._first_cost(found, runs, before)
            if found.problem is None and beside is not None:
                found = self._compared(found, runs, beside)
        finally:
            runs.close()
        if found.problem is not None:
            return found
        more = tuple(self._cost_at(count) for count in self._threads[1:])
        found = msgspec.structs.replace(found, costs=(*found.costs, *more))
        return msgspec.structs.replace(
            found, problem=_over_budget(self._subject, found)
        )

    # --- answers -----------------------------------------------------------------

    def _answers(self, found: VariantProof, runs: Adapted) -> VariantProof:
        """Ask it, and hold its answers against what the release says."""
        manifest = self._subject.manifest
        problem = self._out_of_range(runs)
        if self._known is None or manifest.golden is None:
            return msgspec.structs.replace(found, problem=problem)
        is_best = self._subject.variant.id == manifest.variants[0].id
        report = golden.check(runs, self._known, manifest.golden, best=is_best)
        if not report.ok:
            problem = f"it does not give its golden answers: {report.text}"
        return msgspec.structs.replace(
            found, problem=problem, agreement=report.agreement, worst=report.worst
        )

    def _out_of_range(self, runs: Adapted) -> str | None:
        """Tell which answer is no number, or leaves the range that is promised."""
        promised = {o.name: o.range for o in self._subject.manifest.signature.outputs}
        for feeds in self._feeds:
            runs.reset()
            for name, array in runs.run(feeds, self._wanted).items():
                wrong = _wrong(array, promised[name])
                if wrong:
                    return f"output {name} {wrong}"
        return None

    # --- costs -------------------------------------------------------------------

    def _first_cost(
        self, found: VariantProof, runs: Adapted, before: int
    ) -> VariantProof:
        """Measure it as the daemon will run it, and the memory that this takes."""
        cost = self._cost(runs, self._threads[0])
        held_bytes = max(0, _memory("VmRSS") - before)
        peak_bytes = max(0, _memory("VmHWM") - before)
        return msgspec.structs.replace(
            found,
            costs=(
                msgspec.structs.replace(
                    cost, held_bytes=held_bytes, peak_bytes=peak_bytes
                ),
            ),
            held_bytes=held_bytes,
            peak_bytes=peak_bytes,
            meter=self._gauge.name if self._gauge else "",
        )

    def _cost_at(self, threads: int) -> Cost:
        runs = self._subject.load(threads)
        try:
            return self._cost(runs, threads)
        finally:
            runs.close()

    def _cost(self, runs: Adapted, threads: int) -> Cost:
        taken = timed(self._asker(runs), self._span, self._gauge)
        return Cost(
            threads=threads,
            cpu_ms=statistics.median(taken.cpu_ms),
            busy_ms=statistics.median(taken.busy_ms),
            wall_ms=statistics.median(taken.wall_ms),
            p95_ms=rank(taken.wall_ms, 0.95),
            p99_ms=rank(taken.wall_ms, 0.99),
            runs=len(taken.wall_ms),
            waited=taken.waited,
            joules=taken.joules,
        )

    def _asker(self, runs: Adapted) -> Callable[[int], object]:
        def ask(turn: int) -> object:
            if runs.stateful:
                runs.reset()
            return runs.run(self._feeds[turn % len(self._feeds)], self._wanted)

        return ask

    # --- beside the live one -------------------------------------------------------

    def _compared(
        self, found: VariantProof, runs: Adapted, beside: Subject
    ) -> VariantProof:
        """Compare it with the live release, one answer of each in turn.

        A live release that has gone bad is no measure, and no reason against a new one.
        """
        with suppress(EdgedError):
            ratio = self._ratio(runs, beside)
            found = msgspec.structs.replace(found, ratio=ratio)
        with suppress(EdgedError):
            continuity = _continuity(runs, beside)
            found = msgspec.structs.replace(found, continuity=continuity)
        return found

    def _ratio(self, runs: Adapted, beside: Subject) -> float:
        live = beside.load(self._threads[0])
        try:
            pairs = _timed_in_turn(self._asker(runs), self._asker(live))
        finally:
            live.close()
        return statistics.median(pairs)


def _continuity(runs: Adapted, beside: Subject) -> float | None:
    """Return the share of the live release's real golden samples on which it agrees."""
    rules = beside.manifest.golden
    if rules is None or rules.source is not GoldenSource.REAL:
        return None
    known = beside.known()
    if known is None:
        return None
    report = golden.check(runs, known, rules, best=False)
    # Where most golden answers are of one class, a constant answer would agree.
    is_constant = report.verdict is golden.Verdict.COLLAPSED
    return 0.0 if is_constant else report.agreement


def _feeds(subject: Subject, known: GoldenSet | None) -> list[Tensors]:
    if known is not None:
        return [known.feeds(index) for index in range(known.samples)]
    made = make_up(subject.manifest.signature, samples=_MADE_UP, seed=0)
    return [{name: a[i, ...] for name, a in made.items()} for i in range(_MADE_UP)]


def _wrong(array: Array, promised: tuple[float, float] | None) -> str | None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return "is not finite"
    if promised is None or array.dtype == object or not array.size:
        return None
    low, high = float(array.min()), float(array.max())
    if low < promised[0] or high > promised[1]:
        return (
            f"reaches from {low:g} to {high:g}, and its range is "
            f"{promised[0]:g} to {promised[1]:g}"
        )
    return None


def _over_budget(subject: Subject, found: VariantProof) -> str | None:
    budget = subject.manifest.budget
    if budget is None:
        return None
    cpu_ms, held_mb = found.costs[0].cpu_ms, found.held_bytes / _MB
    if budget.cpu_ms is not None and cpu_ms > budget.cpu_ms:
        return (
            f"an answer costs {cpu_ms:.3g} ms of CPU here, its budget is "
            f"{budget.cpu_ms:g} ms"
        )
    if budget.rss_mb is not None and held_mb > budget.rss_mb:
        return f"it holds {held_mb:.3g} MB here, its budget is {budget.rss_mb:g} MB"
    return None


def _timed_in_turn(
    ours: Callable[[int], object], theirs: Callable[[int], object]
) -> list[float]:
    """Return our CPU time over theirs, for answers that stood side by side.

    A pair is several answers long where one is too short for the clock.
    """
    repeats = 1
    for turn in range(_PAIRS.warm_up):
        began = time.process_time()
        ours(turn), theirs(turn)
        repeats = max(1, min(200, int(0.002 / max(1e-6, time.process_time() - began))))
    pairs = []
    end = time.perf_counter() + 2 * _PAIRS.seconds
    for turn in range(_PAIRS.runs):
        start = time.process_time()
        for each in range(repeats):
            ours(turn + each)
        middle = time.process_time()
        for each in range(repeats):
            theirs(turn + each)
        stop = time.process_time()
        pairs.append((middle - start) / max(1e-9, stop - middle))
        if time.perf_counter() > end:
            break
    return pairs


def _memory(key: str) -> int:
    """Return a figure of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0
