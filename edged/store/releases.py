"""Installed releases.

Law: a folder in `releases/` is complete from the moment it can be seen, and is never
changed afterwards, except to put a damaged file right. What is not complete lies in
`incoming/`: on its way in (staged) or out (trash), and is swept at start-up.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edged.errors import BadBundle, BadRelease, EdgedError, StoreFailed
from edged.host.files import Files, Site, store_errors
from edged.store.bundle import Staged
from edged.store.integrity import agreed, fault, size_fault, with_manifest
from edged.store.layout import MANIFEST, Layout, folder_name, is_model_name
from edged.store.look import found, is_folder, is_link, listed, read_plain
from edged.store.manifest import read_manifest
from edged.store.sharing import Rot, fill, share
from edged.wire.release import FileEntry, Manifest

#: A list of class names is held in memory; ImageNet's 1001 have 11 KiB.
_LABELS_MAX = 1 << 20

#: What `bundle.receive` takes; real ones are below 10 KiB.
_MANIFEST_MAX = 1 << 20


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One installed release.

    Attributes:
        digest: sha256 of `model.yaml`, hex.
        installed_utc: when its folder was filled, by this box's clock.
    """

    name: str
    folder: str
    path: Path
    digest: str
    manifest: Manifest
    installed_utc: datetime

    @property
    def size_bytes(self) -> int:
        """All files that the manifest names; shared ones count here too."""
        return sum(entry.size for entry in self.manifest.files.values())


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """A folder in `releases/` that cannot serve, and why."""

    folder: str
    problem: EdgedError


class Releases:
    """All installed releases of one store."""

    def __init__(self, layout: Layout, files: Files) -> None:
        self._layout = layout
        self._files = files
        self._rot = Rot()

    # --- looking -----------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return the models that have a release or a link, sorted.

        One whose folder cannot be read is among them: it fails on its own, when it is
        asked for, and keeps no other from being served.

        Raises:
            StoreFailed: the store cannot be read.
        """
        return tuple(
            name
            for name in listed(self._layout.models_dir)
            if is_model_name(name) and self._holds_something(name)
        )

    def installed(self, name: str) -> tuple[Release, ...]:
        """Return a model's whole releases, oldest `seq` first; see `damaged`."""
        found = [e for e in self._survey(name) if isinstance(e, Release)]
        return tuple(sorted(found, key=lambda r: (r.manifest.seq, r.folder)))

    def known(self, name: str) -> tuple[Release, ...]:
        """Return releases whose manifest is whole; their files may have rotted."""
        found = []
        for folder in listed(self._layout.releases(name)):
            with suppress(BadRelease, StoreFailed):
                found.append(self.described(name, folder))
        return tuple(found)

    def damaged(self, name: str) -> tuple[Damaged, ...]:
        """Return what lies among a model's releases and cannot serve."""
        return tuple(e for e in self._survey(name) if isinstance(e, Damaged))

    def read(self, name: str, folder: str) -> Release:
        """Read one release: its manifest by digest, its files by size alone.

        Raises:
            BadRelease: the folder, its manifest or a file is not what was installed.
            StoreFailed: the store cannot be read.
        """
        release = self.described(name, folder)
        for file, entry in release.manifest.files.items():
            if wrong := size_fault(release.path / file, entry):
                raise _bad_release(name, folder, wrong)
        return release

    def described(self, name: str, folder: str) -> Release:
        """Read one release's manifest, by its digest; its files are not looked at.

        Raises:
            BadRelease: the folder or its manifest is not what was installed.
            StoreFailed: the store cannot be read.
        """
        path = self._layout.release(name, folder)
        data = self._manifest_bytes(name, folder)
        digest = hashlib.sha256(data).hexdigest()
        try:
            manifest = read_manifest(data, str(path / MANIFEST))
        except BadBundle as exc:
            raise _bad_release(name, folder, exc.message) from exc
        if (manifest.name, folder_name(manifest.seq, digest)) != (name, folder):
            raise _bad_release(
                name,
                folder,
                f"its {MANIFEST} is that of {manifest.name} "
                f"{folder_name(manifest.seq, digest)}",
            )
        with store_errors("read", path):
            filled = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Release(
            name=name,
            folder=folder,
            path=path,
            digest=digest,
            manifest=manifest,
            installed_utc=filled,
        )

    def sums(self) -> tuple[str, ...]:
        """Return the sha256 of every installed file, by its manifest; sorted.

        What was found damaged is not among them, until it is put right.

        Raises:
            StoreFailed: the store cannot be read.
        """
        return tuple(
            sorted(
                entry.sha256
                for entry, paths in self._shelf().items()
                if not all(map(self._rot.is_known, paths))
            )
        )

    def rotten(self, release: Release) -> dict[str, str]:
        """Hash every file again; return what is wrong by file."""
        return {
            file: wrong
            for file, entry in release.manifest.files.items()
            if (wrong := self._rot.fault(release.path / file, entry))
        }

    def verify(self, release: Release) -> tuple[str, ...]:
        """Hash every file again and return what is wrong, one sentence each."""
        expected = {**release.manifest.files, MANIFEST: None}
        faults = list(self.rotten(release).values())
        try:
            data = self._manifest_bytes(release.name, release.folder)
            if hashlib.sha256(data).hexdigest() != release.digest:
                faults.append(f"{MANIFEST} has another sha256 than when installed")
            present = listed(release.path)
        except EdgedError as exc:
            return (*faults, exc.message)
        faults += [f"{n} is in no manifest" for n in present if n not in expected]
        return tuple(faults)

    def labels(self, release: Release) -> dict[str, tuple[str, ...]]:
        """Return class names by output name, for outputs that have them.

        Raises:
            BadRelease: a label file is not UTF-8 text of at most 1 MiB.
            StoreFailed: the store cannot be read.
        """
        return {
            output.name: _lines(release, output.labels)
            for output in release.manifest.signature.outputs
            if output.labels is not None
        }

    # --- changing ----------------------------------------------------------------

    def prepare(self) -> None:
        """Make the store's own folders where they are missing.

        Raises:
            StoreFailed: the disk refused; what is installed can still be read.
        """
        layout = self._layout
        for folder in (layout.root, layout.models_dir, layout.incoming):
            self._make(Site.STORE_FOLDER, folder)

    def sweep(self) -> None:
        """Remove what an earlier life left behind; call at start-up, before a change.

        Folders in `incoming/` go (files there are a download's, and stay), and models
        without a release or a link.

        Raises:
            StoreFailed: the disk refused; what is installed can still be read.
        """
        for name in listed(self._layout.incoming):
            leftover = self._layout.incoming / name
            if is_folder(leftover):
                self._files.remove_tree(Site.SWEEP, leftover)
        for name in listed(self._layout.models_dir):
            if is_model_name(name) and not self._holds_something(name):
                self._files.remove_tree(Site.SWEEP, self._layout.model(name))

    def filled(self, staged: Staged) -> Staged:
        """Give a staged release the files that its bundle left out.

        They come from other releases, of any model.

        Raises:
            BadBundle: the manifest is not right, or no release has a file;
                `fields["missing"]` has the sha256 of each.
            StoreFailed: the disk refused; the folder is still the caller's to discard.
        """
        return fill(staged, self._shelf(), self._rot, self._files)

    def adopt(self, staged: Staged) -> Release:
        """Turn a staged folder into an installed release, in one visible step.

        A file that another release has too, of any model, becomes the same inode.
        If this very release is installed already, its damaged files are replaced.
        The staged folder is gone afterwards, whatever happens.

        Raises:
            BadBundle: manifest and files do not say the same; every difference is
                in `fields["problems"]`.
            StoreFailed: the disk refused; no release is half there.
        """
        try:
            manifest, digest = agreed(staged)
            folder = folder_name(manifest.seq, digest)
            if found(self._layout.release(manifest.name, folder)) is not None:
                self._repair(staged, manifest, folder)
                self._files.remove_tree(Site.STAGE_DROP, staged.path)
            else:
                share(staged, self._shelf(), self._rot, self._files)
                self._move_in(staged, manifest.name, folder)
        except BaseException:
            self.discard(staged)
            raise
        return self.read(manifest.name, folder)

    def discard(self, staged: Staged) -> None:
        """Drop a staged folder; what cannot be removed now is swept at start-up."""
        with suppress(StoreFailed):
            self._files.remove_tree(Site.STAGE_DROP, staged.path)

    def delete(self, release: Release) -> None:
        """Remove one release, in one visible step. It must not be live or previous.

        Raises:
            StoreFailed: the disk refused.
        """
        self._throw_away(Site.RELEASE_DELETE, release.path)

    def remove(self, name: str) -> None:
        """Remove a model with all its releases and links, in one visible step.

        Raises:
            StoreFailed: the disk refused.
        """
        path = self._layout.model(name)
        if found(path) is not None:
            self._throw_away(Site.MODEL_DELETE, path)

    # --- steps -------------------------------------------------------------------

    def _shelf(self) -> dict[FileEntry, list[Path]]:
        """Return every installed file by its bytes."""
        shelf: dict[FileEntry, list[Path]] = {}
        for name in self.names():
            with suppress(StoreFailed):  # a model that cannot be read shares nothing
                for release in self.installed(name):
                    for file, entry in release.manifest.files.items():
                        shelf.setdefault(entry, []).append(release.path / file)
        return shelf

    def _move_in(self, staged: Staged, name: str, folder: str) -> None:
        self._make(Site.MODEL_FOLDER, self._layout.model(name))
        self._make(Site.MODEL_FOLDER, self._layout.releases(name))
        target = self._layout.release(name, folder)
        self._files.rename(Site.RELEASE_ADOPT, staged.path, target)

    def _repair(self, staged: Staged, manifest: Manifest, folder: str) -> None:
        """Put right what is damaged, file by file: a link may lead here."""
        home = self._layout.release(manifest.name, folder)
        wanted = with_manifest(staged)
        for name, entry in wanted.items():
            if fault(home / name, entry) is not None:
                self._files.remove_tree(Site.RELEASE_REPAIR, home / name)
                self._files.rename(Site.RELEASE_REPAIR, staged.path / name, home / name)
        for name in listed(home):
            if name not in wanted:
                self._files.remove_tree(Site.RELEASE_REPAIR, home / name)

    def _make(self, site: Site, folder: Path) -> None:
        with store_errors("read", folder):
            there = folder.is_dir()  # a link to one is a person's own wish
        if not there:
            self._files.mkdir(site, folder)
            self._files.sync_dir(site, folder.parent)

    def _throw_away(self, site: Site, path: Path) -> None:
        """Rename into `incoming/`, so that it is gone at once; then remove it.

        What cannot be removed now is swept at start-up. Its name is a fresh one, so
        that such trash is no obstacle to the next.
        """
        trash = self._layout.incoming / f"trash-{secrets.token_hex(8)}"
        self._files.rename(site, path, trash)
        with suppress(StoreFailed):
            self._files.remove_tree(Site.TRASH_DROP, trash)

    # --- reading -----------------------------------------------------------------

    def _survey(self, name: str) -> Iterator[Release | Damaged]:
        for folder in listed(self._layout.releases(name)):
            try:
                yield self.read(name, folder)
            except (BadRelease, StoreFailed) as exc:
                yield Damaged(folder=folder, problem=exc)

    def _holds_something(self, name: str) -> bool:
        links = (self._layout.current(name), self._layout.previous(name))
        try:
            return any(is_link(link) for link in links) or bool(
                listed(self._layout.releases(name))
            )
        except StoreFailed:
            return True  # nobody can tell that it does not

    def _manifest_bytes(self, name: str, folder: str) -> bytes:
        path = self._layout.release(name, folder) / MANIFEST
        try:
            return read_plain(path, max_bytes=_MANIFEST_MAX)
        except BadRelease as exc:
            raise _bad_release(name, folder, exc.message) from exc


def _lines(release: Release, file: str) -> tuple[str, ...]:
    path = release.path / file
    with store_errors("read", path), path.open("rb") as opened:
        data = opened.read(_LABELS_MAX + 1)
    if len(data) > _LABELS_MAX:
        raise _bad_release(
            release.name, release.folder, f"{file} is larger than {_LABELS_MAX} bytes"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _bad_release(
            release.name, release.folder, f"{file} is not UTF-8 text"
        ) from exc
    return tuple(line.strip() for line in text.rstrip().split("\n")) if text else ()


def _bad_release(name: str, folder: str, why: str) -> BadRelease:
    return BadRelease(
        f"cannot use release {folder} of {name}: {why}",
        hint=f"`edgectl install PATH` with that release puts it right; "
        f"`edgectl models show {name}` lists what there is to go back to",
        model=name,
        folder=folder,
    )
