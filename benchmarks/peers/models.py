"""The models that every peer serves, an input for each, and how to ask.

Law: the bytes of a request are the same for all who speak the same protocol.
"""

import functools
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from edged.client.http import Answer  # noqa: E402
from edged.runtime import backends  # noqa: E402
from edged.wire import oip  # noqa: E402
from edged.wire.release import BackendName  # noqa: E402
from tests.data import onnx_files  # noqa: E402


class Model(NamedTuple):
    """A file with one input and one output, both FP32.

    Attributes:
        size: of the input, for people.
    """

    name: str
    size: str
    data: bytes
    input: str
    output: str
    shape: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def x(self) -> np.ndarray:
        """Return the input, the same each time."""
        values = np.random.default_rng(0).standard_normal(self.shape)
        return values.astype("<f4")


def models() -> tuple[Model, Model]:
    """Return the demo's best variant, and as little work as 602 KB allow."""
    shape = (1, 3, 224, 224)
    mean = onnx_files.model(
        [onnx_files.node("GlobalAveragePool", ["x"], ["y"])],
        [onnx_files.value_info("x", onnx_files.FLOAT, shape)],
        [onnx_files.value_info("y", onnx_files.FLOAT, (1, 3, 1, 1))],
    )
    digits = (ROOT / "demo" / "digits" / "digits_fp32.onnx").read_bytes()
    return (
        Model(
            "digits", "256 B", digits, "image", "probabilities", (1, 1, 8, 8), (1, 10)
        ),
        Model("mean", "602 KB", mean, "x", "y", shape, (1, 3, 1, 1)),
    )


@functools.cache
def expected(name: str) -> np.ndarray:
    """Return the right answer to a model's input, flat."""
    (model,) = (each for each in models() if each.name == name)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model.data)
        file.flush()
        loaded = backends.load(BackendName.ONNX, Path(file.name), threads=1)
        answer = loaded.run({model.input: model.x}, (model.output,))[model.output]
        loaded.close()
    return answer.ravel()


def answer(model: Model) -> bytes:
    """Return the right answer as edged writes it, for a server without a model."""
    tensor = expected(model.name).reshape(model.answer)
    output = oip.Output(name=model.output, tensor=tensor, binary=True)
    encoded = oip.write_response(
        model=model.name, version="1.0.0", id=None, outputs=[output]
    )
    fields = {
        "Content-Type": encoded.content_type,
        "Content-Length": str(encoded.content_length),
        oip.JSON_LENGTH_HEADER: str(encoded.json_bytes),
    }
    lines = ["HTTP/1.1 200 OK", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + b"".join(encoded.buffers)


# --- requests ---------------------------------------------------------------------


def binary(model: Model) -> bytes:
    """Ask by the Open Inference Protocol, the tensor behind the JSON."""
    tensor = {**_tensor(model), "parameters": {"binary_data_size": model.x.nbytes}}
    head = _padded({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    return post(_infer(model), head + model.x.tobytes(), _length(head))


def shared(model: Model, lent: oip.SharedTensor) -> bytes:
    """Ask by the same protocol, the tensor in a region that was registered before."""
    place = {
        "shared_memory_region": lent.place.region,
        "shared_memory_offset": lent.place.offset,
        "shared_memory_byte_size": lent.place.size,
    }
    tensor = {**_tensor(model), "parameters": place}
    head = _padded({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    return post(_infer(model), head, _length(head))


def text(model: Model, target: str = "") -> bytes:
    """Ask in JSON; numbers as Python writes them."""
    data = model.x.astype("f8").ravel().tolist()
    said = {"id": model.name, "inputs": [{**_tensor(model), "data": data}]}
    body = json.dumps(said).encode()
    return post(target or _infer(model), body, {"Content-Type": "application/json"})


def raw(model: Model, target: str) -> bytes:
    """Ask with nothing but the tensor."""
    kind = {"Content-Type": "application/octet-stream"}
    return post(target, model.x.tobytes(), kind)


def post(target: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Put a head before a body."""
    fields = {"Host": "localhost", **headers, "Content-Length": str(len(body))}
    lines = [f"POST {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _infer(model: Model) -> str:
    return f"/v2/models/{model.name}/infer"


def _tensor(model: Model) -> dict[str, object]:
    return {"name": model.input, "shape": model.shape, "datatype": "FP32"}


def _padded(said: object) -> bytes:
    """Write JSON as stock clients do, and let the tensor behind it begin aligned."""
    head = json.dumps(said).encode()
    return head + b" " * (-len(head) % oip.ALIGNMENT)


def _length(head: bytes) -> dict[str, str]:
    return {oip.JSON_LENGTH_HEADER: str(len(head))}


# --- answers ----------------------------------------------------------------------


def read_oip(answer: Answer) -> np.ndarray:
    """Read the one output of a binary answer."""
    length = answer.headers.get(oip.JSON_LENGTH_HEADER.lower())
    (output,) = oip.decode_response(answer.body, length).outputs.values()
    return output


def read_text(answer: Answer) -> np.ndarray:
    """Read the one output of a JSON answer."""
    (output,) = json.loads(bytes(answer.body))["outputs"]
    return np.array(output["data"], "<f4")


def read_raw(answer: Answer) -> np.ndarray:
    """Read an answer that is nothing but the output."""
    return np.frombuffer(answer.body, "<f4")
