"""The ways that `bench` compares, against a real daemon."""

from collections.abc import Iterator

import numpy as np
import pytest

from edged.cli import asker, ways
from edged.cli.asker import Asker, Connect
from edged.cli.ways import Asked, Way
from edged.client import Control, calls
from edged.errors import InvalidTensor
from edged.wire.endpoints import MODEL
from edged.wire.messages import ModelName
from edged.wire.release import Manifest
from tests.fakes.daemon import Daemon

X = np.linspace(0, 1, 64, dtype="<f4").reshape(1, 1, 8, 8)


@pytest.fixture
def connect(box: Daemon) -> Connect:
    """Return how to reach the data socket."""
    return asker.unix(str(box.data))


@pytest.fixture
def asked(box: Daemon) -> Asked:
    """Return a request to the second rung."""
    with Control(box.control) as control:
        manifest = control.call(MODEL, ModelName(name="digits")).manifest
    assert isinstance(manifest, Manifest)
    return Asked(
        model="digits",
        signature=manifest.signature,
        variant="int8",
        inputs={"image": X},
    )


@pytest.fixture(params=[ways.in_body, ways.in_memory, ways.in_json])
def way(
    request: pytest.FixtureRequest, connect: Connect, asked: Asked
) -> Iterator[Way]:
    """Return each way over the socket in turn."""
    made = request.param(connect, asked)
    yield made
    made.close()


def test_plain_and_explained_say_the_same(
    box: Daemon, connect: Connect, way: Way
) -> None:
    """The daemon's answer is the same; one of them tells which rung it was."""
    with box.client() as client:
        expected = client.infer("digits", X, variant="int8").output
    sender = Asker(connect)

    answers = []
    for request in (way.plain, way.explained):
        assert request is not None
        sender.ask(request)
        answers.append(calls.read_infer(sender.last))
    sender.close()

    plain, explained = answers
    np.testing.assert_array_equal(expected, plain.output)
    np.testing.assert_array_equal(expected, explained.output)
    assert (None, "int8") == (plain.explained, explained.explained.variant)


def test_a_way_can_be_called(way: Way) -> None:
    """Without an error, again and again."""
    assert [None, None] == [way.call(), way.call()]


def test_what_json_cannot_say_is_told(connect: Connect, asked: Asked) -> None:
    """There is no NaN in it."""
    broken = Asked(
        model="digits",
        signature=asked.signature,
        variant=None,
        inputs={"image": X * np.nan},
    )

    with pytest.raises(InvalidTensor, match="NaN"):
        ways.in_json(connect, broken)
