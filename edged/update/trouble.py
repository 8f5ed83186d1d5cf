"""What can go wrong on the way, by the reasons that people and machines are told.

Law: every failure of a fetch is a `NotFetched` with its reason, the URL without its
secrets and, where it helps, what to type; no exception of the HTTP client comes out.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
import yarl
from aiohttp.http_exceptions import HttpProcessingError

from edged.errors import NotFetched
from edged.wire.updates import Reason

#: What OpenSSL says of a certificate that would be good at another time.
_TIMES = {9: "is not valid yet", 10: "has expired"}  # X509_V_ERR_CERT_...

_HINTS: dict[Reason, str] = {
    Reason.NO_NAME: "`getent hosts {host}`; is the network up, and its DNS right?",
    Reason.UNREACHABLE: "`curl -v {url}` from this box; a proxy belongs in "
    "`update.proxy`",
    Reason.TLS: "`openssl s_client -connect {host}:{port}`; a certificate of one's own "
    "belongs in `update.ca-file`",
    Reason.TLS_TIME: "`timedatectl` shows the clock of this box; if it is right, the "
    "host needs a new certificate",
    Reason.NO_ENTRY: "`curl -I {url}`; edged has no password for it: have the host or "
    "the proxy let this box in as it is",
    Reason.NOT_FOUND: "did the publisher push it? `edgectl publish verify` shows what "
    "a box sees",
    Reason.PORTAL: "sign in to the network, or have its owner let this box out: "
    "`curl {url}` shows the page",
    Reason.ENCODED: "have the host, or the proxy in between, send files as they are",
    Reason.WRONG_RANGE: "have the host answer ranges as RFC 9110 says, or not at all",
    Reason.WRONG_LENGTH: "`curl -I {url}`; was the file pushed whole?",
    Reason.WRONG_HASH: "`edgectl publish verify`; was the file pushed whole?",
    Reason.REDIRECTS: "`curl -IL {url}` shows where it leads",
}


def not_fetched(
    url: yarl.URL,
    reason: Reason,
    why: str,
    *,
    retry_after_s: float = 1.0,
    **fields: object,
) -> NotFetched:
    """Make the one error of this room.

    Args:
        url: what was asked for.
        reason: one of the way or of the host.
        why: ends the sentence "cannot fetch URL: ...".
        retry_after_s: what the host asked for, if it did.
        fields: more for machines.
    """
    where = shown(url)
    hint = _HINTS.get(reason, "").format(url=where, host=url.host, port=url.port)
    return NotFetched(
        f"cannot fetch {where}: {why}",
        hint=hint,
        retry_after_s=retry_after_s,
        reason=reason.value,
        url=where,
        **fields,
    )


def reason_of(failed: NotFetched) -> Reason:
    """Return the reason that `not_fetched` wrote."""
    return Reason(failed.fields["reason"])


def shown(url: yarl.URL) -> str:
    """Write a URL without what may be secret: user, password, query, fragment."""
    return str(url.with_user(None).with_query(None).with_fragment(None))


@contextmanager
def told(url: yarl.URL) -> Iterator[None]:
    """Map everything that the client can raise.

    Raises:
        NotFetched: for what is not one already.
    """
    try:
        yield
    except _FOREIGN as exc:
        tell = next(tell for kind, tell in _TABLE if isinstance(exc, kind))
        reason, why = tell(exc)
        raise not_fetched(url, reason, why) from exc


# --- the table ------------------------------------------------------------------


def _certificate(exc: Exception) -> tuple[Reason, str]:
    found = getattr(exc, "certificate_error", exc)
    when = _TIMES.get(getattr(found, "verify_code", 0))
    if when:
        return Reason.TLS_TIME, f"its certificate {when}, says the clock of this box"
    why = getattr(found, "verify_message", "") or str(found)
    return Reason.TLS, f"its certificate does not hold: {why}"


def _proxy(exc: Exception) -> tuple[Reason, str]:
    status = getattr(exc, "status", 0)
    if status == 407:  # noqa: PLR2004  # its name is longer than its number
        return Reason.NO_ENTRY, "the proxy asks who we are (407)"
    return Reason.UNREACHABLE, f"the proxy does not lead there ({status})"


def _said(reason: Reason, why: str) -> Callable[[Exception], tuple[Reason, str]]:
    def tell(exc: Exception) -> tuple[Reason, str]:
        inner = getattr(exc, "os_error", exc)
        text = getattr(inner, "strerror", None) or str(inner) or type(exc).__name__
        return reason, f"{why}: {text}"

    return tell


def _fixed(reason: Reason, why: str) -> Callable[[Exception], tuple[Reason, str]]:
    return lambda _: (reason, why)


#: The first that fits; the special ones stand before those that they are kinds of.
_TABLE: tuple[
    tuple[type[Exception], Callable[[Exception], tuple[Reason, str]]], ...
] = (
    (aiohttp.ClientConnectorDNSError, _said(Reason.NO_NAME, "its name has no address")),
    (aiohttp.ClientConnectorCertificateError, _certificate),
    (ssl.SSLCertVerificationError, _certificate),
    (aiohttp.ClientSSLError, _said(Reason.TLS, "no TLS with it")),
    (ssl.SSLError, _said(Reason.TLS, "no TLS with it")),
    (
        aiohttp.ClientProxyConnectionError,
        _said(Reason.UNREACHABLE, "the proxy cannot be reached"),
    ),
    (aiohttp.ClientHttpProxyError, _proxy),
    (aiohttp.ClientConnectorError, _said(Reason.UNREACHABLE, "no way to it")),
    (
        aiohttp.ConnectionTimeoutError,
        _fixed(Reason.UNREACHABLE, "no connection came about in time"),
    ),
    (aiohttp.InvalidURL, _said(Reason.NOT_UNDERSTOOD, "that is no URL")),
    (aiohttp.ClientResponseError, _said(Reason.NOT_UNDERSTOOD, "it is no HTTP")),
    (HttpProcessingError, _said(Reason.NOT_UNDERSTOOD, "it is no HTTP")),
    (
        TimeoutError,
        _fixed(Reason.STALLED, "nothing came for longer than it may take"),
    ),
    (aiohttp.ClientError, _said(Reason.CUT, "the connection broke")),
    (OSError, _said(Reason.CUT, "the connection broke")),
)

_FOREIGN = (aiohttp.ClientError, HttpProcessingError, OSError, asyncio.TimeoutError)
