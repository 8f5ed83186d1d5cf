"""Which release of a model is live, and which one to go back to.

Law: `current` and `previous` are relative symlinks, swapped in one step each; no
other file says the same. One writer: the activation agent. At every instant of
every verb, a link that led to an installed release leads to one.

A link that is missing is an answer (None); a link that leads to nothing, or out of
the store, is damage (`BadRelease`), because somebody's release was there.
"""

import enum
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from edged.errors import BadRelease, StoreFailed, UnknownVersion
from edged.host.files import Files, Site, store_errors
from edged.store.layout import MANIFEST, Layout, link_target, parse_target
from edged.store.look import found, is_file, is_folder, listed


class LinkState(enum.Enum):
    """Where a link leads."""

    MISSING = "missing"  # there is no link
    RESOLVES = "resolves"  # to an installed release
    DANGLING = "dangling"  # to a release that is not there
    OUTSIDE = "outside"  # not to releases/<folder>, or it is no link at all


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One link as it is found.

    Attributes:
        folder: the release's folder; None unless the state is RESOLVES or DANGLING.
        target: what the link says; empty where there is no link.
    """

    path: Path
    state: LinkState
    folder: str | None = None
    target: str = ""


class Links:
    """The two links of every model."""

    def __init__(self, layout: Layout, files: Files) -> None:
        self._layout = layout
        self._files = files

    def current(self, name: str) -> str | None:
        """Return the live release's folder; None where no release is live.

        Raises:
            BadRelease: the link is there and leads to no installed release.
        """
        return self._folder(name, self.look(self._layout.current(name)))

    def previous(self, name: str) -> str | None:
        """Return the folder to go back to; None where there is none.

        Raises:
            BadRelease: the link is there and leads to no installed release.
        """
        return self._folder(name, self.look(self._layout.previous(name)))

    def look(self, link: Path) -> Link:
        """Tell where a link leads, without judging.

        Raises:
            StoreFailed: the store cannot be read.
        """
        there = found(link)
        if there is None:
            return Link(path=link, state=LinkState.MISSING)
        if not stat.S_ISLNK(there.st_mode):
            return Link(path=link, state=LinkState.OUTSIDE)
        with store_errors("read", link):
            target = str(link.readlink())
        folder = parse_target(target)
        if folder is None:
            return Link(path=link, state=LinkState.OUTSIDE, target=target)
        release = link.parent / target
        whole = is_folder(release) and found(release / MANIFEST) is not None
        state = LinkState.RESOLVES if whole else LinkState.DANGLING
        return Link(path=link, state=state, folder=folder, target=target)

    def switch(self, name: str, folder: str, *, previous: str | None) -> None:
        """Make an installed release live, and say which one to go back to.

        `previous` moves first: a power cut in between leaves `current` on the old
        release, and the switch undone.

        Args:
            name: of the model.
            folder: of the release that becomes live.
            previous: of the one to go back to; None where there is none.

        Raises:
            UnknownVersion: that release is not installed.
            StoreFailed: the disk refused; both links are as they were.
        """
        live, back = self._checked(name, folder)
        with self._all_or_nothing(live, back):
            self._lead(Site.LINK_PREVIOUS, back, previous)
            self._lead(Site.LINK_CURRENT, live, folder)

    def put_back(self, name: str, folder: str, *, previous: str | None) -> None:
        """Make a release live again that was; as `switch`, in the other order.

        `current` moves first: what is gone back from was bad, and a power cut in
        between must not leave it live.

        Raises:
            UnknownVersion: that release is not installed.
            StoreFailed: the disk refused; both links are as they were.
        """
        live, back = self._checked(name, folder)
        with self._all_or_nothing(live, back):
            self._lead(Site.LINK_CURRENT, live, folder)
            self._lead(Site.LINK_PREVIOUS, back, previous)

    def clear(self, name: str) -> None:
        """Remove both links: nothing of this model is live any more.

        Raises:
            StoreFailed: the disk refused.
        """
        for link in (self._layout.previous(name), self._layout.current(name)):
            if self.look(link).state is not LinkState.MISSING:
                self._files.remove(Site.LINK_CLEAR, link)

    def _checked(self, name: str, folder: str) -> tuple[Link, Link]:
        """Return both links as they are, if that release can become live."""
        if not is_file(self._layout.release(name, folder) / MANIFEST):
            raise UnknownVersion(
                f"cannot make release {folder} of {name} live: it is not installed",
                hint=f"`edgectl models show {name}` lists the installed ones",
            )
        return self._both(name)

    def _lead(self, site: Site, link: Link, folder: str | None) -> None:
        """Make a link lead to a release, or be gone."""
        if folder is not None:
            target = link_target(folder)
            if link.target != target:
                self._files.swap_link(site, target, link.path)
        elif link.state is not LinkState.MISSING:
            self._files.remove(site, link.path)

    def _both(self, name: str) -> tuple[Link, Link]:
        current, previous = self._layout.current(name), self._layout.previous(name)
        return self.look(current), self.look(previous)

    @contextmanager
    def _all_or_nothing(self, *links: Link) -> Iterator[None]:
        """Put links back as they were found when one of them cannot be moved.

        The caller then keeps serving the old release, so the links must say so too.
        A swap can even fail after it is seen, when its folder cannot be synced.
        """
        try:
            yield
        except StoreFailed:
            for link in links:
                with suppress(StoreFailed):
                    self._restore(link)
            raise

    def _restore(self, link: Link) -> None:
        if self.look(link.path) == link:
            return
        if link.state is LinkState.MISSING:
            self._files.remove(Site.LINK_RESTORE, link.path)
        else:
            self._files.swap_link(Site.LINK_RESTORE, link.target, link.path)

    def _folder(self, name: str, link: Link) -> str | None:
        if link.state in (LinkState.MISSING, LinkState.RESOLVES):
            return link.folder
        raise BadRelease(
            f"cannot tell which release of {name} is {link.path.name}: "
            f"{_nothing_there(link)}",
            hint=self._way_out(name, link),
            path=str(link.path),
        )

    def _way_out(self, name: str, broken: Link) -> str:
        back = self.look(self._layout.previous(name))
        if broken.path != back.path and back.state is LinkState.RESOLVES:
            return f"`edgectl models rollback {name}`"
        return self._another(name, broken)

    def _another(self, name: str, beside: Link) -> str:
        """Say how to make another release live; only one that is installed is named."""
        others = [
            folder
            for folder in listed(self._layout.releases(name))
            if folder != beside.folder
            and is_file(self._layout.releases(name) / folder / MANIFEST)
        ]
        if not others:
            return "`edgectl install PATH`: no other release is installed"
        seq = max(int(folder.partition("-")[0]) for folder in others)
        return f"`edgectl models use {name} {seq}`, or `edgectl install PATH`"


def _nothing_there(link: Link) -> str:
    match link.state:
        case LinkState.MISSING:
            return f"there is no {link.path}"
        case LinkState.DANGLING:
            return f"{link.path} leads to {link.target}, which is not there"
        case _:
            leads = f"leads to {link.target}" if link.target else "is not a link"
            return f"{link.path} {leads}; it must lead to releases/<folder>"
