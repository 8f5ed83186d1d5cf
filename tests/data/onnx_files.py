"""Small ONNX files, written field by field: no onnx package is needed.

Law: bytes out, nothing read; each function documents the arithmetic of its graph.
Source: onnx/onnx.proto for field numbers, protobuf.dev "Encoding" for the wire.
"""

from collections.abc import Sequence

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
    operator: str, inputs: Sequence[str], outputs: Sequence[str], attribute: bytes = b""
) -> bytes:
    """Encode a NodeProto."""
    return (
        b"".join(field(1, name) for name in inputs)
        + b"".join(field(2, name) for name in outputs)
        + field(4, operator)
        + (field(5, attribute) if attribute else b"")
    )


def external_tensor(name: str, location: str) -> bytes:
    """Encode a TensorProto float[4] that lives in a file of its own."""
    entry = field(1, "location") + field(2, location)
    return (
        field(1, 4) + field(2, FLOAT) + field(8, name) + field(13, entry) + field(14, 1)
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


def with_external_tensor(location: str) -> bytes:
    """Write `y = x + w`, w a float[4] in the file `location`."""
    return model(
        [node("Add", ["x", "w"], ["y"])],
        [value_info("x", FLOAT, [4])],
        [value_info("y", FLOAT, [4])],
        tensors=[external_tensor("w", location)],
    )


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
