"""The client workflow of the TUF specification, in a scratch folder.

Law: python-tuf's `Updater` does it, step by step, as the clauses say; nothing that it
leaves in its folder is believed by itself. It never calls fsync and takes its own
files for lost when they are torn, so what is durable, and what is the least to
believe, is its caller's business (`trust.repository`).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import Root, Snapshot, TargetFile, Timestamp
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from edged.errors import NotFetched
from edged.host.files import store_errors
from edged.trust.attacks import Scene, named
from edged.trust.documents import name_of
from edged.wire.updates import Reason

# It tells every signature that it does not need; what matters is raised.
logging.getLogger("tuf").setLevel(logging.WARNING)

#: Brings a file of the repository, by its name below the repository's URL, and no
#: more than so many bytes. Raises NotFetched, for one that is not there with the
#: reason `not-found`.
Fetch = Callable[[str, int], Iterator[bytes]]

#: Folder of metadata in a repository; names of documents begin with it.
METADATA = "metadata/"

#: Bytes that a document may have, as python-tuf bounds them, too.
_LIMITS = UpdaterConfig(
    root_max_length=512_000,
    timestamp_max_length=16_384,
    snapshot_max_length=2_000_000,
    targets_max_length=5_000_000,
)

#: What a host says for a file that is not there. A bucket that may not be listed says
#: 403 for it.
_ABSENT = {Reason.NOT_FOUND.value, Reason.NO_ENTRY.value}


class Workflow:
    """One run. Blocking.

    Args:
        scratch: an empty folder, or one seeded with what is trusted.
        root: the root that all leads back to; it was verified.
        fetch: brings documents.
        at: the time that expiries are held against.
        home: the folder of what is trusted, for people.
    """

    def __init__(
        self, scratch: Path, root: bytes, fetch: Fetch, *, at: datetime, home: Path
    ) -> None:
        self._scratch = scratch
        self._wire = _Wire(fetch)
        self._home = home
        with store_errors("write", scratch):
            self._updater = Updater(
                str(scratch),
                METADATA,
                fetcher=self._wire,
                config=_LIMITS,
                bootstrap=root,
            )
        # It has no parameter for it; a test guards that this is the one it uses.
        self._set = self._updater._trusted_set  # noqa: SLF001  # see above
        self._set.reference_time = at

    def refresh(self) -> None:
        """Bring the four top roles up to date.

        Raises:
            NotFetched: a document did not arrive.
            Untrusted: one does not hold.
            StoreFailed: the scratch folder cannot be written.
        """
        with self._refusals():
            self._updater.refresh()

    def target(self, path: str) -> TargetFile | None:
        """Return what is signed of a target, by delegated roles, too; None for nothing.

        Raises:
            NotFetched: a delegated role's document did not arrive.
            Untrusted: it does not hold.
        """
        with self._refusals():
            return self._updater.get_targetinfo(path)

    def found(self) -> dict[str, bytes]:
        """Return the documents of top roles that the run has verified, by name.

        Raises:
            StoreFailed: the scratch folder cannot be read.
        """
        with store_errors("read", self._scratch):
            roots = sorted((self._scratch / "root_history").glob("*.root.json"))
            documents = {path.name: path.read_bytes() for path in roots}
            for role in ("timestamp", "snapshot", "targets"):
                path = self._scratch / f"{role}.json"
                if path.exists():
                    data = path.read_bytes()
                    documents[name_of(role, data)] = data
        return documents

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            with store_errors("write", self._scratch):
                yield
        except (exceptions.RepositoryError, exceptions.DownloadError, ValueError) as e:
            if isinstance(e.__cause__, NotFetched):
                raise e.__cause__ from None
            raise named(e, self._scene()) from e

    def _scene(self) -> Scene:
        known = self._set
        snapshot = None
        if Timestamp.type in known:
            snapshot = known.timestamp.snapshot_meta.version
        expired = None
        for role in (Root.type, Timestamp.type, Snapshot.type):
            part = known.get(role)
            if part is not None and part.is_expired(known.reference_time):
                expired = (role, part.expires)
                break
        return Scene(
            name=self._wire.name.removeprefix(METADATA),
            data=self._wire.data,
            snapshot=snapshot,
            expired=expired,
            folder=str(self._home),
        )


class _Wire(FetcherInterface):
    """python-tuf's port to the network; remembers what came last."""

    def __init__(self, fetch: Fetch) -> None:
        self._bring = fetch
        self.name = ""
        self.data = b""

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return a document; in memory, since python-tuf would use a temporary file.

        Raises:
            DownloadError: as python-tuf expects it.
            NotFetched: what it does not expect.
        """
        self.name, self.data = url, b""
        kept = bytearray()
        try:
            for piece in self._bring(url, max_length):
                kept += piece
                if len(kept) > max_length:
                    break
        except NotFetched as exc:
            reason = exc.fields.get("reason")
            if reason in _ABSENT:
                raise exceptions.DownloadHTTPError(exc.message, 404) from exc
            if reason != Reason.ENDLESS.value:
                raise
            kept += bytes(max_length + 1)
        if len(kept) > max_length:
            raise exceptions.DownloadLengthMismatchError(f"over {max_length} bytes")
        self.data = bytes(kept)
        return self.data

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise AssertionError(f"targets are fetched by the repository, not {url}")
