"""A stream -> a staged folder; a path -> a stream."""

import errno
import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from edged.errors import BadBundle, NoInput, StoreFailed
from edged.host.files import Site
from edged.store.bundle import Limits, Staged, check_contents, complete, pack, receive
from edged.store.signed import MAX_DOCUMENTS
from edged.wire.release import FileEntry
from tests.fakes.bundles import bundle_files, in_pieces, tar_of
from tests.fakes.files import RecordingFiles


@pytest.fixture
def files() -> RecordingFiles:
    """Return a disk that notes what is done to it."""
    return RecordingFiles()


def _receive(
    data: bytes, into: Path, files: RecordingFiles, limits: Limits | None = None
) -> Staged:
    return receive(in_pieces(data), into, files, limits or Limits())


def _entry(data: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _folder(path: Path, contents: Mapping[str, bytes]) -> Path:
    path.mkdir()
    for name, data in contents.items():
        (path / name).write_bytes(data)
    return path


def _held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- receive -----------------------------------------------------------------------


def test_a_bundle_is_staged_with_the_hashes_of_its_bytes(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """The manifest is kept aside; the other files stand with sha256 and size."""
    sent = bundle_files()

    staged = _receive(tar_of(sent), tmp_path / "new", files)

    assert sent == _held(tmp_path / "new")
    manifest = sent.pop("model.yaml")
    assert (
        Staged(
            path=tmp_path / "new",
            manifest=manifest,
            files={name: _entry(data) for name, data in sent.items()},
        )
        == staged
    )


def test_gzip_and_a_top_folder_change_nothing(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """People send what their file manager makes."""
    sent = bundle_files()
    data = gzip.compress(tar_of({f"pets-1.0/{name}": sent[name] for name in sent}))

    _receive(data, tmp_path / "new", files)

    assert sent == _held(tmp_path / "new")


def test_staged_names_are_synced_last(tmp_path: Path, files: RecordingFiles) -> None:
    """After the last commit, so that all of them are durable."""
    _receive(tar_of(bundle_files()), tmp_path / "new", files)

    assert ("sync_dir", Site.STAGE_SYNC, tmp_path / "new") == (
        files.ops[-1].verb,
        files.ops[-1].site,
        files.ops[-1].path,
    )


def test_a_bare_model_may_bring_golden_inputs(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """There is no manifest then; the daemon drafts one."""
    data = tar_of({"net.tflite": b"net", "golden.npz": b"npz"})

    staged = _receive(data, tmp_path / "new", files)

    assert staged.manifest is None
    assert tmp_path / "new" / "net.tflite" == staged.model_file
    assert tmp_path / "new" / "golden.npz" == staged.golden_file


def test_a_bundle_with_a_manifest_is_not_bare(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """Whatever model files it holds."""
    staged = _receive(tar_of(bundle_files()), tmp_path / "new", files)

    assert (None, None) == (staged.model_file, staged.golden_file)
    assert ("model.yaml", "model.onnx", "labels.txt") == staged.names


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["README"],
        ["a.onnx", "b.onnx"],
        ["a.onnx", "a.onnx.data"],
        ["golden.npz"],
        ["Model.yaml", "a.onnx", "b.txt"],
    ],
)
def test_what_is_neither_release_nor_bare_model_is_refused(names: list[str]) -> None:
    """It says what was found."""
    with pytest.raises(BadBundle, match=r"holds no model\.yaml") as caught:
        check_contents(names)

    assert (", ".join(sorted(names)) or "it is empty") in caught.value.message


@pytest.mark.parametrize(
    ("sent", "limits", "why"),
    [
        ({"../x": b""}, Limits(), "leads out"),
        ({"a.onnx": b"", "b.onnx": b""}, Limits(), r"holds no model\.yaml"),
        (bundle_files(), Limits(max_files=2), "more than 2 files"),
        (bundle_files(), Limits(max_bytes=900), "larger than"),
        ({"model.yaml": bytes(2 << 20)}, Limits(), "1048576 are allowed"),
    ],
)
def test_a_refused_bundle_leaves_nothing(
    tmp_path: Path,
    files: RecordingFiles,
    sent: dict[str, bytes],
    limits: Limits,
    why: str,
) -> None:
    """Not even the folder."""
    with pytest.raises(BadBundle, match=why):
        _receive(tar_of(sent), tmp_path / "new", files, limits)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.yaml", "model.onnx"])
def test_a_name_that_comes_twice_is_refused(
    tmp_path: Path, files: RecordingFiles, name: str
) -> None:
    """Two programs could take different ones of the two."""
    data = tar_of(bundle_files()).rstrip(b"\0")
    data += bytes(-len(data) % 512) + tar_of({name: b"other"})

    with pytest.raises(BadBundle, match=f"'{name}' twice"):
        _receive(data, tmp_path / "new", files)

    assert [] == list(tmp_path.iterdir())


def test_many_folders_are_as_bad_as_many_files(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """They cost time and say nothing."""
    one = tar_of({"x": b""})[:512]
    folder = bytearray(one)
    folder[156:157] = b"5"
    total = sum(folder[:148]) + 8 * 32 + sum(folder[156:])
    folder[148:156] = b"%06o\0 " % total

    with pytest.raises(BadBundle, match="more than 256 files"):
        _receive(bytes(folder) * 513 + bytes(1024), tmp_path / "new", files)


def test_a_caller_who_goes_away_leaves_nothing(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """The stream's own error passes through."""

    def broken() -> Iterator[bytes]:
        yield tar_of(bundle_files())[:4000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive(broken(), tmp_path / "new", files, Limits())

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["create", "write", "commit"])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, files: RecordingFiles, verb: str
) -> None:
    """Whether it shows at the name, the bytes or the fsync."""
    files.fail(Site.STAGE_FILE, OSError(errno.ENOSPC, ""), verb=verb, after=1)

    with pytest.raises(StoreFailed, match="MiB free"):
        _receive(tar_of(bundle_files()), tmp_path / "new", files)

    assert [] == list(tmp_path.iterdir())


def test_the_first_error_wins_over_that_of_cleaning_up(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """What could not be removed is swept at the next start."""
    files.fail(Site.STAGE_DROP, OSError(errno.EIO, ""))

    with pytest.raises(BadBundle, match="leads out"):
        _receive(tar_of({"../x": b""}), tmp_path / "new", files)


def test_a_folder_that_exists_is_not_used(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """And not removed either: it is somebody else's."""
    _folder(tmp_path / "new", {"mine": b"1"})

    with pytest.raises(StoreFailed):
        _receive(tar_of(bundle_files()), tmp_path / "new", files)

    assert {"mine": b"1"} == _held(tmp_path / "new")


# --- signed ----------------------------------------------------------------------


def test_signed_metadata_is_kept_in_memory(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """It never reaches the disk; files may have been left out."""
    bundle = {n: d for n, d in bundle_files().items() if n != "labels.txt"}
    data = tar_of({"./signed/1.root.json": b"r", "signed/t.json": b"t", **bundle})

    staged = receive(in_pieces(data), tmp_path / "new", files, Limits(), signed=True)

    assert {"1.root.json": b"r", "t.json": b"t"} == staged.documents
    assert bundle == _held(tmp_path / "new")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("signed/deep/1.root.json", "is no document's"),
        ("signed/.hidden", "begins with a dot"),
        ("signed/../model.onnx", "leads out"),
        ("signed/a b", "is no document's"),
        ("signed/deep/", "is no document's"),
    ],
)
def test_junk_among_signed_metadata_is_refused(
    tmp_path: Path, files: RecordingFiles, name: str, why: str
) -> None:
    """Nothing of it is written."""
    junk = tarfile.TarInfo(name)
    junk.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
    data = junk.tobuf() + tar_of(bundle_files())

    with pytest.raises(BadBundle, match=why):
        receive(in_pieces(data), tmp_path / "new", files, Limits(), signed=True)

    assert [] == list(tmp_path.iterdir())


def test_too_much_signed_metadata_is_refused(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """In number, in size; folders that only cost time count, too."""
    many = tar_of({f"signed/{at}.root.json": b"" for at in range(MAX_DOCUMENTS + 1)})
    large = tar_of({"signed/a": bytes(5 << 20), "signed/b": bytes(5 << 20)})
    folder = io.BytesIO()
    with tarfile.open(fileobj=folder, mode="w") as archive:
        for _ in range(2 * 256 + MAX_DOCUMENTS + 1):
            member = tarfile.TarInfo("signed")
            member.type = tarfile.DIRTYPE
            archive.addfile(member)

    for data, why in (
        (many, f"more than {MAX_DOCUMENTS} documents"),
        (large, "more than 8388608 bytes"),
        (folder.getvalue(), "more than 256 files"),
    ):
        with pytest.raises(BadBundle, match=why):
            receive(in_pieces(data), tmp_path / "new", files, Limits(), signed=True)


def test_a_signed_release_without_its_source_is_told_how_to_come_in(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """`edgectl install` cannot know whose it is."""
    data = tar_of({"signed/1.root.json": b"r", **bundle_files()})

    with pytest.raises(BadBundle) as caught:
        _receive(data, tmp_path / "new", files)

    assert "edgectl update import PATH" in caught.value.hint


def test_a_folder_of_any_name_may_hold_a_bundle(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """Also one that somebody called `signed`."""
    sent = bundle_files()

    _receive(tar_of({f"signed/{n}": d for n, d in sent.items()}), tmp_path / "n", files)

    assert sent == _held(tmp_path / "n")


# --- complete ----------------------------------------------------------------------


def test_files_made_here_complete_a_bare_model(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """A drafted manifest, and golden outputs in place of the bare inputs."""
    data = tar_of({"net.onnx": b"net", "golden.npz": b"inputs"})
    staged = _receive(data, tmp_path / "new", files)

    done = complete(staged, {"golden.npz": b"both", "model.yaml": b"name: x"}, files)

    assert {
        "net.onnx": b"net",
        "golden.npz": b"both",
        "model.yaml": b"name: x",
    } == _held(tmp_path / "new")
    assert b"name: x" == done.manifest
    assert {"net.onnx": _entry(b"net"), "golden.npz": _entry(b"both")} == done.files


def test_a_file_made_here_needs_a_plain_name_too(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """Names made from a model's text are a stranger's."""
    staged = _receive(tar_of({"net.onnx": b"net"}), tmp_path / "new", files)

    with pytest.raises(BadBundle, match="leads out"):
        complete(staged, {"..": b""}, files)


# --- pack --------------------------------------------------------------------------


def test_a_folder_comes_out_as_it_went_in(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """The manifest first, hidden files left out, links inside the folder read."""
    sent = bundle_files()
    folder = _folder(tmp_path / "pets", {**sent, ".DS_Store": b"junk"})
    (folder / "labels.txt").rename(folder / ".labels-1")
    (folder / "labels.txt").symlink_to(".labels-1")

    data = b"".join(pack(folder))
    _receive(data, tmp_path / "new", files)

    assert sent == _held(tmp_path / "new")
    assert b"model.yaml\0" == data[:11]


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    """Dates and owners are not in it."""
    one = _folder(tmp_path / "one", bundle_files())
    two = _folder(tmp_path / "two", dict(reversed(bundle_files().items())))
    os.utime(two / "model.onnx", (1, 1))

    assert list(pack(one)) == list(pack(two))


def test_a_bare_model_goes_with_its_golden_inputs(
    tmp_path: Path, files: RecordingFiles
) -> None:
    """Under the name that the daemon looks for."""
    _folder(tmp_path / "cards", {"NET.TFLITE": b"net", "mine.npz": b"npz"})

    data = b"".join(
        pack(tmp_path / "cards/NET.TFLITE", golden=tmp_path / "cards/mine.npz")
    )
    _receive(data, tmp_path / "new", files)

    assert {"NET.tflite": b"net", "golden.npz": b"npz"} == _held(tmp_path / "new")


@pytest.mark.parametrize("packed", [gzip.compress, bytes])
def test_a_tar_is_passed_on_as_it_is(tmp_path: Path, packed: type[bytes]) -> None:
    """Plain or gzip."""
    data = packed(tar_of(bundle_files()))
    (tmp_path / "bundle").write_bytes(data)

    assert data == b"".join(pack(tmp_path / "bundle"))


def test_memory_is_bounded_by_one_piece(tmp_path: Path) -> None:
    """Whatever the size of the model."""
    (tmp_path / "net.onnx").write_bytes(bytes(3_000_000))

    assert max(map(len, pack(tmp_path / "net.onnx"))) <= 1 << 18


def test_a_missing_path_is_the_callers_mistake(tmp_path: Path) -> None:
    """It is known before the first byte is sent."""
    with pytest.raises(NoInput, match="no such file"):
        pack(tmp_path / "nowhere")

    (tmp_path / "net.onnx").touch()
    with pytest.raises(NoInput, match="no such file"):
        pack(tmp_path / "net.onnx", golden=tmp_path / "nowhere.npz")


def test_what_no_bundle_can_be_made_of_is_refused(tmp_path: Path) -> None:
    """A picture, a pipe, a folder without a model."""
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8" * 999)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()

    for name, why in (
        ("photo.jpg", "no folder, no tar"),
        ("pipe", "no folder, no tar"),
        ("empty", "it is empty"),
    ):
        with pytest.raises(BadBundle, match=why):
            pack(tmp_path / name)


def test_golden_inputs_go_with_a_bare_model_alone(tmp_path: Path) -> None:
    """A bundle names its own."""
    folder = _folder(tmp_path / "pets", bundle_files())

    with pytest.raises(BadBundle, match="go with a bare model"):
        pack(folder, golden=tmp_path / "golden.npz")


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside"])
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, target: str) -> None:
    """Somebody else's file must not leave the machine by accident."""
    (tmp_path / "outside").write_bytes(b"secret")
    folder = _folder(tmp_path / "pets", bundle_files())
    (folder / "extra").symlink_to(target)

    with pytest.raises(BadBundle, match="a link out of its folder"):
        pack(folder)


def test_a_folder_in_the_folder_is_refused(tmp_path: Path) -> None:
    """So is a pipe, which would never end."""
    folder = _folder(tmp_path / "pets", bundle_files())
    for make in (Path.mkdir, os.mkfifo):
        make(folder / "sub")
        with pytest.raises(BadBundle, match="a bundle is flat"):
            pack(folder)
        (folder / "sub").rmdir() if make is Path.mkdir else (folder / "sub").unlink()


def test_a_dangling_link_is_a_missing_file(tmp_path: Path) -> None:
    """It names the link."""
    folder = _folder(tmp_path / "pets", bundle_files())
    (folder / "extra").symlink_to("nowhere")

    with pytest.raises(NoInput, match=r"extra: no such file"):
        pack(folder)


def test_what_is_missing_is_told_before_what_is_too_much(tmp_path: Path) -> None:
    """A folder of folders is not to be flattened but is no bundle."""
    (tmp_path / "train").mkdir()
    (tmp_path / "notes.txt").touch()

    with pytest.raises(BadBundle, match=r"it holds no model\.yaml"):
        list(pack(tmp_path))
