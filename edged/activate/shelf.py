"""What is installed, and which of it is live: questions to the store.

Law: blocking, any thread, no effect. A damaged link or release is an answer here,
not an exception, wherever the question allows one.
"""

from edged.activate.history import History
from edged.errors import BadRelease, EdgedError, UnknownModel
from edged.store.links import Links
from edged.store.releases import Release, Releases
from edged.wire.changes import Step, Which
from edged.wire.messages import Changed, ReleaseRef, Standing, Trouble, Verified


class Shelf:
    """Reads releases and links."""

    def __init__(self, releases: Releases, links: Links) -> None:
        self._releases = releases
        self._links = links

    def check_known(self, name: str) -> None:
        """Check that a model is installed.

        Raises:
            UnknownModel: it is not; the message says what is.
        """
        names = self._releases.names()
        if name not in names:
            have = f"installed are {', '.join(names)}" if names else "none is installed"
            raise UnknownModel(
                f"cannot find model {name!r}: {have}",
                hint="edgectl models list" if names else "edgectl install PATH",
            )

    def installed(self, name: str) -> tuple[Release, ...]:
        """Return a model's whole releases, oldest `seq` first."""
        return self._releases.installed(name)

    def live(self, name: str) -> Release | None:
        """Return the release that `current` leads to, None where there is no link.

        Raises:
            BadRelease: the link leads nowhere, or to something damaged.
        """
        folder = self._links.current(name)
        return None if folder is None else self._releases.read(name, folder)

    def described_live(self, name: str) -> Release | None:
        """Return the live release by its manifest alone: its files may have rotted.

        Raises:
            BadRelease: the link leads nowhere, or to a damaged manifest.
        """
        folder = self._links.current(name)
        return None if folder is None else self._releases.described(name, folder)

    def whole_live(self, name: str) -> Release | None:
        """Return the live release, None where there is none that is whole."""
        try:
            return self.live(name)
        except BadRelease:
            return None

    def whole(self, name: str, folder: str | None) -> Release | None:
        """Return a release by its folder, None where it is not there, or not whole."""
        try:
            return None if folder is None else self._releases.read(name, folder)
        except BadRelease:
            return None

    def previous(self, name: str) -> Release | None:
        """Return the release to go back to, None where there is none.

        Raises:
            BadRelease: it is damaged.
        """
        folder = self._links.previous(name)
        return None if folder is None else self._releases.read(name, folder)

    def linked(self, name: str) -> tuple[str | None, str | None]:
        """Return the folders of `current` and `previous`; None where one is broken."""
        found = []
        for look in (self._links.current, self._links.previous):
            try:
                found.append(look(name))
            except BadRelease:
                found.append(None)
        return found[0], found[1]

    def refs(self, name: str) -> tuple[ReleaseRef, ...]:
        """Describe every whole release of a model, oldest `seq` first."""
        live, previous = self.linked(name)
        return tuple(
            ref(r, live=r.folder == live, previous=r.folder == previous)
            for r in self.installed(name)
        )

    def verify(self, name: str) -> Verified:
        """Hash every installed file of a model again.

        Raises:
            UnknownModel: no such name.
        """
        self.check_known(name)
        whole = self.installed(name)
        faults = [
            Trouble(
                code=BadRelease.code,
                text=f"{release.folder}: {fault}",
                hint="install the release again: edgectl install PATH",
                model=name,
            )
            for release in whole
            for fault in self._releases.verify(release)
        ]
        faults += [
            trouble(name, damaged.problem) for damaged in self._releases.damaged(name)
        ]
        try:
            self.live(name)
        except EdgedError as error:
            faults.append(trouble(name, error))
        return Verified(
            name=name,
            ok=not faults,
            files=sum(len(release.manifest.files) for release in whole),
            size_bytes=sum(release.size_bytes for release in whole),
            faults=tuple(dict.fromkeys(faults)),
        )


def ref(release: Release, *, live: bool = False, previous: bool = False) -> ReleaseRef:
    """Describe one installed release."""
    return ReleaseRef(
        version=release.manifest.version,
        seq=release.manifest.seq,
        digest=release.digest,
        folder=release.folder,
        live=live,
        previous=previous,
        size_bytes=release.size_bytes,
        installed_utc=release.installed_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def standing(release: ReleaseRef, history: History, name: str) -> Standing:
    """Return what is thought of a release."""
    if history.quarantine(release.digest) is not None:
        return Standing.QUARANTINED
    for change in reversed(history.changes(name, limit=1000)):
        if change.release is not None and change.release.digest == release.digest:
            found = _STANDING.get(change.last.step)
            if found is not None:
                return found
    return Standing.NEW


_STANDING = {
    Step.PROBATION: Standing.PROBATION,
    Step.COMMITTED: Standing.COMMITTED,
    Step.HELD: Standing.HELD,
}


def which(release: Release) -> Which:
    """Name a release in a change."""
    return Which(
        version=release.manifest.version,
        seq=release.manifest.seq,
        digest=release.digest,
        folder=release.folder,
    )


def changed(
    release: Release,
    text: str,
    *,
    change: int | None = None,
    changed: bool = True,
    warnings: tuple[str, ...] = (),
) -> Changed:
    """Describe what became of one release."""
    manifest = release.manifest
    if changed and manifest.golden is None:
        warnings = (
            *warnings,
            "it has no golden answers: what it answers is unproved",
        )
    return Changed(
        name=release.name,
        changed=changed,
        text=f"{release.name} {manifest.version} (seq {manifest.seq}) {text}",
        live=ref(release, live=True),
        signature=manifest.signature,
        warnings=warnings,
        change=change,
    )


def trouble(name: str | None, error: EdgedError) -> Trouble:
    """Make a standing problem of a failure."""
    return Trouble(code=error.code, text=error.message, hint=error.hint, model=name)
