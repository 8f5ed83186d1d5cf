"""The net as ONNX: fp32, and int8 in the QDQ form.

Law: opset 17 and IR 8, which every onnxruntime since 1.12 reads; no metadata that
changes from build to build, so equal weights give equal bytes.

QDQ keeps `image` and `probabilities` FP32; the runtime fuses the pairs between them.
Both sides of a pair are int8 with one scale per output channel for kernels: the pair
that is right on every CPU (unsigned activations can saturate on AVX2 without VNNI).
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tools.demo_model import net
from tools.demo_model.digits import CLASSES, WHITE
from tools.demo_model.net import Array, Weights

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is imported

import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

OPSET = 17
IR_VERSION = 8


def fp32(weights: Weights) -> bytes:
    """Write the net: `image` FP32 [1,1,8,8], `probabilities` FP32 [1,10]."""
    nodes, constants = [], []

    def constant(name: str, value: Array) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    at = "image"
    for name in net.CONVS:
        kernel = constant(f"{name}.weight", weights[name].transpose(3, 2, 0, 1))
        bias = constant(f"{name}.bias", weights[f"bias_{name}"])
        nodes += [
            helper.make_node(
                "Conv",
                [at, kernel, bias],
                [f"{name}.sum"],
                name=name,
                kernel_shape=[3, 3],
                pads=[1, 1, 1, 1],
            ),
            helper.make_node(
                "Relu", [f"{name}.sum"], [f"{name}.out"], name=f"{name}.relu"
            ),
        ]
        at = f"{name}.out"
        if name in net.POOLED:
            nodes.append(
                helper.make_node(
                    "MaxPool",
                    [at],
                    [f"{name}.pooled"],
                    name=f"{name}.pool",
                    kernel_shape=[2, 2],
                    strides=[2, 2],
                )
            )
            at = f"{name}.pooled"
    matrix = constant("dense.weight", _channels_first(weights["dense"]))
    bias = constant("dense.bias", weights["bias_dense"])
    nodes += [
        helper.make_node("Flatten", [at], ["features"], name="flatten"),
        helper.make_node("Gemm", ["features", matrix, bias], ["logits"], name="dense"),
        helper.make_node(
            "Softmax", ["logits"], ["probabilities"], name="softmax", axis=-1
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [
            helper.make_tensor_value_info(
                "probabilities", TensorProto.FLOAT, [1, CLASSES]
            )
        ],
        constants,
    )
    return _checked(graph)


def int8(model: bytes, images: Array) -> bytes:
    """Quantise the fp32 model, with ranges from `images`.

    Args:
        model: what `fp32` wrote.
        images: [N, 8, 8, 1] float32, calibration data.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model)
        quantize_static(
            source,
            target,
            _Images(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Relu", "MaxPool", "Gemm"],
        )
        graph = onnx.load(target).graph
    del graph.value_info[:]
    return _checked(graph)


def answers(model: bytes, pixels: Array) -> Array:
    """Run a model on pictures in onnxruntime itself.

    Args:
        model: the file's bytes.
        pixels: [N, 8, 8] uint8.

    Returns:
        [N, 10] float32 probabilities.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    images = pixels[:, None, None].astype(np.float32) / np.float32(WHITE)
    return np.concatenate([session.run(None, {"image": image})[0] for image in images])


class _Images(CalibrationDataReader):
    """Hands the quantiser one image at a time."""

    def __init__(self, images: Array) -> None:
        self._rest = iter(images.transpose(0, 3, 1, 2))

    def get_next(self) -> dict[str, Array] | None:
        image = next(self._rest, None)
        return None if image is None else {"image": image[None]}


def _channels_first(dense: Array) -> Array:
    """Order the dense layer's rows as a flattened [C, H, W], not [H, W, C]."""
    return (
        dense.reshape(2, 2, net.CHANNELS[-1], CLASSES)
        .transpose(2, 0, 1, 3)
        .reshape(net.FEATURES, CLASSES)
    )


def _checked(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(
        graph,
        producer_name="edged demo_model",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
