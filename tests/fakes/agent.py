"""An activation agent that remembers what it was asked and does nothing."""

from collections.abc import AsyncIterator

import msgspec

from edged.api.control import Reads
from edged.wire.messages import (
    Changed,
    ConfigValue,
    ConfigView,
    InstallRequest,
    Level,
    ModelDetail,
    ModelName,
    ModelPhase,
    ModelStatus,
    Phase,
    Process,
    Status,
    UseRequest,
    Verified,
)

DIGITS = ModelStatus(name="digits", phase=ModelPhase.READY, version="1.4.0", seq=14)


class FakeAgent:
    """Satisfies `api.control.Agent`.

    Attributes:
        asked: requests in the order they came.
        chunks: sizes of what an install brought, piece by piece.
        error: raised by every call if set.
    """

    def __init__(self) -> None:
        self.asked: list[msgspec.Struct] = []
        self.chunks: list[int] = []
        self.error: Exception | None = None

    async def install(
        self, chunks: AsyncIterator[bytes], request: InstallRequest
    ) -> Changed:
        """Count what comes."""
        async for chunk in chunks:
            self.chunks.append(len(chunk))
        return self._changed(request, request.name or "bundle")

    async def use(self, request: UseRequest) -> Changed:
        """Remember it."""
        return self._changed(request, request.name)

    async def rollback(self, request: ModelName) -> Changed:
        """Remember it."""
        return self._changed(request, request.name)

    async def load(self, request: ModelName) -> Changed:
        """Remember it."""
        return self._changed(request, request.name)

    async def unload(self, request: ModelName) -> Changed:
        """Remember it."""
        return self._changed(request, request.name)

    async def remove(self, request: ModelName) -> Changed:
        """Remember it."""
        return self._changed(request, request.name)

    async def verify(self, request: ModelName) -> Verified:
        """Remember it."""
        self._changed(request, request.name)
        return Verified(name=request.name, ok=True, files=3, size_bytes=1000)

    async def detail(self, request: ModelName) -> ModelDetail:
        """Remember it."""
        self._changed(request, request.name)
        return ModelDetail(status=DIGITS)

    def _changed(self, request: msgspec.Struct, name: str) -> Changed:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return Changed(name=name, changed=True, text="done")


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
    return Reads(
        statuses=lambda: (DIGITS,),
        status=lambda: status,
        config=lambda: ConfigView(values=(row,)),
    )
