"""Datatypes, shapes and tensor descriptions of the Open Inference Protocol.

Law: no numpy here; a name of a numpy type is enough to describe one.
Source: kserve/open-inference-protocol, inference_rest.md, "Tensor Data Types".
"""

import enum

import msgspec


class Datatype(enum.Enum):
    """A tensor element's type, by its protocol name.

    BYTES has no fixed size: each element is a 32-bit little-endian length and then
    that many bytes.
    """

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    @property
    def numpy_name(self) -> str:
        """Name of the little-endian numpy dtype; `object` for BYTES."""
        return _NUMPY[self]

    @property
    def item_bytes(self) -> int | None:
        """Bytes of one element; None for BYTES."""
        return None if self is Datatype.BYTES else int(_NUMPY[self][-1])

    @property
    def is_float(self) -> bool:
        """Whether values are floating-point."""
        return self in {Datatype.FP16, Datatype.FP32, Datatype.FP64}


_NUMPY = {
    Datatype.BOOL: "|b1",
    Datatype.UINT8: "|u1",
    Datatype.UINT16: "<u2",
    Datatype.UINT32: "<u4",
    Datatype.UINT64: "<u8",
    Datatype.INT8: "|i1",
    Datatype.INT16: "<i2",
    Datatype.INT32: "<i4",
    Datatype.INT64: "<i8",
    Datatype.FP16: "<f2",
    Datatype.FP32: "<f4",
    Datatype.FP64: "<f8",
    Datatype.BYTES: "object",
}

#: A free dimension, as OIP metadata writes it.
FREE = -1

Shape = tuple[int, ...]


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One input or output: its name, datatype and shape (-1 for a free dimension)."""

    name: str
    datatype: Datatype
    shape: Shape

    def admits(self, shape: Shape) -> bool:
        """Tell whether a tensor of this concrete shape fits."""
        return len(shape) == len(self.shape) and all(
            want in (FREE, got) for want, got in zip(self.shape, shape, strict=True)
        )

    def __str__(self) -> str:
        dims = ",".join("?" if dim == FREE else str(dim) for dim in self.shape)
        return f"{self.name}: {self.datatype.value}[{dims}]"
