"""Whether a proved release fits into memory: beside what is loaded, or in its place.

Law: pure; what is available is a parameter. A variant is loaded after the other, so
that what counts is the highest of the peaks, each on top of what is held by then.
"""

import enum
from collections.abc import Sequence

import msgspec

from edged.wire.proofs import Proof

_MIB = 1024 * 1024


class Fit(enum.Enum):
    """How a release can be loaded."""

    BESIDE = "beside"  # what is loaded answers meanwhile
    PARK = "park"  # requests wait while it is exchanged
    NOT = "not"


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be expected.

    Attributes:
        may_stay: whether what is loaded may stay resident after the switch.
        why: for people, with the figures; a clause that stands after a colon.
        figures: the same for machines, in MiB.
    """

    fit: Fit
    may_stay: bool
    why: str
    figures: dict[str, float | str]


def forecast(
    proof: Proof,
    loaded: Sequence[Proof],
    *,
    available_bytes: int,
    reserve_bytes: int,
) -> Forecast:
    """Tell how a release fits.

    Args:
        proof: of the release; variants that are not fit will not be loaded.
        loaded: of the releases of this name that are in memory and would make room;
            one without a proof is left out, and counts as making none.
        available_bytes: now, with those in memory.
        reserve_bytes: that must stay available; twice that where the old one is to
            stay resident, for what requests need in all that time.
    """
    needs = needed_bytes(proof)
    frees = sum(held_bytes(other) for other in loaded)
    room = available_bytes - reserve_bytes
    beside = needs <= room
    if beside:
        fit, why = Fit.BESIDE, f"it needs {_mib(needs)}, {_mib(room)} are there for it"
    elif needs <= room + frees:
        fit = Fit.PARK
        why = (
            f"it needs {_mib(needs)}, {_mib(room)} are there for it, and "
            f"{_mib(frees)} more once the present release is unloaded"
        )
    else:
        fit = Fit.NOT
        why = (
            f"it needs {_mib(needs)}, and {_mib(room + frees)} would be there for it"
            + (" once the present release is unloaded" if frees else "")
        )
    return Forecast(
        fit=fit,
        may_stay=beside and needs <= room - reserve_bytes,
        why=f"{why} ({_mib(reserve_bytes)} are kept for all else)",
        figures={
            "needs_mib": _round(needs),
            "available_mib": _round(available_bytes),
            "frees_mib": _round(frees),
            "reserve_mib": _round(reserve_bytes),
        },
    )


def held_bytes(proof: Proof) -> int:
    """Return what a release holds once it is loaded."""
    return sum(variant.held_bytes for variant in proof.fit)


def needed_bytes(proof: Proof) -> int:
    """Return the most that loading a release takes at any moment."""
    held = most = 0
    for variant in proof.fit:
        most = max(most, held + max(variant.peak_bytes, variant.held_bytes))
        held += variant.held_bytes
    return most


def _round(size: int) -> float:
    return round(size / _MIB, 1)


def _mib(size: int) -> str:
    return f"{max(0, size) / _MIB:.0f} MiB"
