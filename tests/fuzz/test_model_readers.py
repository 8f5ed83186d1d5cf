"""Mutations of whole model files: a reader returns or says `BadModel`, nothing else.

Law: small files, a bounded number of fields and tables, so that each case is short.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.errors import BadModel
from edged.runtime import onnx_file, tflite_file
from tests.data import onnx_files, tflite_files

Mutation = Callable[[bytes], bytes]

ONNX = (
    onnx_files.adder(),
    onnx_files.with_external_tensor("w.bin", offset="4", length="16"),
    onnx_files.with_hidden_external_tensor("w", depth=3),
    onnx_files.with_functions(onnx_files.function("L", "F", [("", "Relu")] * 3)),
)
TFLITE = (
    tflite_files.accumulator(),
    tflite_files.recurrent(),
    tflite_files.named_adder(input_name="a", output_name="b"),
)

#: Numbers that overflow what someone adds them to.
_EDGES = st.sampled_from([0, 1, 127, 128, 255, 1 << 31, (1 << 32) - 1, 1 << 63])


@st.composite
def _mutation(draw: st.DrawFn) -> Mutation:
    """Flip, cut, splice, or put a number between two bytes."""
    kind = draw(st.sampled_from(["flip", "cut", "splice", "varint", "word"]))
    at, to = draw(st.integers(0, 1 << 12)), draw(st.integers(0, 1 << 12))
    number = draw(_EDGES)
    word = (number & 0xFFFFFFFF).to_bytes(4, "little")

    def apply(data: bytes) -> bytes:
        begin, end = sorted((at % (len(data) + 1), to % (len(data) + 1)))
        return {
            "flip": data[:begin] + bytes([number & 0xFF]) + data[begin + 1 :],
            "cut": data[:begin] + data[end:],
            "splice": data[:end] + data[begin:],
            "varint": data[:begin] + onnx_files.varint(number) + data[begin:],
            "word": data[:begin] + word + data[begin + 4 :],
        }[kind]

    return apply


MUTATIONS = st.lists(_mutation(), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a mutated file goes."""
    return tmp_path_factory.mktemp("fuzz") / "m"


@settings(max_examples=400)
@given(whole=st.sampled_from(ONNX), mutations=MUTATIONS)
def test_an_onnx_file_is_read_or_refused(
    path: Path, whole: bytes, mutations: list[Mutation]
) -> None:
    """Whatever was done to it."""
    for mutate in mutations:
        whole = mutate(whole)
    path.write_bytes(whole)

    with suppress(BadModel):
        onnx_file.external_files(path)


@settings(max_examples=400)
@given(whole=st.sampled_from(TFLITE), mutations=MUTATIONS)
def test_a_tflite_file_is_read_or_refused(
    path: Path, whole: bytes, mutations: list[Mutation]
) -> None:
    """Whatever was done to it."""
    for mutate in mutations:
        whole = mutate(whole)
    path.write_bytes(whole)

    with suppress(BadModel):
        tflite_file.read(path)
