"""Releases that a trial can load: real files of few bytes, good and bad.

All take x [1, 4] and give y [1, 4]; the good ones `y = 2 * x`.
"""

import hashlib
import itertools
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edged.runtime import golden
from edged.runtime.base import Array
from edged.runtime.golden import GoldenSet
from edged.store.layout import MANIFEST
from edged.store.manifest import write_manifest
from edged.store.releases import Release
from edged.wire.release import (
    BackendName,
    FileEntry,
    Golden,
    GoldenSource,
    Input,
    Manifest,
    Output,
    Signature,
    Variant,
)
from edged.wire.tensors import Datatype
from tests.data import onnx_files

GOLDEN = "golden.npz"
#: One sample of each class: the greatest value stands at another place in each.
X: Array = (np.eye(4, dtype=np.float32) + np.float32(0.25)).reshape(4, 1, 4)

_SHAPE = (1, 4)


def double() -> bytes:
    """Write `y = x + x`."""
    return onnx_files.adder(dims=_SHAPE)


def slow(steps: int = 600) -> bytes:
    """Write `y = x + x` after so many pairs of negations, which nobody folds."""
    names = ["x", *(f"t{n}" for n in range(2 * steps))]
    chain = [
        onnx_files.node("Neg", [before], [after])
        for before, after in itertools.pairwise(names)
    ]
    last = onnx_files.node("Add", [names[-1], names[-1]], ["y"])
    return _model([*chain, last])


def negated() -> bytes:
    """Write `y = -x`: the greatest value is never where it was."""
    return onnx_files.unary("Neg", dims=_SHAPE)


def constant() -> bytes:
    """Write `y = x - x`: whatever it is asked, the answer is the same."""
    return _model([onnx_files.node("Sub", ["x", "x"], ["y"])])


def no_number() -> bytes:
    """Write `y = log(-x)`: NaN for what is above zero."""
    return _model(
        [
            onnx_files.node("Neg", ["x"], ["n"]),
            onnx_files.node("Log", ["n"], ["y"]),
        ]
    )


def huge() -> bytes:
    """Write `y = sum of 100 million x`, all of which stand in memory: 1.6 GB."""
    tensors = [
        _int64_tensor("shape", [100_000_000, 4]),
        _int64_tensor("axes", [0]),
    ]
    return _model(
        [
            onnx_files.node("Expand", ["x", "shape"], ["many"]),
            onnx_files.node("ReduceSum", ["many", "axes"], ["y"]),
        ],
        tensors,
    )


def _int64_tensor(name: str, values: Sequence[int]) -> bytes:
    """Encode a TensorProto int64[len(values)] with its values."""
    field = onnx_files.field
    raw = struct.pack(f"<{len(values)}q", *values)
    head = field(1, len(values)) + field(2, onnx_files.INT64)
    return head + field(8, name) + field(9, raw)


def _model(nodes: list[bytes], tensors: Sequence[bytes] = ()) -> bytes:
    info = [onnx_files.value_info(name, onnx_files.FLOAT, _SHAPE) for name in "xy"]
    return onnx_files.model(nodes, info[:1], info[1:], tensors=tensors)


def candidate(
    folder: Path,
    nets: Mapping[str, bytes],
    *,
    seq: int = 1,
    answers: Array | None = 2 * X,
    source: GoldenSource = GoldenSource.REAL,
    **changes: Any,
) -> Release:
    """Write a release of the name `double`.

    Args:
        folder: a new one.
        nets: by file name, best first; a variant's id is the file's stem.
        seq: number, and the version's.
        answers: what its golden set says of `X`; None for a release without one.
        source: of its golden inputs.
        changes: fields of the manifest.
    """
    files = dict(nets)
    if answers is not None:
        known = GoldenSet(inputs={"x": X}, outputs={"y": answers}, samples=len(X))
        files[GOLDEN] = golden.write(known)
    plain = Manifest(
        name="double",
        version=f"1.{seq}.0",
        seq=seq,
        signature=signature(),
        variants=tuple(variant(file) for file in nets),
        golden=None if answers is None else Golden(file=GOLDEN, source=source),
        files={
            name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for name, data in files.items()
        },
    )
    manifest = msgspec.structs.replace(plain, **changes)
    text = write_manifest(manifest)
    folder.mkdir()
    for name, data in {MANIFEST: text, **files}.items():
        (folder / name).write_bytes(data)
    return Release(
        name=manifest.name,
        folder=folder.name,
        path=folder,
        digest=hashlib.sha256(text).hexdigest(),
        manifest=manifest,
        installed_utc=datetime(2026, 1, 2, tzinfo=UTC),
    )


def signature(
    outputs: tuple[int, ...] = _SHAPE, promised: tuple[float, float] | None = None
) -> Signature:
    """Describe x, and y of a shape and a range."""
    fp32 = Datatype.FP32
    return Signature(
        inputs=(Input(name="x", datatype=fp32, shape=_SHAPE),),
        outputs=(Output(name="y", datatype=fp32, shape=outputs, range=promised),),
    )


def variant(file: str, *, optional: bool = False) -> Variant:
    """Describe the variant that a file is."""
    backend = BackendName.ONNX if file.endswith(".onnx") else BackendName.LITERT
    return Variant(id=Path(file).stem, backend=backend, file=file, optional=optional)
