"""Raw answers of the scripted socket are HTTP."""

from edged.client.http import SCRATCH_BYTES, Reader
from tests.fakes.wire import raw_answer


def test_a_raw_answer_is_read_as_one() -> None:
    """Tests that use it test the client, not the fake."""
    raw = raw_answer(b"abc", head="X: 1\r\n")
    reader = Reader(memoryview(bytearray(SCRATCH_BYTES)))

    reader.buffer()[: len(raw)] = raw
    reader.received(len(raw))

    assert reader.answer is not None
    assert (200, b"abc", "1") == (
        reader.answer.status,
        bytes(reader.answer.body),
        reader.answer.headers["x"],
    )
