"""What can be told about sockets before there is one."""

from pathlib import Path

import pytest

from edged.errors import SocketFailed
from edged.host.listen import Inherited, inherited, tcp_listener, unix_listener


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:8000",
        "192.168.1.2:8000",
        "[::]:8000",
        "localhost.example.org:8000",
        "127.0.0.1",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "",
    ],
)
def test_tcp_is_for_loopback_alone(address: str) -> None:
    """Whatever a network could reach is refused, and so is a port that is none."""
    with pytest.raises(SocketFailed) as caught:
        tcp_listener(address)

    expected = f"cannot listen on {address!r}: not a loopback address with a port"
    assert expected == caught.value.message


def test_a_path_too_long_names_the_limit() -> None:
    """The kernel would cut or refuse it; the error says how long it may be."""
    path = Path("/run") / ("x" * 103)

    with pytest.raises(SocketFailed) as caught:
        unix_listener(path, 0o660, None)

    assert "has 108 bytes, and the kernel takes at most 107" in caught.value.message
    assert "--runtime-dir" in caught.value.hint


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "data"}],
)
def test_sockets_of_another_process_are_not_ours(environ: dict[str, str]) -> None:
    """LISTEN_PID decides; the variables go in any case."""
    actual = inherited(environ)

    assert (Inherited(), {}) == (actual, environ)
