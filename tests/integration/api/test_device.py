"""The box itself, for who asks."""

from pathlib import Path

from edged.adapt.governor import Governor
from edged.adapt.sensors import Sensors
from edged.adapt.strategy import TABLE
from edged.api.device import Looking
from edged.host.clock import SystemClock
from edged.wire.adapt import Strategy
from tests.fakes.board import Board


async def test_a_look_is_taken_anew_for_each_question(tmp_path: Path) -> None:
    """What has changed since is told."""
    board = Board("pi5-idle", tmp_path)
    governor = Governor(TABLE, Sensors(tmp_path), SystemClock())
    looking = Looking(governor, lambda: {"onnxruntime": "1.32.0"}, root=tmp_path)

    first = await looking.look()
    zone = next(path for path in board.files if path.endswith("zone0/temp"))
    board.set(zone, "71500")
    second = await looking.look()

    assert "Raspberry Pi 5" in first.board
    assert {"onnxruntime": "1.32.0"} == first.runtimes
    heats = [
        next(r.value for r in told.readings if r.name.startswith("thermal."))
        for told in (first, second)
    ]
    assert heats[0] != heats[1] == 71.5
    assert first.strategy is not None
    assert Strategy.NORMAL is first.strategy.strategy
    assert 4 == len(first.headrooms)
