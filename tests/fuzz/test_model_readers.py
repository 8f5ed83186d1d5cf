"""Mutations of whole model files: a reader returns or says `BadModel`, nothing else.

Law: small files, a bounded number of fields and tables, so that each case is short.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data import onnx_files
from tests.fuzz.models import ONNX, TFLITE, check

Mutation = Callable[[bytes], bytes]

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


@settings(max_examples=800)
@given(whole=st.sampled_from((*ONNX, *TFLITE)), mutations=MUTATIONS)
def test_a_model_file_is_read_or_refused(
    path: Path, whole: bytes, mutations: list[Mutation]
) -> None:
    """Whatever was done to it."""
    for mutate in mutations:
        whole = mutate(whole)

    check(whole, path)
