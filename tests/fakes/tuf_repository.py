"""A publisher and his static host, in memory, with real ed25519 keys.

    host = TufRepository(now)
    host.add("digits", 3)                # a release: manifest, chunk index, blobs
    host.publish()                       # everything anew, one version up, signed
    Repository(..., root=host.first_root, ...).refresh(host.fetch)

`host.files` is what the host serves, by name below its URL: change it to tamper.
`publish("timestamp")` signs these roles alone. `rotate("timestamp")` changes the keys
of a role at the next `publish("root", ...)`. Versions and expiries are attributes of
`host.root`, `host.timestamp`, `host.snapshot`, `host.targets`, as python-tuf has them.
"""

import hashlib
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import msgspec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from edged.errors import NotFetched
from edged.wire.listing import (
    CHUNK_BYTES,
    CUSTOM,
    Chunked,
    ChunkIndex,
    Listing,
    chunks_path,
    custom_of,
    manifest_path,
)
from edged.wire.updates import Reason
from edged.wire.words import utc_text

#: In the order in which they must be signed.
ROLES = ("root", "targets", "snapshot", "timestamp")

#: How long after `now` a role expires.
DAYS = {"root": 365, "targets": 90, "snapshot": 30, "timestamp": 7}


class TufRepository:
    """See the module.

    Args:
        now: when everything is issued; move it by `host.now = ...`.
        root_keys: how many keys the root has, and how many must sign.
    """

    def __init__(self, now: datetime, *, root_keys: int = 1) -> None:
        self.now = now
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.signers: dict[str, list[CryptoSigner]] = {role: [] for role in ROLES}
        self.root = Root(expires=now)
        self.targets = Targets(expires=now)
        self.snapshot = Snapshot(expires=now)
        self.timestamp = Timestamp(expires=now)
        for role in ROLES:
            self._new_keys(role, root_keys if role == "root" else 1)
        self.root.roles["root"].threshold = root_keys
        for part in self._parts().values():
            part.version = 0
        self.publish()
        self.first_root = self.files["metadata/1.root.json"]

    def add(
        self,
        model: str,
        seq: int,
        *,
        manifest: bytes | None = None,
        files: dict[str, bytes] | None = None,
        listing: Listing | None = None,
        **listed: object,
    ) -> Listing:
        """Add a release; it is listed with the next `publish`."""
        manifest = manifest or f"name: {model}\nseq: {seq}\n".encode()
        files = files if files is not None else {"net.onnx": b"net %d" % seq * 9}
        listing = listing or Listing(
            model=model,
            version=f"1.{seq}.0",
            seq=seq,
            size_bytes=sum(map(len, files.values())),
            issued=utc_text(self.now),
            starts=utc_text(self.now),
        )
        listing = msgspec.structs.replace(listing, **listed)
        index = ChunkIndex(files={name: chunked(data) for name, data in files.items()})
        self.add_target(manifest_path(model, seq), manifest, custom_of(listing))
        self.add_target(chunks_path(model, seq), msgspec.json.encode(index))
        for data in files.values():
            self.files[f"blobs/{hashlib.sha256(data).hexdigest()}"] = data
        return listing

    def add_target(
        self, path: str, data: bytes, custom: dict[str, object] | None = None
    ) -> None:
        """Add any target."""
        target = TargetFile.from_data(path, data, ["sha256"])
        if custom is not None:
            target.unrecognized_fields["custom"] = custom
        self.targets.targets[path] = target
        self.files[self.target_name(path)] = data

    def target_name(self, path: str) -> str:
        """Return where a target lies."""
        folder, _, last = path.rpartition("/")
        digest = self.targets.targets[path].hashes["sha256"]
        return f"targets/{folder}/{digest}.{last}"

    def publish(self, *roles: str, renew: bool = True) -> None:
        """Sign roles anew, one version up; all but an unchanged root by default.

        Args:
            roles: names; what names them must be published, too, to be seen.
            renew: give each its usual time until it expires.
        """
        chosen = roles or (ROLES[1:] if self.root.version else ROLES)
        for role in (role for role in ROLES if role in chosen):
            part = self._parts()[role]
            part.version += 1
            if renew:
                part.expires = self.now + timedelta(days=DAYS[role])
            part.unrecognized_fields[CUSTOM] = {"issued": utc_text(self.now)}
            self._name(role)
            self.sign(role)

    def sign(self, role: str) -> None:
        """Sign a role as it is and put it where it is served."""
        part: Any = self._parts()[role]
        paper: Metadata[Any] = Metadata(deepcopy(part))
        for signer in self.signers[role]:
            paper.sign(signer, append=True)
        name = "timestamp" if role == "timestamp" else f"{part.version}.{role}"
        self.files[f"metadata/{name}.json"] = paper.to_bytes()

    def rotate(self, role: str) -> None:
        """Take a role's keys away and give it new ones; the old root's sign, too."""
        old = self.signers[role]
        for signer in old:
            self.root.revoke_key(signer.public_key.keyid, role)
        self.signers[role] = []
        self._new_keys(role, len(old))
        if role == "root":  # the next root is signed by both
            self.signers[role] += old

    def documents(self) -> dict[str, bytes]:
        """Return what a signed release carries: the newest set, and all roots."""
        names = {f"{n}.root.json" for n in range(1, self.root.version + 1)}
        names |= {f"{self.snapshot.version}.snapshot.json", "timestamp.json"}
        names |= {f"{self.targets.version}.targets.json"}
        return {name: self.files[f"metadata/{name}"] for name in sorted(names)}

    def fetch(self, name: str, limit: int) -> Iterator[bytes]:  # noqa: ARG002  # as Fetch
        """Serve a file; be the `fetch` of a `Repository`."""
        self.asked.append(name)
        data = self.files.get(name)
        if data is None:
            raise NotFetched(
                f"cannot fetch {name}: it is not there", reason=Reason.NOT_FOUND.value
            )
        for at in range(0, len(data), 1000):
            yield data[at : at + 1000]

    # --- steps -------------------------------------------------------------------

    def _parts(self) -> dict[str, Root | Targets | Snapshot | Timestamp]:
        return {
            "root": self.root,
            "targets": self.targets,
            "snapshot": self.snapshot,
            "timestamp": self.timestamp,
        }

    def _new_keys(self, role: str, count: int) -> None:
        for _ in range(count):
            signer = CryptoSigner.generate_ed25519()
            self.root.add_key(signer.public_key, role)
            self.signers[role].append(signer)

    def _name(self, role: str) -> None:
        """Let a role name what is below it."""
        if role == "snapshot":
            data = self.files[f"metadata/{self.targets.version}.targets.json"]
            self.snapshot.meta["targets.json"] = meta(self.targets.version, data)
        elif role == "timestamp":
            data = self.files[f"metadata/{self.snapshot.version}.snapshot.json"]
            self.timestamp.snapshot_meta = meta(self.snapshot.version, data)


def meta(version: int, data: bytes) -> MetaFile:
    """Return what one document says of another."""
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})


def chunked(data: bytes) -> Chunked:
    """Return a file in pieces."""
    pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    return Chunked(
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        chunks=tuple(hashlib.sha256(piece).hexdigest() for piece in pieces),
    )
