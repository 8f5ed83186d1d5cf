"""An infer request as JSON: what curl sends.

Law: the same request that the client sends in binary, in the form that people read.
Source: kserve/open-inference-protocol, inference_rest.md.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.client.http import quote
from edged.errors import InvalidTensor
from edged.wire.release import Signature
from edged.wire.tensors import Datatype

Array = npt.NDArray[Any]

# People read the numbers of small tensors: those get the fewest digits that mean the
# same float32. It costs 1 us each, which large ones need not pay.
_READ_MAX = 4096

# What people copy from a terminal. One word may hold 128 KiB (MAX_ARG_STRLEN).
_WORD_MAX = 2000


def target(model: str) -> str:
    """Return the path that answers infer requests."""
    return f"/v2/models/{quote(model)}/infer"


def request(
    inputs: Mapping[str, Array],
    signature: Signature,
    *,
    variant: str | None = None,
    preference: str | None = None,
    explain: bool = False,
) -> str:
    """Write a request.

    Args:
        inputs: by name, as `signature` has them.
        signature: says their datatypes.
        variant: a rung to insist on.
        preference: what is wanted where the daemon chooses it.
        explain: ask which rung ran, and how long it waited and took.

    Raises:
        InvalidTensor: JSON cannot say a value: NaN, an infinity, bytes that are no
            UTF-8.
    """
    body: dict[str, object] = {
        "inputs": [
            {
                "name": spec.name,
                "datatype": spec.datatype.value,
                "shape": inputs[spec.name].shape,
                "data": _data(inputs[spec.name], spec.name, spec.datatype),
            }
            for spec in signature.inputs
        ]
    }
    said: dict[str, object] = {}
    if variant is not None:
        said["edged_variant"] = variant
    if preference is not None:
        said["edged_preference"] = preference
    if explain:
        said["edged_explain"] = True
    if said:
        body["parameters"] = said
    return json.dumps(body, separators=(",", ":"))


def curl(body: str, *, socket: str, model: str) -> list[str]:
    """Return the command in lines: a large body comes through standard input."""
    words = [
        "curl",
        "-sS",
        "--unix-socket",
        socket,
        "-H",
        "Content-Type: application/json",
    ]
    url = f"http://localhost{target(model)}"
    if len(body) <= _WORD_MAX:
        return [shlex.join([*words, "-d", body, url])]
    return [f"{shlex.join([*words, '--data-binary', '@-', url])} <<'END'", body, "END"]


def _data(array: Array, name: str, datatype: Datatype) -> list[object]:
    flat = array.ravel()
    if datatype is Datatype.BYTES:
        try:
            return [value.decode() for value in flat]
        except UnicodeDecodeError as exc:
            raise InvalidTensor(
                f"cannot write input {name} as JSON: a text of it is no UTF-8"
            ) from exc
    if datatype.is_float and not np.isfinite(flat).all():
        raise InvalidTensor(
            f"cannot write input {name} as JSON: it holds NaN or an infinity",
            hint="send .npy or .npz, which travel in binary",
        )
    if datatype.is_float and flat.size <= _READ_MAX:
        return [float(str(value)) for value in flat]
    values: list[object] = flat.tolist()
    return values
