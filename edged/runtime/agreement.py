"""One answer against its golden value.

Law: pure; judges by values, never by shapes or ranges alone; NaN agrees with nothing.
"""

import msgspec
import numpy as np

from edged.runtime.base import Array
from edged.wire.release import Golden

#: Golden answers that differ by this share of their range are different answers; an
#: int8 output has a quantum of 0.4 % of it.
_DIFFERENT_SHARE = 0.05


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One output of one sample against its golden value."""

    within: bool
    finite: bool
    agreement: float
    error: float


_DIFFERENT = Compared(within=False, finite=True, agreement=0.0, error=float("inf"))
_EQUAL = Compared(within=True, finite=True, agreement=1.0, error=0.0)


def compare(got: Array, want: Array, golden: Golden) -> Compared:
    """Compare one output of one sample with its golden value."""
    if got.shape != want.shape:
        return _DIFFERENT
    if object in (got.dtype, want.dtype):
        return _EQUAL if np.array_equal(got, want) else _DIFFERENT
    got, want = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore"):
        # Equal infinities differ by 0; a difference that is NaN is within nothing.
        error = np.where(got == want, 0.0, np.abs(got - want))
    # An infinite golden value has no tolerance: only itself is within.
    size = np.where(np.isfinite(want), np.abs(want), 0.0)
    tolerance = golden.tolerance.atol + golden.tolerance.rtol * size
    within = bool((error <= tolerance).all())
    worst = float(error.max(initial=0.0))
    return Compared(
        within=within,
        finite=bool((np.isfinite(got) | (got == want)).all()),
        agreement=1.0 if within else _top1_agreement(got, want),
        error=float("inf") if np.isnan(worst) else worst,
    )


def _top1_agreement(got: Array, want: Array) -> float:
    """Return the share of rows whose greatest value stands at the same place."""
    if want.ndim == 0 or want.shape[-1] < 2 or has_nan(got):  # noqa: PLR2004  # no choice
        return 0.0
    return float((got.argmax(axis=-1) == want.argmax(axis=-1)).mean())


def collapsed(answers: list[Array], golden: Array) -> bool:
    """Tell whether all answers are the same and the golden ones are not.

    Args:
        answers: one of each sample.
        golden: [samples, *shape].
    """
    if golden.dtype == object or golden.size == 0 or len(answers) == 1:
        return False
    if not all(np.array_equal(answers[0], each) for each in answers):
        return False
    finite = np.where(np.isfinite(golden), golden, 0).astype(np.float64)
    spread = np.ptp(finite, axis=0).max()
    return bool(spread > _DIFFERENT_SHARE * np.ptp(finite))


def has_nan(array: Array) -> bool:
    """Tell whether a float array holds a NaN."""
    return array.dtype.kind == "f" and bool(np.isnan(array).any())
