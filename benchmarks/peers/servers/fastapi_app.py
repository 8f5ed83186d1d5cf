"""FastAPI as its users would write it: a pydantic body, and a route for raw bytes.

Runs in the peer's own environment; edged is not importable here.
"""

import os
import sys
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel


def session(path: Path) -> onnxruntime.InferenceSession:
    """Load a model for one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options)


SESSIONS = {
    path.stem: session(path) for path in Path(os.environ["PEER_MODELS"]).glob("*.onnx")
}
app = FastAPI()


class Tensor(BaseModel):
    """One tensor in JSON."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Body(BaseModel):
    """A request in JSON."""

    inputs: list[Tensor]


class Answer(BaseModel):
    """An answer in JSON."""

    outputs: list[Tensor]


@app.post("/json/{model}")
async def infer_json(model: str, body: Body) -> Answer:
    """Answer in JSON."""
    (tensor,) = body.inputs
    x = np.array(tensor.data, "<f4").reshape(tensor.shape)
    (y,) = SESSIONS[model].run(None, {tensor.name: x})
    output = Tensor(name="y", shape=y.shape, datatype="FP32", data=y.ravel().tolist())
    return Answer(outputs=[output])


@app.post("/bytes/{model}")
async def infer_bytes(model: str, request: Request) -> Response:
    """Answer bytes with bytes."""
    loaded = SESSIONS[model]
    (spec,) = loaded.get_inputs()
    x = np.frombuffer(await request.body(), "<f4").reshape(spec.shape)
    (y,) = loaded.run(None, {spec.name: x})
    return Response(y.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
    )
