"""Requests that wait go before bytes that could come."""

from edged.update.yielding import LOOK_S, MOST_S, TOLD_S, Yielding
from tests.fakes.clock import Hours


class Box:
    """Requests that wait until a time, and a clock that sleeping moves.

    Attributes:
        slept: how often somebody waited.
        told: how often there was news.
    """

    def __init__(self) -> None:
        self.clock = Hours()
        self.until_s = self.clock.monotonic()
        self.slept = self.told = 0
        self.yielding = Yielding(self._waits, self.clock, self._tell, self._sleep)

    async def _waits(self) -> bool:
        return self.clock.monotonic() < self.until_s

    async def _sleep(self, seconds: float) -> None:
        self.slept += 1
        self.clock.now += seconds

    def _tell(self) -> None:
        self.told += 1


async def test_where_nobody_waits_nothing_is_slower() -> None:
    """Nor is anything told."""
    box = Box()

    await box.yielding.clear()

    assert (0, 0, False) == (box.slept, box.told, box.yielding.gives_way)


async def test_it_goes_on_when_the_last_request_runs() -> None:
    """And says for a while that it gave way."""
    box = Box()
    box.until_s += 3.5 * LOOK_S

    await box.yielding.clear()

    assert (4, 1, True) == (box.slept, box.told, box.yielding.gives_way)


async def test_a_box_that_is_never_idle_is_updated_all_the_same() -> None:
    """A piece each second."""
    box = Box()
    box.until_s += 1e9
    began_s = box.clock.monotonic()

    for _ in range(5):
        await box.yielding.clear()

    assert abs(box.clock.monotonic() - began_s - 5 * MOST_S) < 5 * LOOK_S
    assert (1, True) == (box.told, box.yielding.gives_way)


async def test_a_queue_that_comes_and_goes_is_told_once() -> None:
    """Until it has been empty for a while."""
    box = Box()
    for _ in range(3):
        box.until_s = box.clock.monotonic() + LOOK_S
        await box.yielding.clear()
        await box.yielding.clear()
    before = box.told
    box.clock.now += TOLD_S
    await box.yielding.clear()

    assert (1, 2) == (before, box.told)
    assert not box.yielding.gives_way


async def test_what_was_told_grows_old_by_itself() -> None:
    """Where nothing is fetched any more, nobody asks."""
    box = Box()
    box.until_s += LOOK_S
    await box.yielding.clear()

    box.clock.now += TOLD_S + MOST_S

    assert not box.yielding.gives_way
