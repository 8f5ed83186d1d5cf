"""The activation rooms as one that remembers what it was asked and does nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from aiohttp import web

from edged.adapt.governor import Governor
from edged.adapt.sensors import Sensors
from edged.adapt.strategy import TABLE
from edged.api.access import Roles
from edged.api.control import Reads, control_app
from edged.api.updates import Updater
from edged.errors import UnknownChange
from edged.host.clock import SystemClock
from edged.wire.adapt import Device
from edged.wire.changes import (
    Change,
    ChangeRequest,
    Changes,
    ChangesRequest,
    PinRequest,
    SeqRequest,
    Step,
    StepTaken,
    Which,
    Wish,
)
from edged.wire.messages import (
    Changed,
    ConfigValue,
    ConfigView,
    FileSums,
    HearRequest,
    InstallRequest,
    Level,
    ModelDetail,
    ModelName,
    ModelPhase,
    ModelStatus,
    Nothing,
    Phase,
    Process,
    Status,
    UseRequest,
    Verified,
)
from edged.wire.profiles import ModelProfile, ProfileRequest
from tests.fakes.updater import FakeUpdater

#: A box that senses nothing.
NOWHERE = Path("/nowhere")

RELEASE = Which(version="1.4.0", seq=14, digest="ab" * 32, folder="14-abababababab")

COMMITTED = Change(
    id=1,
    model="digits",
    wish=Wish.INSTALL,
    by="pi (uid 1000, pid 812)",
    release=RELEASE,
    steps=(
        StepTaken(step=Step.STAGED, at_utc="2026-11-24T06:30:00Z"),
        StepTaken(step=Step.COMMITTED, at_utc="2026-11-24T06:40:00Z"),
    ),
)

DIGITS = ModelStatus(name="digits", phase=ModelPhase.READY, version="1.4.0", seq=14)


class FakeAgent:
    """Satisfies `Agent`, `Upkeep`, `Recall`, `Window` and `Profiler` of `api.control`.

    Attributes:
        asked: requests in the order they came.
        by: who wanted each effect.
        chunks: sizes of what an install brought, piece by piece.
        error: raised by every call if set.
        told: the changes that it knows.
    """

    def __init__(self) -> None:
        self.asked: list[msgspec.Struct] = []
        self.by: list[str] = []
        self.chunks: list[int] = []
        self.error: Exception | None = None
        self.told: tuple[Change, ...] = (COMMITTED,)

    async def install(
        self, chunks: AsyncIterator[bytes], request: InstallRequest, by: str
    ) -> Changed:
        """Count what comes."""
        async for chunk in chunks:
            self.chunks.append(len(chunk))
        return self._changed(request, request.name or "bundle", by)

    async def hear(
        self, chunks: AsyncIterator[bytes], request: HearRequest, by: str
    ) -> Changed:
        """Count what comes."""
        async for chunk in chunks:
            self.chunks.append(len(chunk))
        return self._changed(request, request.name, by)

    async def use(self, request: UseRequest, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def rollback(self, request: ModelName, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def load(self, request: ModelName, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def unload(self, request: ModelName, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def remove(self, request: ModelName, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def commit(self, request: ModelName, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def pin(self, request: PinRequest, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def unpin(self, request: ModelName, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def quarantine(self, request: SeqRequest, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def unquarantine(self, request: SeqRequest, by: str) -> Changed:
        """Remember it."""
        return self._changed(request, request.name, by)

    async def verify(self, request: ModelName) -> Verified:
        """Remember it."""
        self._note(request)
        return Verified(name=request.name, ok=True, files=3, size_bytes=1000)

    async def files(self, request: Nothing) -> FileSums:
        """Remember it."""
        self._note(request)
        return FileSums(sha256=("ab" * 32,))

    async def detail(self, request: ModelName) -> ModelDetail:
        """Remember it."""
        self._note(request)
        return ModelDetail(status=DIGITS)

    async def changes(self, request: ChangesRequest) -> Changes:
        """Return those of a model, or all."""
        self._note(request)
        names = {change.model for change in self.told}
        wanted = names if request.name is None else {request.name}
        found = [change for change in self.told if change.model in wanted]
        return Changes(changes=tuple(found[-request.limit :]))

    async def change(self, request: ChangeRequest) -> Change:
        """Return it at once, whatever the caller knows."""
        self._note(request)
        for change in self.told:
            if change.id == request.id:
                return change
        raise UnknownChange(f"cannot find change {request.id}: nothing has its number")

    async def show(self, request: ProfileRequest) -> ModelProfile:
        """Tell it at once, whatever the caller knows."""
        self._note(request)
        return ModelProfile(model=request.name, release=RELEASE, threads=1)

    async def begin(self, request: ModelName, by: str) -> ModelProfile:
        """Remember it."""
        self._note(request)
        self.by.append(by)
        return ModelProfile(model=request.name, release=RELEASE, threads=1)

    def _changed(self, request: msgspec.Struct, name: str, by: str) -> Changed:
        self._note(request)
        self.by.append(by)
        return Changed(name=name, changed=True, text="done")

    def _note(self, request: msgspec.Struct) -> None:
        self.asked.append(request)
        if self.error is not None:
            raise self.error


def fake_reads() -> Reads:
    """Return the rows that need no agent, about one ready model."""
    status = Status(
        level=Level.OK,
        verdict="1 model ready",
        phase=Phase.READY,
        at_utc="2026-11-24T07:00:00Z",
        process=Process(
            pid=1,
            version="0",
            started_utc="2026-11-24T06:00:00Z",
            uptime_s=3600.0,
            rss_bytes=1,
            cpu_s=1.0,
        ),
        models=(DIGITS,),
    )
    row = ConfigValue(key="server.mode", value="0660", origin="default")

    async def device() -> Device:
        return Device(board="A Board", arch="aarch64", cores=4, memory_bytes=1 << 30)

    return Reads(
        statuses=lambda: (DIGITS,),
        status=lambda: status,
        config=lambda: ConfigView(values=(row,)),
        device=device,
    )


def fake_app(
    agent: FakeAgent, roles: Roles, updater: Updater | None = None
) -> web.Application:
    """Return the control application in front of fakes."""
    return control_app(
        agent=agent,
        upkeep=agent,
        recall=agent,
        window=agent,
        governor=Governor(TABLE, Sensors(NOWHERE), SystemClock()),
        profiler=agent,
        reads=fake_reads(),
        updater=updater or FakeUpdater(),
        roles=roles,
    )
