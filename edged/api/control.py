"""The control socket: every row of the table, bound to who can do it.

Law: translate and hand down. Reads come from the registry and from snapshots that the
daemon makes; every effect goes through the activation agent, one at a time.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from aiohttp import web

from edged.api.access import Roles
from edged.api.routes import Routes
from edged.wire import endpoints
from edged.wire.messages import (
    Changed,
    ConfigView,
    InstallRequest,
    ModelDetail,
    ModelName,
    Models,
    ModelStatus,
    Nothing,
    Status,
    UseRequest,
    Verified,
)


class Agent(Protocol):
    """What is asked of the activation agent: see `activate.agent`."""

    async def install(
        self, chunks: AsyncIterator[bytes], request: InstallRequest, /
    ) -> Changed:
        """Install a release from a tar stream and make it live."""

    async def use(self, request: UseRequest, /) -> Changed:
        """Make another installed release live."""

    async def rollback(self, request: ModelName, /) -> Changed:
        """Swap the live and the previous release."""

    async def load(self, request: ModelName, /) -> Changed:
        """Load the current release."""

    async def unload(self, request: ModelName, /) -> Changed:
        """Release the model's memory."""

    async def remove(self, request: ModelName, /) -> Changed:
        """Unload the model and delete its releases."""

    async def verify(self, request: ModelName, /) -> Verified:
        """Hash the installed files again."""

    async def detail(self, request: ModelName, /) -> ModelDetail:
        """Tell everything about one model."""


class Reads:
    """The rows that have no effect and need no agent."""

    def __init__(
        self,
        *,
        statuses: Callable[[], tuple[ModelStatus, ...]],
        status: Callable[[], Status],
        config: Callable[[], ConfigView],
    ) -> None:
        self._statuses = statuses
        self._status = status
        self._config = config

    async def status(self, _request: Nothing) -> Status:
        """Tell everything on one screen."""
        return self._status()

    async def models(self, _request: Nothing) -> Models:
        """Tell each model in a line."""
        return Models(models=self._statuses())

    async def config(self, _request: Nothing) -> ConfigView:
        """Tell the settings in force."""
        return self._config()


def control_app(*, agent: Agent, reads: Reads, roles: Roles) -> web.Application:
    """Make the control socket's application; its errors are `control_answer`."""
    routes = Routes(roles)
    routes.bind(endpoints.STATUS, reads.status)
    routes.bind(endpoints.MODELS, reads.models)
    routes.bind(endpoints.CONFIG, reads.config)
    routes.bind(endpoints.MODEL, agent.detail)
    routes.bind(endpoints.VERIFY, agent.verify)
    routes.bind(endpoints.USE, agent.use)
    routes.bind(endpoints.ROLLBACK, agent.rollback)
    routes.bind(endpoints.LOAD, agent.load)
    routes.bind(endpoints.UNLOAD, agent.unload)
    routes.bind(endpoints.REMOVE, agent.remove)
    routes.bind_stream(endpoints.INSTALL, agent.install)
    return routes.app()
