"""A variant behind a signature."""

import numpy as np
import pytest

from edged.errors import BadModel
from edged.runtime.base import Quantization
from edged.runtime.convert import adapt
from edged.wire.release import (
    BackendName,
    Image,
    Input,
    Layout,
    Output,
    Signature,
    TensorIO,
    Variant,
)
from edged.wire.tensors import Datatype, Shape, TensorSpec
from tests.fakes.loaded import FakeLoaded

FP32, INT8, UINT8 = Datatype.FP32, Datatype.INT8, Datatype.UINT8


def spec(name: str, datatype: Datatype, *shape: int) -> TensorSpec:
    """Describe a tensor of a file."""
    return TensorSpec(name=name, datatype=datatype, shape=shape)


def signature(
    inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> Signature:
    """Describe a release with these tensors."""
    return Signature(
        inputs=tuple(
            Input(name=s.name, datatype=s.datatype, shape=s.shape) for s in inputs
        ),
        outputs=tuple(
            Output(name=s.name, datatype=s.datatype, shape=s.shape) for s in outputs
        ),
    )


def variant(**io: TensorIO) -> Variant:
    """Describe a variant."""
    return Variant(id="v", backend=BackendName.ONNX, file="m.onnx", io=io)


def fake(
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    *,
    quantization: dict[str, Quantization] | None = None,
    answer: object = 0,
) -> FakeLoaded:
    """Load nothing; every output is `answer` broadcast to its shape (free is 1)."""

    def full(output: TensorSpec) -> np.ndarray:
        shape: Shape = tuple(1 if dim < 0 else dim for dim in output.shape)
        return np.broadcast_to(
            np.array(answer, output.datatype.numpy_name), shape
        ).copy()

    answers = {output.name: full(output) for output in outputs}
    return FakeLoaded(inputs, outputs, answers=answers, quantization=quantization)


def test_a_file_that_speaks_the_signature_gets_the_callers_own_arrays() -> None:
    """Nothing is copied on the way in or out."""
    x, y = spec("x", FP32, 1, 4), spec("y", FP32, 1, 2)
    loaded = fake((x,), (y,))
    feeds = {"x": np.zeros((1, 4), np.float32)}

    adapted = adapt(loaded, signature((x,), (y,)), variant())
    answers = adapted.run(feeds, ("y",))

    assert repr(adapted).endswith("straight")
    assert loaded.fed[0]["x"] is feeds["x"]
    assert answers["y"] is loaded.run({}, ("y",))["y"]


def test_targets_reach_the_file_by_its_own_names() -> None:
    """An output that is passed on as it is may be computed where it is wanted."""
    loaded = fake((spec("serving:0", FP32, 1),), (spec("call:0", FP32, 1),))
    sig = signature((spec("x", FP32, 1),), (spec("y", FP32, 1),))
    feeds, target = {"x": np.zeros(1, np.float32)}, np.zeros(1, np.float32)

    adapt(loaded, sig, variant()).run(feeds, ("y",), {"y": target})

    assert loaded.into[0]["call:0"] is target


def test_an_output_that_is_converted_is_fresh() -> None:
    """The file's own tensor is of another dtype than the caller's memory."""
    loaded = fake((spec("x", FP32, 1),), (spec("y", Datatype.FP64, 1),), answer=3)
    sig = signature((spec("x", FP32, 1),), (spec("y", FP32, 1),))
    feeds, target = {"x": np.zeros(1, np.float32)}, np.zeros(1, np.float32)

    answer = adapt(loaded, sig, variant()).run(feeds, ("y",), {"y": target})["y"]

    assert ({}, [3.0]) == (loaded.into[0], answer.tolist())
    assert not target.any()


def test_an_only_tensor_needs_no_name() -> None:
    """One input and one output find each other under any names."""
    loaded = fake((spec("serving:0", FP32, 1),), (spec("call:0", FP32, 1),), answer=3)
    sig = signature((spec("x", FP32, 1),), (spec("y", FP32, 1),))

    answers = adapt(loaded, sig, variant()).run({"x": np.zeros(1, np.float32)}, ("y",))

    assert list(loaded.fed[0]) == ["serving:0"]
    assert answers["y"].tolist() == [3]


def test_io_names_a_tensor_of_the_file() -> None:
    """`io.x.tensor` wins over everything."""
    loaded = fake((spec("a", FP32, 1), spec("b", FP32, 1)), (spec("y", FP32, 1),))
    sig = signature((spec("x", FP32, 1), spec("a", FP32, 1)), (spec("y", FP32, 1),))
    feeds = {"x": np.float32([1]), "a": np.float32([2])}

    adapt(loaded, sig, variant(x=TensorIO(tensor="b"))).run(feeds, ("y",))

    assert loaded.fed[0] == {"b": np.float32([1]), "a": np.float32([2])}


def test_floats_reach_an_int8_nhwc_file_and_come_back() -> None:
    """A caller sends FP32 NCHW and cannot tell."""
    x = spec("x", FP32, 1, 2, 1, 3)
    loaded = fake(
        (spec("x", INT8, 1, 1, 3, 2),),
        (spec("y", INT8, 1, 2),),
        quantization={
            "x": Quantization(scale=0.5, zero_point=1),
            "y": Quantization(scale=0.25, zero_point=-128),
        },
        answer=-124,
    )
    sig = signature((x,), (spec("y", FP32, 1, 2),))
    sent = np.arange(6, dtype=np.float32).reshape(1, 2, 1, 3)

    answers = adapt(loaded, sig, variant(x=TensorIO(layout=Layout.NHWC))).run(
        {"x": sent}, ("y",)
    )

    fed = loaded.fed[0]["x"]
    assert (fed.dtype, fed.tolist()) == (np.int8, [[[[1, 7], [3, 9], [5, 11]]]])
    assert (answers["y"].dtype, answers["y"].tolist()) == (np.float32, [[1.0, 1.0]])


def test_the_manifests_scale_wins_over_the_files() -> None:
    """A file whose own parameters are wrong can be put right in `io`."""
    loaded = fake(
        (spec("x", UINT8, 1),),
        (spec("y", FP32, 1),),
        quantization={"x": Quantization(scale=9.0, zero_point=9)},
    )
    sig = signature((spec("x", FP32, 1),), (spec("y", FP32, 1),))

    adapt(loaded, sig, variant(x=TensorIO(scale=2.0, zero_point=1))).run(
        {"x": np.float32([8])}, ("y",)
    )

    assert loaded.fed[0]["x"].tolist() == [5]


def test_stored_integers_pass_as_they_are() -> None:
    """An INT8 signature over an int8 file means the file's own numbers."""
    x, y = spec("x", INT8, 2), spec("y", INT8, 2)
    loaded = fake((x,), (y,), quantization={"x": Quantization(scale=0.5, zero_point=3)})
    sent = np.int8([1, 2])

    adapt(loaded, signature((x,), (y,)), variant()).run({"x": sent}, ("y",))

    assert loaded.fed[0]["x"] is sent


def test_integers_widen() -> None:
    """int32 class ids answer an INT64 signature; INT8 feeds an int32 file."""
    loaded = fake((spec("x", Datatype.INT32, 1),), (spec("y", Datatype.INT32, 1),))
    sig = signature((spec("x", INT8, 1),), (spec("y", Datatype.INT64, 1),))

    answers = adapt(loaded, sig, variant()).run({"x": np.int8([5])}, ("y",))

    assert loaded.fed[0]["x"].dtype == np.int32
    assert answers["y"].dtype == np.int64


def test_floats_of_another_width_are_cast() -> None:
    """A half-precision file serves an FP32 signature."""
    loaded = fake((spec("x", Datatype.FP16, 1),), (spec("y", Datatype.FP16, 1),))
    sig = signature((spec("x", FP32, 1),), (spec("y", FP32, 1),))

    answers = adapt(loaded, sig, variant()).run({"x": np.float32([1e9])}, ("y",))

    assert loaded.fed[0]["x"].tolist() == [np.inf]
    assert answers["y"].dtype == np.float32


def test_a_signature_that_has_the_layout_already_is_not_transposed() -> None:
    """`io.layout` equal to `image.layout` asks for nothing."""
    x = spec("x", FP32, 1, 2, 2, 3)
    loaded = fake((x,), (spec("y", FP32, 1),))
    sig = Signature(
        inputs=(
            Input(
                name="x", datatype=FP32, shape=x.shape, image=Image(layout=Layout.NHWC)
            ),
        ),
        outputs=(Output(name="y", datatype=FP32, shape=(1,)),),
    )
    sent = np.zeros(x.shape, np.float32)

    adapt(loaded, sig, variant(x=TensorIO(layout=Layout.NHWC))).run({"x": sent}, ("y",))

    assert loaded.fed[0]["x"] is sent


def test_an_output_shape_that_the_file_leaves_open_is_checked() -> None:
    """A free dimension that turns out wrong is the manifest's lie, not an answer."""
    loaded = fake((spec("x", FP32, 1),), (spec("y", FP32, 1, -1),))
    sig = signature((spec("x", FP32, 1),), (spec("y", FP32, 1, 10),))

    with pytest.raises(BadModel, match=r"the file made it \[1, 1\]"):
        adapt(loaded, sig, variant()).run({"x": np.zeros(1, np.float32)}, ("y",))


X, Y = spec("x", FP32, 1, 4), spec("y", FP32, 1, 2)


@pytest.mark.parametrize(
    ("inputs", "outputs", "io", "why"),
    [
        ((spec("x", FP32, 1, 5),), (Y,), {}, "dimension 1 is 5, not 4"),
        ((spec("x", FP32, 1, 4, 1),), (Y,), {}, "3 dimensions instead of 2"),
        ((X,), (spec("y", FP32, 1, 3),), {}, "dimension 1 is 3, not 2"),
        ((spec("x", INT8, 1, 4),), (Y,), {}, "carries no quantisation"),
        ((spec("x", Datatype.BYTES, 1, 4),), (Y,), {}, "FP32 does not fit into BYTES"),
        ((spec("x", Datatype.BOOL, 1, 4),), (Y,), {}, "FP32 does not fit into BOOL"),
        ((X, spec("z", FP32, 1)), (Y,), {}, "also wants input z"),
        ((spec("a", FP32, 1), spec("b", FP32, 1)), (Y,), {}, "no input 'x'"),
        ((X,), (Y,), {"x": TensorIO(tensor="q")}, "no input 'q': it has 'x'"),
        ((X,), (Y,), {"x": TensorIO(scale=1.0)}, "float signature and an integer"),
        ((X,), (Y,), {"x": TensorIO(layout=Layout.NHWC)}, "of 4 dimensions"),
        (
            (spec("x", INT8, 1, 4),),
            (Y,),
            {"x": TensorIO(zero_point=1)},
            "zero_point needs a scale",
        ),
        (
            (spec("x", Datatype.INT64, 1, 4),),
            (Y,),
            {"x": TensorIO(scale=1.0)},
            "64 bits",
        ),
    ],
)
def test_a_manifest_that_lies_is_told_the_difference(
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    io: dict[str, TensorIO],
    why: str,
) -> None:
    """Each difference is a sentence that names both sides."""
    with pytest.raises(BadModel) as caught:
        adapt(fake(inputs, outputs), signature((X,), (Y,)), variant(**io))

    assert why in caught.value.message
    assert caught.value.message.startswith("cannot serve the signature with m.onnx")


def test_every_difference_is_told_at_once() -> None:
    """A publisher repairs a manifest in one go."""
    loaded = fake((spec("x", FP32, 1, 5),), (spec("y", FP32, 1, 9),))

    with pytest.raises(BadModel) as caught:
        adapt(loaded, signature((X,), (Y,)), variant())

    assert len(caught.value.fields["differences"]) == 2


def test_a_fixed_batch_cannot_serve_a_free_one() -> None:
    """The signature may promise less than the file, never more."""
    free = spec("x", FP32, -1, 4)

    with pytest.raises(BadModel, match="dimension 0 is always 1, not free"):
        adapt(fake((X,), (Y,)), signature((free,), (Y,)), variant())


def test_reset_and_close_reach_the_file() -> None:
    """The adapter owns what it adapts."""
    loaded = fake((X,), (Y,))
    adapted = adapt(loaded, signature((X,), (Y,)), variant())

    adapted.reset()
    adapted.close()

    assert (1, True) == (loaded.resets, loaded.closed)
