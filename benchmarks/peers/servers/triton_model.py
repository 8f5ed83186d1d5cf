"""A model of Triton's Python backend: a single-input, single-output ONNX file.

Runs in the backend's stub process, on the system's interpreter: the peer's packages
are put on its path. edged is not importable here.
"""

import os
import sys
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.path.insert(0, os.environ["PEER_PACKAGES"])

import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One ONNX file on one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(os.environ["PEER_MODELS"]) / f"{args['model_name']}.onnx"
        self._session = onnxruntime.InferenceSession(str(path), options)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run each request once."""
        answers = []
        for request in requests:
            x = pb_utils.get_input_tensor_by_name(request, self._input).as_numpy()
            (y,) = self._session.run(None, {self._input: x})
            tensor = pb_utils.Tensor(self._output, y)
            answers.append(pb_utils.InferenceResponse(output_tensors=[tensor]))
        return answers
