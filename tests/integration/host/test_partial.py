"""A file in pieces, over many lives: killed, cut off, damaged, refused."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edged.errors import StoreFailed
from edged.host.blocks import DiskBlocks
from edged.host.files import DiskFiles, Site
from edged.host.partial import LARGEST, Part
from edged.wire.listing import CHUNK_BYTES, Chunked
from tests.fakes.blocks import FailingBlocks, Fate, opened
from tests.fakes.chunks import chunked, content, piece, unindexed
from tests.fakes.files import PowerCut, RecordingFiles

DATA = content(3 * CHUNK_BYTES + 1000)
WANT = chunked(DATA)
ROOT = Path(__file__).resolve().parents[3]


def part_in(folder: Path, want: Chunked = WANT) -> Part:
    """Open a part on the real disk."""
    return Part(folder, want, DiskFiles())


def fill(part: Part, *indices: int) -> None:
    """Write chunks and keep them."""
    for index in indices:
        assert part.write(index, piece(DATA, index))
    part.flush()


def test_a_part_fills_in_any_order(tmp_path: Path) -> None:
    """When every chunk is kept it is the file, byte for byte."""
    part = part_in(tmp_path)

    fill(part, 3, 0, 2, 1)

    assert part.whole()
    assert part.verify()
    assert DATA == part.path.read_bytes()
    assert f"<Part {WANT.sha256[:12]}: {len(DATA)} of {len(DATA)} bytes kept>" == repr(
        part
    )
    part.close()


def test_a_wrong_chunk_changes_nothing(tmp_path: Path) -> None:
    """Another one's bytes, too few and too many are refused."""
    part = part_in(tmp_path)

    taken = [
        part.write(0, piece(DATA, 1)),
        part.write(0, piece(DATA, 0)[:-1]),
        part.write(3, piece(DATA, 3) + b"\0"),
    ]

    assert [False, False, False] == taken
    assert 0 == part.flush()
    assert [0, 1, 2, 3] == list(part.missing())
    assert bytes(len(DATA)) == part.path.read_bytes()
    part.close()


def test_only_a_flush_keeps(tmp_path: Path) -> None:
    """What was written is there for now; another life finds what was flushed."""
    part = part_in(tmp_path)
    fill(part, 1)

    part.write(2, piece(DATA, 2))
    now = list(part.missing()), part.kept_bytes, part.unsynced_bytes, part.whole()
    part.close()
    again = part_in(tmp_path)

    assert ([0, 3], CHUNK_BYTES, CHUNK_BYTES, False) == now
    assert [0, 2, 3] == list(again.missing())
    assert CHUNK_BYTES == again.kept_bytes
    again.close()


def test_a_chunk_counts_once(tmp_path: Path) -> None:
    """Written twice, it is kept once."""
    part = part_in(tmp_path)
    fill(part, 0)

    part.write(0, piece(DATA, 0))
    part.write(3, piece(DATA, 3))

    assert 1000 == part.flush()
    assert CHUNK_BYTES + 1000 == part.kept_bytes
    part.close()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda map_: map_[: len(map_) // 2], id="torn"),
        pytest.param(lambda map_: bytes(len(map_)), id="zeros"),
        pytest.param(
            lambda map_: map_.replace(b'"kept":"05"', b'"kept":"0f"'), id="bit"
        ),
        pytest.param(lambda _: None, id="gone"),
    ],
)
def test_a_damaged_map_is_made_again_from_the_bytes(
    tmp_path: Path, damage: Callable[[bytes], bytes | None]
) -> None:
    """Nothing that is right is fetched twice, nothing that is wrong is believed."""
    part = part_in(tmp_path)
    fill(part, 0, 2)
    part.close()
    map_ = tmp_path / f"{WANT.sha256}.map"
    damaged = damage(map_.read_bytes())
    map_.unlink()
    if damaged is not None:
        map_.write_bytes(damaged)

    again = part_in(tmp_path)

    assert [1, 3] == list(again.missing())
    again.close()


def test_what_was_read_again_is_synced_before_it_is_claimed(tmp_path: Path) -> None:
    """It may have been in memory alone when the process before was killed."""
    part = part_in(tmp_path)
    fill(part, 0)
    part.close()
    (tmp_path / f"{WANT.sha256}.map").unlink()
    made: list[FailingBlocks] = []

    Part(tmp_path, WANT, DiskFiles(), opened(made)).close()

    assert 1 == made[0].synced


def test_a_map_without_its_part_is_not_believed(tmp_path: Path) -> None:
    """The bytes are gone: all of them are missing."""
    part = part_in(tmp_path)
    fill(part, 0)
    part.close()
    part.path.unlink()

    again = part_in(tmp_path)

    assert [0, 1, 2, 3] == list(again.missing())
    again.close()


def test_a_part_of_another_size_is_read_again(tmp_path: Path) -> None:
    """Cut off behind our back: what is still there counts, the rest is missing."""
    part = part_in(tmp_path)
    fill(part, 0, 1)
    part.close()
    os.truncate(part.path, CHUNK_BYTES + 10)

    again = part_in(tmp_path)

    assert [1, 2, 3] == list(again.missing())
    assert len(DATA) == again.path.stat().st_size
    again.close()


def test_another_file_of_the_same_name_is_dropped(tmp_path: Path) -> None:
    """An index that said another size was a lie, or this one is."""
    part = part_in(tmp_path)
    fill(part, 0)
    part.close()
    other = Chunked(sha256=WANT.sha256, size=10, chunks=WANT.chunks[:1])

    again = part_in(tmp_path, other)

    assert [0] == list(again.missing())
    assert bytes(10) == again.path.read_bytes()
    again.close()


def test_an_empty_file_is_whole_from_the_start(tmp_path: Path) -> None:
    """It has no chunk."""
    part = part_in(tmp_path, chunked(b""))

    assert part.whole()
    assert part.verify()
    part.close()


def test_verify_forgets_what_went_bad(tmp_path: Path) -> None:
    """A flipped bit costs its chunk, in this life and the next."""
    part = part_in(tmp_path)
    fill(part, 0, 1, 2, 3)
    with part.path.open("r+b") as file:
        file.seek(CHUNK_BYTES + 5)
        file.write(b"!!!!")

    is_right = part.verify()
    missing = list(part.missing())
    part.close()
    again = part_in(tmp_path)

    assert not is_right
    assert [1] == missing == list(again.missing())
    again.close()


def test_an_index_that_contradicts_the_file_is_told(tmp_path: Path) -> None:
    """All chunks are right and yet it is another file."""
    liar = Chunked(sha256="0" * 64, size=WANT.size, chunks=WANT.chunks)
    part = part_in(tmp_path, liar)
    fill(part, 0, 1, 2, 3)

    is_right = part.verify()

    assert not is_right
    assert [] == list(part.missing())
    part.close()


def test_without_an_index_the_whole_decides(tmp_path: Path) -> None:
    """Chunks are taken as they come; a wrong whole is forgotten."""
    part = part_in(tmp_path, unindexed(DATA))
    fill(part, 0, 1, 2)
    part.write(3, b"x" * 1000)

    wrong = part.verify()
    missing = list(part.missing())
    fill(part, 0, 1, 2, 3)

    assert not wrong
    assert [0, 1, 2, 3] == missing
    assert part.verify()
    part.close()


def test_without_an_index_a_damaged_map_costs_all(tmp_path: Path) -> None:
    """Nobody can say which chunks are right."""
    part = part_in(tmp_path, unindexed(DATA))
    fill(part, 0, 1)
    part.close()
    (tmp_path / f"{WANT.sha256}.map").write_bytes(b"?")

    again = part_in(tmp_path, unindexed(DATA))

    assert [0, 1, 2, 3] == list(again.missing())
    again.close()


def test_dropped_it_leaves_nothing(tmp_path: Path) -> None:
    """Neither its part nor its map nor what a power cut left of one."""
    part = part_in(tmp_path)
    fill(part, 0)
    (tmp_path / f".{WANT.sha256}.map.new").write_bytes(b"left")

    part.drop()

    assert [] == list(tmp_path.iterdir())


# --- refused --------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("verb", ["write", "sync"])
def test_a_write_that_fails_costs_what_was_not_flushed(
    tmp_path: Path, verb: str, number: int
) -> None:
    """It is told; the file is not trusted again in this life; the next one resumes."""
    made: list[FailingBlocks] = []
    part = Part(tmp_path, WANT, DiskFiles(), opened(made))
    fill(part, 0)
    made[0].fails[verb] = OSError(number, os.strerror(number))

    with pytest.raises(StoreFailed) as caught:
        fill(part, 1)
    made[0].fails.clear()
    with pytest.raises(StoreFailed):
        part.write(2, piece(DATA, 2))
    with pytest.raises(StoreFailed):
        part.flush()
    part.close()
    again = part_in(tmp_path)

    assert number == caught.value.fields["errno"]
    assert [1, 2, 3] == list(again.missing())
    again.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("seen", [False, True])
def test_a_map_that_fails_costs_what_was_not_flushed(
    tmp_path: Path, number: int, *, seen: bool
) -> None:
    """Whether it reached the disk or not: what is claimed is there."""
    files = RecordingFiles()
    part = Part(tmp_path, WANT, files)
    fill(part, 0)
    files.fail(Site.PART_MAP, OSError(number, os.strerror(number)), seen=seen)

    with pytest.raises(StoreFailed):
        fill(part, 1)
    whole = part.whole()
    part.close()
    again = part_in(tmp_path)

    assert not whole
    assert {0} <= set(range(4)) - set(again.missing()) <= {0, 1}
    assert again.verify() is False
    assert {0} <= set(range(4)) - set(again.missing())
    again.close()


@pytest.mark.parametrize("site", [Site.PART_MAP, Site.PART_FILE])
def test_opening_that_fails_can_be_tried_again(tmp_path: Path, site: Site) -> None:
    """Nothing is left open, and nothing wrong is left behind."""
    files = RecordingFiles()
    files.fail(site, OSError(errno.ENOSPC, "full"))

    with pytest.raises(StoreFailed):
        Part(tmp_path, WANT, files)
    files.mend()
    part = Part(tmp_path, WANT, files)
    fill(part, 0, 1, 2, 3)

    assert part.verify()
    part.close()


def test_no_space_leaves_no_litter(small: Path) -> None:
    """A file that is too large for the disk takes none of it, and no map is left."""
    large = Chunked(sha256="1" * 64, size=5 << 20, chunks=())

    with pytest.raises(StoreFailed) as caught:
        part_in(small, large)

    assert 5 << 20 == caught.value.fields["needs_bytes"]
    assert [] == list(small.iterdir())


def test_a_size_that_no_file_has_is_refused(tmp_path: Path) -> None:
    """A lie about a size costs neither memory nor disk."""
    huge = Chunked(sha256="1" * 64, size=1 << 60, chunks=())

    with pytest.raises(StoreFailed, match="at most 1099511627776 are taken"):
        part_in(tmp_path, huge)

    assert [] == list(tmp_path.iterdir())


def test_the_largest_file_has_a_map_that_is_read(tmp_path: Path) -> None:
    """The bound of a map holds the bits of every file that is taken."""
    sparse = Chunked(sha256="1" * 64, size=LARGEST, chunks=())
    part = Part(tmp_path, sparse, DiskFiles(), _sparse)
    part.write(LARGEST // CHUNK_BYTES - 1, bytes(CHUNK_BYTES))
    part.flush()
    part.close()

    again = Part(tmp_path, sparse, DiskFiles(), _sparse)

    assert CHUNK_BYTES == again.kept_bytes
    again.close()


def _sparse(path: Path, size: int) -> DiskBlocks:
    """Open a file with holes."""
    path.touch()
    os.truncate(path, size)
    blocks = DiskBlocks.__new__(DiskBlocks)
    blocks._path, blocks._fd = path, os.open(path, os.O_RDWR)
    return blocks


# --- cut off ----------------------------------------------------------------------


@given(
    steps=st.lists(st.integers(-1, 3), max_size=10),
    fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=4),
    cut_after=st.integers(0, 12),
    lose=st.booleans(),
)
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_after_a_power_cut_what_is_claimed_is_true(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[int],
    fates: list[Fate],
    cut_after: int,
    *,
    lose: bool,
) -> None:
    """Every chunk that was flushed is there; every chunk that is claimed is right."""
    folder = tmp_path_factory.mktemp("cut")
    made: list[FailingBlocks] = []
    files = RecordingFiles(cut_after=cut_after, lose=lose)
    flushed: set[int] = set()
    written: set[int] = set()
    with suppress(PowerCut):
        part = Part(folder, WANT, files, opened(made))
        for step in steps:
            if step < 0:
                part.flush()
                flushed |= written
            else:
                part.write(step, piece(DATA, step))
                written.add(step)
    for blocks in made:
        blocks.lose(fates)

    again = part_in(folder)
    claimed = set(range(4)) - set(again.missing())
    right = {n for n in claimed if piece(again.path.read_bytes(), n) == piece(DATA, n)}
    again.close()

    assert flushed <= claimed
    assert claimed == right


def test_the_bytes_are_synced_before_the_map_is_written(tmp_path: Path) -> None:
    """In the other order a map could claim what is lost."""
    made: list[FailingBlocks] = []
    files = RecordingFiles()
    part = Part(tmp_path, WANT, files, opened(made))
    part.write(0, piece(DATA, 0))
    made[0].fails["sync"] = OSError(errno.EIO, "io")
    before = len(files.ops)

    with pytest.raises(StoreFailed):
        part.flush()

    assert before == len(files.ops)
    part.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from edged.host.files import DiskFiles
from edged.host.partial import Part
from tests.fakes.chunks import chunked, content, piece
data = content(int(sys.argv[2]))
part = Part(Path(sys.argv[1]), chunked(data), DiskFiles())
for index in (0, 1):
    part.write(index, piece(data, index))
part.flush()
part.write(2, piece(data, 2))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_what_it_flushed(tmp_path: Path) -> None:
    """The next one begins there."""
    subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, str(len(DATA))],
        cwd=ROOT,
        check=False,
        timeout=15,
    )

    again = part_in(tmp_path)

    assert [2, 3] == list(again.missing())
    again.close()
