"""What is signed about a release, on its way to the daemon: members `signed/NAME`.

Law: documents are bounded in number and size and are kept in memory, never on disk.
What they say is for others to judge.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from edged.errors import BadBundle
from edged.store.layout import MANIFEST
from edged.store.names import SIGNED, check_name, parts_of
from edged.store.sending import Slice, sent
from edged.store.tar import Kind, Member, read_tar

#: Roots grow by one with every change of keys, and python-tuf follows 256 of them
#: (`UpdaterConfig.max_root_rotations`); the other roles have one document each.
MAX_DOCUMENTS = 260

#: All together. python-tuf takes roots and timestamps of 512 KB and 16 KB, a snapshot
#: of 2 MB and targets of 5 MB (`UpdaterConfig`).
MAX_BYTES = 8 << 20

#: With its folder it fits into a tar's header.
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,91}")


class Documents:
    """Documents as they come in, each held against the bounds."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}
        self._left = MAX_BYTES

    @property
    def by_name(self) -> dict[str, bytes]:
        """What came in."""
        return self._held

    def take(self, member: Member, body: Iterator[bytes]) -> bool:
        """Keep a member if it belongs here, and tell whether it did.

        Raises:
            BadBundle: it is not directly in `signed/`, or see `admit`.
        """
        parts = parts_of(member.name)
        if parts[:1] != (SIGNED,) or (member.kind is Kind.FILE and len(parts) == 1):
            return False
        if member.kind is Kind.FILE:
            self.admit("/".join(parts[1:]), member.size)
            self.keep(parts[1], b"".join(body))
        elif len(parts) > 1:
            raise _no_document(member.name)
        return True

    def admit(self, name: str, size: int) -> None:
        """Check that one more may come in, before its bytes are read.

        Raises:
            BadBundle: its name is not plain or came before, or it is too much.
        """
        written = f"{SIGNED}/{name}"
        if not _NAME.fullmatch(name):
            raise _no_document(written)
        if name in self._held:
            raise BadBundle(
                f"cannot take bundle: it has {written!r} twice", hint="make it anew"
            )
        if len(self._held) == MAX_DOCUMENTS:
            raise BadBundle(
                f"cannot take bundle: it has more than {MAX_DOCUMENTS} documents in "
                f"{SIGNED}/"
            )
        if size > self._left:
            raise BadBundle(
                f"cannot take bundle: its documents in {SIGNED}/ have more than "
                f"{MAX_BYTES} bytes"
            )

    def keep(self, name: str, data: bytes) -> None:
        """Hold a document that was admitted."""
        self._held[name] = data
        self._left -= len(data)


def read_documents(chunks: Iterable[bytes]) -> dict[str, bytes]:
    """Read a tar stream of documents and nothing else.

    Raises:
        BadBundle: it is no tar, something else is in it, or it is too much.
    """
    documents = Documents()
    for member, body in read_tar(chunks, max_bytes=MAX_BYTES):
        if not documents.take(member, body):
            raise _no_document(member.name)
    return documents.by_name


def pack_documents(documents: Mapping[str, bytes]) -> Iterator[bytes]:
    """Return the tar stream of documents alone.

    Raises:
        BadBundle: as `pack_signed`.
    """
    return sent({f"{SIGNED}/{n}": data for n, data in _admitted(documents).items()})


def pack_signed(
    documents: Mapping[str, bytes],
    manifest: bytes,
    files: Mapping[str, Path | Slice],
) -> Iterator[bytes]:
    """Return the tar stream of a signed release; what can be checked is checked before.

    Documents come first, so that what must not come in is refused before its bytes are
    sent; then `model.yaml`, then files by name. The same release gives the same bytes.

    Args:
        documents: signed metadata by name, as `1.root.json`.
        manifest: the bytes of `model.yaml`, as they were signed.
        files: that the manifest names; those that the daemon has may be left out.

    Raises:
        NoInput: a file is missing, unreadable, or changed while it was read.
        BadBundle: a name is not plain, or something is too large.
    """
    admitted = _admitted(documents)
    for name in files:
        check_name(name, name)
    return sent(
        {
            **{f"{SIGNED}/{name}": data for name, data in admitted.items()},
            MANIFEST: manifest,
            **{name: files[name] for name in sorted(files)},
        }
    )


def _admitted(documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Hold documents against the bounds before they are sent; sorted by name."""
    admitted = Documents()
    for name in sorted(documents):
        admitted.admit(name, len(documents[name]))
        admitted.keep(name, documents[name])
    return admitted.by_name


def _no_document(written: str) -> BadBundle:
    return BadBundle(
        f"cannot take bundle: the name {written[:200]!r} is no document's",
        hint=f"{SIGNED}/ holds signed metadata alone, as 1.root.json",
    )
