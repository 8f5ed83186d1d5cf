"""Proofs by digest: kept few, found by board, and never a reason to fail."""

from pathlib import Path

import msgspec
import pytest

from edged.errors import StoreFailed
from edged.host.files import Site
from edged.store.layout import Layout
from edged.store.profiles import KEPT, Profiles
from edged.wire.proofs import Board, Cost, Proof, VariantProof
from tests.fakes.files import RecordingFiles

DIGEST = "ab" * 32
BOARD = Board(runtimes={"onnxruntime": "1.32.0"}, cpu="Cortex-A76, 4 cores")
NEWER = Board(runtimes={"onnxruntime": "1.33.0"}, cpu=BOARD.cpu)


@pytest.fixture
def files() -> RecordingFiles:
    """Return a disk that can be told to fail."""
    return RecordingFiles()


@pytest.fixture
def profiles(tmp_path: Path, files: RecordingFiles) -> Profiles:
    """Return the proofs of an empty store."""
    return Profiles(Layout(tmp_path), files)


def proof(board: Board = BOARD, *, at: str = "then", digest: str = DIGEST) -> Proof:
    """Make a proof."""
    cost = Cost(threads=1, cpu_ms=1.5, busy_ms=1.25, wall_ms=1.75)
    variant = VariantProof(id="fp32", costs=(cost,), held_bytes=7, agreement=1.0)
    return Proof(digest=digest, board=board, at_utc=at, variants=(variant,))


def test_what_is_kept_is_found(profiles: Profiles) -> None:
    """Every figure of it."""
    profiles.keep(proof())

    assert proof() == profiles.find(DIGEST, BOARD)


def test_nothing_is_found_of_another_digest_or_board(profiles: Profiles) -> None:
    """A new runtime version, or another CPU, proves everything again."""
    profiles.keep(proof())

    assert profiles.find("cd" * 32, BOARD) is None
    assert profiles.find(DIGEST, NEWER) is None
    other_cpu = msgspec.structs.replace(BOARD, cpu="Cortex-A53, 4 cores")
    assert profiles.find(DIGEST, other_cpu) is None


def test_a_newer_proof_of_a_board_takes_the_place(profiles: Profiles) -> None:
    """There is one for each board."""
    profiles.keep(proof(at="then"))
    profiles.keep(proof(at="now"))

    assert proof(at="now") == profiles.find(DIGEST, BOARD)


def test_a_downgraded_runtime_finds_its_proof_again(profiles: Profiles) -> None:
    """The last boards' proofs are all kept, and no more."""
    boards = [
        msgspec.structs.replace(BOARD, runtimes={"onnxruntime": f"1.{n}"})
        for n in range(KEPT + 1)
    ]
    for board in boards:
        profiles.keep(proof(board))

    found = [profiles.find(DIGEST, board) is not None for board in boards]

    assert [False, *[True] * KEPT] == found


@pytest.mark.parametrize(
    "damage", [b"", b"[", b"{}", b"\xff" * 99, b'[{"digest":1}]', b"x" * (2 << 20)]
)
def test_a_damaged_file_is_no_proof(
    tmp_path: Path, profiles: Profiles, damage: bytes
) -> None:
    """Nothing fails, and a new proof takes its place."""
    profiles.keep(proof())
    (tmp_path / "profiles" / DIGEST).write_bytes(damage)

    assert profiles.find(DIGEST, BOARD) is None
    profiles.keep(proof(at="now"))
    assert proof(at="now") == profiles.find(DIGEST, BOARD)


def test_a_link_in_its_place_is_not_followed(
    tmp_path: Path, profiles: Profiles
) -> None:
    """What stands elsewhere is nobody's proof."""
    profiles.keep(proof())
    path = tmp_path / "profiles" / DIGEST
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert profiles.find(DIGEST, BOARD) is None


def test_forgetting_forgets_every_board(profiles: Profiles, tmp_path: Path) -> None:
    """And what is not there is forgotten too."""
    profiles.keep(proof())
    profiles.keep(proof(NEWER))

    profiles.forget(DIGEST)
    profiles.forget(DIGEST)

    assert [] == list((tmp_path / "profiles").iterdir())


def test_a_full_disk_leaves_the_older_proof(
    profiles: Profiles, files: RecordingFiles
) -> None:
    """It is said, and what was proved stays proved."""
    profiles.keep(proof(at="then"))
    files.fail(Site.PROOF, OSError(28, "No space left on device"))

    with pytest.raises(StoreFailed):
        profiles.keep(proof(at="now"))

    assert proof(at="then") == profiles.find(DIGEST, BOARD)


def test_a_proof_of_an_older_edged_is_read(tmp_path: Path, profiles: Profiles) -> None:
    """As 0.1 wrote it, before there were percentiles: what it lacks is unknown."""
    old = (
        f'[{{"digest":"{DIGEST}","board":{{"runtimes":{{"onnxruntime":"1.32.0"}},'
        '"cpu":"Cortex-A76, 4 cores"},"at_utc":"then","against":null,"variants":'
        '[{"id":"fp32","problem":null,"load_s":0.0,"costs":[{"threads":1,"cpu_ms":1.5,'
        '"busy_ms":1.25,"wall_ms":1.75}],"held_bytes":7,"peak_bytes":0,"agreement":1.0,'
        '"worst":null,"ratio":null,"continuity":null}]}]'
    )
    folder = Layout(tmp_path).profiles
    folder.mkdir()
    (folder / DIGEST).write_text(old)

    found = profiles.find(DIGEST, BOARD)

    assert proof() == found
    assert found is not None
    assert found.profiled is None
    assert found.variants[0].costs[0].p95_ms is None
