"""An MLServer runtime for a single-input, single-output ONNX file.

Runs in the peer's own environment; edged is not importable here.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxModel(MLModel):
    """One ONNX file on one thread."""

    async def load(self) -> bool:
        """Load it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = await get_model_uri(self.settings)
        self._session = onnxruntime.InferenceSession(path, options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run once."""
        (tensor,) = payload.inputs
        x = NumpyCodec.decode_input(tensor).astype(np.float32, copy=False)
        (y,) = self._session.run(None, {tensor.name: x})
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("y", y)]
        )
