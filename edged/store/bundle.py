"""A stream -> a staged folder; and, for the client, a path -> a stream.

Law: nothing of a bundle is trusted but its bytes. Every file is hashed while it is
written, to an inode that only this process has had open; names are flat and plain;
whatever fails, what was written is removed. Modes, owners and dates in the tar are
not looked at.

A bundle holds `model.yaml` and the files that it names, or one bare model file and
perhaps `golden.npz`, all in one folder of the tar, however deep. One that comes from a
source has its signed metadata in `signed/` at the top, and may leave files out.
"""

import hashlib
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from edged.errors import BadBundle, StoreFailed
from edged.host.files import Files, Site
from edged.store import tar
from edged.store.layout import MANIFEST
from edged.store.names import Place, check_name
from edged.store.sending import Source, readable, sent
from edged.store.signed import MAX_DOCUMENTS, Documents
from edged.wire.release import FileEntry

#: Golden inputs beside a bare model file.
GOLDEN = "golden.npz"

MODEL_SUFFIXES = (".onnx", ".tflite")

#: `model.yaml` is held in memory and parsed; real ones are below 10 KiB.
_MANIFEST_MAX = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a bundle may be.

    Attributes:
        max_bytes: all files together, unpacked.
        max_files: files; as many folders again may be named.
    """

    max_bytes: int = 1 << 30
    max_files: int = 256


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """A folder in `incoming/` with the files of one bundle, durable and hashed.

    Attributes:
        path: the folder; whoever holds this value must hand it to
            `Releases.adopt` or `Releases.discard`.
        manifest: the bytes of `model.yaml`; None for a bare model.
        files: all other files, by name, as they were written.
        documents: signed metadata, by name; never on the disk.
    """

    path: Path
    manifest: bytes | None
    files: dict[str, FileEntry]
    documents: dict[str, bytes] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every file's name, the manifest's too."""
        return (*(() if self.manifest is None else (MANIFEST,)), *self.files)

    @property
    def model_file(self) -> Path | None:
        """The bare model file; None where there is a manifest."""
        if self.manifest is not None:
            return None
        return next(self.path / n for n in self.files if n.endswith(MODEL_SUFFIXES))

    @property
    def golden_file(self) -> Path | None:
        """Golden inputs that came along with a bare model file."""
        return self.path / GOLDEN if GOLDEN in self.files else None


# --- the daemon's side: a stream -> a staged folder ----------------------------


def receive(
    chunks: Iterable[bytes],
    into: Path,
    files: Files,
    limits: Limits,
    *,
    signed: bool = False,
) -> Staged:
    """Unpack a tar or tar.gz into a fresh folder.

    Args:
        chunks: the stream, in pieces of any size; its own errors pass through.
        into: the folder to make; it must not exist, its parent must.
        files: where to write.
        limits: what is too large.
        signed: whether `signed/` holds signed metadata; else it is a folder as others.

    Raises:
        BadBundle: not a tar, truncated, over a limit, with a name or a kind of file
            that no bundle needs, or without a model.
        StoreFailed: the disk refused.
    """
    files.mkdir(Site.STAGE_FOLDER, into)
    try:
        documents = Documents() if signed else None
        staged = _unpack(chunks, into, files, limits, documents)
        check_contents(staged.names)
        files.sync_dir(Site.STAGE_SYNC, into)
    except BaseException:
        with suppress(StoreFailed):
            files.remove_tree(Site.STAGE_DROP, into)
        raise
    return staged


def complete(staged: Staged, extra: Mapping[str, bytes], files: Files) -> Staged:
    """Add files that were made here, such as a drafted manifest; replace namesakes.

    Raises:
        BadBundle: a name is not plain.
        StoreFailed: the disk refused; the folder is still the caller's to discard.
    """
    manifest, entries = staged.manifest, dict(staged.files)
    for name, data in extra.items():
        check_name(name, name)
        files.write_atomic(Site.STAGE_FILE, staged.path / name, data)
        if name == MANIFEST:
            manifest = data
        else:
            digest = hashlib.sha256(data).hexdigest()
            entries[name] = FileEntry(sha256=digest, size=len(data))
    return msgspec.structs.replace(staged, manifest=manifest, files=entries)


def check_contents(names: Iterable[str]) -> None:
    """Refuse a set of file names that is neither a release nor a bare model.

    Raises:
        BadBundle: it says what is there and what should be.
    """
    found = sorted(names)
    if MANIFEST in found:
        return
    bare = [name for name in found if name.endswith(MODEL_SUFFIXES)]
    others = [name for name in found if name not in (*bare, GOLDEN)]
    if len(bare) == 1 and not others:
        return
    held = ", ".join(found[:8]) + (", …" if len(found) > 8 else "")  # noqa: PLR2004  # one line
    raise BadBundle(
        f"cannot take bundle: it holds no {MANIFEST} ({held or 'it is empty'})",
        hint=f"add {MANIFEST}, or send one .onnx or .tflite file alone",
    )


def _unpack(
    chunks: Iterable[bytes],
    into: Path,
    files: Files,
    limits: Limits,
    documents: Documents | None,
) -> Staged:
    place, taken = Place(), set[str]()
    entries: dict[str, FileEntry] = {}
    manifest: bytes | None = None
    members = tar.read_tar(chunks, max_bytes=limits.max_bytes)
    most = 2 * limits.max_files + (MAX_DOCUMENTS if documents is not None else 0)
    for count, (member, body) in enumerate(members):
        if count >= most:
            raise _too_many(limits)
        if documents is not None and documents.take(member, body):
            continue
        name = place.name_of(member)
        if name is None:
            continue
        if len(taken) >= limits.max_files:
            raise _too_many(limits)
        if name in taken:
            raise BadBundle(
                f"cannot take bundle: it has {name!r} twice", hint="make the tar anew"
            )
        taken.add(name)
        if name == MANIFEST:
            manifest = _manifest_of(member, body)
            store(iter((manifest,)), into / name, files)
        else:
            entries[name] = store(body, into / name, files)
    return Staged(
        path=into,
        manifest=manifest,
        files=entries,
        documents=documents.by_name if documents else {},
    )


def _too_many(limits: Limits) -> BadBundle:
    return BadBundle(
        f"cannot take bundle: it has more than {limits.max_files} files",
        hint="a release needs its manifest and the files it names, no more",
    )


def _manifest_of(member: tar.Member, body: Iterator[bytes]) -> bytes:
    if member.size > _MANIFEST_MAX:
        raise BadBundle(
            f"cannot take bundle: its {MANIFEST} has {member.size} bytes; "
            f"{_MANIFEST_MAX} are allowed"
        )
    return b"".join(body)


def store(body: Iterator[bytes], path: Path, files: Files) -> FileEntry:
    """Write one file and hash what was written.

    Raises:
        StoreFailed: the disk refused; the file is gone.
    """
    digest, size = hashlib.sha256(), 0
    writer = files.create(Site.STAGE_FILE, path)
    try:
        for part in body:
            writer.write(part)
            digest.update(part)
            size += len(part)
        writer.commit()
    except BaseException:
        writer.abort()
        raise
    return FileEntry(sha256=digest.hexdigest(), size=size)


# --- the client's side: a path -> a stream --------------------------------------


def pack(path: Path, *, golden: Path | None = None) -> Iterator[bytes]:
    """Return a tar stream of a bundle; what can be checked is checked before.

    The same files give the same bytes: `model.yaml` first, then by name, without
    dates and owners. Memory: one piece of 256 KiB. Hidden files are left out.

    Args:
        path: a folder, a tar of one (passed on as it is), or a bare model file.
        golden: golden inputs (.npz) to go with a bare model file.

    Raises:
        NoInput: a file is missing, unreadable, or changed while it was read.
        BadBundle: no bundle can be made of it.
    """
    with readable(path):
        mode = path.stat().st_mode
    bare = stat.S_ISREG(mode) and path.suffix.lower() in MODEL_SUFFIXES
    if golden is not None and not bare:
        raise BadBundle(
            f"cannot take {golden}: golden inputs go with a bare model file, and "
            f"{path} is none",
            hint=f"put it into the bundle and name it under `golden:` in {MANIFEST}",
        )
    if stat.S_ISDIR(mode):
        return _packed(_sources(path))
    if bare:
        # A suffix in capitals is common on cards written elsewhere.
        sources = {path.stem + path.suffix.lower(): path}
        return _packed(sources | ({GOLDEN: golden} if golden else {}))
    if not (stat.S_ISREG(mode) and tar.looks_like_tar(Source(path).head())):
        raise BadBundle(
            f"cannot take {path}: it is no folder, no tar and no "
            f"{' or '.join(MODEL_SUFFIXES)} file",
            hint="`edgectl install PATH` takes one of these",
        )
    return Source(path).pieces()


def _sources(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by name, `model.yaml` first."""
    with readable(folder):
        entries = sorted(folder.iterdir(), key=lambda e: (e.name != MANIFEST, e.name))
    home = folder.resolve()
    if any(entry.is_dir() for entry in entries):  # what is missing is told first
        check_contents(entry.name for entry in entries if not entry.is_dir())
    sources = {}
    for entry in entries:
        if entry.name.startswith("."):
            continue
        with readable(entry):
            real = entry.resolve(strict=True)
        if not real.is_relative_to(home):
            raise BadBundle(
                f"cannot take {entry}: it is a link out of its folder, to {real}",
                hint="copy the file itself into the folder",
            )
        if not real.is_file():
            raise BadBundle(
                f"cannot take {entry}: a bundle is flat and has plain files only",
                hint=f"move what the model needs into {folder}",
            )
        sources[entry.name] = real
    check_contents(sources)
    return sources


def _packed(sources: Mapping[str, Path]) -> Iterator[bytes]:
    for name in sources:
        check_name(name, name)
    return sent(sources)
