"""The updater's rows, bound to who fetches releases.

They are on the daemon's control socket, and on that of `edged-updater`.

Law: translate and hand down, as in `control`. A daemon that fetches nothing answers the
rows all the same: it says what is the case, and refuses what would have no effect.
"""

import asyncio
from typing import NoReturn, Protocol

from aiohttp import web

from edged.api.access import Roles
from edged.api.routes import Routes
from edged.errors import Conflict
from edged.wire import endpoints
from edged.wire.updates import (
    Activity,
    Attempts,
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)

APART = "edged-updater fetches releases, and answers on a socket of its own"
NO_SOURCES = "no sources of updates are configured: releases come by `edgectl install`"


class Updater(Protocol):
    """Who fetches releases: see `update.courier`."""

    async def update(self, request: UpdateRequest, /) -> UpdateStatus:
        """Tell the state, maybe when there is news."""

    async def history(self, request: AttemptsRequest, /) -> Attempts:
        """Tell the newest attempts."""

    async def check(self, request: UpdateScope, by: str, /) -> UpdateStatus:
        """Ask the sources now."""

    async def now(self, request: UpdateScope, by: str, /) -> UpdateStatus:
        """Ask now, and wait for no window."""

    async def pause(self, request: PauseRequest, by: str, /) -> UpdateStatus:
        """Fetch nothing for a time."""

    async def resume(self, request: UpdateScope, by: str, /) -> UpdateStatus:
        """Lift a pause, or a hold."""

    async def hold(self, request: HoldRequest, by: str, /) -> UpdateStatus:
        """Take no release until a date."""


class NoUpdater:
    """Stands where no updater is.

    Args:
        since_utc: since when that is so, RFC 3339.
        apart: whether `edged-updater` has the work; otherwise nobody has.
    """

    def __init__(self, *, since_utc: str, apart: bool) -> None:
        self._status = UpdateStatus(
            activity=Activity.IDLE,
            text=APART if apart else NO_SOURCES,
            since_utc=since_utc,
            apart=apart,
        )

    async def update(self, request: UpdateRequest) -> UpdateStatus:
        """Tell what is the case; there is never news, so who waits for some waits."""
        if request.known == self._status.revision:
            await asyncio.sleep(request.wait_s)
        return self._status

    async def history(self, _request: AttemptsRequest) -> Attempts:
        """Tell that nothing was tried."""
        return Attempts()

    async def check(self, _request: UpdateScope, _by: str) -> UpdateStatus:
        """Refuse."""
        self._refuse("ask for updates")

    async def now(self, _request: UpdateScope, _by: str) -> UpdateStatus:
        """Refuse."""
        self._refuse("fetch updates")

    async def pause(self, _request: PauseRequest, _by: str) -> UpdateStatus:
        """Refuse."""
        self._refuse("pause updates")

    async def resume(self, _request: UpdateScope, _by: str) -> UpdateStatus:
        """Refuse."""
        self._refuse("resume updates")

    async def hold(self, _request: HoldRequest, _by: str) -> UpdateStatus:
        """Refuse."""
        self._refuse("hold updates")

    def _refuse(self, what: str) -> NoReturn:
        apart = self._status.apart
        raise Conflict(
            f"cannot {what}: {self._status.text}",
            hint="edgectl update"
            if apart
            else "write a source under `update.sources`,"
            " as docs/how-to/keep-a-box-up-to-date.md shows",
            apart=apart,
        )


def bind_updates(routes: Routes, updater: Updater) -> None:
    """Bind every row of `endpoints.UPDATES`."""
    routes.bind(endpoints.UPDATE, updater.update)
    routes.bind(endpoints.UPDATE_HISTORY, updater.history)
    routes.bind_effect(endpoints.UPDATE_CHECK, updater.check)
    routes.bind_effect(endpoints.UPDATE_NOW, updater.now)
    routes.bind_effect(endpoints.UPDATE_PAUSE, updater.pause)
    routes.bind_effect(endpoints.UPDATE_RESUME, updater.resume)
    routes.bind_effect(endpoints.UPDATE_HOLD, updater.hold)


def updates_app(updater: Updater, roles: Roles) -> web.Application:
    """Make the application of `edged-updater`'s socket."""
    routes = Routes(roles, endpoints.UPDATES)
    bind_updates(routes, updater)
    return routes.app()
