"""Profiles, wanted and by themselves, of a box's inside; measuring itself is faked."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from edged.activate.profile_due import Pace
from edged.activate.profiler import Profiler
from edged.errors import BadRelease, Conflict, StoreFailed, UnknownModel
from edged.host.clock import SystemClock
from edged.host.files import Site
from edged.serve.live import Live
from edged.serve.request import InferRequest
from edged.wire.changes import EDGED
from edged.wire.messages import ModelName
from edged.wire.profiles import ModelProfile, ProfileRequest
from edged.wire.release import BackendName, Variant
from tests.fakes.box import BY, ONES, Box, bundle

#: Nothing by itself: for tests of what is wanted.
NEVER = Pace(quiet_s=3600.0)
#: Everything by itself, soon.
SOON = Pace(quiet_s=0.05, look_s=0.05, lasting_s=0.1, rest_s=3600.0, again_s=0.05)
SUMS = ModelName(name="sums")

Start = Callable[..., Profiler[Live]]


@pytest.fixture
async def profiling(box: Box) -> AsyncIterator[Start]:
    """Return a function that lets a box profile; without an objection to it."""
    running: list[asyncio.Task[None]] = []

    def start(pace: Pace = NEVER, *, objection: str = "") -> Profiler[Live]:
        made = Profiler(
            box.shop,
            box.agent.passage,
            SystemClock(),
            objection=lambda: objection,
            pace=pace,
        )
        loop = asyncio.get_running_loop()
        running.append(loop.create_task(made.run(lambda: None)))
        return made

    yield start
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ended(profiler: Profiler[Live], name: str = "sums") -> ModelProfile:
    """Follow a profile to its end, by polls that wait."""
    found = await profiler.show(ProfileRequest(name=name))
    while found.doing:
        found = await profiler.show(
            ProfileRequest(name=name, doing=found.doing, wait_s=5)
        )
    return found


async def made(profiler: Profiler[Live], times: int = 1) -> ModelProfile:
    """Wait until a model was profiled so often."""
    found = await profiler.show(ProfileRequest(name="sums"))
    async with asyncio.timeout(10):
        while found.made < times:
            await asyncio.sleep(0.02)
            found = await profiler.show(ProfileRequest(name="sums"))
    return found


class Gate:
    """Holds a measurement in its thread until it is let go."""

    def __init__(self, box: Box) -> None:
        self._loop = asyncio.get_running_loop()
        self.reached = asyncio.Event()
        self._go_on = threading.Event()
        box.trial.before = self._wait

    def _wait(self) -> None:
        self._loop.call_soon_threadsafe(self.reached.set)
        self._go_on.wait(10)

    def open(self) -> None:
        """Let it go on, and all that follow."""
        self._go_on.set()


# --- wanted ------------------------------------------------------------------------


async def test_it_measures_each_variant_with_each_count(
    box: Box, profiling: Start
) -> None:
    """What it found is kept with the proof, and says for whom and when."""
    await box.install(bundle())
    profiler = profiling()

    began = await profiler.begin(SUMS, BY)
    found = await ended(profiler)

    assert began.doing == "waiting for its turn"
    assert [("fp32", 1), ("fp32", 2)] == box.trial.measures
    assert found.proof is not None
    assert found.proof.profiled is not None
    assert (BY, 0, 1) == (found.proof.profiled.by, found.proof.profiled.requests, 1)
    assert [3.0, 3.0] == [cost.p95_ms for cost in found.proof.variants[0].costs]
    assert (None, 1, 1) == (found.problem, found.made, found.threads)
    release = box.shop.shelf.live("sums")
    assert release is not None
    assert box.shop.proof_of(release) == found.proof
    assert repr(profiler) == "idle"


async def test_what_answers_is_chosen_by_the_new_figures_at_once(
    box: Box, profiling: Start
) -> None:
    """By those of its trial both variants cost the same, so the best one answered."""
    file, backend = "model.onnx", BackendName.ONNX
    rungs = tuple(Variant(id=i, backend=backend, file=file) for i in ("fp32", "int8"))
    await box.install(bundle(variants=rungs))
    box.trial.wall_ms = {"fp32": 36_000_000.0}
    profiler = profiling()
    live = box.registry.live("sums")

    def chosen() -> str:
        asked = InferRequest(
            model="sums", inputs={"x": ONES}, deadline_s=time.monotonic() + 3600
        )
        return live.chooser.choose(asked).rung.id

    before = chosen()
    await profiler.begin(SUMS, BY)
    await ended(profiler)

    assert ("fp32", "int8") == (before, chosen())


async def test_who_asks_twice_gets_one_and_is_told_how_far_it_is(
    box: Box, profiling: Start
) -> None:
    """Requests that came meanwhile are counted: the figures are of a busy box."""
    await box.install(bundle())
    gate = Gate(box)
    profiler = profiling()

    await profiler.begin(SUMS, BY)
    await gate.reached.wait()
    again = await profiler.begin(SUMS, "another")
    await box.ask()
    gate.open()
    found = await ended(profiler)

    assert again.doing == "fp32, 1 thread: 1 of 2"
    assert len(box.trial.measures) == 2
    assert found.proof is not None
    assert found.proof.profiled is not None
    assert (BY, 1) == (found.proof.profiled.by, found.proof.profiled.requests)
    assert [1] == [each.requests for each in found.lately]


async def test_what_cannot_be_profiled_is_refused(box: Box, profiling: Start) -> None:
    """With the reason, and at once."""
    profiler = profiling()

    with pytest.raises(UnknownModel, match="cannot find model 'sums'"):
        await profiler.begin(SUMS, BY)
    with pytest.raises(UnknownModel):
        await profiler.show(ProfileRequest(name="sums", wait_s=30))
    await box.install(bundle())
    release = box.shop.shelf.live("sums")
    assert release is not None
    box.shop.profiles.forget(release.digest)
    with pytest.raises(Conflict, match="no variant of it is proved on this board"):
        await profiler.begin(SUMS, BY)


async def test_what_has_rotted_is_not_measured(box: Box, profiling: Start) -> None:
    """Nor is its proof touched."""
    await box.install(bundle())
    release = box.shop.shelf.live("sums")
    assert release is not None
    size = (release.path / "model.onnx").stat().st_size
    (release.path / "model.onnx").write_bytes(b"x" * size)
    profiler = profiling()

    await profiler.begin(SUMS, BY)
    found = await ended(profiler)

    assert found.problem is not None
    assert (BadRelease.code, []) == (found.problem.code, box.trial.measures)
    assert "cannot profile sums: model.onnx" in found.problem.text


async def test_a_model_without_a_live_release_is_refused(
    box: Box, profiling: Start
) -> None:
    """It is installed, and nothing of it answers."""
    await box.install(bundle())
    box.links.clear("sums")

    with pytest.raises(BadRelease, match="no release of it is live"):
        await profiling().begin(SUMS, BY)


async def test_a_failing_variant_is_told_and_still_serves(
    box: Box, profiling: Start
) -> None:
    """A profile takes nothing away."""
    await box.install(bundle())
    box.trial.found["*", "fp32"] = {"problem": "it hung"}
    profiler = profiling()

    await profiler.begin(SUMS, BY)
    found = await ended(profiler)

    assert found.proof is not None
    assert [("it hung", None)] == [(v.unprofiled, v.problem) for v in found.proof.fit]
    assert [1.0] == [cost.wall_ms for cost in found.proof.fit[0].costs]


async def test_a_release_that_went_live_meanwhile_ends_it(
    box: Box, profiling: Start
) -> None:
    """Its trial waits for one figure at a time, not for all forty of them."""
    await box.install(bundle())
    box.trial.counts = tuple(range(1, 41))
    box.trial.before = lambda: time.sleep(0.05)
    profiler = profiling()
    await profiler.begin(SUMS, BY)

    await box.install(bundle(seq=2))
    found = await ended(profiler)

    assert found.problem is not None
    assert found.problem.code == "conflict"
    assert "another release of it went live" in found.problem.text
    assert found.release.seq == 2
    assert len(box.trial.measures) < 40
    assert 0 == found.made


async def test_a_disk_that_refuses_is_a_problem_and_changes_nothing(
    box: Box, profiling: Start
) -> None:
    """The proof is as it was; the next try may do better."""
    await box.install(bundle())
    profiler = profiling()
    box.files.fail(Site.PROOF, OSError(28, "No space left on device"))

    await profiler.begin(SUMS, BY)
    found = await ended(profiler)

    assert found.problem is not None
    assert found.problem.code == StoreFailed.code
    assert found.proof is not None
    assert found.proof.profiled is None


async def test_a_model_removed_meanwhile_leaves_nothing(
    box: Box, profiling: Start
) -> None:
    """Its proof went with it, and does not come back."""
    await box.install(bundle())
    gate = Gate(box)
    profiler = profiling()
    await profiler.begin(SUMS, BY)
    await gate.reached.wait()

    await box.remove()
    gate.open()
    async with asyncio.timeout(5):
        await box.shop.revision.until(lambda _: repr(profiler) == "idle")

    assert [] == list(box.layout.profiles.iterdir())


async def test_a_bug_ends_one_profile_and_not_the_daemon(
    box: Box, profiling: Start
) -> None:
    """It is told to who asks, and the next one is made."""
    await box.install(bundle())
    profiler = profiling()

    def bug() -> None:
        raise ZeroDivisionError

    box.trial.before = bug
    await profiler.begin(SUMS, BY)
    found = await ended(profiler)
    box.trial.before = lambda: None
    await profiler.begin(SUMS, BY)
    after = await ended(profiler)

    assert found.problem is not None
    assert found.problem.text.endswith("a bug in edged; its log has it")
    assert (None, 1) == (after.problem, after.made)


# --- by itself ---------------------------------------------------------------------


async def test_a_new_release_is_profiled_when_the_box_is_idle(
    box: Box, profiling: Start
) -> None:
    """Once; then it has its rest."""
    profiler = profiling(SOON)

    await box.install(bundle())
    found = await made(profiler)
    await asyncio.sleep(0.3)

    assert found.proof is not None
    assert found.proof.profiled is not None
    assert found.proof.profiled.by == EDGED
    assert len(box.trial.measures) == 2


@pytest.mark.parametrize("objection", ["", "the box runs on its battery"])
async def test_a_box_in_use_is_left_alone(
    box: Box, profiling: Start, objection: str
) -> None:
    """Requests count, and so do its battery and who else uses it."""
    await box.install(bundle())
    profiler = profiling(SOON, objection=objection)

    for _ in range(40):
        await asyncio.sleep(0.01)
        if not objection:
            await box.ask()

    assert [] == box.trial.measures
    assert 0 == (await profiler.show(ProfileRequest(name="sums"))).made


async def test_a_request_breaks_it_off_and_it_begins_again(
    box: Box, profiling: Start
) -> None:
    """It waits for the next quiet time; nobody is told of a problem."""
    await box.install(bundle())
    gate = Gate(box)
    profiler = profiling(SOON)
    await gate.reached.wait()

    await box.ask()
    gate.open()
    found = await made(profiler)

    assert [1, 1, 2] == [count for _, count in box.trial.measures]
    assert found.problem is None


async def test_a_person_who_asks_takes_it_over(box: Box, profiling: Start) -> None:
    """Then a request does not break it off any more."""
    await box.install(bundle())
    gate = Gate(box)
    profiler = profiling(SOON)
    await gate.reached.wait()

    began = await profiler.begin(SUMS, BY)
    await box.ask()
    gate.open()
    found = await ended(profiler)

    assert began.doing == "fp32, 1 thread: 1 of 2"
    assert [1, 2] == [count for _, count in box.trial.measures]
    assert found.proof is not None
    assert found.proof.profiled is not None
    assert found.proof.profiled.by == BY


async def test_a_profile_that_live_traffic_contradicts_is_made_again(
    box: Box, profiling: Start
) -> None:
    """After a while: a busy minute contradicts nothing. Then it rests."""
    await box.install(bundle())
    wanted = profiling()
    await wanted.begin(SUMS, BY)
    await ended(wanted)
    for _ in range(100):  # a few us each, and measured were 2 ms
        await box.ask()

    profiler = profiling(SOON)
    found = await made(profiler)
    await asyncio.sleep(0.3)

    assert [each.times < 0.5 for each in found.lately if each.times] == [True]
    assert [1, 2, 1, 2] == [count for _, count in box.trial.measures]


async def test_a_model_that_cannot_be_read_is_passed_over(
    box: Box, profiling: Start
) -> None:
    """Another one has its turn."""
    await box.install(bundle())
    await box.install(bundle(name="other"))
    box.links.clear("other")
    profiler = profiling(SOON)

    assert 1 == (await made(profiler)).made
