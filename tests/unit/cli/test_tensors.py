"""Files and streams as tensors."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from edged.cli.exits import Exit, exit_of
from edged.cli.tensors import Format, Source, fitted, format_of, load, read
from edged.errors import InvalidTensor, NoInput
from edged.wire.release import Image, Input
from edged.wire.tensors import Datatype

ONE = (Input(name="x", datatype=Datatype.FP32, shape=(1, 3)),)
TWO = (*ONE, Input(name="y", datatype=Datatype.INT64, shape=(-1,)))
TEXT = (Input(name="t", datatype=Datatype.BYTES, shape=(2,)),)


def source(data: bytes) -> Source:
    """Return bytes as if a person had pointed at them."""
    return Source(name="file", data=data, format=format_of(data))


def npy(array: np.ndarray) -> Source:
    """Return an array as a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return source(file.getvalue())


def npz(**arrays: np.ndarray) -> Source:
    """Return arrays as a .npz file."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return source(file.getvalue())


def png(mode: str = "L") -> Source:
    """Return a small picture."""
    file = io.BytesIO()
    Pillow.new(mode, (2, 2)).save(file, "PNG")
    return source(file.getvalue())


@pytest.mark.parametrize(
    ("found", "is_of"),
    [
        (png(), Format.PICTURE),
        (npy(np.zeros(3)), Format.NPY),
        (npz(x=np.zeros(3)), Format.NPZ),
        (source(b"[1, 2, 3]"), Format.JSON),
        (source(b"\xff\xd8\xff\xe0"), Format.PICTURE),
    ],
)
def test_the_content_tells_the_format(found: Source, is_of: Format) -> None:
    """A name may lie; the first bytes do not."""
    assert is_of is found.format


@pytest.mark.parametrize(
    "found",
    [
        npy(np.array([1.0, 2.0, 3.0])),
        npy(np.array([[1, 2, 3]], dtype=np.int32)),
        npz(x=np.array([1, 2, 3], dtype=np.float32)),
        source(b"[1, 2, 3]"),
        source(b'{"x": [[1, 2, 3]]}'),
        source(
            b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32",'
            b' "data": [1, 2, 3]}]}'
        ),
    ],
)
def test_every_way_to_say_a_tensor_means_the_same(found: Source) -> None:
    """One input, six ways to write it."""
    tensors = read(found, ONE)

    assert [("x", (1, 3), "float32", [[1.0, 2.0, 3.0]])] == [
        (name, array.shape, str(array.dtype), array.tolist())
        for name, array in tensors.items()
    ]


def test_several_inputs_come_by_name() -> None:
    """A .npz has an array for each."""
    tensors = read(npz(x=np.zeros(3), y=np.arange(5, dtype=np.int8)), TWO)

    assert {"x": (1, 3), "y": (5,)} == {n: a.shape for n, a in tensors.items()}


def test_texts_become_bytes() -> None:
    """BYTES inputs take JSON strings."""
    tensors = read(source('["ä", "b"]'.encode()), TEXT)

    assert [b"\xc3\xa4", b"b"] == tensors["t"].tolist()


@pytest.mark.parametrize(
    ("found", "takes", "says"),
    [
        (npy(np.zeros(4)), ONE, "cannot send an array of shape [4] as x: FP32[1,3]"),
        (npy(np.zeros(3)), TWO, "it is one array, and the model takes x: FP32[1,3];"),
        (npz(z=np.zeros(3)), ONE, "it has z; the model takes x: FP32[1,3]"),
        (npy(np.array(["a"])), ONE, "cannot send <U1 values as x"),
        (npy(np.zeros(3)), TEXT, "it takes texts"),
        (npz(x=np.zeros(3), y=np.zeros(5)), TWO, "float64 values as y: INT64[?]"),
        (png(), ONE, "its manifest does not say how a picture becomes an input"),
    ],
)
def test_what_does_not_fit_is_told(
    found: Source, takes: tuple[Input, ...], says: str
) -> None:
    """The error names the input, what it takes and what it got."""
    with pytest.raises(InvalidTensor) as refused:
        read(found, takes)

    assert says in refused.value.message


@pytest.mark.parametrize(
    ("found", "takes", "hint"),
    [
        (
            npy(np.zeros((1, 3, 8, 6))),
            (Input(name="x", datatype=Datatype.FP32, shape=(1, 8, 6, 3)),),
            "the array looks like NCHW: send x.transpose(0, 2, 3, 1), NHWC",
        ),
        (
            npy(np.zeros((8, 6, 3))),
            (Input(name="x", datatype=Datatype.FP32, shape=(3, -1, -1)),),
            "the array looks like HWC: send x.transpose(2, 0, 1), CHW",
        ),
        (npy(np.zeros(4)), ONE, ""),
        (npz(a=np.zeros(3), b=np.zeros(5)), TWO, "name the arrays x, y"),
    ],
)
def test_a_mistake_that_can_be_guessed_has_a_hint(
    found: Source, takes: tuple[Input, ...], hint: str
) -> None:
    """Channels at the other end and wrong names are the usual ones."""
    with pytest.raises(InvalidTensor) as refused:
        read(found, takes)

    assert hint == refused.value.hint


SCALAR = (Input(name="sr", datatype=Datatype.INT64, shape=()),)


@pytest.mark.parametrize(
    "found",
    [npz(sr=np.array(16000)), npy(np.array([16000])), source(b'{"sr": 16000}')],
)
def test_a_scalar_stays_one(found: Source) -> None:
    """silero-vad takes its sampling rate as a tensor without dimensions."""
    tensors = read(found, SCALAR)

    assert {"sr": ((), 16000)} == {
        name: (array.shape, array.item()) for name, array in tensors.items()
    }


def test_two_pictures_in_one_file_are_refused() -> None:
    """A picture fills one input; a model with two needs arrays."""
    image = Image()
    takes = tuple(
        Input(name=n, datatype=Datatype.FP32, shape=(1, 3, 2, 2), image=image)
        for n in "ab"
    )

    with pytest.raises(InvalidTensor, match="more than one picture"):
        read(png("RGB"), takes)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"root:x:0:0",
        b"[1, 2",
        b"[[1], [1, 2]]",
        b"3",
        b'{"inputs": [{"nam": "x"}]}',
        b"\x93NUMPY\x01",
        b"PK\x03\x04rest",
        npy(np.array([None])).data,  # an object array would need pickle
        npy(np.zeros(3)).data[:40],  # a header that breaks off
        b"[" * 3000 + b"]" * 3000,
        b"[" * 3000,
        b'{"x": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_a_broken_file_is_bad_data(data: bytes) -> None:
    """Whatever the bytes are, the error is ours; `edgectl infer` ends with 65."""
    with pytest.raises(InvalidTensor, match=r"cannot (read|use) file") as refused:
        read(source(data), ONE)

    assert Exit.BAD_DATA is exit_of(refused.value)


def test_a_missing_file_is_no_input(tmp_path: Path) -> None:
    """The path and the reason are named."""
    with pytest.raises(NoInput, match="no such file or directory"):
        load(str(tmp_path / "nope.npy"))


@pytest.mark.parametrize(
    ("values", "datatype"),
    [
        ([1.0, 1e300], Datatype.FP32),
        ([1.0, -1e39], Datatype.FP32),
        ([65520.0], Datatype.FP16),
        ([70000], Datatype.FP16),
    ],
)
def test_a_number_too_large_for_the_datatype_is_told(
    values: list[float], datatype: Datatype
) -> None:
    """It would arrive as infinity, and the answer would be nonsense."""
    spec = Input(name="x", datatype=datatype, shape=(-1,))

    with pytest.raises(InvalidTensor) as refused:
        fitted(np.array(values), spec)

    assert f"cannot send {values[-1]:g} as x: {datatype.value}" in refused.value.message


def test_infinity_that_is_meant_is_sent() -> None:
    """So is NaN, and what is only rounded."""
    spec = Input(name="x", datatype=Datatype.FP32, shape=(4,))

    sent = fitted(np.array([np.inf, -np.inf, np.nan, 0.1]), spec)

    assert [np.inf, -np.inf] == sent[:2].tolist()
    assert np.isnan(sent[2])


def test_an_empty_file_is_said_to_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has a name or comes through a pipe whose other end failed."""
    (tmp_path / "x.npy").touch()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))

    for name, said in ((str(tmp_path / "x.npy"), "x.npy"), ("-", "standard input")):
        with pytest.raises(InvalidTensor, match=f"{said}: it is empty") as refused:
            load(name)
        assert Exit.BAD_DATA is exit_of(refused.value)


@pytest.mark.parametrize(("value", "fits"), [(127, True), (128, False)])
def test_integers_must_stand_in_the_datatype(value: int, fits: object) -> None:
    """JSON has int64; a byte input takes what a byte can hold."""
    spec = Input(name="x", datatype=Datatype.INT8, shape=(1,))
    array = np.array([value])

    if fits:
        assert [value] == fitted(array, spec).tolist()
    else:
        with pytest.raises(InvalidTensor):
            fitted(array, spec)
