"""The daemon about itself."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from edged.api.board import STUCK_DEADLINES, Board, line
from edged.host.clock import SystemClock
from edged.serve.registry import Registry
from edged.watch import Owned
from edged.wire.changes import Change, Step, StepTaken
from edged.wire.messages import Level, ModelStatus, Phase, Trouble
from tests.fakes.agent import COMMITTED, DIGITS
from tests.fakes.box import LIMITS, Box, bundle


def board_of(
    registry: Registry,
    *troubles: Trouble,
    setbacks: Mapping[str, Change] | None = None,
) -> Board:
    """Return a board of a daemon that serves."""
    return Board(
        registry=registry,
        phase=Owned(Phase.READY).watch,
        clock=SystemClock(),
        troubles=lambda: troubles,
        conditions=tuple,
        open_change={"digits": COMMITTED}.get,
        setback=(setbacks or {}).get,
        default_timeout_s=1.0,
        state_dir=Path("/nowhere"),
    )


async def test_the_page_tells_the_process_and_its_models(tmp_path: Path) -> None:
    """Figures of this very process, and the runtimes that it has loaded."""
    box = Box(tmp_path)
    await box.start()
    await box.install(bundle())

    told = board_of(box.registry).status()

    assert (told.level, line(told)) == (Level.OK, "sums 1.1 is ready")
    assert told.process.rss_bytes > 10_000_000
    assert "onnxruntime" in told.process.runtimes
    assert [model.name for model in told.models] == ["sums"]
    box.close()


class Serving(Registry):
    """A registry with one ready model."""

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Return it."""
        return (DIGITS,)


def test_a_model_is_told_with_its_open_change() -> None:
    """So that `status` can say how far it is."""
    board = board_of(Serving(LIMITS, SystemClock()))

    models = board.models()

    assert [COMMITTED] == [model.change for model in models]


def test_what_was_taken_back_degrades_the_box() -> None:
    """A box that came back by itself must not look as if nothing had been."""
    bad = StepTaken(
        step=Step.QUARANTINED, at_utc="", why="3 of 4 runs failed", code="rejected"
    )
    change = replace(COMMITTED, steps=(bad,))
    registry = Serving(LIMITS, SystemClock())

    told = board_of(registry, setbacks={"digits": change}).status()

    assert (
        Level.DEGRADED,
        "digits 1.4.0 (seq 14) was taken back: 3 of 4 runs failed",
        "edgectl models history digits",
    ) == (told.level, told.troubles[0].text, told.troubles[0].hint)


def test_a_standing_problem_degrades_the_line() -> None:
    """The level stands before the verdict wherever it is not OK."""
    registry = Registry(LIMITS, SystemClock())

    told = board_of(registry, Trouble(code="x", text="cannot write")).status()

    assert line(told).startswith("DEGRADED: ")
    assert told.troubles[0].text == "cannot write"


@pytest.mark.parametrize(
    ("running_s", "beats"), [(0.0, True), (1.9, True), (2.1, False)]
)
def test_a_stuck_run_stops_the_heart(running_s: float, *, beats: bool) -> None:
    """So that the watchdog restarts us; a slow run does not."""

    class Stuck(Registry):
        """A registry whose longest run is given."""

        def running_s(self) -> float:
            """Return what the test says."""
            return running_s

    board = board_of(Stuck(LIMITS, SystemClock()))

    assert STUCK_DEADLINES == 2
    assert board.beats is beats
    assert ("stuck" in {t.code for t in board.status().troubles}) is not beats
