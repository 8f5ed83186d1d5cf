"""Rungs get the threads that the strategy in force allows them.

Law: a runtime keeps the threads that it was loaded with, so a rung is exchanged for one
that was loaded anew and has run once. Requests that have the old one keep it, and it is
closed when the last of them is done. One at a time, and only where there is room for
two. Call on the event loop only.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from edged.errors import EdgedError
from edged.host.headroom import available_bytes, total_bytes
from edged.serve.ladder import Rung
from edged.serve.live import Live
from edged.serve.registry import Registry
from edged.wire.release import Variant

_log = logging.getLogger(__name__)

#: Loads a rung of a release and warms it up, in a thread.
Load = Callable[[Live, Variant], Awaitable[Rung]]


class Fitting:
    """Exchanges rungs of every release that answers.

    Args:
        registry: of the models.
        load: see `Load`.
        look_s: between two looks while an exchange waits for memory or a request.
    """

    def __init__(self, registry: Registry, load: Load, *, look_s: float) -> None:
        self._registry = registry
        self._load = load
        self._look_s = look_s
        self._news = asyncio.Event()

    def look_again(self) -> None:
        """Look soon: the models obey something else now."""
        self._news.set()

    async def run(self) -> None:
        """Exchange what must be until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._fit())

    async def _follow(self) -> None:
        """Look at releases that begin to answer, too."""
        revision = self._registry.revision
        while True:
            seen = revision.value
            self.look_again()
            await revision.until(lambda now: now != seen)  # noqa: B023  # waited for at once

    async def _fit(self) -> None:
        while True:
            self._news.clear()
            for live in self._registry.loaded():
                await self._exchange_all(live)
            wait_s = self._look_s if any(map(_waits, self._registry.loaded())) else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _exchange_all(self, live: Live) -> None:
        live.bury()
        while (variant := live.residence.unfitting()) is not None:
            if live.is_closed or live.is_parked or _lacks(live, variant):
                return
            await self._exchange(live, variant)
            live.bury()

    async def _exchange(self, live: Live, variant: Variant) -> None:
        """Load a variant with other threads, and let it answer from then on."""
        threads = live.residence.threads(variant.id)
        live.hold()  # it must not close under the one that loads
        try:
            rung = await self._load(live, variant)
        except EdgedError as error:
            live.residence.give_up(variant, threads)
            _log.warning(
                "%s: %s keeps its threads: %s",
                *(live.name, variant.id, error.message),
                extra={"edged_model": live.name, "edged_code": error.code},
            )
        else:
            live.exchange(rung)
            self._registry.touch()
            _log.info("%s: %s runs with threads: %d", live.name, rung.id, rung.threads)
        finally:
            live.let_go(used=False)


def _lacks(live: Live, variant: Variant) -> str:
    return live.residence.lacks(
        variant, available=available_bytes(), total=total_bytes()
    )


def _waits(live: Live) -> bool:
    return live.residence.is_leaving or live.residence.unfitting() is not None
