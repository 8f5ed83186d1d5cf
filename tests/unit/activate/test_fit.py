"""May a release replace what is live."""

import msgspec
import pytest

from edged.activate.fit import check_box, check_replaces
from edged.errors import BadBundle, Downgrade, SignatureChanged
from edged.wire.release import (
    BackendName,
    Input,
    Manifest,
    Needs,
    Output,
    Signature,
    Variant,
)
from edged.wire.tensors import Datatype

IMAGE = Input(name="image", datatype=Datatype.FP32, shape=(1, 1, 8, 8))
SCORES = Output(name="scores", datatype=Datatype.FP32, shape=(1, 10))
LIVE = Manifest(
    name="digits",
    version="1.4.0",
    seq=14,
    signature=Signature(inputs=(IMAGE,), outputs=(SCORES,)),
    variants=(Variant(id="fp32", backend=BackendName.ONNX, file="m.onnx"),),
    files={},
)


def changed(**what: object) -> Manifest:
    """Return the live manifest with other parts."""
    return msgspec.structs.replace(LIVE, **what)


def test_the_first_release_of_a_name_replaces_nothing() -> None:
    """There is nobody to surprise."""
    check_replaces(LIVE, None, new_signature=False, downgrade=False)


def test_labels_are_no_part_of_what_callers_see_change() -> None:
    """A new label file under the same names, types and shapes is no new signature."""
    labelled = msgspec.structs.replace(SCORES, labels="labels.txt")
    candidate = changed(
        seq=15, signature=Signature(inputs=(IMAGE,), outputs=(labelled,))
    )

    check_replaces(candidate, LIVE, new_signature=False, downgrade=False)


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        ((), (SCORES,), "input image: FP32[1,1,8,8] is gone"),
        (
            (IMAGE,),
            (msgspec.structs.replace(SCORES, shape=(1, 11)),),
            "output scores: FP32[1,10] becomes FP32[1,11]",
        ),
        (
            (IMAGE, msgspec.structs.replace(IMAGE, name="mask")),
            (SCORES,),
            "input mask: FP32[1,1,8,8] is new",
        ),
    ],
)
def test_another_signature_is_refused_with_the_difference(
    inputs: tuple[Input, ...], outputs: tuple[Output, ...], says: str
) -> None:
    """Unless somebody says that the callers know."""
    candidate = changed(seq=15, signature=Signature(inputs=inputs, outputs=outputs))

    with pytest.raises(SignatureChanged) as caught:
        check_replaces(candidate, LIVE, new_signature=False, downgrade=False)
    check_replaces(candidate, LIVE, new_signature=True, downgrade=False)

    assert says in caught.value.message
    assert "--new-signature" in caught.value.hint


def test_another_order_of_inputs_is_a_difference() -> None:
    """Clients that send by position would be wrong."""
    other = msgspec.structs.replace(IMAGE, name="mask")
    live = changed(signature=Signature(inputs=(IMAGE, other), outputs=(SCORES,)))
    candidate = changed(signature=Signature(inputs=(other, IMAGE), outputs=(SCORES,)))

    with pytest.raises(SignatureChanged, match="another order: mask, image"):
        check_replaces(candidate, live, new_signature=False, downgrade=False)


def test_an_older_seq_needs_a_word() -> None:
    """A downgrade is never an accident."""
    candidate = changed(seq=13)

    with pytest.raises(Downgrade):
        check_replaces(candidate, LIVE, new_signature=False, downgrade=False)
    check_replaces(candidate, LIVE, new_signature=False, downgrade=True)


def test_a_release_for_another_cpu_is_refused() -> None:
    """The sentence names both."""
    candidate = changed(needs=Needs(arch=("aarch64",)))

    with pytest.raises(BadBundle, match="for aarch64, this box is x86_64"):
        check_box(candidate, arch="x86_64", edged="0.1.0")
    check_box(candidate, arch="aarch64", edged="0.1.0")


@pytest.mark.parametrize(
    ("needs", "edged"),
    [
        (">=0.2", "0.1.9"),
        (">=0.10", "0.9.0"),
        (">0.1", "0.1.0"),
        (">=0.1, <2", "2.0.0"),
        ("==1.0", "1.0.1"),
        ("!=1.0", "1.0.0"),
        ("<=1.0", "1.0.1"),
    ],
)
def test_a_release_for_another_edged_is_refused(needs: str, edged: str) -> None:
    """Versions compare by number."""
    with pytest.raises(BadBundle, match="needs edged"):
        check_box(changed(needs=Needs(edged=needs)), arch="x86_64", edged=edged)


@pytest.mark.parametrize("needs", [">=0.1", ">=0.1, <2", "==0.1", "<0.2,!=0.0.9"])
def test_a_release_for_this_edged_fits(needs: str) -> None:
    """Every bound must hold."""
    check_box(changed(needs=Needs(edged=needs)), arch="x86_64", edged="0.1.0")
