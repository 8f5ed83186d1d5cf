"""Private keys on this machine, and signing with them.

Law: a key leaves this module as a signer only. Files are for their owner alone, and
encrypted where a passphrase is given. A file is opened when its key is needed, so that
a nightly `renew` is never asked for the passphrase of another key.

    keys/root-1f2e3d4c.pem    what it is for, and the first 8 digits of its key id

Source: PKCS #8 (RFC 5958) in PEM, ed25519 (RFC 8032), as `securesystemslib` has them.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from edged.errors import BadConfig, NotPermitted
from edged.host.files import store_errors
from edged.host.private import make_private_folder, write_private

#: Of a key id, for people.
SHORT = 8

#: Asked with what the passphrase is for; None where nobody can say one.
Passphrase = Callable[[str], str | None]

_ENCRYPTED = b"BEGIN ENCRYPTED PRIVATE KEY"


class KeyRing:
    """The keys in one folder.

    Args:
        folder: where they are; it need not exist.
        passphrase: asked at most once, and only for an encrypted key.
    """

    def __init__(self, folder: Path, passphrase: Passphrase) -> None:
        self._folder = folder
        self._ask = passphrase
        self._said: str | None = None
        self._signers: dict[str, CryptoSigner] = {}

    def make(self, label: str, passphrase: str | None) -> SSlibKey:
        """Make a key and write it.

        Args:
            label: what it is for, as its file is called.
            passphrase: encrypts it; None leaves it in the clear.

        Raises:
            StoreFailed: the disk refuses.
        """
        private = Ed25519PrivateKey.generate()
        signer = CryptoSigner(private)
        make_private_folder(self._folder)
        pem = private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, _encryption(passphrase)
        )
        key = signer.public_key
        write_private(self._folder / f"{label}-{short(key)}.pem", pem)
        self._signers[key.keyid] = signer
        return key

    def signers(self, keys: Iterable[Key]) -> Iterator[CryptoSigner]:
        """Yield signers for those of the keys that are here.

        Raises:
            NotPermitted: a key is encrypted, and the passphrase is missing or wrong.
            BadConfig: a key's file is not one.
            StoreFailed: a key's file cannot be read.
        """
        for key in keys:
            if key.keyid not in self._signers:
                path = self.path(key)
                if path is None or not isinstance(key, SSlibKey):
                    continue
                self._signers[key.keyid] = self._load(path, key)
            yield self._signers[key.keyid]

    def path(self, key: Key) -> Path | None:
        """Return where a key is; None where it is not here."""
        return next(iter(sorted(self._folder.glob(f"*-{short(key)}.pem"))), None)

    def _load(self, path: Path, key: SSlibKey) -> CryptoSigner:
        with store_errors("read", path):
            pem = path.read_bytes()
        said = self._passphrase(path) if _ENCRYPTED in pem else None
        try:
            private = load_pem_private_key(pem, said.encode() if said else None)
            return CryptoSigner(private, key)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            if said is not None:
                raise NotPermitted(
                    f"cannot open the key {path}: its passphrase is another",
                    hint="set EDGED_KEY_PASSPHRASE, or leave it out to be asked",
                ) from exc
            raise BadConfig(
                f"cannot use the key {path}: it is no ed25519 key in PEM, or not the "
                "one that its name says",
                hint="put the right file there",
            ) from exc

    def _passphrase(self, path: Path) -> str:
        if self._said is None:
            self._said = self._ask(f"passphrase of {path.name}: ")
        if not self._said:
            raise NotPermitted(
                f"cannot open the key {path}: it has a passphrase",
                hint="set EDGED_KEY_PASSPHRASE, or run this on a terminal",
            )
        return self._said


def short(key: Key) -> str:
    """Return what people call a key."""
    return key.keyid[:SHORT]


def _encryption(passphrase: str | None) -> KeySerializationEncryption:
    if not passphrase:
        return NoEncryption()
    return BestAvailableEncryption(passphrase.encode())
