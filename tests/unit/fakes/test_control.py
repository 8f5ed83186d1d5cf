"""The fake control socket keeps its own promises."""

import socket

import pytest

from edged.client.control import Control
from edged.errors import EdgedError, ProtocolError, TimedOut
from edged.wire.endpoints import INSTALL, MODELS
from edged.wire.messages import Changed, InstallRequest, Models, Nothing
from tests.fakes.control import fake_control
from tests.fakes.daemon import short_home


def test_it_answers_what_it_was_told() -> None:
    """A value goes through the wire and comes back equal."""
    with short_home() as home, fake_control(home / "c") as fake:
        fake.answer("GET /v1/models", Models())

        with Control(home / "c") as control:
            found = control.call(MODELS, Nothing())

    assert (Models(), ["GET /v1/models"]) == (found, fake.asked)


def test_it_keeps_a_streamed_body() -> None:
    """Chunks are joined, so that a test can look at what was sent."""
    with short_home() as home, fake_control(home / "c") as fake:
        fake.answer("POST /v1/install", Changed(name="m", changed=True, text="done"))

        with Control(home / "c") as control:
            control.call(INSTALL, InstallRequest(name="m"), body=iter([b"ab", b"c"]))

    assert [b"abc"] == fake.bodies


@pytest.mark.parametrize(
    ("fault", "error"),
    [("hang", TimedOut), ("garble", ProtocolError), (None, EdgedError)],
)
def test_it_fails_as_it_was_told(fault: str | None, error: type[EdgedError]) -> None:
    """It hangs, it garbles, and it does not know what nobody told it."""
    with short_home() as home, fake_control(home / "c") as fake:
        if fault:
            setattr(fake, fault, True)

        with Control(home / "c", timeout_s=0.2) as control, pytest.raises(error):
            control.call(MODELS, Nothing())


def test_nobody_listens_after_it() -> None:
    """The socket file stays, as after a crash."""
    with short_home() as home:
        with fake_control(home / "c"):
            pass

        with socket.socket(socket.AF_UNIX) as sock:
            assert 111 == sock.connect_ex(str(home / "c"))
