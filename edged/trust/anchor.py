"""The root that an administrator gave: what everything else leads back to.

Law: read anew each time, so that one that was exchanged counts at once; whether it
holds is for `trust.repository`.
"""

from pathlib import Path

import msgspec

from edged.errors import Untrusted
from edged.wire.unreadable import UNREADABLE
from edged.wire.updates import Reason

#: As python-tuf takes them: `UpdaterConfig.root_max_length`.
ROOT_MAX = 512_000

_ROOT = "root"


def read_root(path: Path, source: str) -> bytes:
    """Read a source's first root.

    Args:
        path: as the settings have it.
        source: its name, for people.

    Raises:
        Untrusted: there is none, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(ROOT_MAX + 1)
    except OSError as exc:
        why = (exc.strerror or str(exc)).lower()
        raise _no_root(path, source, f"cannot be read: {why}") from exc
    if len(data) > ROOT_MAX:
        raise _no_root(path, source, f"has more than {ROOT_MAX} bytes")
    return data


def check_root(path: Path, source: str) -> None:
    """Check that a file is some root metadata; whether it holds is for its users.

    Raises:
        Untrusted: there is none, it cannot be read, or it is something else.
    """
    data = read_root(path, source)
    try:
        kind = msgspec.json.decode(data, type=_Document).signed.kind
    except UNREADABLE as exc:
        raise _no_root(path, source, f"is no signed metadata: {exc}") from exc
    if kind != _ROOT:
        raise _no_root(path, source, f"is {kind} metadata, not {_ROOT}")


class _Signed(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="_type")


class _Document(msgspec.Struct, frozen=True):
    signed: _Signed


def _no_root(path: Path, source: str, why: str) -> Untrusted:
    return Untrusted(
        f"cannot trust source {source}: its root {path} {why}",
        hint=f"ls -l {path}",
        reason=Reason.NO_ROOT.value,
    )
