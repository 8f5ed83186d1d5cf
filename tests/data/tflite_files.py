"""Small LiteRT files, written with the schema that ai-edge-litert carries.

Law: bytes out, nothing read; each function documents the arithmetic of its graph.
"""

import struct
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

FLOAT = schema.TensorType.FLOAT32
INT8 = schema.TensorType.INT8
RESOURCE = schema.TensorType.RESOURCE
Op = schema.BuiltinOperator


def adder(
    *,
    name: str = "x",
    output: str = "y",
    dynamic: bool = False,
    stored: type[np.generic] = np.float32,
    quantization: tuple[float, int] | None = None,
) -> bytes:
    """Write `y = x + x` over [1, 4]; `dynamic` frees the first dimension."""
    kind = {np.float32: FLOAT, np.int8: INT8}[stored]
    model = _Model()
    x = model.tensor(name, [1, 4], kind, dynamic=dynamic, quantization=quantization)
    y = model.tensor(output, [1, 4], kind, dynamic=dynamic, quantization=quantization)
    model.operator(Op.ADD, [x, x], [y], "AddOptions", schema.AddOptionsT())
    return model.pack([x], [y])


def named_adder(*, input_name: str, output_name: str) -> bytes:
    """Write `adder` whose tensors are a converter's, with a signature over them."""
    model = _Model()
    x = model.tensor("serving_default_args_0:0", [1, 4], FLOAT)
    y = model.tensor("StatefulPartitionedCall:0", [1, 4], FLOAT)
    model.operator(Op.ADD, [x, x], [y], "AddOptions", schema.AddOptionsT())
    model.signature([(input_name, x)], [(output_name, y)])
    return model.pack([x], [y])


def reshaper() -> bytes:
    """Write a graph that claims a free batch but reshapes to [1, 4] by a constant."""
    model = _Model()
    x = model.tensor("x", [1, 2, 2], FLOAT, dynamic=True)
    shape = model.tensor("shape", [2], schema.TensorType.INT32, data=np.int32([1, 4]))
    y = model.tensor("y", [1, 4], FLOAT, dynamic=True)
    options = schema.ReshapeOptionsT()
    options.newShape = [1, 4]
    model.operator(Op.RESHAPE, [x, shape], [y], "ReshapeOptions", options)
    return model.pack([x], [y])


def accumulator() -> bytes:
    """Write `total += x; y = total` over [1, 4], the total in a resource variable.

    A second subgraph, called once, sets the total to zero.
    """
    model = _Model()
    x = model.tensor("x", [1, 4], FLOAT)
    handle = model.tensor("handle", [], RESOURCE)
    before = model.tensor("before", [1, 4], FLOAT)
    total = model.tensor("y", [1, 4], FLOAT)
    once = schema.CallOnceOptionsT()
    once.initSubgraphIndex = 1
    model.operator(Op.CALL_ONCE, [], [], "CallOnceOptions", once)
    model.operator(Op.VAR_HANDLE, [], [handle], "VarHandleOptions", _variable())
    model.operator(Op.READ_VARIABLE, [handle], [before])
    model.operator(Op.ADD, [before, x], [total], "AddOptions", schema.AddOptionsT())
    model.operator(Op.ASSIGN_VARIABLE, [handle, total], [])
    model.finish_subgraph([x], [total])
    model.zero_total()
    return model.pack([], [])


def fading(limit: float) -> bytes:
    """Write `accumulator` whose answers are NaN once the total is over a limit.

    `total += x; s = sqrt(limit - total); y = total + (s - s)`.
    """
    model = _Model()
    x = model.tensor("x", [1, 4], FLOAT)
    handle = model.tensor("handle", [], RESOURCE)
    most = model.tensor("most", [1, 4], FLOAT, data=np.full((1, 4), limit, "f4"))
    before, total, left, root, zero, y = (
        model.tensor(name, [1, 4], FLOAT)
        for name in ("before", "total", "left", "root", "zero", "y")
    )
    once = schema.CallOnceOptionsT()
    once.initSubgraphIndex = 1
    model.operator(Op.CALL_ONCE, [], [], "CallOnceOptions", once)
    model.operator(Op.VAR_HANDLE, [], [handle], "VarHandleOptions", _variable())
    model.operator(Op.READ_VARIABLE, [handle], [before])
    model.operator(Op.ADD, [before, x], [total], "AddOptions", schema.AddOptionsT())
    model.operator(Op.ASSIGN_VARIABLE, [handle, total], [])
    model.operator(Op.SUB, [most, total], [left], "SubOptions", schema.SubOptionsT())
    model.operator(Op.SQRT, [left], [root])
    model.operator(Op.SUB, [root, root], [zero], "SubOptions", schema.SubOptionsT())
    model.operator(Op.ADD, [total, zero], [y], "AddOptions", schema.AddOptionsT())
    model.finish_subgraph([x], [y])
    model.zero_total()
    return model.pack([], [])


def recurrent() -> bytes:
    """Write `h = x + h; y = h` over [1, 1], h a variable tensor of an RNN operator."""
    model = _Model()
    one = np.ones((1, 1), np.float32)
    x = model.tensor("x", [1, 1], FLOAT)
    weights = model.tensor("weights", [1, 1], FLOAT, data=one)
    recurrent_weights = model.tensor("recurrent", [1, 1], FLOAT, data=one)
    bias = model.tensor("bias", [1], FLOAT, data=np.zeros(1, np.float32))
    hidden = model.tensor("hidden", [1, 1], FLOAT, variable=True)
    y = model.tensor("y", [1, 1], FLOAT)
    inputs = [x, weights, recurrent_weights, bias, hidden]
    model.operator(Op.RNN, inputs, [y], "RNNOptions", schema.RNNOptionsT())
    return model.pack([x], [y])


def text() -> bytes:
    """Write `y = reshape(x)` of BYTES, [2] to [2, 1]."""
    model = _Model()
    x = model.tensor("x", [2], schema.TensorType.STRING)
    shape = model.tensor("shape", [2], schema.TensorType.INT32, data=np.int32([2, 1]))
    y = model.tensor("y", [2, 1], schema.TensorType.STRING)
    options = schema.ReshapeOptionsT()
    options.newShape = [2, 1]
    model.operator(Op.RESHAPE, [x, shape], [y], "ReshapeOptions", options)
    return model.pack([x], [y])


def twins() -> bytes:
    """Write `y = x + x` and `y = x * x`: two outputs of one name."""
    model = _Model()
    x = model.tensor("x", [1, 4], FLOAT)
    total = model.tensor("y", [1, 4], FLOAT)
    product = model.tensor("y", [1, 4], FLOAT)
    model.operator(Op.ADD, [x, x], [total], "AddOptions", schema.AddOptionsT())
    model.operator(Op.MUL, [x, x], [product], "MulOptions", schema.MulOptionsT())
    return model.pack([x], [total, product])


def custom_op() -> bytes:
    """Write a graph whose only operator is a custom one that nobody registers."""
    model = _Model()
    x = model.tensor("x", [1, 4], FLOAT)
    y = model.tensor("y", [1, 4], FLOAT)
    model.operator(Op.CUSTOM, [x], [y], custom="AcmeMagic")
    return model.pack([x], [y])


def knot(count: int) -> bytes:
    """Write `count` subgraphs that are one, whose `count` tensors are one.

    By hand, since no builder would: 8 bytes for each. Offsets point forward, so a
    vector stands before what it leads to.
    """
    graph = 40 + 4 * count
    tensor = graph + 12 + 4 * count
    return b"".join(
        (
            struct.pack("<I4s", 28, b"TFL3"),
            struct.pack("<5H", 10, 8, 0, 0, 4),  # at 8, of a model: its field 2
            struct.pack("<3H", 6, 8, 4),  # at 18, of a subgraph: its field 0
            struct.pack("<2H", 4, 4),  # at 24, of a tensor: nothing
            struct.pack("<iII", 28 - 8, 4, count),  # the model and its vector
            *(struct.pack("<I", graph - 40 - 4 * n) for n in range(count)),
            struct.pack("<iII", graph - 18, 4, count),  # the subgraph and its vector
            *(struct.pack("<I", tensor - graph - 12 - 4 * n) for n in range(count)),
            struct.pack("<i", tensor - 24),
        )
    )


def _variable() -> Any:
    options = schema.VarHandleOptionsT()
    options.container = b""
    options.sharedName = b"total"
    return options


class _Model:
    """A model under construction, one subgraph at a time."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.operatorCodes = []
        self._model.buffers = [schema.BufferT()]  # the schema keeps buffer 0 empty
        self._model.subgraphs = []
        self._model.signatureDefs = []
        self._open_subgraph()

    def tensor(  # noqa: PLR0913  # one argument for each field of the schema
        self,
        name: str,
        shape: Sequence[int],
        kind: int,
        *,
        data: Any = None,
        dynamic: bool = False,
        variable: bool = False,
        quantization: tuple[float, int] | None = None,
    ) -> int:
        """Add a tensor to the open subgraph and return its index."""
        tensor = schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = list(shape)
        tensor.type = kind
        tensor.buffer = 0 if data is None else self._buffer(data)
        tensor.isVariable = variable
        if dynamic:
            tensor.shapeSignature = [-1, *shape[1:]]
        if quantization is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [quantization[0]]
            tensor.quantization.zeroPoint = [quantization[1]]
        self._subgraph.tensors.append(tensor)
        return len(self._subgraph.tensors) - 1

    def operator(  # one argument for each field of the schema
        self,
        builtin: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options_kind: str = "NONE",
        options: Any = None,
        custom: str | None = None,
    ) -> None:
        """Add an operator to the open subgraph."""
        code = schema.OperatorCodeT()
        code.builtinCode = builtin
        code.deprecatedBuiltinCode = min(builtin, 127)
        code.version = 1
        code.customCode = custom.encode() if custom else None
        self._model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs = list(inputs)
        operator.outputs = list(outputs)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, options_kind)
        operator.builtinOptions = options
        self._subgraph.operators.append(operator)

    def signature(
        self, inputs: Sequence[tuple[str, int]], outputs: Sequence[tuple[str, int]]
    ) -> None:
        """Name inputs and outputs of the open subgraph as `serving_default`."""
        definition = schema.SignatureDefT()
        definition.signatureKey = b"serving_default"
        definition.subgraphIndex = 0
        definition.inputs = [_tensor_map(*pair) for pair in inputs]
        definition.outputs = [_tensor_map(*pair) for pair in outputs]
        self._model.signatureDefs.append(definition)

    def zero_total(self) -> None:
        """Fill the open subgraph: it sets the variable `total` to zero."""
        handle = self.tensor("handle", [], RESOURCE)
        zeros = self.tensor("zeros", [1, 4], FLOAT, data=np.zeros((1, 4), np.float32))
        self.operator(Op.VAR_HANDLE, [], [handle], "VarHandleOptions", _variable())
        self.operator(Op.ASSIGN_VARIABLE, [handle, zeros], [])

    def finish_subgraph(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Close the open subgraph and open the next."""
        self._subgraph.inputs = list(inputs)
        self._subgraph.outputs = list(outputs)
        self._model.subgraphs.append(self._subgraph)
        self._open_subgraph()

    def pack(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Close the open subgraph and return the file."""
        self.finish_subgraph(inputs, outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _open_subgraph(self) -> None:
        self._subgraph = schema.SubGraphT()
        self._subgraph.tensors = []
        self._subgraph.operators = []

    def _buffer(self, data: Any) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1


def _tensor_map(name: str, index: int) -> Any:
    pair = schema.TensorMapT()
    pair.name = name.encode()
    pair.tensorIndex = index
    return pair
