"""Known answers: what a model must still say on this machine.

Law: judges by answers, never by shapes or ranges alone; NaN is never an answer.

Three ways to fail:

- the best variant is outside the author's tolerance on any sample;
- another variant agrees on too few samples: its top-1 is another, and the values are
  outside the tolerance too;
- any variant has collapsed: it gives one and the same answer to inputs whose golden
  answers differ. Golden samples of one class would not show that by agreement.

Source of the last: static per-tensor int8 of MobileNetV2 passes every check of shape
and range and agrees with its parent on no image.
"""

import enum
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edged.errors import BadBundle, BadModel
from edged.runtime.agreement import collapsed, compare, has_nan
from edged.runtime.base import Array, Runs, numpy_dtype
from edged.runtime.npz import read_npz
from edged.runtime.samples import Ranges, make_up
from edged.wire.release import Golden, Signature
from edged.wire.tensors import FREE, TensorSpec


class GoldenSet(msgspec.Struct, frozen=True, kw_only=True):
    """Samples with their answers.

    Attributes:
        inputs: by name, [samples, *shape].
        outputs: by name, [samples, *shape]; maybe not every output.
        samples: how many, at least 1.
    """

    inputs: dict[str, Array]
    outputs: dict[str, Array]
    samples: int

    def feeds(self, index: int) -> dict[str, Array]:
        """Return one sample's inputs, as views."""
        return {name: array[index, ...] for name, array in self.inputs.items()}


class Verdict(enum.Enum):
    """How a check ended."""

    GOOD = "good"
    NOT_FINITE = "not finite"
    COLLAPSED = "collapsed"
    DEVIATES = "deviates"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        agreement: share of samples that agree, 0..1.
        worst: largest absolute difference; infinite where it cannot be told.
        text: the same for people.
    """

    verdict: Verdict
    agreement: float
    worst: float
    text: str

    @property
    def ok(self) -> bool:
        """Whether the model may serve."""
        return self.verdict is Verdict.GOOD


# --- files -------------------------------------------------------------------------


def read(path: Path, signature: Signature) -> GoldenSet:
    """Read a golden file of a release.

    Raises:
        BadBundle: unreadable, too large, not of this signature, or without answers.
    """
    known = arrange(path.name, read_arrays(path), signature)
    if not known.outputs:
        names = ", ".join(spec.name for spec in signature.outputs)
        raise BadBundle(
            f"cannot use {path.name} as golden: it has no outputs and proves nothing",
            hint=f"add the answers to its inputs, an array for each of: {names}",
        )
    return known


def read_arrays(path: Path) -> dict[str, Array]:
    """Read every array of a .npz. Nothing in it is unpickled.

    Raises:
        BadBundle: unreadable or too large.
    """
    arrays = read_npz(path, path.name)
    return {name: _as_bytes(array) for name, array in arrays.items()}


def write(golden_set: GoldenSet) -> bytes:
    """Pack a golden set as .npz; the same set gives the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in (golden_set.inputs | golden_set.outputs).items():
            member = io.BytesIO()
            plain = array.astype("S") if array.dtype == object else array
            np.lib.format.write_array(member, plain, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(
                entry, member.getvalue(), compress_type=zipfile.ZIP_DEFLATED
            )
    return packed.getvalue()


def arrange(
    source: str, arrays: Mapping[str, Array], signature: Signature
) -> GoldenSet:
    """Make a golden set of arrays by tensor name.

    An array may lack the batch dimension of its tensor where that is 1 or free:
    images [300, 32, 32, 3] are samples of an input [1, 32, 32, 3].

    Raises:
        BadBundle: an input is missing, a name is unknown, a dtype or shape does not
            fit, numbers of samples differ, or an output is NaN.
    """
    faults: list[str] = []
    inputs = _fit_all(arrays, signature.inputs, faults)
    outputs = _fit_all(arrays, signature.outputs, faults)
    known = {spec.name for spec in (*signature.inputs, *signature.outputs)}
    faults += [f"{name!r} is no tensor of the model" for name in arrays.keys() - known]
    faults += [
        f"input {spec} is missing"
        for spec in signature.inputs
        if spec.name not in arrays
    ]
    faults += [f"output {name} has NaN" for name, a in outputs.items() if has_nan(a)]
    counts = {len(array) for array in (*inputs.values(), *outputs.values())}
    if len(counts) > 1 or 0 in counts:
        faults.append(f"arrays have {sorted(counts)} samples along their first axis")
    if faults:
        raise BadBundle(
            f"cannot use {source} as golden: " + "; ".join(faults),
            hint="one array by the name of each input, samples along the first axis",
        )
    return GoldenSet(inputs=inputs, outputs=outputs, samples=min(counts, default=1))


# --- recording ---------------------------------------------------------------------


def record(
    runs: Runs,
    signature: Signature,
    *,
    samples: int,
    seed: int,
    ranges: Ranges | None = None,
) -> GoldenSet:
    """Make up inputs and record the answers; see `samples.make_up`.

    Raises:
        BadModel, InvalidTensor: the model cannot run on such inputs, or answers NaN.
    """
    inputs = make_up(signature, samples=samples, seed=seed, ranges=ranges)
    return answer(
        runs, signature, GoldenSet(inputs=inputs, outputs={}, samples=samples)
    )


def answer(runs: Runs, signature: Signature, asked: GoldenSet) -> GoldenSet:
    """Run a set's inputs and keep the answers as its outputs.

    Where a shape depends on the values (detections), only the first sample is kept.

    Raises:
        BadModel: the model cannot run on these inputs, or answers NaN.
    """
    wanted = tuple(spec.name for spec in signature.outputs)
    answers = _answers(runs, asked, wanted)
    for name in wanted:
        if any(has_nan(each[name]) for each in answers):
            raise BadModel(f"cannot record golden answers: output {name} is NaN")
    shapes = {tuple(each[name].shape for name in wanted) for each in answers}
    samples = len(answers) if len(shapes) == 1 else 1
    return GoldenSet(
        inputs={name: array[:samples] for name, array in asked.inputs.items()},
        outputs={
            name: np.stack([each[name] for each in answers[:samples]])
            for name in wanted
        },
        samples=samples,
    )


# --- checking ----------------------------------------------------------------------


def check(runs: Runs, golden_set: GoldenSet, golden: Golden, *, best: bool) -> Report:
    """Ask a model every golden input and judge its answers.

    Args:
        runs: answers in the signature's terms.
        golden_set: what `read` or `record` made.
        golden: the author's tolerance and agreement.
        best: judge by tolerance (the ladder's first) instead of by agreement.

    Raises:
        BadModel, InvalidTensor: the model does not run at all.
    """
    names = tuple(golden_set.outputs)
    answers = _answers(runs, golden_set, names)
    compared = [
        [compare(each[name], golden_set.outputs[name][index], golden) for name in names]
        for index, each in enumerate(answers)
    ]
    flat = [result for sample in compared for result in sample]
    agreement = sum(
        min((result.agreement for result in sample), default=1.0) for sample in compared
    ) / len(compared)
    worst = max((result.error for result in flat), default=0.0)
    if not all(result.finite for result in flat):
        verdict = Verdict.NOT_FINITE
    elif any(
        collapsed([each[name] for each in answers], golden_set.outputs[name])
        for name in names
    ):
        verdict = Verdict.COLLAPSED
    elif (
        not all(result.within for result in flat)
        if best
        else agreement < golden.agreement
    ):
        verdict = Verdict.DEVIATES
    else:
        verdict = Verdict.GOOD
    needed = (
        f"must be within {golden.tolerance.atol:g} + {golden.tolerance.rtol:g} x golden"
        if best
        else f"must agree on {golden.agreement:.1%}"
    )
    return Report(
        verdict=verdict,
        agreement=agreement,
        worst=worst,
        text=_TEXT[verdict]
        + f"agrees on {agreement:.1%} of {golden_set.samples} samples, worst "
        f"difference {worst:.3g} ({needed})",
    )


_TEXT = {
    Verdict.GOOD: "",
    Verdict.NOT_FINITE: "answers NaN or infinity; ",
    Verdict.COLLAPSED: "gives the same answer to different inputs; ",
    Verdict.DEVIATES: "",
}


def _answers(
    runs: Runs, golden_set: GoldenSet, wanted: tuple[str, ...]
) -> list[dict[str, Array]]:
    """Run every sample with no memory of the one before."""
    answers = []
    for index in range(golden_set.samples):
        runs.reset()
        answers.append(runs.run(golden_set.feeds(index), wanted))
    return answers


# --- arrays ------------------------------------------------------------------------


def _as_bytes(array: Array) -> Array:
    """Make BYTES of texts; a .npz keeps them in a dtype of fixed width."""
    if array.dtype.kind == "U":
        array = np.char.encode(array)
    return array.astype(object) if array.dtype.kind == "S" else array


def _fit_all(
    arrays: Mapping[str, Array], specs: tuple[Any, ...], faults: list[str]
) -> dict[str, Array]:
    fitted = {}
    for spec in specs:
        if spec.name not in arrays:
            continue
        array = _with_batch(arrays[spec.name], spec)
        if not spec.admits(array.shape[1:]):
            faults.append(f"{spec} does not fit {list(array.shape)}")
        elif not np.can_cast(array.dtype, numpy_dtype(spec), "same_kind"):
            faults.append(f"{spec} does not fit {array.dtype}")
        else:
            fitted[spec.name] = np.ascontiguousarray(array, numpy_dtype(spec))
    return fitted


def _with_batch(array: Array, spec: TensorSpec) -> Array:
    lacks = 0 < array.ndim == len(spec.shape) and spec.shape[0] in (1, FREE)
    return array[:, np.newaxis] if lacks else array
