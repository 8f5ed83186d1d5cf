"""Services in order, and back.

Law: a service runs until it is cancelled; it says once that it is usable; if it
raises or returns by itself, the whole daemon stops and systemd restarts it. There is
no start/stop pair and no stored task.

Each service lives inside the one before it, as nested task groups. So the last one
started is always the first one gone, also when one in the middle crashes: the door
closes before the rooms behind it do. No clock is read here: a service that needs a
deadline for its own clean-up brings one, and systemd has the last word.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol


class Service(Protocol):
    """Something that runs for as long as the daemon does.

    Attributes:
        name: one word for people, unique among the services.
    """

    name: str

    async def run(self, ready: Callable[[], None]) -> None:
        """Run until cancelled; call `ready` once when usable.

        Clean-up belongs in `finally` or `async with`, bounded by a deadline.
        """


class Ended(RuntimeError):
    """A service returned although nobody had asked it to stop."""


async def supervise(services: Sequence[Service], stop: asyncio.Event) -> None:
    """Start the services in order, wait for `stop`, end them in reverse order.

    The next one is started when the one before has called `ready`. `stop` is heeded
    while starting, too. Each service's clean-up is awaited before the next one is
    cancelled. Returns when all are gone; cancelling the caller does the same.

    Raises:
        BaseExceptionGroup: flat; what services raised, at start, while running or in
            their clean-up, and `Ended` for one that returned by itself.
    """
    try:
        async with asyncio.TaskGroup() as group:
            life = group.create_task(_live(services), name="services")
            await stop.wait()
            life.cancel()
    except BaseExceptionGroup as nested:
        message = "the daemon stops because of a service"
        raise BaseExceptionGroup(message, tuple(_leaves(nested))) from None


async def _live(services: Sequence[Service]) -> None:
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(_running(service))
        await asyncio.Event().wait()  # nobody sets it: the way out is cancellation


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[None]:
    usable = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        # Cancelling or failing this body cancels the task and awaits it; a crash of
        # the task cancels this body, and with it all that was started later.
        group.create_task(_run(service, usable.set), name=service.name)
        await usable.wait()
        yield


async def _run(service: Service, ready: Callable[[], None]) -> None:
    await service.run(ready)
    task = asyncio.current_task()
    if task is not None and not task.cancelling():
        raise Ended(f"service {service.name} returned by itself")


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner
