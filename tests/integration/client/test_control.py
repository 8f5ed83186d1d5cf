"""The typed client against the real control application."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from edged.api import problems
from edged.api.access import Roles
from edged.client.control import Control
from edged.errors import Conflict, InvalidRequest, ProtocolError, UnknownEndpoint
from edged.wire import endpoints
from edged.wire.adapt import (
    ForceRequest,
    Strategy,
    StrategyChangesRequest,
    StrategyRequest,
)
from edged.wire.changes import (
    ChangeRequest,
    ChangesRequest,
    PinRequest,
    SeqRequest,
)
from edged.wire.endpoint import Access, Body, Endpoint
from edged.wire.endpoints import TABLE
from edged.wire.messages import (
    HearRequest,
    InstallRequest,
    ModelName,
    Nothing,
    UseRequest,
)
from edged.wire.profiles import ProfileRequest
from edged.wire.updates import (
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    UpdateRequest,
    UpdateScope,
)
from tests.fakes.agent import FakeAgent, fake_app
from tests.fakes.serving import served
from tests.fakes.updater import FakeUpdater
from tests.fakes.wire import answer, scripted


@pytest.fixture
def agent() -> FakeAgent:
    """Return the agent behind the socket."""
    return FakeAgent()


@pytest.fixture
def updater() -> FakeUpdater:
    """Return the updater behind the socket."""
    return FakeUpdater()


@pytest.fixture
def control(agent: FakeAgent, updater: FakeUpdater) -> Iterator[Control]:
    """Return a client of a running control socket."""

    def app() -> web.Application:
        return fake_app(agent, Roles(), updater)

    with served(app, refuse=problems.control_answer) as path, Control(path) as client:
        yield client


REQUESTS = {
    Nothing: Nothing(),
    ModelName: ModelName(name="digits"),
    UseRequest: UseRequest(name="digits", seq=3, new_signature=True),
    InstallRequest: InstallRequest(name="digits", downgrade=True, wait=False),
    ChangesRequest: ChangesRequest(name="digits", limit=5),
    ChangeRequest: ChangeRequest(id=1, steps=2, doing="loading fp32", wait_s=0.5),
    PinRequest: PinRequest(name="digits", why="a trade fair"),
    ProfileRequest: ProfileRequest(name="digits", doing="fp32, 1 thread", wait_s=0.5),
    SeqRequest: SeqRequest(name="digits", seq=3, why="blurred"),
    UpdateRequest: UpdateRequest(known=7, wait_s=0.5),
    UpdateScope: UpdateScope(name="digits"),
    PauseRequest: PauseRequest(for_s=7200.0, why="a trade fair"),
    HoldRequest: HoldRequest(until_utc="2026-12-01T00:00:00Z", why="a trade fair"),
    AttemptsRequest: AttemptsRequest(name="digits", limit=5),
    HearRequest: HearRequest(name="digits", source="main"),
    StrategyRequest: StrategyRequest(known=7, wait_s=0.1),
    StrategyChangesRequest: StrategyChangesRequest(limit=5),
    ForceRequest: ForceRequest(strategy=Strategy.LIGHTWEIGHT, for_s=60.0),
}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.path)
def test_every_row_can_be_called(
    agent: FakeAgent,
    updater: FakeUpdater,
    control: Control,
    row: Endpoint[Nothing, Nothing],
) -> None:
    """The request arrives as it was, the answer has the row's type."""
    request = REQUESTS[row.request]

    answered = control.call(row, request)

    assert isinstance(answered, row.answer)
    asked = [*agent.asked, *(got for _, got, _ in updater.asked)]
    assert asked in ([], [request])


def test_an_answer_is_typed(control: Control) -> None:
    """Down to the models in it."""
    status = control.call(endpoints.STATUS, Nothing())

    assert ("1 model ready", "digits") == (status.verdict, status.models[0].name)


def test_an_install_streams_its_body(agent: FakeAgent, control: Control) -> None:
    """All of it arrives, in pieces."""
    control.call(
        endpoints.INSTALL,
        InstallRequest(name="digits"),
        body=(b"x" * 100_000 for _ in range(20)),
    )

    assert 2_000_000 == sum(agent.chunks)
    assert max(agent.chunks) <= 1 << 20


def test_the_daemons_error_is_raised_again(agent: FakeAgent, control: Control) -> None:
    """Class, text, hint and fields."""
    agent.error = Conflict("cannot load it: it is going away", hint="wait", phase="x")

    with pytest.raises(Conflict, match="it is going away") as caught:
        control.call(endpoints.LOAD, ModelName(name="digits"))

    assert ("wait", "x") == (caught.value.hint, caught.value.fields["phase"])


def test_a_name_is_quoted_and_refused_by_the_daemon(
    agent: FakeAgent, control: Control
) -> None:
    """Nothing that a caller types becomes another path."""
    with pytest.raises(InvalidRequest, match="a model's name"):
        control.call(endpoints.LOAD, ModelName(name="../../v1/install?x=\r\n"))

    assert [] == agent.asked


def test_an_endpoint_that_the_daemon_lacks_is_named(control: Control) -> None:
    """A newer edgectl meets an older daemon."""
    row = Endpoint(
        method="GET",
        path="/v1/future",
        request=Nothing,
        answer=Nothing,
        access=Access.READ,
        body=Body.NONE,
        summary="",
    )

    with pytest.raises(UnknownEndpoint, match="/v1/future"):
        control.call(row, Nothing())


@pytest.mark.parametrize("body", [b'{"schema": 5}', b'{"verdict": "\xff"}'])
def test_an_answer_of_another_shape_is_a_protocol_error(
    folder: Path, body: bytes
) -> None:
    """Named so, with what to compare."""
    with (
        scripted(folder / "t.sock", [answer(body)]),
        Control(f"unix://{folder}/t.sock") as client,
        pytest.raises(ProtocolError, match="cannot understand") as caught,
    ):
        client.call(endpoints.STATUS, Nothing())

    assert "edgectl version" in caught.value.hint


def test_the_socket_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for every client."""
    monkeypatch.setenv("EDGED_CONTROL_SOCKET", "unix:///somewhere/c.sock")

    assert "/somewhere/c.sock" == Control().socket


def test_the_control_client_starts_light() -> None:
    """`edgectl status` is started by people who wait, on slow boards."""
    heavy = {"asyncio", "aiohttp", "ssl", "yaml", "numpy", "psutil", "logging"}
    program = "import edged.client.control, sys; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )

    assert set() == heavy & {name.split(".")[0] for name in done.stdout.split()}
