"""Small ONNX files, written field by field: no onnx package is needed.

Law: bytes out, nothing read; each function documents the arithmetic of its graph.
Source: onnx/onnx.proto for field numbers, protobuf.dev "Encoding" for the wire.
"""

import itertools
from collections.abc import Sequence

import numpy as np

FLOAT, INT64, STRING = 1, 7, 8

Dims = Sequence[int | str]

_DEFAULT_OPSET = 17


def varint(value: int) -> bytes:
    """Encode an unsigned integer."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def field(number: int, value: int | str | bytes) -> bytes:
    """Encode one field: integers as varints, everything else length-delimited."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def value_info(name: str, kind: int, dims: Dims) -> bytes:
    """Encode a ValueInfoProto; a name in `dims` is a free dimension."""
    shape = b"".join(
        field(1, field(1 if isinstance(dim, int) else 2, dim)) for dim in dims
    )
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def node(
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    attribute: bytes = b"",
    domain: str = "",
) -> bytes:
    """Encode a NodeProto."""
    return (
        b"".join(field(1, name) for name in inputs)
        + b"".join(field(2, name) for name in outputs)
        + field(4, operator)
        + (field(5, attribute) if attribute else b"")
        + (field(7, domain) if domain else b"")
    )


def tensor(
    *parts: bytes, dims: Sequence[int] = (4,), kind: int = FLOAT, name: str = "w"
) -> bytes:
    """Encode a TensorProto; `parts` are the fields with its numbers."""
    shape = b"".join(field(1, dim) for dim in dims)
    return shape + field(2, kind) + field(8, name) + b"".join(parts)


def external_tensor(name: str, location: str, **more: str) -> bytes:
    """Encode a TensorProto float[4] that lives in a file of its own.

    Args:
        name: of the tensor.
        location: of the file.
        more: entries beside the location, such as `offset`.
    """
    entries = {"location": location, **more}
    return tensor(
        *(field(13, field(1, key) + field(2, entries[key])) for key in entries),
        field(14, 1),
        name=name,
    )


def model(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    *,
    tensors: Sequence[bytes] = (),
    opset: int = _DEFAULT_OPSET,
) -> bytes:
    """Encode a ModelProto of one graph."""
    graph = (
        b"".join(field(1, each) for each in nodes)
        + field(2, "graph")
        + b"".join(field(5, each) for each in tensors)
        + b"".join(field(11, each) for each in inputs)
        + b"".join(field(12, each) for each in outputs)
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset))


def unary(
    operator: str = "Identity",
    *,
    kind: int = FLOAT,
    dims: Dims = ("N", 4),
    opset: int = _DEFAULT_OPSET,
) -> bytes:
    """Write `y = operator(x)`."""
    return model(
        [node(operator, ["x"], ["y"])],
        [value_info("x", kind, dims)],
        [value_info("y", kind, dims)],
        opset=opset,
    )


def adder(*, dims: Dims = ("N", 4), kind: int = FLOAT) -> bytes:
    """Write `y = x + x`."""
    return model(
        [node("Add", ["x", "x"], ["y"])],
        [value_info("x", kind, dims)],
        [value_info("y", kind, dims)],
    )


def with_tensor(tensor: bytes) -> bytes:
    """Write `y = x + w` over float[4], w the given TensorProto."""
    return model(
        [node("Add", ["x", "w"], ["y"])],
        [value_info("x", FLOAT, [4])],
        [value_info("y", FLOAT, [4])],
        tensors=[tensor],
    )


def with_external_tensor(location: str, **more: str) -> bytes:
    """Write `y = x + w`, w a float[4] in the file `location`; see `external_tensor`."""
    return with_tensor(external_tensor("w", location, **more))


def of_domain(domain: str, operator: str = "Relu") -> bytes:
    """Write `y = operator(x)`, an operator of a domain."""
    nodes = [node(operator, ["x"], ["y"], domain=domain)]
    ends = [value_info("x", FLOAT, [4])], [value_info("y", FLOAT, [4])]
    return model(nodes, *ends) + field(8, field(1, domain) + field(2, 1))


def function(domain: str, name: str, calls: Sequence[tuple[str, str]]) -> bytes:
    """Encode a FunctionProto `b = calls(a)`; each call is a domain and a name."""
    names = ["a", *(f"t{index}" for index in range(1, len(calls))), "b"]
    nodes = [
        node(called, [names[index]], [names[index + 1]], domain=of)
        for index, (of, called) in enumerate(calls)
    ]
    opsets = [field(1, "") + field(2, _DEFAULT_OPSET), field(1, domain) + field(2, 1)]
    return (
        field(1, name)
        + field(4, "a")
        + field(5, "b")
        + b"".join(field(7, each) for each in nodes)
        + b"".join(field(9, each) for each in opsets)
        + field(10, domain)
    )


def with_functions(*functions: bytes, call: str = "F") -> bytes:
    """Write `y = call(x)`, a function of the domain `L`."""
    return of_domain("L", call) + b"".join(field(25, each) for each in functions)


def with_hidden_external_tensor(location: str, *, depth: int) -> bytes:
    """Write a tensor `depth` graphs deep, each in an attribute of the one above."""
    attribute = field(1, "value") + field(5, external_tensor("w", location))
    for _ in range(depth):
        inner = node("Constant", [], ["w"], attribute)
        attribute = field(1, "body") + field(6, field(1, inner))
    return model(
        [node("If", ["x"], ["y"], attribute)],
        [value_info("x", FLOAT, [4])],
        [value_info("y", FLOAT, [4])],
    )


def sequence_output() -> bytes:
    """Write `y = SequenceConstruct(x)`: an output that is no tensor."""
    kind = field(4, field(1, field(1, field(1, FLOAT))))  # sequence of tensor(float)
    return model(
        [node("SequenceConstruct", ["x"], ["y"])],
        [value_info("x", FLOAT, [4])],
        [field(1, "y") + field(2, kind)],
    )


def chain(length: int, *, rows: int = 16, width: int = 512) -> bytes:
    """Write `y = x`, float[rows, width], by `length` products with the identity.

    What it costs is what `length` says; what it answers is always the same.
    """
    identity = np.eye(width, dtype="<f4").tobytes()
    names = ["x", *(f"t{n}" for n in range(1, length)), "y"]
    return model(
        [
            node("MatMul", [before, "w"], [after])
            for before, after in itertools.pairwise(names)
        ],
        [value_info("x", FLOAT, [rows, width])],
        [value_info("y", FLOAT, [rows, width])],
        tensors=[tensor(field(9, identity), dims=(width, width))],
    )
