"""Arrays in files that anybody may have made."""

import io
import struct
import warnings
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import BadBundle
from edged.runtime import npz


def described(text: bytes, *, version: int = 1) -> bytes:
    """Return the head of a .npy around the text that describes its array."""
    return (
        b"\x93NUMPY"
        + bytes((version, 0))
        + struct.pack("<H" if version == 1 else "<I", len(text))
        + text
    )


def headed(shape: object, descr: object = "<f4") -> bytes:
    """Return the head of an array of a shape."""
    return described(
        repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    )


def packed(*members: bytes) -> io.BytesIO:
    """Return a .npz of members, named a, b and so on."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            archive.writestr(f"{chr(97 + number)}.npy", member)
    file.seek(0)
    return file


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="<f4").reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">i8").reshape(2, 3)),
        np.array(["ä", "bc"]),
        np.array([b"a", b"bc"]),
        np.zeros((0, 3), bool),
        np.float64(3.5),
    ],
    ids=["c", "fortran", "unicode", "bytes", "empty", "scalar"],
)
def test_what_numpy_writes_is_read(array: np.ndarray) -> None:
    """Values, shape and dtype, from both kinds of file."""
    alone, several = io.BytesIO(), io.BytesIO()
    np.save(alone, array)
    np.savez_compressed(several, x=array, y=array)

    found = npz.read_npy(alone.getvalue(), "f.npy")

    assert np.array_equal(array, found)
    assert (array.dtype, array.shape) == (found.dtype, found.shape)
    assert np.array_equal(array, npz.read_npz(several, "f.npz")["y"])


@pytest.mark.parametrize(
    "data",
    [
        described(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,"),
        described(b"  x\n y\n"),
        described(b"\0"),
        described(b"(" * 5000),
        described(b"-" * 9000 + b"1"),
        described(b"{'descr': '<f4'"),
        described(b"", version=2),
        described(b"{}", version=2)[:9],
        b"\x93NUMPY\x03\x00",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        headed((-1,)),
        headed((2,)),
        headed((10**30,)),
        headed((0, 10**30)),
        headed((1,) * 70) + bytes(4),
        headed((1,), "foo("),
        headed((1,), []),
        headed((1,), ("<f4",)),
        headed((1,), [("a", "<f4"), ("a", "<f4")]),
        headed((1,), "|O") + bytes(8),
        headed((1,), "<c8") + bytes(8),
        headed((4,), "|S0"),
        headed((1,), "<U1") + b"\xff\xff\xff\xff",
        headed((1,), "<U1") + b"\x00\xd8\x00\x00",
    ],
)
def test_a_hostile_array_is_refused(data: bytes) -> None:
    """Numpy raises nine kinds of exceptions here; one comes out of both readers."""
    for read in (
        lambda: npz.read_npy(data, "f.npy"),
        lambda: npz.read_npz(packed(data), "f.npz"),
    ):
        with pytest.raises(BadBundle, match=r"cannot use f\.np") as caught:
            read()
        assert caught.value.hint


def test_an_encrypted_archive_is_refused() -> None:
    """Zipfile says so by RuntimeError."""
    data = bytearray(packed(headed((1,)) + bytes(4)).getvalue())
    data[data.find(b"PK\x03\x04") + 6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(BadBundle, match="encrypted"):
        npz.read_npz(io.BytesIO(data), "f.npz")


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    """It is refused by its directory, before anything is unpacked."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as member,
    ):
        for _ in range(npz.MAX_BYTES // 2**20 + 1):
            member.write(bytes(2**20))

    with pytest.raises(BadBundle, match=f"the limit is {npz.MAX_BYTES}"):
        npz.read_npz(file, "f.npz")


def test_an_array_that_claims_more_than_it_may_have_is_refused() -> None:
    """A header of a terabyte over four bytes is no allocation."""
    with pytest.raises(BadBundle, match="an array takes 1099511627776 bytes"):
        npz.read_npz(packed(headed((2**38,)) + bytes(4)), "f.npz")


def test_many_tiny_texts_count_as_the_objects_they_become() -> None:
    """Eight million texts of one byte are half a gigabyte in memory."""
    with pytest.raises(BadBundle, match="the limit is"):
        npz.read_npz(packed(headed((2**23,), "|S1") + bytes(2**23)), "f.npz")


def test_arrays_are_counted_together() -> None:
    """Each within the limit, and one too many: claims cost nothing."""
    most = headed((npz.MAX_BYTES - 4,), "|u1")
    with pytest.raises(BadBundle, match="an array takes"):
        npz.read_npz(packed(headed((2,)) + bytes(8), most), "f.npz")


def test_an_archive_of_too_many_arrays_is_refused() -> None:
    """By its directory too."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(npz.MAX_ARRAYS + 1):
            archive.writestr(str(number), b"")

    with pytest.raises(BadBundle, match="it holds 1001 arrays"):
        npz.read_npz(file, "f.npz")


LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.sampled_from(["<f4", "|S0", "<U1", "|O", "<M8[s]", "foo(", "V8", ">i2,<f4"])
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
DESCRIPTIONS = st.binary(max_size=60) | st.builds(
    lambda descr, order, shape: repr(
        {"descr": descr, "fortran_order": order, "shape": shape}
    ).encode("utf-8", "surrogatepass"),
    st.sampled_from(["<f4", "|u1", "<U2", "|S3", "|b1"]) | LITERALS,
    st.booleans() | LITERALS,
    st.lists(st.integers(-1, 5), max_size=3).map(tuple) | LITERALS,
)


@given(text=DESCRIPTIONS, version=st.integers(1, 2), body=st.binary(max_size=64))
def test_no_header_does_more_than_raise_bad_bundle(
    text: bytes, version: int, body: bytes
) -> None:
    """Whatever describes the array, and whatever follows."""
    data = described(text, version=version) + body

    size = 0
    with warnings.catch_warnings(), suppress(BadBundle):
        warnings.simplefilter("ignore")  # numpy's, about headers of Python 2
        size = npz.read_npy(data, "f.npy").nbytes

    assert size <= len(body)
