"""What is trusted of one source, durably.

Law: nobody acts on metadata before it, and the floor that it raises, are on the disk.
What lies there is believed as far as it follows from the administrator's root; what
is damaged is fetched anew, and never makes anything older acceptable. One thread at a
time, and one process, for one folder.

    FOLDER/N.root.json      all since the administrator's
    FOLDER/N.snapshot.json  FOLDER/N.targets.json
    FOLDER/timestamp.json   written after what it names: the last whole set
    FOLDER/floor            written after that
    FOLDER/scratch/         where python-tuf works; never believed

A power cut between two writes leaves the set that was whole before, or the new one,
with a floor that is at most as old as the set; the set then is the floor.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from edged.config.update import Expired
from edged.errors import NotFetched, Untrusted
from edged.host.files import Files, Site, store_errors
from edged.trust import floor as floors
from edged.trust.attacks import rolled_back
from edged.trust.clock import Reference, Trust, Watchmaker
from edged.trust.documents import TIMESTAMP, Held, hold, role_of
from edged.trust.floor import Floor
from edged.trust.listings import Trusted, releases
from edged.trust.workflow import METADATA, Fetch, Workflow
from edged.wire.updates import Reason

#: Folder of targets in a repository; names of manifests and indexes begin with it.
TARGETS = "targets/"

#: Bytes of a target that is kept in memory: the chunk index of a release of 200 GB.
TARGET_MAX = 64 << 20

#: Nothing has expired by then.
_NEVER = datetime.min.replace(tzinfo=UTC)


class Repository:
    """The trusted side of one source. Blocking.

    Args:
        folder: of this source alone; made when it is needed.
        root: the root that the administrator gave, as bytes.
        files: the port to the disk.
        watch: judges the clock.
        expired: what is done with metadata that has expired.
    """

    def __init__(
        self,
        folder: Path,
        root: bytes,
        files: Files,
        watch: Watchmaker,
        *,
        expired: Expired = Expired.REFUSE,
    ) -> None:
        self._folder = folder
        self._root = root
        self._files = files
        self._watch = watch
        self._expired = expired

    @property
    def scratch(self) -> Path:
        """Return where the workflow works; a cache, and not believed."""
        return self._folder / "scratch"

    def reference(self) -> Reference:
        """Return the time to believe, by all that was verified.

        Raises:
            Untrusted: the root does not hold.
            StoreFailed: what is trusted cannot be read.
        """
        return self._reference(self._least(self._held()))

    def trusted(self) -> Trusted | None:
        """Return what was verified last, expired or not; None for nothing whole.

        Raises:
            Untrusted: the root does not hold.
            StoreFailed: what is trusted cannot be read.
        """
        held = self._held()
        if held.targets is None:
            return None
        return _trusted(held, self._reference(self._least(held)))

    def documents(self) -> dict[str, bytes]:
        """Return what a signed release carries, by name; empty for nothing whole.

        Raises:
            Untrusted: the root does not hold.
            StoreFailed: what is trusted cannot be read.
        """
        held = self._held()
        return held.documents if held.targets is not None else {}

    def refresh(self, fetch: Fetch) -> Trusted:
        """Bring the metadata up to date, verified and durable.

        Of a run that is refused, new roots and versions that were verified are kept:
        a key that is taken away stays so, and nothing older is believed again.

        Raises:
            NotFetched: a document did not arrive.
            Untrusted: one does not hold; the reason has the attack's name.
            StoreFailed: the disk refuses.
        """
        before = self._held()
        least = self._least(before)
        reference = self._reference(least)
        flow = self._flow(before, fetch, reference)
        try:
            flow.refresh()
            held = hold(self._root, flow.found())
            after = self._checked(held, least)
        except (NotFetched, Untrusted):
            self._keep_progress(least, flow)
            raise
        self._keep_set(held)
        is_good = after.clock is Trust.RIGHT and after.utc < held.expires[0]
        seen = after.utc if is_good else None
        self._keep_floor(least.raised(held.floor(seen)))
        self._drop_others(held)
        return _trusted(held, after)

    def target(self, path: str, fetch: Fetch) -> bytes:
        """Return a small target that is listed, verified.

        Raises:
            NotFetched: it did not arrive as it was signed; another mirror may have it.
            Untrusted: nobody has signed one, or it is larger than `TARGET_MAX`.
            StoreFailed: what is trusted cannot be read.
        """
        held = self._held()
        if held.targets is None:
            raise _not_offered(path, "nothing is trusted yet")
        found = held.targets.targets.get(path)
        if found is None and held.targets.delegations is not None:
            found = self._delegated(path, held, fetch)
        if found is None:
            raise _not_offered(path, "its publisher has not signed it")
        if found.length > TARGET_MAX:
            raise Untrusted(
                f"cannot fetch {path}: it has {found.length} bytes; the limit is "
                f"{TARGET_MAX}",
                reason=Reason.BAD_METADATA.value,
            )
        name = path
        if held.root.consistent_snapshot:
            folder, slash, last = path.rpartition("/")
            name = f"{folder}{slash}{next(iter(found.hashes.values()))}.{last}"
        return _verified(path, found, fetch(f"{TARGETS}{name}", found.length))

    # --- what lies on the disk ---------------------------------------------------

    def _held(self) -> Held:
        documents = {}
        with store_errors("read", self._folder):
            if self._folder.is_dir():
                for path in self._folder.iterdir():
                    if role_of(path.name) and path.is_file():
                        documents[path.name] = path.read_bytes()
        return hold(self._root, documents)

    def _least(self, held: Held) -> Floor:
        return (floors.read(self._folder) or Floor()).raised(held.floor())

    def _reference(self, least: Floor) -> Reference:
        return self._watch.reference(self._watch.now(), least.utc)

    # --- a run -------------------------------------------------------------------

    def _flow(self, held: Held, fetch: Fetch, reference: Reference) -> Workflow:
        self._seed(held)
        accepts = self._expired is Expired.ACCEPT
        return Workflow(
            self.scratch,
            self._root,
            fetch,
            at=_NEVER if accepts else reference.utc,
            home=self._folder,
        )

    def _seed(self, held: Held) -> None:
        """Put what is trusted where python-tuf looks, as second names of the files."""
        site = Site.TRUST_FOLDER
        self._make(self._folder)
        self._files.remove_tree(site, self.scratch)
        self._files.mkdir(site, self.scratch)
        self._files.mkdir(site, self.scratch / "root_history")
        for name in held.documents:
            role = role_of(name)
            inner = f"root_history/{name}" if role == "root" else f"{role}.json"
            # The administrator's own root need not lie here.
            if (self._folder / name).exists():
                self._files.link(site, self._folder / name, self.scratch / inner)

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make(folder.parent)
        self._files.mkdir(Site.TRUST_FOLDER, folder)
        self._files.sync_dir(Site.TRUST_FOLDER, folder.parent)

    def _checked(self, held: Held, least: Floor) -> Reference:
        """Hold what the workflow has verified against what it may have forgotten.

        Returns:
            The time to believe with what it says of its own issue.
        """
        if held.targets is None:
            # python-tuf keeps a snapshot that it has where the version is the same.
            raise Untrusted(
                "cannot trust this repository: its documents do not belong together",
                hint="its publisher signed two with one version: he publishes anew",
                reason=Reason.MIX_AND_MATCH.value,
            )
        fresh = held.floor()
        raised = least.raised(fresh)
        for role in raised.above(fresh):
            versions = f"{getattr(fresh, role)} after {getattr(raised, role)}"
            raise rolled_back(role, versions, str(self._folder))
        # Not held against the expiries once more: a set's own time of issue is never
        # after them (`Held.floor`).
        return self._reference(raised)

    def _delegated(self, path: str, held: Held, fetch: Fetch) -> TargetFile | None:
        """Look for a target among delegated roles; the top ones are taken as held."""
        local = {
            name if role_of(name) == "root" else f"{role_of(name)}.json": data
            for name, data in held.documents.items()
        }

        def both(name: str, limit: int) -> Iterator[bytes]:
            document = name.removeprefix(METADATA)
            if role_of(document) is None:
                return fetch(name, limit)
            return carried({**held.documents, **local})(name, limit)

        flow = self._flow(held, both, self._reference(self._least(held)))
        flow.refresh()
        return flow.target(path)

    # --- what is made durable ----------------------------------------------------

    def _keep_set(self, held: Held) -> None:
        ordered = sorted(held.documents, key=lambda name: name == TIMESTAMP)
        for name in ordered:
            self._keep(name, held.documents[name])

    def _keep_progress(self, least: Floor, flow: Workflow) -> None:
        reached = hold(self._root, flow.found())
        for name, data in reached.documents.items():
            if role_of(name) == "root":
                self._keep(name, data)
        self._keep_floor(least.raised(reached.floor()))

    def _keep(self, name: str, data: bytes) -> None:
        path = self._folder / name
        with store_errors("read", path), suppress(FileNotFoundError):
            if path.read_bytes() == data:
                return
        self._files.write_atomic(Site.TRUST_METADATA, path, data)

    def _keep_floor(self, floor: Floor) -> None:
        if floor.is_news(floors.read(self._folder)):
            floors.write(self._folder, floor, self._files)

    def _drop_others(self, held: Held) -> None:
        with store_errors("read", self._folder):
            names = [path.name for path in self._folder.iterdir()]
        for name in names:
            if role_of(name) not in (None, "root") and name not in held.documents:
                self._files.remove(Site.TRUST_METADATA, self._folder / name)


def carried(documents: Mapping[str, bytes]) -> Fetch:
    """Return a `Fetch` of documents that are at hand, by name."""

    def fetch(name: str, limit: int) -> Iterator[bytes]:  # noqa: ARG001  # as `Fetch`
        data = documents.get(name.removeprefix(METADATA))
        if data is None:
            raise NotFetched(
                f"cannot find {name} in what was handed in",
                reason=Reason.NOT_FOUND.value,
            )
        yield data

    return fetch


def _trusted(held: Held, reference: Reference) -> Trusted:
    listed = held.targets.targets if held.targets is not None else {}
    good, bad = releases(listed)
    return Trusted(
        versions=held.versions,
        releases=good,
        left_out=bad,
        clock=reference.clock.value,
        at=reference.utc,
        expired=held.expires[0] <= reference.utc,
        expires=held.expires[0],
    )


def _verified(path: str, found: TargetFile, pieces: Iterator[bytes]) -> bytes:
    kept = bytearray()
    for piece in pieces:
        kept += piece
        if len(kept) > found.length:
            raise _not_fetched(
                path, f"it is longer than {found.length} bytes", Reason.ENDLESS
            )
    if len(kept) < found.length:
        sizes = f"it has {len(kept)} bytes, not {found.length}"
        raise _not_fetched(path, sizes, Reason.WRONG_LENGTH)
    data = bytes(kept)
    try:
        found.verify_length_and_hashes(data)
    except LengthOrHashMismatchError as exc:
        raise _not_fetched(
            path, "it is not what was signed", Reason.WRONG_HASH
        ) from exc
    return data


def _not_fetched(path: str, why: str, reason: Reason) -> NotFetched:
    return NotFetched(
        f"cannot use {path}: {why}",
        hint="a mirror that is half copied, or an attack: edged tries again by itself",
        reason=reason.value,
    )


def _not_offered(path: str, why: str) -> Untrusted:
    return Untrusted(
        f"cannot fetch {path}: {why}",
        hint="edgectl update check",
        reason=Reason.NOT_OFFERED.value,
    )
