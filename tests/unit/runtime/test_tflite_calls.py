"""Which subgraphs call which, and whether that ever ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edged.errors import BadModel
from edged.runtime.tflite_calls import MAX_DEPTH
from edged.runtime.tflite_file import read
from tests.data import tflite_files


def chain(calls: Mapping[int, tuple[int, ...]], *, kind: str = "While") -> bytes:
    """Write adders; subgraph N has an operator that calls those in `calls[N]`."""
    whole = tflite_files.adder()
    model = schema.ModelT.InitFromPackedBuf(bytearray(whole), 0)
    count = 1 + max([*calls, *(n for called in calls.values() for n in called)])
    graphs = [
        schema.ModelT.InitFromPackedBuf(bytearray(whole), 0) for _ in range(count)
    ]
    model.subgraphs = [one.subgraphs[0] for one in graphs]
    for caller, called in calls.items():
        model.subgraphs[caller].operators.append(_call(called, kind))
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _call(called: tuple[int, ...], kind: str) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    if kind == "While":
        options: Any = schema.WhileOptionsT()
        options.condSubgraphIndex, options.bodySubgraphIndex = called[0], called[-1]
    elif kind == "If":
        options = schema.IfOptionsT()
        options.thenSubgraphIndex, options.elseSubgraphIndex = called[0], called[-1]
    elif kind == "CallOnce":
        options = schema.CallOnceOptionsT()
        (options.initSubgraphIndex,) = called
    elif kind == "Call":
        options = schema.CallOptionsT()
        (options.subgraph,) = called
    elif kind == "StablehloCase":
        options = schema.StablehloCaseOptionsT()
        options.branchSubgraphIndices = list(called)
    else:
        options = schema.StablehloWhileOptionsT()
        options.condSubgraphIndex, options.bodySubgraphIndex = called[0], called[-1]
    if kind.startswith("Stablehlo"):
        operator.builtinOptions2Type = getattr(schema.BuiltinOptions2, f"{kind}Options")
        operator.builtinOptions2 = options
    else:
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{kind}Options")
        operator.builtinOptions = options
    return operator


def check(tmp_path: Path, data: bytes) -> None:
    """Read the file as the gate does."""
    file = tmp_path / "m.tflite"
    file.write_bytes(data)
    read(file)


@pytest.mark.parametrize(
    "kind", ["While", "If", "CallOnce", "Call", "StablehloWhile", "StablehloCase"]
)
@pytest.mark.parametrize("ring", [(0,), (1, 0), (1, 2, 1)])
def test_a_ring_of_calls_is_refused(
    tmp_path: Path, kind: str, ring: tuple[int, ...]
) -> None:
    """Whatever operator closes it, and however long it is."""
    calls = {at: (to,) for at, to in enumerate(ring)}

    with pytest.raises(BadModel, match="calls itself"):
        check(tmp_path, chain(calls, kind=kind))


def test_a_subgraph_may_be_called_by_many(tmp_path: Path) -> None:
    """A lattice is no ring."""
    check(tmp_path, chain({0: (1, 2), 1: (3, 4), 2: (3, 4), 3: (4, 4)}))


@pytest.mark.parametrize("other", [-1, 2])
def test_a_call_into_nowhere_is_refused(tmp_path: Path, other: int) -> None:
    """The interpreter would index behind its list."""
    data = chain({0: (1, 1)})
    model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
    model.subgraphs[0].operators[1].builtinOptions.bodySubgraphIndex = other
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")

    with pytest.raises(BadModel, match="calls one that is not there"):
        check(tmp_path, bytes(builder.Output()))


def test_calls_have_a_depth(tmp_path: Path) -> None:
    """To the bound, and not one deeper."""
    check(tmp_path, chain({n: (n + 1,) for n in range(MAX_DEPTH - 1)}, kind="Call"))

    with pytest.raises(BadModel, match=f"more than {MAX_DEPTH} deep"):
        check(tmp_path, chain({n: (n + 1,) for n in range(MAX_DEPTH)}, kind="Call"))


def test_depth_is_found_from_below_too(tmp_path: Path) -> None:
    """What is deep enough already is not walked again."""
    deep = {n: (n + 1,) for n in range(1, MAX_DEPTH)}
    late = {MAX_DEPTH + 1: (0,), 0: (MAX_DEPTH,)} | deep
    check(tmp_path, chain(late, kind="Call"))

    with pytest.raises(BadModel, match=f"more than {MAX_DEPTH} deep"):
        check(tmp_path, chain(late | {MAX_DEPTH + 1: (1,)}, kind="Call"))
