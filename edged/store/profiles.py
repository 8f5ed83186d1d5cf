"""Proofs: what this board measured of a release, in its trial or since.

Law: kept by the release's digest. A proof that cannot be read is no proof, and nothing
fails because of one; it can be made again. Bounded: few per release, gone with it.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from edged.errors import BadRelease, StoreFailed
from edged.host.files import Files, Site
from edged.store.layout import Layout
from edged.store.look import found, read_plain
from edged.wire.proofs import Board, Proof

#: Of one release: this runtime's, and one that an upgrade may come back to.
KEPT = 2

#: A proof of 16 variants on four counts of threads has 8 KiB.
_BYTES_MAX = 1 << 20

_decoder: msgspec.json.Decoder[tuple[Proof, ...]] = msgspec.json.Decoder(
    tuple[Proof, ...]
)


class Profiles:
    """All proofs of one store."""

    def __init__(self, layout: Layout, files: Files) -> None:
        self._layout = layout
        self._files = files

    def find(self, digest: str, board: Board) -> Proof | None:
        """Return the proof of a release on this board, None for none."""
        return next((p for p in self._read(digest) if p.board == board), None)

    def keep(self, proof: Proof) -> None:
        """Keep a proof, instead of an older one of the same board.

        Raises:
            StoreFailed: the disk refuses; the older one is still there.
        """
        others = [p for p in self._read(proof.digest) if p.board != proof.board]
        kept = (*others, proof)[-KEPT:]
        folder = self._layout.profiles
        if found(folder) is None:
            self._files.mkdir(Site.STORE_FOLDER, folder)
            self._files.sync_dir(Site.STORE_FOLDER, folder.parent)
        data = msgspec.json.encode(kept)
        self._files.write_atomic(Site.PROOF, self._path(proof.digest), data)

    def forget(self, digest: str) -> None:
        """Drop every proof of a release.

        Raises:
            StoreFailed: the disk refuses.
        """
        path = self._path(digest)
        if found(path) is not None:
            self._files.remove(Site.PROOF_DROP, path)

    def _read(self, digest: str) -> tuple[Proof, ...]:
        with suppress(BadRelease, StoreFailed, msgspec.MsgspecError):
            proofs = _decoder.decode(
                read_plain(self._path(digest), max_bytes=_BYTES_MAX)
            )
            return tuple(proof for proof in proofs if proof.digest == digest)
        return ()

    def _path(self, digest: str) -> Path:
        return self._layout.profiles / digest
