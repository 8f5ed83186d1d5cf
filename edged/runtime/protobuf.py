"""The fields of a protobuf message, without a schema.

Law: reads in place through a memory map, bounded in the number of fields for the
whole file; never copies, never recurses. What protobuf's own parsers refuse is
refused here too: what they would read in another way must not pass for something
harmless (a tag of more than 32 bits, which they cut).
Source: protobuf.dev "Encoding"; google/protobuf/parse_context.h.
"""

import enum
from collections.abc import Iterator

from edged.errors import BadModel

#: Fields looked at. An 8,000-node language model has 200,000, a forest of a hundred
#: trees with a thousand nodes each 900,000: ONNX does not pack its attributes.
MAX_FIELDS = 4_000_000

COPY_AGAIN = "copy it again and compare its sha256 with the original's"

_VARINT_MAX_BYTES = 10
_TAG_END = 1 << 32
_WORD = (1 << 64) - 1

#: Field number, wire type, and where its value begins and ends; of a varint, the
#: value itself and where it ends.
Field = tuple[int, int, int, int]


class Wire(enum.IntEnum):
    """How a value is written."""

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5


# An enum's attribute costs more than all else that is done for a field.
_VARINT, _FIXED64, _LENGTH, _FIXED32 = map(int, Wire)


class Fields:
    """The fields of one file."""

    def __init__(self, name: str, data: memoryview) -> None:
        """Begin.

        Args:
            name: what the file is called in sentences.
            data: all of it.
        """
        self._name = name
        self._data = data
        self._left = MAX_FIELDS

    def __len__(self) -> int:
        return len(self._data)

    def split(self, start: int, end: int) -> Iterator[Field]:
        """Yield every field of a message that lies in a range.

        Raises:
            BadModel: it breaks off, is no message, or the file has too many fields.
        """
        data = self._data
        while start < end:
            self.spend(1)
            tag = data[start]
            if tag < 0x80:  # noqa: PLR2004  # the continuation bit
                start += 1
            else:
                tag, start = self._varint(start, end)
            number, wire = tag >> 3, tag & 7
            if wire == _LENGTH:
                length, begin = self._varint(start, end)
                stop = begin + length
            elif wire == _VARINT:
                begin, stop = self._varint(start, end)
            elif wire in (_FIXED32, _FIXED64):
                begin = start
                stop = start + (4 if wire == _FIXED32 else 8)
            else:
                raise self.damaged(f"byte {start} is no field of a model")
            if number == 0 or tag >= _TAG_END or stop > end:
                raise self.damaged(f"it breaks off at byte {start}")
            yield number, wire, begin, stop
            start = stop

    def packed(self, start: int, end: int) -> Iterator[int]:
        """Yield the varints of a packed field; each counts as a field.

        Raises:
            BadModel: it breaks off, or the file has too many fields.
        """
        while start < end:
            self.spend(1)
            value, start = self._varint(start, end)
            yield value

    def raw(self, start: int, end: int) -> bytes:
        """Copy a short value."""
        return bytes(self._data[start:end])

    def spend(self, steps: int) -> None:
        """Count work as fields.

        Raises:
            BadModel: it was the last straw.
        """
        self._left -= steps
        if self._left < 0:
            raise self.damaged(f"it has more than {MAX_FIELDS} fields")

    def damaged(self, why: str) -> BadModel:
        """Make the error for a file that is no whole one."""
        return BadModel(
            f"cannot load {self._name}: not a whole ONNX file: {why}", hint=COPY_AGAIN
        )

    def refused(self, why: str, hint: str) -> BadModel:
        """Make the error for a whole file that is not taken."""
        return BadModel(f"cannot load {self._name}: {why}", hint=hint)

    def _varint(self, start: int, end: int) -> tuple[int, int]:
        value = 0
        for index in range(start, min(end, start + _VARINT_MAX_BYTES)):
            byte = self._data[index]
            value |= (byte & 0x7F) << 7 * (index - start)
            if byte < 0x80:  # noqa: PLR2004  # the continuation bit
                return value & _WORD, index + 1
        raise self.damaged(f"it breaks off at byte {start}")
