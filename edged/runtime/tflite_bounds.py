"""Does a TensorFlow Lite file refer to what it has?

Law: pure but for the tables it is given; bounded by their work. The interpreter of
the Python wheel does not verify a file: an index out of range may end the process.
Source: tensorflow/lite/schema/schema.fbs.
"""

from edged.runtime import tflite_calls
from edged.runtime.flatbuffer import Table

#: More than any box has memory for.
MAX_ELEMENTS = 1 << 40

# Field numbers in the schema.
_CODES, _SUBGRAPHS, _BUFFERS, _SIGNATURES = 1, 2, 4, 7
_TENSORS, _INPUTS, _OUTPUTS, _OPERATORS = 0, 1, 2, 3
_SHAPE, _BUFFER = 0, 2
_OPCODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _INTERMEDIATES = 0, 1, 2, 8
_DATA, _OFFSET, _SIZE = 0, 1, 2
_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS, _SIGNATURE_SUBGRAPH = 0, 1, 4
_MAP_TENSOR = 1

#: An input that an operator leaves out.
_ABSENT = -1


def fault(model: Table, size: int) -> str | None:
    """Say what a model refers to and does not have; None if nothing.

    Args:
        model: the root table.
        size: of the file, in bytes.
    """
    for buffer in model.tables(_BUFFERS):
        end = buffer.number(_OFFSET, "Q") + buffer.number(_SIZE, "Q")
        if max(end, buffer.count(_DATA)) > size:
            return "a buffer lies outside of the file"
    for index, graph in enumerate(model.tables(_SUBGRAPHS)):
        if wrong := _graph_fault(model, graph):
            return f"in subgraph {index}, {wrong}"
    if wrong := tflite_calls.fault(tuple(model.tables(_SUBGRAPHS))):
        return wrong
    return _signature_fault(model)


def _graph_fault(model: Table, graph: Table) -> str | None:
    tensors, buffers = graph.count(_TENSORS), model.count(_BUFFERS)
    for index, tensor in enumerate(graph.tables(_TENSORS)):
        if wrong := _tensor_fault(tensor, buffers):
            return f"tensor {index} {wrong}"
    for field in (_INPUTS, _OUTPUTS):
        if not _inside(graph.numbers(field), 0, tensors):
            return "an input or output is a tensor that it does not have"
    codes = model.count(_CODES)
    for index, operator in enumerate(graph.tables(_OPERATORS)):
        if operator.number(_OPCODE, "I") >= codes:
            return f"operator {index} is of a kind that is not there"
        if not _operands(operator, tensors):
            return f"operator {index} takes or gives a tensor that it does not have"
    return None


def _tensor_fault(tensor: Table, buffers: int) -> str | None:
    elements = 1
    for dim in tensor.numbers(_SHAPE):
        elements *= max(dim, 1)
        if elements > MAX_ELEMENTS:
            return f"claims more than {MAX_ELEMENTS} elements"
    if tensor.number(_BUFFER, "I") >= max(1, buffers):
        return "is in a buffer that is not there"
    return None


def _operands(operator: Table, tensors: int) -> bool:
    return (
        _inside(operator.numbers(_OPERATOR_INPUTS), _ABSENT, tensors)
        and _inside(operator.numbers(_OPERATOR_OUTPUTS), 0, tensors)
        and _inside(operator.numbers(_INTERMEDIATES), _ABSENT, tensors)
    )


def _signature_fault(model: Table) -> str | None:
    for signature in model.tables(_SIGNATURES):
        index = signature.number(_SIGNATURE_SUBGRAPH, "I")
        if index >= model.count(_SUBGRAPHS):
            return "a signature is of a subgraph that is not there"
        tensors = model.entry(_SUBGRAPHS, index).count(_TENSORS)
        for field in (_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS):
            for pair in signature.tables(field):
                if pair.number(_MAP_TENSOR, "I") >= tensors:
                    return "a signature names a tensor that is not there"
    return None


def _inside(numbers: tuple[int, ...], low: int, end: int) -> bool:
    return not numbers or (low <= min(numbers) and max(numbers) < end)
