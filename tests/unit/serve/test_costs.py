"""What an answer of each variant costs on this box."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from edged.serve.costs import costs, size, unit_bytes
from edged.serve.stats import Recent
from edged.wire.proofs import Board, Cost, Proof, VariantProof
from edged.wire.release import BackendName, Variant
from edged.wire.tensors import Datatype
from tests.fakes.models import signature

IDS = ("big", "mid", "small")
VARIANTS = tuple(
    Variant(id=name, backend=BackendName.ONNX, file=name, accuracy=told)
    for name, told in zip(IDS, (0.9, None, 0.7), strict=True)
)


def proof(**costs_of: Sequence[Cost]) -> Proof:
    """Return a proof with these costs, by variant."""
    return Proof(
        digest="d",
        board=Board(runtimes={}, cpu=""),
        at_utc="",
        variants=tuple(
            VariantProof(id=name, costs=tuple(told)) for name, told in costs_of.items()
        ),
    )


def cost(threads: int, wall_ms: float, cpu_ms: float) -> Cost:
    """Return a cost."""
    return Cost(threads=threads, wall_ms=wall_ms, cpu_ms=cpu_ms, busy_ms=cpu_ms)


def taken(**ns: int) -> dict[str, Recent]:
    """Return durations of one run each."""
    found = {name: Recent() for name in IDS}
    for name, each in ns.items():
        found[name].add(each)
    return found


def walls(
    told: Proof | None, ran: dict[str, Recent], threads: int = 1
) -> list[tuple[str, float]]:
    """Return ids and service times in ms."""
    every = dict.fromkeys(IDS, threads)
    found = costs(VARIANTS, owner="m", proof=told, threads=every, taken=ran)
    return [(each.id.partition("@")[0], round(each.wall_s * 1e3, 6)) for each in found]


def test_what_was_proved_comes_first() -> None:
    """With as many threads as it serves with; the first figure where none has."""
    told = proof(
        big=[cost(2, 5.0, 8.0), cost(1, 8.0, 8.0)],
        mid=[cost(2, 3.0, 5.0)],
        small=[cost(2, 1.0, 1.5), cost(1, 1.5, 1.5)],
    )

    one = dict.fromkeys(IDS, 1)
    found = costs(VARIANTS, owner="m", proof=told, threads=one, taken=taken(big=1))

    assert [8.0, 3.0, 1.5] == [each.wall_s * 1e3 for each in found]
    assert [8.0, 5.0, 1.5] == [each.cpu_s * 1e3 for each in found]
    assert [0.9, None, 0.7] == [each.accuracy for each in found]
    assert ["m/big@1", "m/mid@1", "m/small@1"] == [each.id for each in found]


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        ({}, []),
        ({"big": 8_000_000}, [("m/big", 8.0), ("m/mid", 4.0), ("m/small", 2.0)]),
        ({"small": 1_000_000}, [("m/big", 4.0), ("m/mid", 2.0), ("m/small", 1.0)]),
        (
            {"big": 8_000_000, "mid": 7_000_000},
            [("m/big", 8.0), ("m/mid", 7.0), ("m/small", 3.5)],
        ),
    ],
)
def test_without_a_proof_runs_tell(
    ran: dict[str, int], expected: list[tuple[str, float]]
) -> None:
    """A rung that never ran is there because it is cheaper than the one above it."""
    assert expected == walls(None, taken(**ran))


@pytest.mark.parametrize(
    ("threads", "wall_ms"), [(4, 2.0), (3, 3.0), (2, 3.0), (1, 5.0)]
)
def test_a_count_that_was_not_measured_is_taken_for_the_next_fewer(
    threads: int, wall_ms: float
) -> None:
    """It takes no longer than that; each count is learnt of by itself."""
    measured = [cost(4, 2.0, 8.0), cost(1, 5.0, 5.0), cost(2, 3.0, 6.0)]
    told = proof(**dict.fromkeys(IDS, measured))
    every = {"big": threads, "mid": 4, "small": 4}

    found = costs(VARIANTS, owner="m", proof=told, threads=every, taken=taken())

    assert [wall_ms, 2.0, 2.0] == [each.wall_s * 1e3 for each in found]
    assert f"m/big@{threads}" == found[0].id


def test_a_proof_without_costs_is_none() -> None:
    """A variant that failed its trial has no figures."""
    assert [] == walls(proof(big=[]), taken())
    assert 3 == len(walls(proof(big=[cost(1, 1.0, 0.0)]), taken()))


def test_what_runs_waited_for_a_core_is_no_cost_of_theirs() -> None:
    """A trial beside neighbours must not make a variant dear for good."""
    busy = msgspec.structs.replace(cost(1, 292.0, 19.0), waited=0.93)
    wrong = msgspec.structs.replace(cost(1, 5.0, 4.0), waited=0.9)
    told = proof(big=[busy], mid=[wrong], small=[cost(1, 2.0, 2.0)])

    found = walls(told, taken())

    # Never less than its work: a median and a share are not of the same runs.
    assert [("m/big", 20.44), ("m/mid", 4.0), ("m/small", 2.0)] == found


def test_a_run_takes_as_long_as_its_inputs_are_large() -> None:
    """Held against those that proofs are made with, whose free dimensions are 1."""
    free = signature([("x", Datatype.FP32, (-1, 3))], [])
    fixed = signature([("x", Datatype.FP32, (1, 3))], [])

    unit = unit_bytes(free)

    assert (12, None) == (unit, unit_bytes(fixed))
    assert unit is not None
    assert 4.0 == size({"x": np.ones((4, 3), "<f4")}, unit)
    assert 1.0 == size({"x": np.ones((0, 3), "<f4")}, unit)
