"""Nets of few bytes with weights: good ones, and ones that have gone bad.

Law: bytes out, nothing read; each function documents its arithmetic.
Source: onnx/onnx.proto for field numbers; the operators of opset 17.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tests.data import onnx_files
from tests.data.onnx_files import FLOAT, field, node, value_info

Weights = np.ndarray[Any, np.dtype[Any]]

INT8 = 3
_TYPES = {np.dtype("f4"): FLOAT, np.dtype("i1"): INT8}

#: Of `depthwise`: channels, and classes that they are told apart by.
CHANNELS, CLASSES = 4, 3
IMAGE = (1, CHANNELS, 6, 6)


def tensor(name: str, array: Weights) -> bytes:
    """Encode a TensorProto with its values."""
    return (
        b"".join(field(1, dim) for dim in array.shape)
        + field(2, _TYPES[array.dtype])
        + field(8, name)
        + field(9, array.tobytes())
    )


def integers(name: str, values: Sequence[int]) -> bytes:
    """Encode an AttributeProto of integers."""
    return field(1, name) + b"".join(field(8, v) for v in values) + field(20, 7)


def linear(weights: Weights, *, times: int = 1) -> bytes:
    """Write `y = x · w · … · w`, x and y [1, n], w [n, n]."""
    names = ["x", *(f"t{n}" for n in range(1, times)), "y"]
    dims = (1, len(weights))
    return onnx_files.model(
        [node("MatMul", [before, "w"], [after]) for before, after in pairwise(names)],
        [value_info("x", FLOAT, dims)],
        [value_info("y", FLOAT, dims)],
        tensors=[tensor("w", weights)],
    )


def until(limit: float, *, dims: Sequence[int] = (1, 4)) -> bytes:
    """Write `y = x + (s - s)`, `s = sqrt(limit - x)`: x, and NaN above the limit."""
    return onnx_files.model(
        [
            node("Sub", ["limit", "x"], ["left"]),
            node("Sqrt", ["left"], ["s"]),
            node("Sub", ["s", "s"], ["zero"]),
            node("Add", ["x", "zero"], ["y"]),
        ],
        [value_info("x", FLOAT, dims)],
        [value_info("y", FLOAT, dims)],
        tensors=[tensor("limit", np.array([limit], "f4"))],
    )


def depthwise(*, per_tensor: bool = False) -> bytes:
    """Write a depthwise net: 3x3 of each channel, ReLU, mean, classes.

    Channel 0 has a hundred times the gain of the others and little weight in the
    classes, as folding a batch normalisation makes it. `per_tensor` stores the
    convolution's weights in int8 with one scale for all channels: the others' are 0
    then, which is how MobileNets collapse.
    """
    kernel = np.full((CHANNELS, 1, 3, 3), 0.5, "f4")
    kernel[0] = 400.0
    head = np.zeros((CHANNELS, CLASSES), "f4")
    head[1:] = np.eye(CLASSES)
    head[0, 0] = 1e-5
    weights: Mapping[str, Weights] = {"head": head, "kernel": kernel}
    nodes = []
    if per_tensor:
        scale = np.float32(np.abs(kernel).max() / 127)
        stored = np.round(kernel / scale).astype("i1")
        weights = {"head": head, "stored": stored, "scale": np.array(scale)}
        nodes = [node("DequantizeLinear", ["stored", "scale"], ["kernel"])]
    convolution = node(
        "Conv", ["x", "kernel"], ["c"], integers("pads", (1, 1, 1, 1))
    ) + field(5, field(1, "group") + field(3, CHANNELS) + field(20, 2))
    nodes += [
        convolution,
        node("Relu", ["c"], ["r"]),
        node("GlobalAveragePool", ["r"], ["m"]),
        node("Flatten", ["m"], ["f"]),
        node("MatMul", ["f", "head"], ["y"]),
    ]
    return onnx_files.model(
        nodes,
        [value_info("x", FLOAT, IMAGE)],
        [value_info("y", FLOAT, (1, CLASSES))],
        tensors=[tensor(name, array) for name, array in weights.items()],
    )
