"""How models look in a table of at most 80 columns.

Law: text from values; nothing is asked, nothing is printed.
"""

from collections.abc import Iterable

from edged.cli.output import Align, clip, ms_text, table
from edged.wire.messages import ModelPhase, ModelStatus, Trouble, VariantStatus

_HEAD = ("MODEL", "VERSION", "STATE", "REQUESTS", "FAIL", "VARIANT", "p50 ms", "p95")
_ALIGN = (Align.LEFT,) * 3 + (Align.RIGHT,) * 2 + (Align.LEFT,) + (Align.RIGHT,) * 2

# All of these together, with blanks between, are 80 wide.
_NAME, _VERSION, _REQUESTS, _FAILED, _VARIANT = 16, 10, 8, 4, 9

_STATE = {
    ModelPhase.LOADING: "loading",
    ModelPhase.READY: "ready",
    ModelPhase.UNLOADED: "unloaded",
    ModelPhase.FAILED: "FAILED",
}


def model_table(models: Iterable[ModelStatus], *, rows: int | None = None) -> list[str]:
    """Set models in a table, a line for each rung of the ladder.

    Args:
        models: in the order of the table.
        rows: lines there are for all of it. Where they do not suffice, a model gets
            one line, and then what is left out is counted.
    """
    listed = tuple(models)
    if not listed:
        return []
    full = [line for model in listed for line in _lines(model)]
    if rows is None or len(full) < rows:
        return table(_HEAD, full, align=_ALIGN)
    short = [_lines(model)[0] for model in listed]
    if len(short) < rows:
        return table(_HEAD, short, align=_ALIGN)
    kept = short[: max(1, rows - 2)]
    left = len(short) - len(kept)
    return [
        *table(_HEAD, kept, align=_ALIGN),
        f"… and {left} more: edgectl models list",
    ]


def all_troubles(
    models: Iterable[ModelStatus], standing: Iterable[Trouble]
) -> list[Trouble]:
    """Return standing troubles and those of models and variants, each once."""
    found = [*standing]
    for model in models:
        if model.problem is not None:
            found.append(model.problem)
        found += [
            Trouble(
                code="bad-model",
                text=variant.problem,
                hint=f"edgectl models verify {model.name}",
                model=model.name,
            )
            for variant in model.variants
            if variant.problem
        ]
    once: dict[str, Trouble] = {}
    for trouble in found:
        once.setdefault(trouble.text, trouble)
    return [*once.values()]


def sentence(trouble: Trouble) -> str:
    """Return a trouble's text, beginning with the model where it does not name it."""
    named = trouble.model is None or trouble.model in trouble.text
    return trouble.text if named else f"{trouble.model}: {trouble.text}"


def _lines(model: ModelStatus) -> list[tuple[str, ...]]:
    first = (
        clip(model.name, _NAME),
        clip(model.version or "-", _VERSION),
        _STATE[model.phase],
        _count(model.requests, _REQUESTS),
        _count(model.failures, _FAILED),
    )
    if not model.variants:
        return [(*first, "-", "-", "-")]
    below = ("",) * len(first)
    return [
        (*(below if i else first), *_variant(variant))
        for i, variant in enumerate(model.variants)
    ]


def _count(count: int, width: int) -> str:
    """Write a number within `width`: in thousands or millions where it must be."""
    for unit, size in (("", 1), ("k", 1_000), ("M", 1_000_000)):
        text = f"{count // size}{unit}"
        if len(text) <= width:
            break
    return text


def _variant(variant: VariantStatus) -> tuple[str, ...]:
    state = "" if variant.loaded else " !" if variant.problem else " -"
    return (
        clip(variant.id, _VARIANT - len(state)) + state,
        ms_text(variant.p50_ms),
        ms_text(variant.p95_ms),
    )
