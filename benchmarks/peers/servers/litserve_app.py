"""LitServe with one worker; the request's `id` says which model is meant.

Runs in the peer's own environment; edged is not importable here.
"""

import os
import sys
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import litserve
import numpy as np


class Api(litserve.LitAPI):
    """Both models behind one route."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe's own
        """Load the models for one thread."""
        import onnxruntime  # noqa: PLC0415  # in the worker alone

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.sessions = {
            path.stem: onnxruntime.InferenceSession(str(path), options)
            for path in Path(os.environ["PEER_MODELS"]).glob("*.onnx")
        }

    def decode_request(self, request: dict[str, Any]) -> tuple[str, str, np.ndarray]:
        """Read the one input."""
        (tensor,) = request["inputs"]
        x = np.array(tensor["data"], "<f4").reshape(tensor["shape"])
        return request["id"], tensor["name"], x

    def predict(self, asked: tuple[str, str, np.ndarray]) -> np.ndarray:
        """Run once."""
        model, name, x = asked
        (y,) = self.sessions[model].run(None, {name: x})
        return y

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        """Write the one output."""
        tensor = {
            "name": "y",
            "shape": output.shape,
            "datatype": "FP32",
            "data": output.ravel().tolist(),
        }
        return {"outputs": [tensor]}


if __name__ == "__main__":
    litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1).run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
