"""The verdict: everything in one line, and the page behind it.

Law: pure. `edgectl status`, the snapshot, `systemctl status` and the log all show
this text, so it is made once.
"""

from collections.abc import Sequence

from edged.wire.messages import (
    Level,
    ModelPhase,
    ModelStatus,
    Phase,
    Process,
    Status,
    Trouble,
)

#: Of models that answer whoever asks.
_ANSWERS = {ModelPhase.READY, ModelPhase.ASLEEP}


def status(
    *,
    phase: Phase,
    at_utc: str,
    process: Process,
    models: Sequence[ModelStatus],
    troubles: Sequence[Trouble] = (),
    conditions: Sequence[Trouble] = (),
) -> Status:
    """Judge the whole.

    Args:
        phase: of the daemon.
        at_utc: now, RFC 3339.
        process: this process.
        models: every installed model.
        troubles: standing problems that are no model's.
        conditions: what keeps the box from doing what it could. It explains how
            models answer, never why one does not.
    """
    standing = (*troubles, *(model.problem for model in models if model.problem))
    level, verdict = _verdict(phase, models, standing, conditions)
    return Status(
        level=level,
        verdict=verdict,
        phase=phase,
        at_utc=at_utc,
        process=process,
        models=tuple(models),
        troubles=(*standing, *conditions),
    )


def _verdict(
    phase: Phase,
    models: Sequence[ModelStatus],
    standing: Sequence[Trouble],
    conditions: Sequence[Trouble],
) -> tuple[Level, str]:
    ready = [model for model in models if model.phase in _ANSWERS]
    match phase:
        case Phase.STARTING:
            return Level.DEGRADED, f"starting, {_ready_text(ready, models)}"
        case Phase.DRAINING:
            return Level.DEGRADED, "stopping: finishing what is under way"
        case Phase.STOPPED:
            return Level.DOWN, "stopped, as it was asked to"
        case Phase.READY:
            return _serving(ready, models, standing, conditions)


def _serving(
    ready: Sequence[ModelStatus],
    models: Sequence[ModelStatus],
    standing: Sequence[Trouble],
    conditions: Sequence[Trouble],
) -> tuple[Level, str]:
    if not models:
        empty = "serving, but no model is installed"
        return Level.DEGRADED, standing[0].text if standing else empty
    if not ready:
        return Level.DOWN, f"no model answers: {_first(standing, models)}"
    told = [f"{each.text}{_lighter(ready)}{_fewer(ready)}" for each in conditions[:1]]
    told += [trouble.text for trouble in standing[:1]]
    if told:
        return Level.DEGRADED, "; ".join([_ready_text(ready, models), *told])
    return Level.OK, _ready_text(ready, models)


def _lighter(ready: Sequence[ModelStatus]) -> str:
    """Say who answers with less than it has; empty where nobody does."""
    less = [model for model in ready if model.chosen not in {None, _best(model)}]
    if not less:
        return ""
    if len(ready) == 1:
        return f", {less[0].chosen}"
    return f", {len(less)} of {len(ready)} models answer with less"


def _fewer(ready: Sequence[ModelStatus]) -> str:
    """Say with how many threads the only model answers; empty where with all."""
    if len(ready) != 1:
        return ""
    chosen = (v for v in ready[0].variants if v.id == ready[0].chosen)
    variant = next(chosen, None)
    if variant is None or variant.threads is None or variant.most_threads is None:
        return ""
    if variant.threads >= variant.most_threads:
        return ""
    return f", {variant.threads} of {variant.most_threads} threads"


def _best(model: ModelStatus) -> str | None:
    return next((variant.id for variant in model.variants if variant.loaded), None)


def _ready_text(ready: Sequence[ModelStatus], models: Sequence[ModelStatus]) -> str:
    asleep = sum(model.phase is ModelPhase.ASLEEP for model in ready)
    if len(models) == 1 == len(ready):
        name = f"{ready[0].name} {ready[0].version}"
        return f"{name} is ready{', asleep' if asleep else ''}"
    also = f", {asleep} asleep" if asleep else ""
    return f"{len(ready)} of {len(models)} models ready{also}"


def _first(standing: Sequence[Trouble], models: Sequence[ModelStatus]) -> str:
    if standing:
        return standing[0].text
    return ", ".join(f"{model.name} is {model.phase.value}" for model in models)
