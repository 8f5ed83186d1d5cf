"""Blocks that refuse and lose do so as they are told."""

import errno
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from tests.fakes.blocks import FailingBlocks, Fate, opened
from tests.fakes.chunks import chunked, content, piece, unindexed


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        (Fate.KEPT, b"1111NEWNEW"),
        (Fate.LOST, b"1111000000"),
        (Fate.TORN, b"1111NEW000"),
        (Fate.GARBAGE, b"1111\xa5\xa5\xa5\xa5\xa5\xa5"),
    ],
)
def test_a_cut_spares_what_was_synced(
    tmp_path: Path, fate: Fate, expected: bytes
) -> None:
    """And does to the rest what the test asks for."""
    path = tmp_path / "f"
    path.write_bytes(b"0000000000")
    blocks = FailingBlocks(path, 10)
    blocks.write(0, b"1111")
    blocks.sync()
    blocks.write(4, b"NEWNEW")

    count = blocks.lose([fate])

    assert 1 == count
    assert expected == path.read_bytes()


@pytest.mark.parametrize("verb", ["write", "read", "sync"])
def test_a_verb_can_refuse(tmp_path: Path, verb: str) -> None:
    """With the number that the kernel would give."""
    made: list[FailingBlocks] = []
    blocks = opened(made)(tmp_path / "f", 10)
    made[0].fails[verb] = OSError(errno.EIO, "io")

    with pytest.raises(StoreFailed) as caught:
        {
            "write": lambda: blocks.write(0, b"x"),
            "read": lambda: blocks.read(0, 1),
            "sync": blocks.sync,
        }[verb]()
    blocks.close()

    assert errno.EIO == caught.value.fields["errno"]


def test_a_verb_can_refuse_later(tmp_path: Path) -> None:
    """After so many times; and from then on."""
    blocks = FailingBlocks(tmp_path / "f", 10)
    blocks.fails["sync"] = OSError(errno.EIO, "io")
    blocks.after = 2

    blocks.sync()
    blocks.sync()
    for _ in range(2):
        with pytest.raises(StoreFailed):
            blocks.sync()
    blocks.close()

    assert 2 == blocks.synced


def test_an_index_is_of_its_file() -> None:
    """Every chunk has its hash, the last one is short."""
    data = content(600_000)

    want = chunked(data)

    assert 3 == len(want.chunks)
    assert data == b"".join(piece(data, n) for n in range(3))
    assert (want.sha256, 600_000, ()) == (
        unindexed(data).sha256,
        unindexed(data).size,
        unindexed(data).chunks,
    )
    assert data == content(600_000) != content(600_000, seed=1)
