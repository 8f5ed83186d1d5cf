"""The net as LiteRT: full int8, written straight into the flatbuffer.

Law: the quantisation that the runtime's int8 kernels ask for (TFLite "8-bit
quantization specification"): real = scale * (stored - zero point); kernels int8
around zero with one scale per output channel, biases int32 at input scale * kernel
scale, activations int8 with one scale per tensor.
No TensorFlow: the runtime's package carries the schema's Python classes.

A pixel p of 0..255 is the real p/255 and is stored as p - 128: nothing is lost there.
"""

import dataclasses
import enum

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tools.demo_model import net
from tools.demo_model.digits import CLASSES, WHITE
from tools.demo_model.net import Array, Weights

Op = schema.BuiltinOperator

#: Schema version 3; what the file begins with, at offset 4.
SCHEMA, IDENTIFIER = 3, b"TFL3"

#: The lowest versions whose int8 kernels have these operators, so that old runtimes
#: (tflite-runtime 2.14) read the file as well.
VERSIONS = {
    Op.CONV_2D: 3,
    Op.MAX_POOL_2D: 2,
    Op.RESHAPE: 1,
    Op.FULLY_CONNECTED: 4,
    Op.SOFTMAX: 2,
}


class Delegate(enum.Enum):
    """Which kernels run a model; both must give the same answers."""

    XNNPACK = OpResolverType.AUTO
    REFERENCE = OpResolverType.BUILTIN_REF


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """The real values that a tensor's stored integers stand for."""

    scale: Array  # [1] or [channels] float32
    zero_point: int = 0


PIXELS = Grid(scale=np.float32([1 / WHITE]), zero_point=-128)

#: The specification fixes this one for SOFTMAX.
PROBABILITIES = Grid(scale=np.float32([1 / 256]), zero_point=-128)


class _AlignedBuffer(schema.BufferT):
    """A buffer whose data starts at a multiple of 16 bytes, as the schema demands.

    The generated Python code ignores the schema's `force_align`.
    """

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802  # schema's name
        raw = bytes(self.data)
        builder.StartVector(1, len(raw), 16)
        builder.head -= len(raw)
        builder.Bytes[builder.head : builder.head + len(raw)] = raw
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


class _Graph:
    """Tensors, operators and buffers of the one subgraph, as they are added."""

    def __init__(self) -> None:
        self.tensors: list[schema.TensorT] = []
        self.operators: list[schema.OperatorT] = []
        self.buffers: list[schema.BufferT] = [schema.BufferT()]  # 0 means "no data"
        self.codes = list(VERSIONS)

    def tensor(self, name: str, shape: tuple[int, ...], grid: Grid) -> int:
        """Add an int8 activation; return its index."""
        return self._tensor(name, shape, schema.TensorType.INT8, grid)

    def constant(self, name: str, value: Array, grid: Grid | None) -> int:
        """Add a constant, int8 or int32, quantised along axis 0; return its index."""
        kind = {
            "int8": schema.TensorType.INT8,
            "int32": schema.TensorType.INT32,
        }[value.dtype.name]
        buffer = _AlignedBuffer()
        buffer.data = value.astype(value.dtype.newbyteorder("<")).tobytes()
        self.buffers.append(buffer)
        return self._tensor(name, value.shape, kind, grid, len(self.buffers) - 1)

    def run(self, op: int, inputs: list[int], output: int, options: object) -> int:
        """Add an operator; return its output's index."""
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(op)
        operator.inputs, operator.outputs = inputs, [output]
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
        self.operators.append(operator)
        return output

    def pack(self, image: int, probabilities: int) -> bytes:
        """Write the file."""
        graph = schema.SubGraphT()
        graph.name = "digits"
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [image], [probabilities]
        model = schema.ModelT()
        model.version = SCHEMA
        model.description = "edged demo_model"
        model.operatorCodes = [_code(op) for op in self.codes]
        model.subgraphs, model.buffers = [graph], self.buffers
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())

    def _tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: int,
        grid: Grid | None,
        buffer: int = 0,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name, list(shape)
        tensor.type, tensor.buffer = kind, buffer
        if grid is not None:
            known = schema.QuantizationParametersT()
            known.scale = [float(scale) for scale in grid.scale]
            known.zeroPoint = [grid.zero_point] * len(grid.scale)
            known.quantizedDimension = 0
            tensor.quantization = known
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def int8(weights: Weights, images: Array) -> bytes:
    """Write the quantised net: `image` int8 NHWC, `probabilities` int8.

    Args:
        weights: the trained ones.
        images: [N, 8, 8, 1] float32, calibration data: ranges come from it.
    """
    seen = net.activations(weights, images)
    graph = _Graph()
    image = at = graph.tensor("image", (1, 8, 8, 1), PIXELS)
    grid, side = PIXELS, 8
    for name, channels in zip(net.CONVS, net.CHANNELS[1:], strict=True):
        kernel, bias = _convolution(graph, name, weights, grid)
        grid = _spanning(seen[name])
        out = graph.tensor(name, (1, side, side, channels), grid)
        at = graph.run(Op.CONV_2D, [at, kernel, bias], out, _conv())
        if name in net.POOLED:
            side //= 2
            out = graph.tensor(f"{name}.pooled", (1, side, side, channels), grid)
            at = graph.run(Op.MAX_POOL_2D, [at], out, _pool())
    shape = graph.constant("features.shape", np.int32([1, net.FEATURES]), None)
    features = graph.tensor("features", (1, net.FEATURES), grid)
    at = graph.run(Op.RESHAPE, [at, shape], features, _reshape())
    matrix, bias = _matrix(graph, weights, grid)
    logits = graph.tensor("logits", (1, CLASSES), _spanning(seen["dense"]))
    at = graph.run(
        Op.FULLY_CONNECTED, [at, matrix, bias], logits, schema.FullyConnectedOptionsT()
    )
    probabilities = graph.tensor("probabilities", (1, CLASSES), PROBABILITIES)
    graph.run(Op.SOFTMAX, [at], probabilities, _softmax())
    return graph.pack(image, probabilities)


def answers(model: bytes, pixels: Array, *, delegate: Delegate) -> Array:
    """Run a model on pictures in LiteRT itself.

    Args:
        model: the file's bytes.
        pixels: [N, 8, 8] uint8.
        delegate: which kernels run it.

    Returns:
        [N, 10] float32 probabilities.
    """
    interpreter = Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=delegate.value,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    stored = (pixels.astype(np.int16) + PIXELS.zero_point).astype(np.int8)
    found = []
    for image in stored[:, None, :, :, None]:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        found.append(interpreter.get_tensor(target))
    steps = np.concatenate(found).astype(np.float32) - PROBABILITIES.zero_point
    return steps * PROBABILITIES.scale


def _convolution(
    graph: _Graph, name: str, weights: Weights, source: Grid
) -> tuple[int, int]:
    """Add a kernel [out, 3, 3, in], one scale per channel, and its bias."""
    kernel = weights[name].transpose(3, 0, 1, 2)
    most = np.abs(kernel).max(axis=(1, 2, 3))
    return _constants(graph, name, (kernel, weights[f"bias_{name}"]), most, source)


def _matrix(graph: _Graph, weights: Weights, source: Grid) -> tuple[int, int]:
    """Add the dense layer's matrix [out, in], one scale in all, and its bias.

    Old runtimes have no dense kernel with a scale per channel.
    """
    matrix = weights["dense"].T
    most = np.abs(matrix).max(keepdims=True)[0]
    return _constants(graph, "dense", (matrix, weights["bias_dense"]), most, source)


def _constants(
    graph: _Graph, name: str, layer: tuple[Array, Array], most: Array, source: Grid
) -> tuple[int, int]:
    kernel, bias = layer
    scale = (most / 127).astype(np.float32)
    along = scale.reshape(-1, *[1] * (kernel.ndim - 1))
    stored = np.clip(np.rint(kernel / along), -127, 127).astype(np.int8)
    sums = Grid(scale=source.scale * scale)
    stored_bias = np.rint(bias / sums.scale).astype(np.int32)
    return (
        graph.constant(f"{name}.weight", stored, Grid(scale=scale)),
        graph.constant(f"{name}.bias", stored_bias, sums),
    )


def _spanning(values: Array) -> Grid:
    """Return the finest grid that holds all values and zero exactly."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = np.float32([(high - low) / 255])
    return Grid(scale=scale, zero_point=round(-128 - low / float(scale[0])))


def _code(op: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = op
    code.version = VERSIONS[op]
    return code


def _conv() -> schema.Conv2DOptionsT:
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    return options


def _pool() -> schema.Pool2DOptionsT:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = 2
    options.filterHeight = options.filterWidth = 2
    return options


def _reshape() -> schema.ReshapeOptionsT:
    options = schema.ReshapeOptionsT()
    options.newShape = [1, net.FEATURES]
    return options


def _softmax() -> schema.SoftmaxOptionsT:
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return options
