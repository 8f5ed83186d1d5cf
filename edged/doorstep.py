"""The daemon as the updater finds it: through the control socket, like anybody else.

Law: the same calls in one process and from `edged-updater`, so what the one may do the
other may. Blocking calls run on threads of their own.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from edged.client.control import Control
from edged.errors import EdgedError, StoreFailed
from edged.host.files import store_errors
from edged.update.offers import Installed
from edged.update.space import Volume
from edged.wire import endpoints
from edged.wire.changes import Change, ChangeRequest, Step
from edged.wire.messages import (
    Changed,
    HearRequest,
    InstallRequest,
    ModelDetail,
    ModelName,
    Nothing,
    Standing,
)

T = TypeVar("T")

#: One for a release that is handed in, one for all else.
_THREADS = 2

#: Between two questions whether requests wait.
_WAITING_S = 1.0

#: Steps at which a change waits for nobody but time, or a person.
_RESTS = frozenset({Step.HELD, Step.PROBATION})


class Doorstep:
    """Implements `edged.update.door.Door`.

    Args:
        control: a client of the control socket.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._asked_s, self._waits = -_WAITING_S, False
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="door")

    async def installed(self) -> tuple[Installed, ...]:
        """Tell every model that is installed."""
        return await self._ask(self._installed)

    async def files(self) -> frozenset[str]:
        """Tell the sha256 of every file that is installed."""
        return await self._ask(
            lambda: frozenset(self._control.call(endpoints.FILES, Nothing()).sha256)
        )

    async def waiting(self) -> bool:
        """Tell whether requests wait; asked once a second at most.

        A daemon that does not answer makes nobody wait.
        """
        now_s = time.monotonic()
        if now_s - self._asked_s >= _WAITING_S:
            self._asked_s = now_s
            try:
                self._waits = await self._ask(self._waiting)
            except EdgedError:
                self._waits = False
        return self._waits

    async def volume(self) -> Volume:
        """Tell the space where releases are installed."""
        return await self._ask(self._volume)

    async def install(
        self, body: Iterable[bytes], *, source: str, model: str, downgrade: bool
    ) -> Changed:
        """Hand a release in."""
        request = InstallRequest(
            name=model,
            source=source,
            downgrade=downgrade,
            wait=False,
            unattended=True,
        )
        return await self._ask(
            lambda: self._control.call(endpoints.INSTALL, request, body=body)
        )

    async def change(self, number: int, *, steps: int, wait_s: float) -> Change:
        """Tell a change when there is news of it."""
        request = ChangeRequest(id=number, steps=steps, wait_s=wait_s)
        return await self._ask(lambda: self._control.call(endpoints.CHANGE, request))

    async def hear(
        self, body: Iterable[bytes], *, source: str, model: str, alone: bool
    ) -> Changed:
        """Hand signed metadata in."""
        request = HearRequest(name=model, source=source, alone=alone)
        return await self._ask(
            lambda: self._control.call(endpoints.HEAR, request, body=body)
        )

    def close(self) -> None:
        """Let its threads go; a call that is under way ends by its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._control.close()

    # --- in a thread ---------------------------------------------------------------

    def _installed(self) -> tuple[Installed, ...]:
        models = self._control.call(endpoints.MODELS, Nothing()).models
        return tuple(
            _seen(self._control.call(endpoints.MODEL, ModelName(name=model.name)))
            for model in models
        )

    def _waiting(self) -> bool:
        models = self._control.call(endpoints.MODELS, Nothing()).models
        return any(model.waiting for model in models)

    def _volume(self) -> Volume:
        process = self._control.call(endpoints.STATUS, Nothing()).process
        path = Path(process.state_dir)
        if not process.state_dir:
            raise StoreFailed("cannot tell the space for releases: no state directory")
        with store_errors("look at", path):
            room, device = os.statvfs(path), path.stat().st_dev
        return Volume(
            name=str(path), device=device, free_bytes=room.f_bavail * room.f_frsize
        )

    async def _ask(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _seen(detail: ModelDetail) -> Installed:
    live = next((ref for ref in detail.releases if ref.live), None)
    change = detail.status.change
    moves = change is not None and change.last.step not in _RESTS
    return Installed(
        model=detail.status.name,
        seq=live.seq if live else None,
        digest=live.digest if live else None,
        version=live.version if live else None,
        pinned=bool(detail.pinned),
        quarantined=frozenset(
            ref.digest
            for ref in detail.releases
            if ref.standing is Standing.QUARANTINED
        ),
        releases=frozenset(ref.digest for ref in detail.releases),
        revoked=frozenset(ref.digest for ref in detail.releases if ref.revoked),
        held=next(
            (r.digest for r in detail.releases if r.standing is Standing.HELD), None
        ),
        under_way=change.id if change is not None and moves else None,
        watched=change.id if change and change.last.step is Step.PROBATION else None,
    )
