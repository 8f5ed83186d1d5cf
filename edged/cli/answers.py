"""What `infer` shows of an answer.

Law: values to text and JSON; nothing is asked.
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edged.cli.output import Align, clip, ms_text, table
from edged.client.calls import Explained
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
    """One class of a labelled output.

    Attributes:
        sample: of a batch, counted in C order over the dimensions before the classes.
    """

    label: str
    index: int
    score: float
    sample: int = 0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Round trips as this process measured them.

    Attributes:
        queue_ms: how long the last request waited in the daemon; None where the daemon
            did not say.
        compute_ms: how long the last run took.
    """

    requests: int
    p50_ms: float
    p95_ms: float
    rate_per_s: float
    queue_ms: float | None = None
    compute_ms: float | None = None


class Inference(msgspec.Struct, frozen=True, kw_only=True):
    """What `infer --json` prints.

    Attributes:
        variant: the rung that ran; None where the daemon did not say.
        classes: by the name of a labelled output, sample by sample, best first.
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


def timing(seconds: list[float], explained: Explained | None = None) -> Timing:
    """Sum up round trips that ran one after the other.

    Args:
        seconds: of each.
        explained: what the daemon said of the last one.
    """
    p50, p95 = np.percentile(seconds, (50, 95)) * 1e3
    return Timing(
        requests=len(seconds),
        p50_ms=round(float(p50), 3),
        p95_ms=round(float(p95), 3),
        rate_per_s=round(len(seconds) / sum(seconds), 1),
        queue_ms=explained.queue_us / 1e3 if explained else None,
        compute_ms=explained.compute_us / 1e3 if explained else None,
    )


def best(scored: Array) -> tuple[Class, ...]:
    """Read the classification extension's `score:index[:label]` texts.

    Args:
        scored: [..., classes] BYTES, best first.

    Raises:
        ValueError: they are not as the extension says.
    """
    found: list[Class] = []
    for text in scored.flat:
        score, index, *label = text.decode(errors="replace").split(":", 2)
        found.append(
            Class(
                label=label[0] if label else f"class {index}",
                index=int(index),
                score=float(score),
                sample=len(found) // scored.shape[-1],
            )
        )
    return tuple(found)


def class_lines(classes: tuple[Class, ...], output: Output) -> list[str]:
    """Set classes in lines; scores are per cent where the manifest promises 0..1.

    Of a batch, each sample's stand under its number.
    """
    of_one = output.range == (0.0, 1.0)
    rows = [
        (f"{100 * c.score:.1f} %" if of_one else f"{c.score:.4g}", clip(c.label, 60))
        for c in classes
    ]
    _, *set_rows = table(("", ""), rows, align=(Align.RIGHT, Align.LEFT))
    is_batch = any(c.sample for c in classes)
    lines = []
    for i, (c, row) in enumerate(zip(classes, set_rows, strict=True)):
        if is_batch and (i == 0 or classes[i - 1].sample != c.sample):
            lines.append(f"{output.name}, sample {c.sample}:")
        lines.append(f"  {row}")
    return lines


def value_lines(array: Array, spec: Output) -> list[str]:
    """Set an output without labels: its shape and its values, or a summary."""
    shape = ",".join(str(dim) for dim in array.shape)
    head = f"{spec.name}: {spec.datatype.value}[{shape}]"
    flat = array.ravel()
    if flat.size <= _SHOWN:
        values = "  ".join(_value(v) for v in flat)
        lines = [f"{head}  {values}".rstrip()]
    else:
        first = "  ".join(_value(v) for v in flat[:_SHOWN])
        lines = [head, f"  {first}  …"]
    if array.dtype.kind not in "fiu" or flat.size < 2:  # noqa: PLR2004  # no best of one
        return lines
    wide = flat.astype(np.float64)
    highest = f"max {_value(flat.max())}{_place(array)}"
    if flat.size <= _SHOWN:
        return [*lines, f"  {highest}"]
    return [*lines, f"  min {wide.min():.4g}, mean {wide.mean():.4g}, {highest}"]


def _place(array: Array) -> str:
    """Return where the highest value stands, without leading dimensions of one."""
    if not np.isfinite(array).all():
        return ""
    index = [int(i) for i in np.unravel_index(int(array.argmax()), array.shape)]
    while len(index) > 1 and array.shape[-len(index)] == 1:
        del index[0]
    return f" at [{','.join(map(str, index))}]"


def timing_line(of: Timing) -> str:
    """Say how long it took, and where; more than one request has quantiles."""
    if of.requests == 1:
        text = f"{ms_text(of.p50_ms)} ms"
    else:
        text = (
            f"{of.requests} requests: p50 {ms_text(of.p50_ms)} ms, "
            f"p95 {ms_text(of.p95_ms)} ms, {of.rate_per_s:g} a second"
        )
    if of.queue_ms is None or of.compute_ms is None:
        return text
    last = "" if of.requests == 1 else "the last: "
    parts = f"queue {ms_text(of.queue_ms)}, compute {ms_text(of.compute_ms)}"
    return f"{text} ({last}{parts})"


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return clip(repr(value.decode(errors="replace")), 30)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value)
