"""What a command is given to work with."""

import io
from pathlib import Path

import pytest

from edged.cli.desk import Desk
from edged.cli.output import Screen
from edged.cli.place import Place
from edged.errors import TimedOut
from edged.wire.endpoints import MODELS
from edged.wire.messages import Models, Nothing
from tests.fakes.control import FakeControl


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
