"""The control socket: every row of the table, bound to who can do it.

Law: translate and hand down. Reads come from the registry and from snapshots that the
daemon makes; every effect goes through the agent's rooms, which are told who wants it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from aiohttp import web

from edged.api.access import Roles, granted
from edged.api.routes import Routes
from edged.api.updates import Updater, bind_updates
from edged.wire import endpoints
from edged.wire.adapt import (
    Adaptation,
    Device,
    ForceRequest,
    StrategyChanges,
    StrategyChangesRequest,
    StrategyRequest,
)
from edged.wire.changes import (
    Change,
    ChangeRequest,
    Changes,
    ChangesRequest,
    PinRequest,
    SeqRequest,
)
from edged.wire.messages import (
    Changed,
    ConfigView,
    FileSums,
    HearRequest,
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
from edged.wire.profiles import ModelProfile, ProfileRequest


class Agent(Protocol):
    """Who may change which release is live: see `activate.agent`."""

    async def install(
        self, chunks: AsyncIterator[bytes], request: InstallRequest, by: str, /
    ) -> Changed:
        """Install a release from a tar stream and make it live."""

    async def use(self, request: UseRequest, by: str, /) -> Changed:
        """Make another installed release live."""

    async def rollback(self, request: ModelName, by: str, /) -> Changed:
        """Go back to the release before."""


class Upkeep(Protocol):
    """What else may be done to a model: see `activate.upkeep`."""

    async def load(self, request: ModelName, by: str, /) -> Changed:
        """Load the current release."""

    async def unload(self, request: ModelName, by: str, /) -> Changed:
        """Release the model's memory."""

    async def remove(self, request: ModelName, by: str, /) -> Changed:
        """Unload the model and delete its releases."""

    async def commit(self, request: ModelName, by: str, /) -> Changed:
        """Count a release in probation as good."""

    async def pin(self, request: PinRequest, by: str, /) -> Changed:
        """Keep a model at its live release."""

    async def unpin(self, request: ModelName, by: str, /) -> Changed:
        """Let a model change again."""

    async def quarantine(self, request: SeqRequest, by: str, /) -> Changed:
        """Never activate a release again."""

    async def unquarantine(self, request: SeqRequest, by: str, /) -> Changed:
        """Let a release come back."""


class Recall(Protocol):
    """Who hears what publishers take back: see `activate.recall`."""

    async def hear(
        self, chunks: AsyncIterator[bytes], request: HearRequest, by: str, /
    ) -> Changed:
        """Hear from signed metadata which releases were revoked."""


class Window(Protocol):
    """What may be asked of the store: see `activate.window`."""

    async def verify(self, request: ModelName, /) -> Verified:
        """Hash the installed files again."""

    async def files(self, request: Nothing, /) -> FileSums:
        """Tell the sha256 of every installed file."""

    async def detail(self, request: ModelName, /) -> ModelDetail:
        """Tell everything about one model."""

    async def changes(self, request: ChangesRequest, /) -> Changes:
        """Tell the newest changes."""

    async def change(self, request: ChangeRequest, /) -> Change:
        """Tell one change, maybe when there is news of it."""


class Governor(Protocol):
    """Who owns the strategy: see `adapt.governor`."""

    async def strategy(self, request: StrategyRequest, /) -> Adaptation:
        """Tell what holds, maybe when there is news of it."""

    async def changes(self, request: StrategyChangesRequest, /) -> StrategyChanges:
        """Tell the newest changes."""

    async def force(self, request: ForceRequest, by: str, /) -> Adaptation:
        """Hold a strategy for a while."""

    async def auto(self, request: Nothing, by: str, /) -> Adaptation:
        """Let edged choose again."""


class Profiler(Protocol):
    """What a model costs on this box: see `activate.profiler`."""

    async def show(self, request: ProfileRequest, /) -> ModelProfile:
        """Tell a model's profile, maybe when there is news of one under way."""

    async def begin(self, request: ModelName, by: str, /) -> ModelProfile:
        """Have a profile made."""


class Reads:
    """The rows that have no effect and need no agent."""

    def __init__(
        self,
        *,
        statuses: Callable[[], tuple[ModelStatus, ...]],
        status: Callable[[], Status],
        config: Callable[[], ConfigView],
        device: Callable[[], Awaitable[Device]],
    ) -> None:
        self._statuses = statuses
        self._device = device
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

    async def device(self, _request: Nothing) -> Device:
        """Tell what the box is, and what it senses."""
        return await self._device()


def control_app(  # noqa: PLR0913  # the rooms, by name only
    *,
    agent: Agent,
    upkeep: Upkeep,
    recall: Recall,
    window: Window,
    governor: Governor,
    profiler: Profiler,
    reads: Reads,
    updater: Updater,
    roles: Roles,
) -> web.Application:
    """Make the control socket's application; its errors are `control_answer`.

    Args:
        agent: of the activation.
        upkeep: of the activation, too.
        recall: of the activation, too.
        window: of the activation, too.
        governor: of the strategy.
        profiler: of the activation, too.
        reads: what needs none of them.
        updater: `api.updates.NoUpdater` where there is none here.
        roles: who may do what.
    """
    routes = Routes(roles, endpoints.TABLE)
    routes.bind(endpoints.STATUS, reads.status)
    routes.bind(endpoints.MODELS, reads.models)
    routes.bind(endpoints.CONFIG, reads.config)
    routes.bind(endpoints.DEVICE, reads.device)
    routes.bind(endpoints.MODEL, window.detail)
    routes.bind(endpoints.VERIFY, window.verify)
    routes.bind(endpoints.FILES, window.files)
    routes.bind(endpoints.CHANGES, window.changes)
    routes.bind(endpoints.CHANGE, window.change)
    routes.bind(endpoints.STRATEGY, governor.strategy)
    routes.bind(endpoints.STRATEGY_CHANGES, governor.changes)
    routes.bind_effect(endpoints.STRATEGY_FORCE, governor.force)
    routes.bind_effect(endpoints.STRATEGY_AUTO, governor.auto)
    routes.bind(endpoints.PROFILE, profiler.show)
    routes.bind_effect(endpoints.PROFILE_NOW, profiler.begin)
    routes.bind_stream(endpoints.INSTALL, agent.install, granted)
    # Whoever may deliver brings metadata; what follows from it is not his to ask for.
    routes.bind_stream(endpoints.HEAR, recall.hear, lambda request, _may: request)
    routes.bind_effect(endpoints.USE, agent.use)
    routes.bind_effect(endpoints.ROLLBACK, agent.rollback)
    routes.bind_effect(endpoints.LOAD, upkeep.load)
    routes.bind_effect(endpoints.UNLOAD, upkeep.unload)
    routes.bind_effect(endpoints.REMOVE, upkeep.remove)
    routes.bind_effect(endpoints.COMMIT, upkeep.commit)
    routes.bind_effect(endpoints.PIN, upkeep.pin)
    routes.bind_effect(endpoints.UNPIN, upkeep.unpin)
    routes.bind_effect(endpoints.QUARANTINE, upkeep.quarantine)
    routes.bind_effect(endpoints.UNQUARANTINE, upkeep.unquarantine)
    bind_updates(routes, updater)
    return routes.app()
