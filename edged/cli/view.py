"""How models look in a table of at most 80 columns.

Law: text from values; nothing is asked, nothing is printed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from edged.cli.output import WIDTH, Align, clip, ms_text, table
from edged.errors import BadModel
from edged.wire.messages import ModelPhase, ModelStatus, Trouble, VariantStatus

_HEAD = ("MODEL", "VERSION", "STATE", "REQUESTS", "FAIL", "VARIANT", "p50 ms", "p95")
_ALIGN = (Align.LEFT,) * 3 + (Align.RIGHT,) * 2 + (Align.LEFT,) + (Align.RIGHT,) * 2


class _Cut(NamedTuple):
    """Widths that names are cut to."""

    name: int
    version: int
    variant: int


# As long as names may be, and as long as they may be on a serial console, where
# these, the numbers and the blanks between are 80 wide together.
_UNCUT, _CUT = _Cut(64, 64, 64), _Cut(16, 10, 9)

_REQUESTS, _FAILED = 8, 4

_STATE = {
    ModelPhase.LOADING: "loading",
    ModelPhase.READY: "ready",
    ModelPhase.ASLEEP: "asleep",
    ModelPhase.UNLOADED: "unloaded",
    ModelPhase.FAILED: "FAILED",
}


#: How much a phase asks for attention, most first.
_RANK = {
    ModelPhase.FAILED: 0,
    ModelPhase.LOADING: 1,
    ModelPhase.UNLOADED: 2,
    ModelPhase.READY: 3,
    ModelPhase.ASLEEP: 3,
}


def model_table(
    models: Iterable[ModelStatus], *, width: int = WIDTH, rows: int | None = None
) -> list[str]:
    """Set models in a table, a line for each rung of the ladder.

    Args:
        models: in the order of the table.
        width: columns there are; long names are cut only where they do not fit.
        rows: lines there are for all of it. Where they do not suffice, a model gets
            one line, which counts its other rungs, and then what is left out is
            counted.
    """
    listed = tuple(models)
    if not listed:
        return []
    whole = _table(listed, rows=rows, cut=_UNCUT)
    if max(map(len, whole)) <= width:
        return whole
    return _table(listed, rows=rows, cut=_CUT)


def worst_first(models: Iterable[ModelStatus]) -> list[ModelStatus]:
    """Return models that need a person before those that do not."""

    def rank(model: ModelStatus) -> int:
        broken = model.problem or any(variant.problem for variant in model.variants)
        return 0 if broken else _RANK[model.phase]

    return sorted(models, key=rank)


def all_troubles(
    models: Iterable[ModelStatus], standing: Iterable[Trouble]
) -> list[Trouble]:
    """Return standing troubles, then those of models and variants, each once."""
    found = [*standing]
    for model in models:
        if model.problem is not None:
            found.append(model.problem)
        found += [
            Trouble(
                code=BadModel.code,
                text=variant.problem,
                hint=f"edgectl models verify {model.name}",
                model=model.name,
            )
            for variant in model.variants
            if variant.problem
        ]
    once: dict[str, Trouble] = {}
    for trouble in sorted(found, key=lambda one: one.model is not None):
        once.setdefault(trouble.text, trouble)
    return [*once.values()]


def sentence(trouble: Trouble) -> str:
    """Return a trouble's text, beginning with the model where it does not name it."""
    named = trouble.model is None or trouble.model in trouble.text
    return trouble.text if named else f"{trouble.model}: {trouble.text}"


def _table(models: Sequence[ModelStatus], *, rows: int | None, cut: _Cut) -> list[str]:
    ladders = [_lines(model, cut) for model in models]
    full = [line for ladder in ladders for line in ladder]
    if rows is None or len(full) < rows:
        return table(_HEAD, full, align=_ALIGN)
    short = [_alone(ladder) for ladder in ladders]
    if len(short) < rows:
        return table(_HEAD, short, align=_ALIGN)
    kept = short[: max(1, rows - 2)]
    return [
        *table(_HEAD, kept, align=_ALIGN),
        f"… and {len(short) - len(kept)} more: edgectl models list",
    ]


def _alone(ladder: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return a model's first line, saying how many rungs are not shown."""
    *head, variant, p50, p95 = ladder[0]
    more = f" +{len(ladder) - 1}" if len(ladder) > 1 else ""
    return (*head, variant + more, p50, p95)


def _lines(model: ModelStatus, cut: _Cut) -> list[tuple[str, ...]]:
    first = (
        clip(model.name, cut.name),
        clip(model.version or "-", cut.version),
        _STATE[model.phase],
        _count(model.requests, _REQUESTS),
        _count(model.failures, _FAILED),
    )
    if not model.variants:
        return [(*first, "-", "-", "-")]
    below = ("",) * len(first)
    return [
        (*(below if i else first), *_variant(variant, cut))
        for i, variant in enumerate(model.variants)
    ]


def _count(count: int, width: int) -> str:
    """Write a number within `width`: in thousands or millions where it must be."""
    for unit, size in (("", 1), ("k", 1_000), ("M", 1_000_000)):
        text = f"{count // size}{unit}"
        if len(text) <= width:
            break
    return text


def _variant(variant: VariantStatus, cut: _Cut) -> tuple[str, ...]:
    state = "" if variant.loaded else " !" if variant.problem else " -"
    return (
        clip(variant.id, cut.variant - len(state)) + state,
        ms_text(variant.p50_ms),
        ms_text(variant.p95_ms),
    )
