"""ONNX files on onnxruntime's CPU provider.

Law: no telemetry, no spinning threads, nothing on stderr; every failure of the
runtime comes out as a sentence. One session serves any number of threads.

Session options, measured on x86-64 with onnxruntime 1.32:

- arena off: MobileNetV2 holds 75 MB instead of 86 after a trim, and no model of five
  ran slower than the noise of one run. Memory patterns stay on: they then make one
  allocation of a run's intermediates (-7 % time on MobileNetV2).
- spinning off: an idle pool costs nothing; a busy one wakes by futex.

Binding an output costs 3 us a run and saves its copy: 602 KB in and out take 23 us
bound, 39 us with a copy, 18 us without either.
"""

import os

# Before the import: the Linux wheel carries a telemetry client that is on by default.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as _state

from edged.errors import BadModel, InvalidTensor
from edged.runtime.base import (
    NOWHERE,
    Array,
    Quantization,
    Tensors,
    numpy_dtype,
)
from edged.runtime.onnx_file import external_files
from edged.wire.tensors import FREE, Datatype, TensorSpec

_DATATYPES = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(string)": Datatype.BYTES,
}

#: The runtime raises one class for each of its status codes, without a common base,
#: and what C++ throws besides.
_FAILURES: tuple[type[Exception], ...] = (
    _state.EPFail,
    _state.EngineError,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.ModelLoaded,
    _state.NoModel,
    _state.NoSuchFile,
    _state.NotImplemented,
    _state.RuntimeException,
    RuntimeError,
    ValueError,
    MemoryError,
)

#: Fatal only: errors come back as exceptions, so printing them says them twice.
_LOG_FATAL = 4


class OnnxModel:
    """One ONNX file in memory; see `base.Loaded`."""

    def __init__(self, path: Path, *, threads: int) -> None:
        external_files(path)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), _options(threads), providers=["CPUExecutionProvider"]
            )
        except _FAILURES as error:
            raise _refused(path.name, error) from error
        self._name = path.name
        self.inputs = tuple(_spec(path, arg) for arg in self._session.get_inputs())
        self.outputs = tuple(_spec(path, arg) for arg in self._session.get_outputs())
        self.quantization: Mapping[str, Quantization] = {}
        self.stateful = False
        self.concurrent = True
        self._has_strings = any(
            spec.datatype is Datatype.BYTES for spec in self.inputs + self.outputs
        )

    def run(
        self, feeds: Tensors, wanted: tuple[str, ...], into: Tensors = NOWHERE
    ) -> dict[str, Array]:
        """Run once; see `base.Runs`. Numeric inputs are used in place."""
        if self._has_strings:
            feeds = {name: _to_text(name, array) for name, array in feeds.items()}
        try:
            if into and not self._has_strings:  # the binding takes numbers only
                answers = self._run_into(feeds, wanted, into)
            else:
                answers = self._session.run(wanted, dict(feeds))
        except _state.InvalidArgument as error:
            raise InvalidTensor(
                f"cannot run {self._name} on this input: {_reason(error)}"
            ) from error
        except _FAILURES as error:
            raise BadModel(f"cannot run {self._name}: {_reason(error)}") from error
        if not wanted:
            answers = []  # to an empty list the runtime gives all outputs
        if self._has_strings:
            answers = [_to_bytes(array) for array in answers]
        return dict(zip(wanted, answers, strict=True))

    def _run_into(
        self, feeds: Tensors, wanted: tuple[str, ...], into: Tensors
    ) -> list[Array]:
        """Run with outputs bound to memory, where the graph promises that they fit."""
        targets = {
            spec.name: into[spec.name]
            for spec in self.outputs
            if spec.name in into
            and spec.shape == into[spec.name].shape
            and numpy_dtype(spec) == into[spec.name].dtype
        }
        binding = self._session.io_binding()
        for name, array in feeds.items():
            binding.bind_cpu_input(name, array)
        for name in wanted:
            if name in targets:
                value = onnxruntime.OrtValue.ortvalue_from_numpy(targets[name])
                binding.bind_ortvalue_output(name, value)
            else:
                binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        values = zip(wanted, binding.get_outputs(), strict=True)
        return [
            targets[name] if name in targets else value.numpy()
            for name, value in values
        ]

    def reset(self) -> None:
        """Do nothing: an ONNX graph keeps no state."""

    def close(self) -> None:
        """Let go of the session."""
        self._session = None

    def __repr__(self) -> str:
        return f"{self._name} on onnxruntime {onnxruntime.__version__}"


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _LOG_FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _spec(path: Path, arg: Any) -> TensorSpec:
    if arg.type not in _DATATYPES:
        zipmap = (
            "; for scikit-learn: zipmap=False" if arg.type.startswith("seq") else ""
        )
        raise BadModel(
            f"cannot load {path.name}: {arg.name!r} is a {arg.type}, and edged serves "
            "plain tensors of the protocol's datatypes",
            hint=f"export the model with plain tensors{zipmap}",
        )
    shape = tuple(dim if isinstance(dim, int) else FREE for dim in arg.shape)
    return TensorSpec(name=arg.name, datatype=_DATATYPES[arg.type], shape=shape)


def _refused(name: str, error: Exception) -> BadModel:
    """Turn a failed load into a sentence and a next step."""
    reason = _reason(error)
    if "No Op registered" in reason or isinstance(error, _state.NotImplemented):
        hint = "export the model with operators that this onnxruntime has"
    elif "opset" in reason.lower():
        hint = "export the model with an older opset, or update onnxruntime"
    else:
        hint = "python -m onnx.checker, where the model was made, tells more"
    return BadModel(
        f"cannot load {name}: onnxruntime {onnxruntime.__version__} says: {reason}",
        hint=hint,
    )


def _reason(error: Exception) -> str:
    """Strip the runtime's framing: `[ONNXRuntimeError] : 1 : FAIL : text`."""
    text = str(error) or type(error).__name__
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    return " ".join(text.split())


def _to_text(name: str, array: Array) -> Array:
    """Copy a BYTES tensor into what the runtime's binding takes: str, UTF-8.

    Given bytes, the binding would send their Python repr.
    """
    if array.dtype != object:
        return array
    texts = np.empty(array.shape, object)
    try:
        texts.reshape(-1)[:] = [item.decode() for item in array.reshape(-1)]
    except UnicodeDecodeError as error:
        raise InvalidTensor(
            f"cannot use input {name}: onnxruntime takes BYTES as UTF-8 only: {error}",
        ) from error
    return texts


def _to_bytes(array: Array) -> Array:
    if array.dtype != object:
        return array
    items = np.empty(array.shape, object)
    items.reshape(-1)[:] = [text.encode() for text in array.reshape(-1)]
    return items
