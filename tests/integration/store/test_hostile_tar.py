"""Tars as people and as enemies make them, unpacked on a real disk."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edged.errors import BadBundle, StoreFailed
from edged.host.files import DiskFiles
from edged.store.bundle import Limits, receive
from tests.fakes.bundles import bundle_files, in_pieces, tar_of

LIMITS = Limits(max_bytes=1 << 20, max_files=16)


@pytest.fixture(scope="module")
def yard() -> Iterator[Path]:
    """Make a folder in memory where there is one: the tests sync thousands of times."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # as said
    with tempfile.TemporaryDirectory(dir=parent) as path:
        yield Path(path)


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar")
@pytest.mark.parametrize("where", ["flat", "folder", "deep"])
@pytest.mark.parametrize("packed", ["", "z"])
@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax", "ustar", "v7"])
def test_what_gnu_tar_makes_is_taken(
    tmp_path: Path, form: str, packed: str, where: str
) -> None:
    """Every format, plain and gzip, of a folder from inside and from outside."""
    sent = bundle_files()
    folder = tmp_path / "out" / "pets"
    folder.mkdir(parents=True)
    for name, data in sent.items():
        (folder / name).write_bytes(data)
    what = {"flat": (folder, "."), "folder": (folder.parent, "pets")}.get(
        where, (tmp_path, "out/pets")
    )
    made = subprocess.run(
        ["tar", f"-c{packed}f", "-", f"--format={form}", "-C", *what],
        capture_output=True,
        check=True,
    )

    receive(in_pieces(made.stdout), tmp_path / "new", DiskFiles(), LIMITS)

    assert sent == {p.name: p.read_bytes() for p in (tmp_path / "new").iterdir()}


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info.tobuf(tarfile.GNU_FORMAT)


def _file(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    "members",
    [
        [_file("../escaped", b"x")],
        [_file("/tmp/escaped", b"x")],  # noqa: S108  # it must not be written
        [_file("a/../../escaped", b"x")],
        [_member("a", tarfile.SYMTYPE, ".."), _file("a/escaped", b"x")],
        [_member("a", tarfile.SYMTYPE, "../escaped"), _file("a", b"x")],
        [_file("a", b"x"), _member("b", tarfile.LNKTYPE, "a"), _file("b", b"y")],
        [_member("a", tarfile.LNKTYPE, "../victim"), _file("a", b"x")],
        [_member("../escaped", tarfile.DIRTYPE)],
        [_member("escaped", tarfile.CHRTYPE)],
        [_member("escaped", tarfile.FIFOTYPE)],
        [_file("a", b"x"), _file("a", b"y")],
        [_file(".bashrc", b"x")],
    ],
    ids=lambda members: members[0][:12].rstrip(b"\0").decode(),
)
def test_no_member_reaches_out_of_its_folder(
    tmp_path: Path, members: list[bytes]
) -> None:
    """Nothing is written elsewhere, nothing stays, and it is called a bad bundle."""
    yard = tmp_path / "yard"
    (yard / "incoming").mkdir(parents=True)
    (yard / "victim").write_bytes(b"precious")
    data = b"".join(members) + _file("net.onnx", b"") + bytes(1024)

    with pytest.raises(BadBundle):
        receive(in_pieces(data), yard / "incoming" / "new", DiskFiles(), LIMITS)

    assert ["incoming", "victim"] == sorted(
        str(path.relative_to(yard)) for path in yard.rglob("*")
    )
    assert b"precious" == (yard / "victim").read_bytes()


def _seeds() -> list[bytes]:
    sent = bundle_files()
    plain = tar_of(sent)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in {"pets/" + "é" * 90: b"", **sent}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    linked = _member("a", tarfile.SYMTYPE, "..") + plain
    signed = tar_of({"signed/1.root.json": b"r", "signed/timestamp.json": b"t", **sent})
    return [plain, out.getvalue(), linked, gzip.compress(plain, mtime=0), signed]


def _reseal(data: bytearray) -> None:
    """Make every header's checksum right again, so that edits get past it."""
    for start in range(0, len(data) - 511, 512):
        block = data[start : start + 512]
        if block[257:262] == b"ustar":
            total = sum(block[:148]) + 8 * 32 + sum(block[156:])
            data[start + 148 : start + 156] = b"%06o\0 " % total


Edit = Callable[[bytearray], None]

_BYTES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"../", b"/", b"\\", b"\0", b"1", b"2", b"5", b"x", b"L", b"S"]),
)


@st.composite
def _edits(draw: st.DrawFn) -> Edit:
    """Overwrite, aimed at headers; or copy, move, drop blocks."""
    block = draw(st.integers(0, 40)) * 512
    kind = draw(st.sampled_from(["patch", "field", "repeat", "drop", "swap", "zero"]))
    patch = draw(_BYTES)
    field = draw(st.sampled_from([0, 124, 156, 157, 257, 345]))
    anywhere = draw(st.integers(0, 511))

    def edit(data: bytearray) -> None:
        if kind in ("patch", "field"):
            at = block + (field if kind == "field" else anywhere)
            data[at : at + len(patch)] = patch
        elif kind == "repeat":
            data[block:block] = data[block : block + 1024]
        elif kind == "drop":
            del data[block : block + 512]
        elif kind == "swap":
            data[block : block + 1024] = (
                data[block + 512 : block + 1024] + data[block : block + 512]
            )
        else:
            data[block : block + 512] = bytes(512)

    return edit


@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.sampled_from(_seeds()),
    edits=st.lists(_edits(), max_size=5),
    sealed=st.booleans(),
    size=st.sampled_from([1, 511, 4096, 1 << 16]),
    signed=st.booleans(),
)
def test_a_mutated_tar_never_escapes(
    yard: Path,
    seed: bytes,
    edits: list[Edit],
    size: int,
    sealed: bool,  # noqa: FBT001  # drawn, not passed by a person
    signed: bool,  # noqa: FBT001  # as above
) -> None:
    """It is staged as plain files below the limits, or refused without a trace."""
    data = bytearray(seed)
    for edit in edits:
        edit(data)
    if sealed:
        _reseal(data)
    new = yard / "new"

    try:
        staged = receive(
            in_pieces(bytes(data), size), new, DiskFiles(), LIMITS, signed=signed
        )
    except (BadBundle, StoreFailed):
        assert [] == list(yard.iterdir())
        return

    assert signed or not staged.documents
    assert set(staged.names) == {path.name for path in new.iterdir()}
    assert all(path.is_file() and not path.is_symlink() for path in new.iterdir())
    assert {1} == {path.stat().st_nlink for path in new.iterdir()}
    assert {0} == {path.stat().st_mode & 0o111 for path in new.iterdir()}
    assert {name: entry.size for name, entry in staged.files.items()} == {
        p.name: p.stat().st_size for p in new.iterdir() if p.name != "model.yaml"
    }
    assert ["new"] == [path.name for path in yard.iterdir()]
    shutil.rmtree(new)
