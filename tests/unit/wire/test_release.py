"""What a manifest says, as values."""

import msgspec

from edged.wire.release import Input, Output, Signature, differences, dims_text
from edged.wire.tensors import Datatype

X = Input(name="x", datatype=Datatype.FP32, shape=(-1, 3))
Y = Output(name="y", datatype=Datatype.FP32, shape=(-1, 2))
BOTH = Signature(inputs=(X,), outputs=(Y,))


def test_equal_signatures_have_no_differences() -> None:
    """Also when one of them has labels: callers do not see these change."""
    labelled = msgspec.structs.replace(Y, labels="labels.txt", range=(0.0, 1.0))

    assert differences(BOTH, Signature(inputs=(X,), outputs=(labelled,))) == []


def test_each_difference_is_one_sentence() -> None:
    """Gone, new and changed, inputs before outputs."""
    wide = msgspec.structs.replace(Y, shape=(-1, 3))
    z = msgspec.structs.replace(X, name="z")

    found = differences(BOTH, Signature(inputs=(z,), outputs=(wide,)))

    assert found == [
        "input x: FP32[?,3] is gone",
        "input z: FP32[?,3] is new",
        "output y: FP32[?,2] becomes FP32[?,3]",
    ]


def test_another_order_is_a_difference_of_its_kind_alone() -> None:
    """Outputs in another order are told, also beside a changed input."""
    z = msgspec.structs.replace(Y, name="z")
    wide = msgspec.structs.replace(X, shape=(-1, 4))

    found = differences(
        Signature(inputs=(X,), outputs=(Y, z)),
        Signature(inputs=(wide,), outputs=(z, Y)),
    )

    assert found == [
        "input x: FP32[?,3] becomes FP32[?,4]",
        "outputs stand in another order: z, y",
    ]


def test_shapes_are_written_as_people_read_them() -> None:
    """A free dimension is a question mark, no dimension a scalar."""
    assert [dims_text(s) for s in ((1, 3), (-1, 3), ())] == ["1x3", "?x3", "scalar"]
