"""`edgectl tuf-client`: the trusted side of a source, as tuf-conformance drives it.

Law: a test tool, hidden from the help: it trusts, refuses and keeps exactly as the
updater does, by the same `Repository`. Of its own are the transport, plain HTTP, the
belief that the clock is right, and copies of the metadata under the names that the
suite looks for (its CLIENT-CLI.md). What was downloaded is not fetched again.
"""

import argparse
import http.client
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.parser import add_verb, add_verbs
from edged.errors import EdgedError, NotFetched
from edged.host.files import DiskFiles, Site, store_errors
from edged.trust.clock import Watchmaker
from edged.trust.repository import TARGETS, Repository
from edged.trust.workflow import METADATA, Fetch
from edged.wire.updates import Reason

#: Seconds without a byte.
_GAP_S = 10.0
_PIECE = 64 << 10

#: The root that `init` was given, in the folder of the metadata.
_ANCHOR = "anchor"

#: The suite plays at times before edged was written.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `tuf-client`."""
    to.add_argument("--metadata-dir", required=True, type=Path, metavar="DIR")
    to.add_argument("--metadata-url", default="", metavar="URL")
    to.add_argument("--target-name", action="append", default=[], metavar="NAME")
    to.add_argument("--target-dir", type=Path, default=Path(), metavar="DIR")
    to.add_argument("--target-base-url", default="", metavar="URL")
    verbs = add_verbs(to)
    init = add_verb(verbs, "init", "take a root as the one that all leads back to")
    init.add_argument("root", type=Path, metavar="ROOT")
    init.set_defaults(run=_init)
    refresh = add_verb(verbs, "refresh", "bring the metadata up to date")
    refresh.set_defaults(run=_refresh)
    download = add_verb(verbs, "download", "refresh, and fetch the targets named")
    download.set_defaults(run=_download)


def _init(desk: Desk, args: argparse.Namespace) -> Exit:  # noqa: ARG001  # as every run
    with store_errors("read", args.root):
        root = args.root.read_bytes()
    files, folder = DiskFiles(), args.metadata_dir
    if not folder.is_dir():
        files.mkdir(Site.TRUST_FOLDER, folder)
    for name in (_ANCHOR, "root.json"):
        files.write_atomic(Site.TRUST_METADATA, folder / name, root)
    return Exit.FINE


def _refresh(desk: Desk, args: argparse.Namespace) -> Exit:
    with _shown(args) as repository:
        return _told(desk, lambda: repository.refresh(_over_http(args)))


def _download(desk: Desk, args: argparse.Namespace) -> Exit:
    with _shown(args) as repository:
        fetch = _over_http(args)
        code = _told(desk, lambda: repository.refresh(fetch))
        for name in args.target_name:
            if code is Exit.FINE:
                to = args.target_dir / urllib.parse.quote(name, "")
                code = _told(desk, lambda: _bring(repository, fetch, name, to))  # noqa: B023  # called here
    return code


def _told(desk: Desk, run: Callable[[], object]) -> Exit:
    """Run; every refusal is the exit number that the suite knows."""
    try:
        run()
    except EdgedError as error:
        reason = error.fields.get("reason", error.code)
        desk.screen.talk(f"edgectl: {reason}: {error.message}")
        return Exit.FAILED
    return Exit.FINE


def _bring(repository: Repository, fetch: Fetch, name: str, to: Path) -> None:
    """Fetch a target, unless it is there as it was signed."""

    def at_hand(wanted: str, limit: int) -> Iterator[bytes]:
        if not wanted.startswith(TARGETS):
            return fetch(wanted, limit)
        return iter([to.read_bytes()])

    if to.exists():
        with suppress(NotFetched):
            repository.target(name, at_hand)
            return
    data = repository.target(name, fetch)
    DiskFiles().write_atomic(Site.TRUST_METADATA, to, data)


@contextmanager
def _shown(args: argparse.Namespace) -> Iterator[Repository]:
    """Give the repository, and show afterwards what it has verified."""
    folder: Path = args.metadata_dir
    anchor = folder / _ANCHOR
    with store_errors("read", anchor):
        root = anchor.read_bytes()
    watch = Watchmaker(kernel=lambda: True, written=_EPOCH)
    repository = Repository(folder / "trust", root, DiskFiles(), watch)
    try:
        yield repository
    finally:
        for path in repository.scratch.glob("*.json"):
            data = path.read_bytes()
            DiskFiles().write_atomic(Site.TRUST_METADATA, folder / path.name, data)


def _over_http(args: argparse.Namespace) -> Fetch:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch(name: str, limit: int) -> Iterator[bytes]:
        if name.startswith(METADATA):
            url = _below(args.metadata_url, name.removeprefix(METADATA))
        else:
            url = _below(
                args.target_base_url, urllib.parse.quote(name.removeprefix(TARGETS))
            )
        try:
            with opener.open(url, timeout=_GAP_S) as answer:
                while piece := answer.read(min(_PIECE, limit + 1)):
                    yield piece
        except HTTPError as exc:
            absent = exc.code in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)
            reason = Reason.NOT_FOUND if absent else Reason.HOST_ERROR
            raise _not_fetched(url, exc, reason) from exc
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise _not_fetched(url, exc, Reason.UNREACHABLE) from exc

    return fetch


def _below(base: str, name: str) -> str:
    return f"{base.removesuffix('/')}/{name}"


def _not_fetched(url: str, exc: Exception, reason: Reason) -> NotFetched:
    return NotFetched(f"cannot fetch {url}: {exc}", reason=reason.value)
