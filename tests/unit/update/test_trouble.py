"""Every failure of the client has a reason, and no secret comes out."""

import ssl
from types import SimpleNamespace

import aiohttp
import pytest
import yarl
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadHttpMessage

from edged.errors import NotFetched
from edged.update.trouble import not_fetched, reason_of, shown, told
from edged.wire.updates import Reason

URL = yarl.URL("https://user:secret@host:8443/a%2Fb?token=1#f")
KEY = ConnectionKey(
    "host",
    8443,
    is_ssl=True,
    ssl=True,
    proxy=None,
    proxy_auth=None,
    proxy_headers_hash=None,
)
NO = OSError(113, "No route to host")


def verification(code: int, message: str) -> ssl.SSLCertVerificationError:
    """Return what OpenSSL says of a certificate."""
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_code, error.verify_message = code, message
    return error


CASES: dict[str, tuple[Exception, Reason]] = {
    "dns": (
        aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "no name")),
        Reason.NO_NAME,
    ),
    "route": (aiohttp.ClientConnectorError(KEY, NO), Reason.UNREACHABLE),
    "proxy": (aiohttp.ClientProxyConnectionError(KEY, NO), Reason.UNREACHABLE),
    "connect": (aiohttp.ConnectionTimeoutError(), Reason.UNREACHABLE),
    "chain": (
        aiohttp.ClientConnectorCertificateError(KEY, verification(19, "self-signed")),
        Reason.TLS,
    ),
    "early": (
        aiohttp.ClientConnectorCertificateError(KEY, verification(9, "not yet")),
        Reason.TLS_TIME,
    ),
    "late": (
        aiohttp.ClientConnectorCertificateError(KEY, verification(10, "expired")),
        Reason.TLS_TIME,
    ),
    "bare late": (verification(10, "expired"), Reason.TLS_TIME),
    "no tls": (aiohttp.ClientConnectorSSLError(KEY, NO), Reason.TLS),
    "bare tls": (ssl.SSLError(1, "wrong version"), Reason.TLS),
    "url": (aiohttp.InvalidURL("x"), Reason.NOT_UNDERSTOOD),
    "http": (BadHttpMessage("no"), Reason.NOT_UNDERSTOOD),
    "gap": (TimeoutError(), Reason.STALLED),
    "socket gap": (aiohttp.SocketTimeoutError(), Reason.STALLED),
    "gone": (aiohttp.ServerDisconnectedError(), Reason.CUT),
    "payload": (aiohttp.ClientPayloadError("short"), Reason.CUT),
    "reset": (ConnectionResetError(104, "reset"), Reason.CUT),
    "client os": (aiohttp.ClientOSError(32, "pipe"), Reason.CUT),
}


@pytest.mark.parametrize("name", CASES)
def test_each_has_its_reason(name: str) -> None:
    """And a sentence that begins as all do."""
    error, reason = CASES[name]

    with pytest.raises(NotFetched) as caught, told(URL):
        raise error

    assert reason is reason_of(caught.value)
    assert caught.value.message.startswith("cannot fetch https://host:8443/a%2Fb: ")
    assert error is caught.value.__cause__


def test_a_proxy_that_refuses_is_told_from_one_that_asks() -> None:
    """407 is for the administrator, 502 for the network."""
    info = SimpleNamespace(real_url=URL)
    answers = {}

    for status in (407, 502):
        with pytest.raises(NotFetched) as caught, told(URL):
            raise aiohttp.ClientHttpProxyError(info, (), status=status)  # type: ignore[arg-type]
        answers[status] = reason_of(caught.value)

    assert {407: Reason.NO_ENTRY, 502: Reason.UNREACHABLE} == answers


def test_our_own_pass() -> None:
    """What was told once is not told again."""
    own = not_fetched(URL, Reason.ENDLESS, "it does not end")

    with pytest.raises(NotFetched) as caught, told(URL):
        raise own

    assert own is caught.value


def test_a_bug_is_no_trouble_of_the_way() -> None:
    """It comes out as it is."""
    with pytest.raises(ZeroDivisionError), told(URL):
        raise ZeroDivisionError


def test_secrets_stay_inside() -> None:
    """No user, password, query or fragment, in any part of an error."""
    failed = not_fetched(URL, Reason.UNREACHABLE, "no way to it", status=1)

    text = f"{failed.message} {failed.hint} {failed.fields}"

    assert "https://host:8443/a%2Fb" == shown(URL)
    assert [] == [word for word in ("secret", "user", "token", "#") if word in text]
    assert "`curl -v https://host:8443/a%2Fb` from this box" in failed.hint


def test_every_reason_has_a_hint_that_can_be_written() -> None:
    """No placeholder is left open."""
    hints = [not_fetched(URL, reason, "no").hint for reason in Reason]

    assert not [hint for hint in hints if "{" in hint]
    assert any("host:8443" in hint for hint in hints)
