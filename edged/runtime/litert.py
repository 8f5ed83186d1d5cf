"""TensorFlow Lite files on LiteRT, or on its forerunner tflite-runtime.

Law: one thread at a time. Inputs are copied in and outputs copied out, because the
interpreter's memory moves with every resize.

Facts of ai-edge-litert 2.3, measured:

- `set_tensor` copies 150 KB in 3.7 us, a tensor view and `copyto` in 3.9 us.
- `reset_all_variables` zeroes variable tensors and leaves resource variables as they
  are; so does `allocate_tensors`. Only a new interpreter forgets those (0.5 ms for a
  keyword net).
- After a resize that the graph refuses the interpreter is in no defined state.
- The first XNNPACK delegate of a process writes one INFO line to stderr; its logger
  is not reachable from Python.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

try:
    from ai_edge_litert import interpreter as _runtime
except ImportError:
    # 32-bit ARM: its last release stands where ai-edge-litert has none.
    from tflite_runtime import interpreter as _runtime

from edged.errors import BadModel, InvalidTensor
from edged.runtime import tflite_file
from edged.runtime.base import NOWHERE, Array, Quantization, Tensors
from edged.wire.tensors import FREE, Datatype, TensorSpec

_DATATYPES = {
    np.bool_: Datatype.BOOL,
    np.uint8: Datatype.UINT8,
    np.uint16: Datatype.UINT16,
    np.uint32: Datatype.UINT32,
    np.uint64: Datatype.UINT64,
    np.int8: Datatype.INT8,
    np.int16: Datatype.INT16,
    np.int32: Datatype.INT32,
    np.int64: Datatype.INT64,
    np.float16: Datatype.FP16,
    np.float32: Datatype.FP32,
    np.float64: Datatype.FP64,
    np.bytes_: Datatype.BYTES,
}

#: What the binding raises: ValueError for a bad file or tensor, RuntimeError for a
#: graph that cannot be prepared or run.
_FAILURES = (ValueError, RuntimeError, MemoryError)


class LitertModel:
    """One TensorFlow Lite file in memory; see `base.Loaded`."""

    def __init__(self, path: Path, *, threads: int) -> None:
        facts = tflite_file.read(path)
        self._path = path
        self._threads = threads
        self._resources = facts.resource_variables
        self._interpreter = self._open()
        inputs = _distinct(self._interpreter.get_input_details())
        outputs = _distinct(self._interpreter.get_output_details())
        self._input_index = {detail["name"]: detail["index"] for detail in inputs}
        self._output_index = {detail["name"]: detail["index"] for detail in outputs}
        self.inputs = tuple(_spec(path, detail) for detail in inputs)
        self.outputs = tuple(_spec(path, detail) for detail in outputs)
        self.quantization: Mapping[str, Quantization] = _quantization(
            (*inputs, *outputs)
        )
        self.stateful = facts.variable_tensors or facts.resource_variables
        self.concurrent = False
        #: Shapes that tensors are allocated for, of inputs that can be resized.
        self._allocated = {
            spec.name: tuple(detail["shape"].tolist())
            for spec, detail in zip(self.inputs, inputs, strict=True)
            if FREE in spec.shape
        }
        self._original = dict(self._allocated)

    def run(
        self, feeds: Tensors, wanted: tuple[str, ...], into: Tensors = NOWHERE
    ) -> dict[str, Array]:
        """Run once; see `base.Runs`. Inputs are copied in, outputs out."""
        interpreter = self._interpreter
        if self._allocated:
            interpreter = self._fit(feeds)
        try:
            for name, array in feeds.items():
                interpreter.set_tensor(self._input_index[name], array)
            interpreter.invoke()
        except _FAILURES as error:
            raise BadModel(f"cannot run {self._path.name}: {_reason(error)}") from error
        return {name: self._output(interpreter, name, into) for name in wanted}

    def _output(self, interpreter: Any, name: str, into: Tensors) -> Array:
        """Copy an output out, into the memory that it is wanted in if it fits there."""
        index = self._output_index[name]
        target = into.get(name)
        if target is not None:
            view = interpreter.tensor(index)()  # dropped before the next run
            if view.shape == target.shape and view.dtype == target.dtype:
                np.copyto(target, view)
                return target
        return interpreter.get_tensor(index)  # type: ignore[no-any-return]  # untyped

    def reset(self) -> None:
        """Forget variables: zero the tensors, or start over for resources."""
        if self._resources:
            self._reopen()
        elif self.stateful:
            self._interpreter.reset_all_variables()

    def close(self) -> None:
        """Let go of the interpreter."""
        self._interpreter = None

    def __repr__(self) -> str:
        return f"{self._path.name} on {_runtime.__name__.partition('.')[0]}"

    def _open(self) -> Any:
        try:
            interpreter = _runtime.Interpreter(
                model_path=str(self._path), num_threads=self._threads
            )
            interpreter.allocate_tensors()
        except _FAILURES as error:
            raise _refused(self._path.name, error) from error
        return interpreter

    def _reopen(self) -> None:
        self._interpreter = None  # first: two at a time need twice the memory
        self._interpreter = self._open()
        self._allocated = dict(self._original)

    def _fit(self, feeds: Tensors) -> Any:
        """Resize inputs to these shapes, if they are not what is allocated."""
        shapes = {name: feeds[name].shape for name in self._allocated}
        if shapes == self._allocated:
            return self._interpreter
        try:
            for name, shape in shapes.items():
                self._interpreter.resize_tensor_input(self._input_index[name], shape)
            self._interpreter.allocate_tensors()
        except _FAILURES as error:
            self._reopen()
            raise InvalidTensor(
                f"cannot run {self._path.name} on shapes {_shapes_text(shapes)}: its "
                f"graph does not take them: {_reason(error)}",
                hint=f"send {_shapes_text(self._original)}",
            ) from error
        self._allocated = shapes
        return self._interpreter


def _distinct(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number names that stand twice: the format does not promise unique ones."""
    seen: dict[str, int] = {}
    named = []
    for detail in details:
        name = detail["name"]
        seen[name] = seen.get(name, 0) + 1
        suffix = f"#{seen[name]}" if seen[name] > 1 else ""
        named.append({**detail, "name": name + suffix})
    return named


def _spec(path: Path, detail: dict[str, Any]) -> TensorSpec:
    kind = detail["dtype"]
    if kind not in _DATATYPES:
        raise BadModel(
            f"cannot load {path.name}: {detail['name']!r} holds {kind.__name__}, which "
            "the protocol has no datatype for"
        )
    free = detail["shape_signature"]
    shape = free if len(free) == len(detail["shape"]) else detail["shape"]
    return TensorSpec(
        name=detail["name"],
        datatype=_DATATYPES[kind],
        shape=tuple(FREE if dim < 0 else dim for dim in shape.tolist()),
    )


def _quantization(details: tuple[dict[str, Any], ...]) -> dict[str, Quantization]:
    """Collect per-tensor parameters; files write scale 0 for none."""
    found = {}
    for detail in details:
        scales = detail["quantization_parameters"]["scales"]
        zero_points = detail["quantization_parameters"]["zero_points"]
        if len(scales) == 1 and scales[0] > 0:
            found[detail["name"]] = Quantization(
                scale=float(scales[0]), zero_point=int(zero_points[0])
            )
    return found


def _refused(name: str, error: Exception) -> BadModel:
    reason = _reason(error)
    if "custom op" in reason:
        hint = "convert the model with built-in operators only"
    elif "version" in reason.lower():
        hint = "convert the model for an older runtime, or update ai-edge-litert"
    else:
        hint = "copy it again and compare its sha256 with the original's"
    return BadModel(f"cannot load {name}: the runtime says: {reason}", hint=hint)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _shapes_text(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
