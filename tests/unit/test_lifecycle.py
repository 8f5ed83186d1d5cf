"""Supervision: order, crashes, early returns, stops."""

import asyncio
from collections.abc import Callable

import pytest

from edged.lifecycle import Ended, supervise

Hook = Callable[[], None]


class Journal(list[str]):
    """What happened, in order."""


class Fake:
    """A service that writes down its life and does as it is told.

    Args:
        ready: call `ready` when started.
        during: called once usable; it may raise.
        after: called in the clean-up, after one turn of the loop; it may raise.
        returns: return by itself once usable.
        quiet: answer cancellation with a plain return.
    """

    def __init__(  # noqa: PLR0913  # one switch per way to misbehave
        self,
        name: str,
        journal: Journal,
        *,
        ready: bool = True,
        during: Hook = lambda: None,
        after: Hook = lambda: None,
        returns: bool = False,
        quiet: bool = False,
    ) -> None:
        self.name = name
        self._journal = journal
        self._ready = ready
        self._during = during
        self._after = after
        self._returns = returns
        self._quiet = quiet

    async def run(self, ready: Callable[[], None]) -> None:
        """Live as told by the constructor."""
        self._journal.append(f"{self.name} starts")
        try:
            if self._ready:
                ready()
                await asyncio.sleep(0)
            self._during()
            if not self._returns:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self._quiet:
                raise
        finally:
            await asyncio.sleep(0)
            self._journal.append(f"{self.name} ends")
            self._after()


def crash() -> None:
    """Fail as a bug would."""
    raise ValueError("crashed")


async def failures(
    services: list[Fake], stop: asyncio.Event | None = None
) -> tuple[list[BaseException], BaseException]:
    """Supervise and return the leaves of what is raised, and the group."""
    with pytest.raises(BaseExceptionGroup) as caught:
        await supervise(services, stop or asyncio.Event())
    return list(caught.value.exceptions), caught.value


async def test_services_start_in_order_and_end_in_reverse() -> None:
    """A clean stop ends the last service first, each before the next."""
    journal, stop = Journal(), asyncio.Event()
    services = [
        Fake("a", journal),
        Fake("b", journal),
        Fake("c", journal, during=stop.set),
    ]

    await supervise(services, stop)

    assert ["a starts", "b starts", "c starts", "c ends", "b ends", "a ends"] == journal


async def test_the_next_service_waits_for_the_one_before() -> None:
    """A service that never calls ready keeps the next one from starting."""
    journal, stop = Journal(), asyncio.Event()
    services = [
        Fake("a", journal),
        Fake("b", journal, ready=False, during=stop.set),
        Fake("c", journal),
    ]

    await supervise(services, stop)

    assert ["a starts", "b starts", "b ends", "a ends"] == journal


async def test_a_stop_before_the_start_starts_nothing() -> None:
    """Nobody is started when the stop came first."""
    journal, stop = Journal(), asyncio.Event()
    stop.set()

    await supervise([Fake("a", journal)], stop)

    assert [] == journal


@pytest.mark.parametrize("victim", ["a", "b", "c"])
async def test_a_crash_ends_the_others_in_reverse(victim: str) -> None:
    """Whoever crashes, the door is closed before the rooms behind it."""
    journal, let_go = Journal(), asyncio.Event()

    class Crashing(Fake):
        async def run(self, ready: Callable[[], None]) -> None:
            ready()
            await let_go.wait()
            crash()

    def build(name: str, hook: Hook = lambda: None) -> Fake:
        make = Crashing if name == victim else Fake
        return make(name, journal, during=hook)

    last = Fake("last", journal, during=let_go.set)

    leaves, _ = await failures([*map(build, "abc"), last])

    ends = [line for line in journal if line.endswith("ends")]
    others = [f"{name} ends" for name in ("last", *"cba") if name != victim]
    assert [ValueError] == [type(leaf) for leaf in leaves]
    assert others == ends


async def test_a_crash_before_ready_starts_nothing_more() -> None:
    """A service that fails while starting takes the earlier ones with it."""
    journal = Journal()
    services = [
        Fake("a", journal),
        Fake("b", journal, ready=False, during=crash),
        Fake("c", journal),
    ]

    leaves, _ = await failures(services)

    assert ["crashed"] == [str(leaf) for leaf in leaves]
    assert ["a starts", "b starts", "b ends", "a ends"] == journal


@pytest.mark.parametrize("ready", [True, False])
async def test_an_early_return_is_a_failure(ready: bool) -> None:  # noqa: FBT001  # a parameter
    """A service that returns by itself stops the daemon, usable or not."""
    journal = Journal()
    services = [
        Fake("a", journal),
        Fake("b", journal, ready=ready, returns=True),
    ]

    leaves, _ = await failures(services)

    assert [Ended] == [type(leaf) for leaf in leaves]
    assert "service b returned by itself" == str(leaves[0])
    assert "a ends" == journal[-1]


async def test_a_return_after_cancellation_is_a_clean_end() -> None:
    """A service may answer its cancellation with a plain return."""
    journal, stop = Journal(), asyncio.Event()
    services = [
        Fake("a", journal, quiet=True),
        Fake("b", journal, quiet=True, during=stop.set),
    ]

    await supervise(services, stop)

    assert ["b ends", "a ends"] == journal[-2:]


async def test_failing_clean_ups_are_all_told_and_keep_the_order() -> None:
    """Two clean-ups that raise come out flat, and the rest still ends in order."""
    journal, stop = Journal(), asyncio.Event()
    services = [
        Fake("a", journal),
        Fake("b", journal, after=crash),
        Fake("c", journal, during=stop.set, after=crash),
    ]

    leaves, group = await failures(services, stop)

    assert [ValueError, ValueError] == [type(leaf) for leaf in leaves]
    assert isinstance(group, ExceptionGroup)
    assert ["c ends", "b ends", "a ends"] == journal[-3:]


async def test_cancelling_the_caller_ends_services_in_reverse() -> None:
    """Cancellation while starting is a stop that is raised on."""
    journal = Journal()

    def cancel() -> None:
        task.cancel()

    services = [Fake("a", journal), Fake("b", journal, ready=False, during=cancel)]

    async with asyncio.TaskGroup() as group:
        task = group.create_task(supervise(services, asyncio.Event()))

    assert task.cancelled()
    assert ["a starts", "b starts", "b ends", "a ends"] == journal
