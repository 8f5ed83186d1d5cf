"""Who is asked about updates: the daemon, or `edged-updater`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from aiohttp import web

from edged.api import problems
from edged.api.access import Roles
from edged.api.updates import NO_SOURCES, NoUpdater, Updater, updates_app
from edged.client.control import Control
from edged.client.updater import UpdaterControl
from edged.errors import Conflict, NoDaemon
from edged.wire import endpoints
from edged.wire.updates import PauseRequest, UpdateScope
from tests.fakes.agent import FakeAgent, fake_app
from tests.fakes.serving import served
from tests.fakes.updater import FakeUpdater

SINCE = "2026-11-24T06:00:00Z"
Serve = Callable[[Callable[[], web.Application]], Path]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that serves an application for as long as the test lasts."""
    with ExitStack() as stack:

        def start(app: Callable[[], web.Application]) -> Path:
            here: AbstractContextManager[Path] = served(
                app, refuse=problems.control_answer
            )
            return stack.enter_context(here)

        yield start


def daemon(updater: Updater) -> Callable[[], web.Application]:
    """Make the daemon's application, with this updater inside."""
    return lambda: fake_app(FakeAgent(), Roles(), updater)


def alone(updater: Updater) -> Callable[[], web.Application]:
    """Make the application of `edged-updater`."""
    return lambda: updates_app(updater, Roles())


def test_a_daemon_with_an_updater_inside_is_asked_itself(serve: Serve) -> None:
    """No other socket is looked for."""
    inside = FakeUpdater()
    with Control(serve(daemon(inside))) as control:
        updater = UpdaterControl(control, "/nowhere/updater.sock")

        told = updater.call(endpoints.UPDATE_NOW, UpdateScope(name="digits"))

    assert (inside.told, "now") == (told, inside.asked[-1][0])


def test_where_updates_are_apart_the_updater_is_asked(serve: Serve) -> None:
    """The daemon says so, and has no effect of its own."""
    apart = FakeUpdater()
    nobody = NoUpdater(since_utc=SINCE, apart=True)
    with Control(serve(daemon(nobody))) as control:
        updater = UpdaterControl(control, serve(alone(apart)))
        updater.told()

        told = updater.call(endpoints.UPDATE_PAUSE, PauseRequest())
        updater.close()

    assert (apart.told, ["update", "pause"]) == (told, [one[0] for one in apart.asked])


def test_an_updater_that_outlives_the_daemon_answers(serve: Serve) -> None:
    """A technician sees why nothing comes."""
    apart = FakeUpdater()
    with Control("/nowhere/control.sock") as control:
        updater = UpdaterControl(control, serve(alone(apart)))

        told = updater.told()
        updater.close()

    assert apart.told == told


def test_without_daemon_and_updater_the_daemon_is_missed() -> None:
    """That is the one to start."""
    with Control("/nowhere/control.sock") as control:
        updater = UpdaterControl(control, "/nowhere/updater.sock")

        with pytest.raises(NoDaemon, match=r"/nowhere/control\.sock"):
            updater.told()


def test_an_updater_that_is_down_is_named(serve: Serve) -> None:
    """The daemon runs; starting that would not help."""
    nobody = NoUpdater(since_utc=SINCE, apart=True)
    with Control(serve(daemon(nobody))) as control:
        updater = UpdaterControl(control, "/nowhere/updater.sock")

        with pytest.raises(NoDaemon, match="cannot ask edged-updater") as caught:
            updater.call(endpoints.UPDATE_NOW, UpdateScope())

    assert "systemctl status edged-updater" == caught.value.hint


def test_a_box_without_sources_says_so(serve: Serve) -> None:
    """A read is answered, an effect refused."""
    nobody = NoUpdater(since_utc=SINCE, apart=False)
    with Control(serve(daemon(nobody))) as control:
        updater = UpdaterControl(control, "/nowhere/updater.sock")

        told = updater.told()
        with pytest.raises(Conflict, match="no sources of updates"):
            updater.call(endpoints.UPDATE_NOW, UpdateScope())

    assert NO_SOURCES == told.text


def test_the_updaters_socket_may_come_from_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every socket."""
    apart = FakeUpdater()
    monkeypatch.setenv("EDGED_UPDATER_SOCKET", f"unix://{serve(alone(apart))}")
    with Control("/nowhere/control.sock") as control:
        updater = UpdaterControl(control)

        told = updater.told()
        updater.close()

    assert apart.told == told
