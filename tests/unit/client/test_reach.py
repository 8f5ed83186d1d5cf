"""Each way not to reach the daemon, with its own remedy."""

import errno
import os
from pathlib import Path

import pytest

from edged.client.reach import socket_path, unreachable
from edged.errors import NoAccess, NoDaemon


def failed(code: int) -> OSError:
    """Return a connect's failure."""
    return OSError(code, os.strerror(code))


@pytest.mark.parametrize(
    ("code", "cause", "typed"),
    [
        (errno.ENOENT, "no-socket", "EDGED_SOCKET"),
        (errno.ENOTDIR, "no-socket", "edgectl status"),
        (errno.ECONNREFUSED, "refused", "edgectl status"),
        (errno.EIO, "unreachable", "edgectl status"),
    ],
)
def test_no_daemon_tells_socket_errno_cause_and_what_to_type(
    code: int, cause: str, typed: str
) -> None:
    """No socket and nobody behind it are different nights."""
    error = unreachable("/run/edged/control.sock", failed(code))

    assert isinstance(error, NoDaemon)
    assert ("/run/edged/control.sock", code, cause) == (
        error.fields["socket"],
        error.fields["errno"],
        error.fields["cause"],
    )
    assert (True, False) == (typed in error.hint, "systemctl" in error.hint)


def test_no_access_tells_the_sockets_group_and_the_callers(tmp_path: Path) -> None:
    """And the one command that mends it."""
    path = tmp_path / "t.sock"
    path.touch()
    path.chmod(0o660)

    error = unreachable(str(path), failed(errno.EACCES))

    assert isinstance(error, NoAccess)
    assert "0660" == error.fields["mode"]
    assert error.fields["groups"]
    assert error.hint == (
        # nobody joins group root to reach a socket
        "run the command with sudo; it drops the environment, so name the socket: "
        f"{path}"
        if error.fields["group"] == "root"
        else f"sudo usermod -aG {error.fields['group']} {error.fields['user']}, "
        "then log in again"
    )


def test_no_access_to_the_folder_is_told_without_a_group() -> None:
    """What cannot be looked at has no group to name."""
    error = unreachable("/nowhere/at/all", failed(errno.EACCES))

    assert isinstance(error, NoAccess)
    assert "sudo" in error.hint


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        ("/a", "/b", "/a"),
        ("unix:///a", "/b", "/a"),
        (Path("/a"), None, "/a"),
        (None, "/b", "/b"),
        (None, "unix:///b", "/b"),
        (None, "", "/usual"),
        (None, None, "/usual"),
    ],
)
def test_a_socket_is_given_or_from_the_environment_or_usual(
    monkeypatch: pytest.MonkeyPatch,
    given: str | Path | None,
    environ: str | None,
    expected: str,
) -> None:
    """In this order; as a path or a URL."""
    monkeypatch.delenv("EDGED_SOCKET", raising=False)
    if environ is not None:
        monkeypatch.setenv("EDGED_SOCKET", environ)

    assert expected == socket_path(given, "EDGED_SOCKET", "/usual")
