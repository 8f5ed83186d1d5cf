"""The updater's rows over real sockets: the daemon's, and one of their own."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from edged.api import problems
from edged.api.access import Roles
from edged.api.data import data_app
from edged.api.updates import NoUpdater, updates_app
from edged.api.vitals import standing
from edged.client.control import Control
from edged.errors import Conflict, InvalidRequest, UnknownEndpoint
from edged.host.clock import SystemClock
from edged.serve.regions import Regions
from edged.watch import Owned
from edged.wire import endpoints
from edged.wire.messages import Nothing, Phase, Trouble
from edged.wire.updates import PauseRequest, UpdateRequest, UpdateScope
from tests.fakes.agent import FakeAgent, fake_app
from tests.fakes.models import registry_of
from tests.fakes.serving import parse, served, serving
from tests.fakes.updater import FakeUpdater


@pytest.fixture
def updater() -> FakeUpdater:
    """Return the updater behind the socket."""
    return FakeUpdater()


@pytest.fixture
def alone(updater: FakeUpdater) -> Iterator[Control]:
    """Return a client of the socket that `edged-updater` serves."""

    def app() -> web.Application:
        return updates_app(updater, Roles())

    with served(app, refuse=problems.control_answer) as path, Control(path) as client:
        yield client


def test_an_effect_says_who_wants_it(alone: Control, updater: FakeUpdater) -> None:
    """By the kernel's word: a user and a process."""
    told = alone.call(endpoints.UPDATE_PAUSE, PauseRequest(why="a trade fair"))

    (asked,) = updater.asked
    assert (updater.told, "pause", PauseRequest(why="a trade fair")) == (
        told,
        *asked[:2],
    )
    assert f"pid {os.getpid()})" in asked[2]


def test_the_updaters_socket_has_no_other_rows(alone: Control) -> None:
    """What changes the box is the daemon's."""
    with pytest.raises(UnknownEndpoint):
        alone.call(endpoints.STATUS, Nothing())


def test_a_name_that_no_model_can_have_is_refused(
    alone: Control, updater: FakeUpdater
) -> None:
    """Before the updater sees it."""
    with pytest.raises(InvalidRequest, match="a model's name"):
        alone.call(endpoints.UPDATE_NOW, UpdateScope(name="../x"))

    assert [] == updater.asked


@pytest.mark.parametrize("apart", [True, False])
def test_a_daemon_without_an_updater_answers_all_the_same(*, apart: bool) -> None:
    """It tells where updates are done, and refuses to do what nobody would."""
    nobody = NoUpdater(since_utc="2026-11-24T06:00:00Z", apart=apart)

    def app() -> web.Application:
        return fake_app(FakeAgent(), Roles(), nobody)

    with served(app, refuse=problems.control_answer) as path, Control(path) as client:
        told = client.call(endpoints.UPDATE, UpdateRequest())
        with pytest.raises(Conflict) as caught:
            client.call(endpoints.UPDATE_NOW, UpdateScope())

    assert (apart, apart) == (told.apart, caught.value.fields["apart"])


async def test_an_updater_inside_is_counted_in_the_metrics(
    updater: FakeUpdater,
) -> None:
    """One that is apart has no metrics here: its state is told at its socket."""
    app = data_app(
        registry_of(),
        Owned(Phase.READY).watch,
        regions=Regions(),
        clock=SystemClock(),
        max_body=1 << 20,
        updater=updater,
        also=lambda: [standing([Trouble(code="revoked", text="it must not run")])],
    )

    async with serving(app) as here:
        head = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answered = parse(await here.ask(head))

    assert b'edged_update_activity{activity="idle"} 1\n' in answered.body
    assert b'edged_troubles{code="revoked"} 1\n' in answered.body


ASK = """
import os, socket, sys
os.setgroups([]); os.setgid(54322); os.setuid(54322)
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
    sock.connect(sys.argv[1])
    head = "POST /v1/update/now HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n"
    sock.sendall((head + "Content-Length: 0\\r\\n\\r\\n").encode())
    sys.stdout.buffer.write(sock.makefile("rb").read())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be other users")
async def test_effects_on_a_socket_of_its_own_are_for_administrators(
    updater: FakeUpdater,
) -> None:
    """Anybody may look; the same roles hold as on the daemon's socket."""
    app = updates_app(updater, Roles(admin_groups=["nobody-is-in-it"]))

    async with serving(app, refuse=problems.control_answer) as here:
        here.path.parent.chmod(0o711)
        answered = parse(await said(here.path))

    assert (403, "not-permitted", []) == (
        answered.status,
        json.loads(answered.body)["code"],
        updater.asked,
    )


async def said(path: Path) -> bytes:
    """Ask for an update as a user who may only read."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", ASK, str(path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    return out
