"""What a command is given to work with."""

import io
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edged.cli.desk import Desk
from edged.cli.output import Screen
from edged.cli.place import Place
from edged.errors import TimedOut
from edged.wire.endpoints import MODELS
from edged.wire.messages import Models, Nothing
from tests.fakes.control import FakeControl

Edgectl = Callable[..., tuple[int, str, str]]


def desk(home: Path, *, timeout_s: float | None = None) -> Desk:
    """Return a desk at a control socket."""
    return Desk(
        screen=Screen(out=io.StringIO(), err=io.StringIO(), env={}),
        place=Place(
            control_socket=str(home / "control.sock"),
            data_socket=str(home / "edged.sock"),
            timeout_s=timeout_s,
        ),
        as_json=False,
    )


def test_a_call_goes_to_the_place(fake: FakeControl, home: Path) -> None:
    """The answer has the endpoint's type."""
    fake.answer("GET /v1/models", Models())

    assert Models() == desk(home).call(MODELS, Nothing())


def test_the_place_s_patience_counts(fake: FakeControl, home: Path) -> None:
    """`--timeout` beats the endpoint's own deadline."""
    fake.hang = True

    with pytest.raises(TimedOut, match=r"0\.1 s"):
        desk(home, timeout_s=0.1).call(MODELS, Nothing())


def test_a_question_does_not_wait_for_long(
    edgectl: Edgectl, fake: FakeControl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A technician learns soon that the daemon hangs; no other socket is tried."""
    fake.hang = True
    monkeypatch.setattr("edged.cli.desk.READ_S", 0.1)

    code, _, err = edgectl("models", "list", "--runtime-dir", home)

    assert (124, True) == (code, "control.sock within 0.1 s" in " ".join(err.split()))


def test_an_inference_waits_for_a_start_and_no_longer(
    edgectl: Edgectl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service manager holds the socket; who should answer there hangs."""
    monkeypatch.setattr("edged.cli.infer.START_S", 0.1)
    np.save(home / "x.npy", np.zeros(3))

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(home / "edged.sock"))
        silent.listen()
        code, _, err = edgectl("infer", "digits", home / "x.npy", "--runtime-dir", home)

    assert (124, True) == (code, "edged.sock within 0.1 s" in " ".join(err.split()))
