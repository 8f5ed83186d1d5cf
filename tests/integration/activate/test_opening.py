"""What a start finds, puts right and loads."""

from pathlib import Path

import msgspec

from edged.errors import NoMemory
from edged.host.files import Site
from edged.wire.changes import Step, Wish
from edged.wire.messages import ModelPhase
from edged.wire.release import BackendName, Variant
from tests.data import onnx_files, tflite_files
from tests.fakes.box import RULES, Box, bundle
from tests.fakes.files import RecordingFiles

DOUBLED = [2.0] * 4
NEGATED = onnx_files.unary("Neg", dims=(1, 4))
WATCHED = msgspec.structs.replace(
    RULES, probation=msgspec.structs.replace(RULES.probation, duration_s=1000.0)
)


async def in_probation(root: Path, *, boot: str = "boot") -> Box:
    """Return a box whose second release is watched."""
    box = Box(root, rules=WATCHED, boot=boot)
    await box.start()
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    return box


async def started(root: Path, *, boot: str = "boot") -> Box:
    """Return a box that begins where another was cut off."""
    box = Box(root, rules=WATCHED, boot=boot)
    await box.start()
    return box


async def test_a_release_in_probation_stays_in_it(tmp_path: Path) -> None:
    """A restart neither commits nor condemns it."""
    (await in_probation(tmp_path)).close()

    again = await started(tmp_path)

    assert again.agent.ward.watched("sums").release.seq == 2
    assert await again.ask() == [-1.0] * 4
    again.close()


async def test_two_crashes_in_one_boot_lead_back_before_the_third_load(
    tmp_path: Path,
) -> None:
    """Nobody asked for those ends, and no human is there."""
    (await in_probation(tmp_path)).close()
    (await started(tmp_path)).close()

    third = await started(tmp_path)

    change = third.history.changes("sums", 1)[-1]
    assert await third.ask() == DOUBLED
    assert change.last.step is Step.QUARANTINED
    assert "crashed" in change.last.why
    third.close()


async def test_pulling_the_plug_condemns_nothing(tmp_path: Path) -> None:
    """Each start is another boot: that was no crash."""
    (await in_probation(tmp_path, boot="1")).close()
    for boot in ("2", "3", "4"):
        (await started(tmp_path, boot=boot)).close()

    again = await started(tmp_path, boot="5")

    assert await again.ask() == [-1.0] * 4
    again.close()


async def test_a_stop_that_was_asked_for_is_no_crash(tmp_path: Path) -> None:
    """However often."""
    box = await in_probation(tmp_path)
    for _ in range(4):
        box.agent.stopping()
        box.close()
        box = await started(tmp_path)

    assert await box.ask() == [-1.0] * 4
    box.close()


async def test_what_another_runtime_cannot_prove_gives_way(tmp_path: Path) -> None:
    """After an upgrade each live release is proved again before it is loaded."""
    box = Box(tmp_path)
    await box.start()
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    box.close()
    for proof in box.layout.profiles.iterdir():
        proof.unlink()  # as a proof of another version would be of no use
    again = Box(tmp_path)
    again.trial.found["1.2", "fp32"] = {"problem": "it answers otherwise"}

    await again.start()

    assert again.trial.tried == ["1.2", "1.1"]
    assert await again.ask() == DOUBLED
    assert again.steps()[-1] == (Wish.ROLLBACK, [Step.ROLLING_BACK, Step.DONE])
    assert "it answers otherwise" in again.agent.troubles[0].text
    again.close()


async def test_without_another_it_is_not_ready_and_says_why(tmp_path: Path) -> None:
    """Live, not ready; never a restart loop."""
    box = Box(tmp_path)
    await box.start()
    await box.install(bundle())
    box.close()
    for proof in box.layout.profiles.iterdir():
        proof.unlink()
    again = Box(tmp_path)
    again.trial.found["*", "fp32"] = {"problem": "it answers otherwise"}

    await again.start()

    status = again.registry.status("sums")
    assert status.phase is ModelPhase.FAILED
    assert "it answers otherwise" in status.problem.text
    again.close()


async def test_a_proof_that_holds_is_not_made_again(tmp_path: Path) -> None:
    """A start must be quick."""
    box = Box(tmp_path)
    await box.start()
    await box.install(bundle())
    box.close()

    again = Box(tmp_path)
    await again.start()

    assert again.trial.tried == []
    again.close()


async def test_a_read_only_store_still_serves(tmp_path: Path) -> None:
    """The journal cannot be written: told, and no reason to be down."""
    (await in_probation(tmp_path)).close()
    files = RecordingFiles()
    for site in (Site.JOURNAL_APPEND, Site.JOURNAL_COMPACT, Site.SWEEP):
        files.fail(site, OSError(30, "read-only"))
    box = Box(tmp_path, files=files)

    await box.start()

    assert box.registry.names() == ("sums",)
    assert "read-only" in box.agent.troubles[0].text
    box.close()


async def test_without_a_proof_a_release_in_probation_is_watched_all_the_same(
    tmp_path: Path,
) -> None:
    """Where no trial can be made there is no time to compare; answers still count."""
    (await in_probation(tmp_path)).close()
    for proof in (tmp_path / "profiles").iterdir():
        proof.unlink()
    again = Box(tmp_path, rules=WATCHED)

    def no_room() -> None:
        raise NoMemory("cannot try it: no room")

    again.trial.before = no_room
    await again.start()

    assert again.agent.ward.watched("sums").release.seq == 2
    again.close()


async def test_what_is_whole_of_an_unproved_ladder_serves(tmp_path: Path) -> None:
    """A trial would reject it for the rung that has rotted."""
    ladder = bundle(
        extra={"small.tflite": tflite_files.adder()},
        variants=(
            Variant(id="big", backend=BackendName.ONNX, file="model.onnx"),
            Variant(id="small", backend=BackendName.LITERT, file="small.tflite"),
        ),
    )
    box = Box(tmp_path)
    await box.start()
    live = (await box.install(ladder)).live
    box.close()
    for proof in box.layout.profiles.iterdir():
        proof.unlink()
    rung = box.layout.release("sums", live.folder) / "small.tflite"
    rung.write_bytes(rung.read_bytes()[:-100])
    again = Box(tmp_path)

    await again.start()

    assert again.trial.tried == []
    assert again.registry.live("sums").variants == ("big",)
    again.close()
