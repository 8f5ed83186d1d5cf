"""Where a repository can be looked at: a folder, or a URL.

Law: reads only, with bounds on time and size. What cannot be had is `NotFetched` with
the reason, never an empty answer.
"""

import http.client
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError

from edged.errors import InvalidRequest, NotFetched
from edged.wire.updates import Reason

_TIMEOUT_S = 30.0

_PIECE = 1 << 16

#: S3 answers 403 for what is not there, where it does not tell.
_NOT_FOUND = {404: "not found", 410: "gone", 403: "not found, or not for everybody"}


class Place(Protocol):
    """What a repository is read from."""

    def read(self, path: str, max_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes.

        Raises:
            NotFetched: it is not there (`Reason.NOT_FOUND`), larger, or out of reach.
        """

    def size(self, path: str) -> int:
        """Return a file's size.

        Raises:
            NotFetched: as above.
        """

    def resumes(self, path: str) -> bool | None:
        """Tell whether a part of a file can be had; None where that is no question.

        Raises:
            NotFetched: as above.
        """


class Folder:
    """A repository in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str, max_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes."""
        file = self._root / path
        if self.size(path) > max_bytes:
            raise _too_large(path, max_bytes)
        try:
            yield file.read_bytes()
        except OSError as exc:
            raise _lost(path, exc) from exc

    def size(self, path: str) -> int:
        """Return a file's size."""
        try:
            return (self._root / path).stat().st_size
        except FileNotFoundError as exc:
            raise _absent(path) from exc
        except OSError as exc:
            raise _lost(path, exc) from exc

    def resumes(self, path: str) -> bool | None:  # noqa: ARG002  # as the port has it
        """A file can be read from anywhere."""
        return None


class Web:
    """A repository below a URL; a proxy is taken from the environment."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def read(self, path: str, max_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes."""
        left = max_bytes
        with self._open(path) as answer:
            try:
                while piece := answer.read(_PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise _too_large(path, max_bytes)
                    yield piece
            except (OSError, http.client.HTTPException) as exc:
                raise _lost(path, exc) from exc

    def size(self, path: str) -> int:
        """Return a file's size."""
        with self._open(path, method="HEAD") as answer:
            said = answer.headers.get("Content-Length", "")
        if not said.isdecimal():
            raise NotFetched(
                f"cannot tell the size of {path}: the server does not say it",
                reason=Reason.NOT_UNDERSTOOD.value,
            )
        return int(said)

    def resumes(self, path: str) -> bool | None:
        """Ask for one byte."""
        with self._open(path, headers={"Range": "bytes=0-0"}) as answer:
            return bool(answer.status == http.client.PARTIAL_CONTENT)

    def _open(
        self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        request = urllib.request.Request(  # noqa: S310  # `place` has looked at it
            f"{self._url}/{path}", method=method, headers=headers or {}
        )
        try:
            answer: HTTPResponse = urllib.request.urlopen(  # noqa: S310
                request, timeout=_TIMEOUT_S
            )
        except HTTPError as exc:
            with exc:
                if exc.code in _NOT_FOUND:
                    raise _absent(path, _NOT_FOUND[exc.code]) from exc
                raise _lost(path, exc, Reason.HOST_ERROR) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise _lost(path, exc) from exc
        return answer


def place(text: str) -> Place:
    """Return what a person names.

    Raises:
        InvalidRequest: it is no folder and no URL.
    """
    if text.startswith(("http://", "https://")):
        return Web(text)
    if "://" not in text and Path(text).is_dir():
        return Folder(Path(text))
    raise InvalidRequest(
        f"cannot look at {text!r}: it is no folder, and no http or https URL",
        hint="edgectl publish verify https://models.example.org/edged",
    )


def _absent(path: str, why: str = "not found") -> NotFetched:
    return NotFetched(f"cannot read {path}: {why}", reason=Reason.NOT_FOUND.value)


def _too_large(path: str, max_bytes: int) -> NotFetched:
    return NotFetched(
        f"cannot read {path}: it has more than {max_bytes} bytes",
        reason=Reason.ENDLESS.value,
    )


def _lost(path: str, exc: Exception, reason: Reason = Reason.UNREACHABLE) -> NotFetched:
    why = str(getattr(exc, "reason", "") or exc).lower()
    return NotFetched(f"cannot read {path}: {why}", reason=reason.value)
