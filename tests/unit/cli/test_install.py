"""What `install` proposes and shows."""

import io
from pathlib import Path

import pytest

from edged.cli.install import example, suggested, watched
from edged.cli.output import Screen
from edged.wire.release import Image, Input, Signature
from edged.wire.tensors import Datatype


@pytest.mark.parametrize(
    ("file", "name"),
    [("a.onnx", "a"), ("My Net (2).tflite", "my-net--2-"), ("_.onnx", "model")],
)
def test_a_proposed_name_is_a_name(file: str, name: str) -> None:
    """Lower case, no blanks, no dot in front."""
    assert name == suggested(Path(file))


def taken(name: str, **known: object) -> Input:
    """Return an input."""
    return Input(name=name, datatype=Datatype.FP32, shape=(1,), **known)


@pytest.mark.parametrize(
    ("inputs", "word"),
    [
        ((taken("x"),), "INPUT.npy"),
        ((taken("x"), taken("y")), "INPUTS.npz"),
        ((taken("x", image=Image()),), "PICTURE.jpg"),
    ],
)
def test_the_next_step_fits_the_model(inputs: tuple[Input, ...], word: str) -> None:
    """A model for pictures gets a picture."""
    assert word == example(Signature(inputs=inputs, outputs=()))


def test_a_watched_stream_is_unchanged() -> None:
    """Whoever watches takes nothing away."""
    screen = Screen(out=io.StringIO(), err=io.StringIO(), env={})

    assert [b"a", b"", b"bc"] == list(watched(iter([b"a", b"", b"bc"]), screen))
