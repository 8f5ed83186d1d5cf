"""What `infer` shows of an answer.

Law: values to text and JSON; nothing is asked.
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edged.cli.output import Align, clip, ms_text, table
from edged.wire.release import Output

Array = npt.NDArray[Any]

#: Classes shown, best first.
TOP = 5

# As many numbers as stand in 80 columns, the widest being like -1.234e-05.
_SHOWN = 6


class TensorOut(msgspec.Struct, frozen=True, kw_only=True):
    """One output, its data flat in C order, as in OIP."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[object]


class Class(msgspec.Struct, frozen=True, kw_only=True):
    """One class of a labelled output."""

    label: str
    index: int
    score: float


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Round trips as this process measured them."""

    requests: int
    p50_ms: float
    p95_ms: float
    rate_per_s: float


class Inference(msgspec.Struct, frozen=True, kw_only=True):
    """What `infer --json` prints.

    Attributes:
        variant: the rung that ran; None where the daemon did not say.
        classes: by the name of a labelled output, best first.
    """

    schema: str = "edged.inference/1"
    model: str
    version: str
    variant: str | None
    outputs: tuple[TensorOut, ...]
    classes: dict[str, tuple[Class, ...]] = {}
    timing: Timing


def tensor_out(spec: Output, array: Array) -> TensorOut:
    """Return an output for JSON; NaN and infinities become null, as JSON has none."""
    flat = array.ravel()
    if array.dtype.kind == "f":
        data: list[object] = [v if math.isfinite(v) else None for v in flat.tolist()]
    elif array.dtype == object:
        data = [v.decode(errors="replace") for v in flat]
    else:
        data = flat.tolist()
    return TensorOut(
        name=spec.name, datatype=spec.datatype.value, shape=array.shape, data=data
    )


def timing(seconds: list[float]) -> Timing:
    """Sum up round trips that ran one after the other."""
    p50, p95 = np.percentile(seconds, (50, 95)) * 1e3
    return Timing(
        requests=len(seconds),
        p50_ms=round(float(p50), 3),
        p95_ms=round(float(p95), 3),
        rate_per_s=round(len(seconds) / sum(seconds), 1),
    )


def best(scored: list[bytes]) -> tuple[Class, ...]:
    """Read the classification extension's `score:index[:label]` strings."""
    found = []
    for text in scored:
        score, index, *label = text.decode(errors="replace").split(":", 2)
        found.append(
            Class(
                label=label[0] if label else f"class {index}",
                index=int(index),
                score=float(score),
            )
        )
    return tuple(found)


def class_lines(classes: tuple[Class, ...], output: Output) -> list[str]:
    """Set classes in lines; scores are per cent where the manifest promises 0..1."""
    of_one = output.range == (0.0, 1.0)
    rows = [
        (f"{100 * c.score:.1f} %" if of_one else f"{c.score:.4g}", clip(c.label, 60))
        for c in classes
    ]
    _, *lines = table(("", ""), rows, align=(Align.RIGHT, Align.LEFT))
    return [f"  {line}" for line in lines]


def value_lines(array: Array, spec: Output) -> list[str]:
    """Set an output without labels: its shape and its values, or a summary."""
    shape = ",".join(str(dim) for dim in array.shape)
    head = f"{spec.name}: {spec.datatype.value}[{shape}]"
    flat = array.ravel()
    if flat.size <= _SHOWN:
        values = "  ".join(_value(v) for v in flat)
        return [f"{head}  {values}".rstrip()]
    first = "  ".join(_value(v) for v in flat[:_SHOWN])
    lines = [head, f"  {first}  …"]
    if array.dtype.kind in "fiu":
        wide = flat.astype(np.float64)
        lines.append(
            f"  min {wide.min():.4g}, mean {wide.mean():.4g}, max {wide.max():.4g}"
        )
    return lines


def timing_line(of: Timing) -> str:
    """Say how long it took; more than one request has quantiles."""
    if of.requests == 1:
        return f"{ms_text(of.p50_ms)} ms"
    return (
        f"{of.requests} requests: p50 {ms_text(of.p50_ms)} ms, "
        f"p95 {ms_text(of.p95_ms)} ms, {of.rate_per_s:g} a second"
    )


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return clip(repr(value.decode(errors="replace")), 30)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value)
