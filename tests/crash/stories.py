"""What people do to a model, and what they may rely on once they were told."""

from edged.wire.changes import SeqRequest
from edged.wire.messages import ModelName
from tests.crash.explorer import Story
from tests.crash.recorder import Log
from tests.data import onnx_files
from tests.fakes.box import BY, Box, bundle

NEGATED = onnx_files.unary("Neg", dims=(1, 4))


async def _nothing(box: Box) -> None:
    """Leave the store empty."""


async def _one(box: Box) -> None:
    await box.install(bundle())
    await _committed(box)


async def _two(box: Box) -> None:
    await _one(box)
    await box.install(bundle(NEGATED, seq=2))
    await _committed(box)


async def _committed(box: Box) -> None:
    if box.agent.ward.watched("sums") is not None:
        await box.upkeep.commit(ModelName(name="sums"), BY)


async def _first(box: Box, log: Log) -> None:
    await box.install(bundle())
    log.promise("one is live")
    log.promise("live 1")


async def _second(box: Box, log: Log) -> None:
    log.promise("one is live")
    await box.install(bundle(NEGATED, seq=2))
    log.promise("live 2")


async def _third(box: Box, log: Log) -> None:
    log.promise("one is live")
    await box.install(bundle(seq=3))
    log.promise("live 3")
    await _committed(box)


async def _fourth(box: Box, log: Log) -> None:
    log.promise("one is live")
    await box.install(bundle(seq=4))
    await box.install(bundle(seq=5))


async def _back(box: Box, log: Log) -> None:
    log.promise("one is live")
    await box.install(bundle(NEGATED, seq=3))
    await box.rollback()
    log.promise("live 2")
    log.promise("away 3")


async def _back_again(box: Box, log: Log) -> None:
    log.promise("one is live")
    await box.rollback()
    log.promise("live 1")
    log.promise("away 2")


async def _refused(box: Box, log: Log) -> None:
    log.promise("one is live")
    log.promise("live 1")
    box.trial.found["1.2", "fp32"] = {"continuity": 0.0}
    try:
        await box.install(bundle(NEGATED, seq=2))
    except Exception:  # noqa: BLE001  # held, as it should be
        await box.upkeep.quarantine(SeqRequest(name="sums", seq=2), BY)
        log.promise("away 2")


async def _use(box: Box, log: Log) -> None:
    log.promise("one is live")
    await box.use(1)
    log.promise("live 1")


async def _superseded(box: Box, log: Log) -> None:
    log.promise("one is live")
    await box.install(bundle(NEGATED, seq=2))
    await box.install(bundle(seq=3))
    await box.rollback()
    log.promise("live 1")
    log.promise("away 3")


async def _removed(box: Box, log: Log) -> None:
    await box.remove()
    log.promise("gone 0")


STORIES = {
    "a first release": Story(before=_nothing, tell=_first),
    "a second one": Story(before=_one, tell=_second),
    "a third, watched and committed": Story(before=_two, tell=_third, watched=True),
    "two more, and old ones go": Story(before=_two, tell=_fourth),
    "rolled back in probation": Story(before=_two, tell=_back, watched=True),
    "rolled back when committed": Story(before=_two, tell=_back_again),
    "superseded in probation": Story(before=_one, tell=_superseded, watched=True),
    "removed": Story(before=_two, tell=_removed),
    "held, then rejected": Story(before=_one, tell=_refused),
    "an older one chosen": Story(before=_two, tell=_use),
}
