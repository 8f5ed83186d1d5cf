"""An updater that tells what it is told to tell, and remembers what it was asked."""

import asyncio
from collections.abc import Callable

import msgspec

from edged.watch import Owned
from edged.wire.updates import (
    Activity,
    Attempt,
    Attempts,
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)

IDLE = UpdateStatus(
    revision=1,
    activity=Activity.IDLE,
    text="up to date",
    since_utc="2026-11-24T06:00:00Z",
    clock="right",
)


class FakeUpdater:
    """Satisfies `Updater` of `api.updates`.

    Attributes:
        told: the state; `become` changes it.
        attempts: the newest last.
        ahead: what happens next, one after the other, each when somebody waits.
        asked: requests in the order they came, with who wanted each effect.
        error: raised by every effect if set.
    """

    def __init__(self, told: UpdateStatus = IDLE) -> None:
        self._told = Owned(told)
        self.attempts: tuple[Attempt, ...] = ()
        self.ahead: list[Callable[[], None]] = []
        self.asked: list[tuple[str, msgspec.Struct, str]] = []
        self.error: Exception | None = None

    @property
    def told(self) -> UpdateStatus:
        """The state as it is now."""
        return self._told.watch.value

    def become(self, **changed: object) -> None:
        """Change the state, and wake who waits for news."""
        revision = self.told.revision + 1
        self._told.set(msgspec.structs.replace(self.told, revision=revision, **changed))

    async def update(self, request: UpdateRequest) -> UpdateStatus:
        """Tell the state; wait where the caller knows it."""
        self.asked.append(("update", request, ""))
        if self.ahead and request.known == self.told.revision:
            self.ahead.pop(0)()
        try:
            async with asyncio.timeout(request.wait_s):
                return await self._told.watch.until(
                    lambda told: told.revision != request.known
                )
        except TimeoutError:
            return self.told

    async def history(self, request: AttemptsRequest) -> Attempts:
        """Tell attempts of a model, or all."""
        self.asked.append(("history", request, ""))
        found = [one for one in self.attempts if request.name in (None, one.model)]
        return Attempts(attempts=tuple(found[-request.limit :]))

    async def check(self, request: UpdateScope, by: str) -> UpdateStatus:
        """Remember it."""
        return self._note("check", request, by)

    async def now(self, request: UpdateScope, by: str) -> UpdateStatus:
        """Remember it."""
        return self._note("now", request, by)

    async def pause(self, request: PauseRequest, by: str) -> UpdateStatus:
        """Remember it."""
        return self._note("pause", request, by)

    async def resume(self, request: UpdateScope, by: str) -> UpdateStatus:
        """Remember it."""
        return self._note("resume", request, by)

    async def hold(self, request: HoldRequest, by: str) -> UpdateStatus:
        """Remember it."""
        return self._note("hold", request, by)

    def _note(self, verb: str, request: msgspec.Struct, by: str) -> UpdateStatus:
        self.asked.append((verb, request, by))
        if self.error is not None:
            raise self.error
        return self.told
