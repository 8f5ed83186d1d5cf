"""A model's profile: its tables, its picture.

Law: values to text and shapes; nothing is asked. What was not measured is `-`.
"""

from edged.cli.chart import Bar, Chart, Panel, number
from edged.cli.output import Align, fold, table
from edged.wire.profiles import Lately, ModelProfile
from edged.wire.proofs import Cost, Proof, VariantProof
from edged.wire.words import size_text

#: A trial's percentiles are told, and that they are of few runs.
_FEW = 100

#: Of an answer's time, waiting for a core: less is no news.
_BUSY = 0.1


def lines(profile: ModelProfile, *, width: int) -> list[str]:
    """Set a profile for a terminal."""
    proof = profile.proof
    found = fold(_head(profile), width=width)
    if proof is None:
        return [*found, f"nothing is measured yet: edgectl profile {profile.model}"]
    for note in _notes(profile, proof):
        found += fold(note, width=width)
    found += ["", *_costs(proof, profile.threads), "", *_beside(profile, proof)]
    for variant in proof.variants:
        if variant.problem or variant.unprofiled:
            why = variant.problem or variant.unprofiled
            what = "does not serve" if variant.problem else "was not measured again"
            found += fold(f"{variant.id} {what}: {why}", width=width)
    return found


def chart(profile: ModelProfile) -> Chart:
    """Draw the median times, the CPU time and, where there is a meter, the energy."""
    proof = profile.proof
    shown = [
        (f"{variant.id}, {_threads(cost.threads)}", variant.id, cost)
        for variant in (proof.fit if proof else ())
        for cost in variant.costs
    ]
    times = Panel(
        title="An answer: median, ms (the line goes on to p99)",
        bars=tuple(
            Bar(label, group=group, value=cost.wall_ms, up_to=cost.p99_ms or 0.0)
            for label, group, cost in shown
        ),
    )
    cpu = Panel(
        title="CPU time of an answer, all threads, ms",
        bars=tuple(
            Bar(label, group=group, value=cost.cpu_ms) for label, group, cost in shown
        ),
    )
    energy = Panel(
        title="Energy of an answer, mJ",
        bars=tuple(
            Bar(label, group=group, value=cost.joules * 1e3)
            for label, group, cost in shown
            if cost.joules is not None
        ),
    )
    return Chart(
        title=f"{profile.model} {profile.release.version}",
        note=f"{_where(proof)}; edgectl profile" if proof else "nothing is measured",
        panels=tuple(panel for panel in (times, cpu, energy) if panel.bars),
    )


# --- words ------------------------------------------------------------------------


def _head(profile: ModelProfile) -> str:
    release = profile.release
    head = f"{profile.model} {release.version} (seq {release.seq})"
    if profile.proof is None:
        return head
    when = profile.proof.profiled
    if when is None:
        return f"{head}, as its trial measured it at {profile.proof.at_utc}"
    return f"{head}, measured at {when.at_utc} for {when.by}"


def _notes(profile: ModelProfile, proof: Proof) -> list[str]:
    notes = [_where(proof)]
    meter = next((v.meter for v in proof.fit if v.meter), "")
    if meter:
        is_there = any(c.joules is not None for v in proof.fit for c in v.costs)
        what = f"of all that {meter} measures, at rest too" if is_there else meter
        notes.append(f"energy: {what}")
    waited = max((c.waited or 0.0 for v in proof.fit for c in v.costs), default=0.0)
    if waited > _BUSY:
        notes.append(
            f"others used the cores: up to {waited:.0%} of the time of an answer was "
            "waiting for one"
        )
    when = proof.profiled
    if when is not None and when.requests:
        notes.append(
            f"the daemon answered {when.requests} requests meanwhile: times are of a "
            "busy box"
        )
    if when is None or any(c.runs < _FEW for v in proof.fit for c in v.costs):
        notes.append("of fewer than 100 runs the p99 is the longest one")
    if profile.doing:
        notes.append(f"being measured: {profile.doing}")
    return notes


def _where(proof: Proof) -> str:
    runtimes = [f"{name} {version}" for name, version in proof.board.runtimes.items()]
    cpu = proof.board.cpu.partition(", features")[0]
    return ", ".join([cpu, *runtimes])


# --- tables -----------------------------------------------------------------------


def _costs(proof: Proof, threads: int) -> list[str]:
    """Set what was measured; the count of threads that the daemon uses has a mark."""
    rows = [
        (
            variant.id if cost is variant.costs[0] else "",
            f"{'*' * (cost.threads == threads)}{cost.threads}",
            _figure(cost.wall_ms),
            _figure(cost.p95_ms),
            _figure(cost.p99_ms),
            _figure(cost.cpu_ms),
            _memory(variant, cost),
            _figure(None if cost.joules is None else cost.joules * 1e3),
            str(cost.runs or "-"),
        )
        for variant in proof.fit
        for cost in variant.costs
    ]
    head = ("VARIANT", "THREADS", "P50 ms", "P95", "P99", "CPU ms", "MEMORY", "mJ")
    return table((*head, "RUNS"), rows, align=(Align.LEFT, *(Align.RIGHT,) * 8))


def _beside(profile: ModelProfile, proof: Proof) -> list[str]:
    """Set what live traffic says of late beside what was measured."""
    live = {each.variant: each for each in profile.lately}
    rows = []
    for variant in proof.fit:
        cost = next((c for c in variant.costs if c.threads == profile.threads), None)
        late = live.get(variant.id)
        rows.append(
            (
                variant.id,
                "-" if variant.agreement is None else f"{variant.agreement:.1%}",
                _figure(cost.wall_ms if cost else None),
                _figure(late.p50_ms if late else None),
                _figure(cost.p95_ms if cost else None),
                _figure(late.p95_ms if late else None),
                str(late.requests) if late else "-",
                _times(late),
            )
        )
    head = ("VARIANT", "GOLDEN", "P50 ms", "LIVE", "P95 ms", "LIVE", "ANSWERS", "TIMES")
    return table(head, rows, align=(Align.LEFT, *(Align.RIGHT,) * 7))


def _times(late: Lately | None) -> str:
    return "-" if late is None or late.times is None else f"{late.times:.2f}"


def _memory(variant: VariantProof, cost: Cost) -> str:
    held = cost.held_bytes
    if held is None:
        held = variant.held_bytes if cost is variant.costs[0] else None
    return "-" if held is None else size_text(held)


def _figure(value: float | None) -> str:
    return "-" if value is None else number(value)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
