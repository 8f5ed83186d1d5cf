"""Installed -> live, or back: the real store, the real runtimes."""

import asyncio
import errno
import io
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edged.activate.verifier import Vouched
from edged.adapt.strategy import TABLE
from edged.errors import (
    BadBundle,
    BadModel,
    ChangeUnderWay,
    Conflict,
    Downgrade,
    Draining,
    EdgedError,
    Held,
    NotNow,
    NotReady,
    Pinned,
    Quarantined,
    Rejected,
    SignatureChanged,
    StoreFailed,
    UnknownModel,
    UnknownVersion,
    Unsigned,
)
from edged.host.files import Site
from edged.serve.conditions import QUIET
from edged.wire.adapt import Strategy
from edged.wire.changes import Change, ChangeRequest, PinRequest, SeqRequest, Step, Wish
from edged.wire.messages import Changed, InstallRequest, ModelName, ModelPhase
from edged.wire.names import Trust
from edged.wire.release import BackendName, Input, Output, Signature, Variant
from edged.wire.tensors import Datatype
from tests.data import onnx_files, tflite_files
from tests.fakes.box import BY, RULES, Box, bundle

DOUBLED = [2.0, 2.0, 2.0, 2.0]
SUMS = ModelName(name="sums")


async def over(box: Box, begun: Changed) -> Change:
    """Follow a change to its end, as `edgectl watch` does."""
    change = box.history.change(begun.change or 0)
    async with asyncio.timeout(10):
        while not change.is_over:
            change = await box.window.change(
                ChangeRequest(
                    id=change.id,
                    steps=len(change.steps),
                    doing=change.doing,
                    wait_s=5,
                )
            )
    return change


def npz(**arrays: np.ndarray) -> bytes:
    """Return arrays as a .npz file."""
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


async def test_an_installed_release_answers(box: Box) -> None:
    """From a stream to an answer."""
    changed = await box.install(bundle())

    assert changed.changed
    assert changed.text == "sums 1.1 (seq 1) is live"
    assert await box.ask() == DOUBLED
    assert box.live_folder() == changed.live.folder
    assert box.leftovers() == []


async def test_what_is_live_already_is_not_installed_again(box: Box) -> None:
    """An Ansible run twice changes nothing the second time."""
    first = await box.install(bundle())

    second = await box.install(bundle())

    assert not second.changed
    assert second.live.folder == first.live.folder
    assert box.leftovers() == []


async def test_a_rollback_leads_home_and_quarantines_what_it_left(box: Box) -> None:
    """It does not come back by itself, nor by a slip; lifted, it may."""
    negated = onnx_files.unary("Neg", dims=(1, 4))
    await box.install(bundle())
    await box.install(bundle(negated, seq=2))
    assert await box.ask() == [-1.0] * 4

    back = await box.rollback()

    assert back.text == "sums 1.1 (seq 1) is live again"
    assert await box.ask() == DOUBLED
    for again in (box.rollback(), box.use(2), box.install(bundle(negated, seq=2))):
        with pytest.raises(Quarantined, match="rolled back by tester") as caught:
            await again
        assert caught.value.hint == "edgectl models unquarantine sums 2"
    await box.upkeep.unquarantine(SeqRequest(name="sums", seq=2), BY)
    await box.rollback()
    assert await box.ask() == [-1.0] * 4


async def test_a_rollback_without_a_previous_release_is_refused(box: Box) -> None:
    """It says so; what is live stays."""
    await box.install(bundle())

    with pytest.raises(Conflict, match="no previous release"):
        await box.rollback()
    assert await box.ask() == DOUBLED


async def test_use_makes_any_installed_release_live(box: Box) -> None:
    """By seq, also an older one."""
    await box.install(bundle())
    await box.install(bundle(seq=2))

    used = await box.use(1)

    assert used.live.seq == 1
    assert not (await box.use(1)).changed
    with pytest.raises(UnknownVersion, match="installed are 1, 2"):
        await box.use(3)


WIDER = Signature(
    inputs=(Input(name="x", datatype=Datatype.FP32, shape=(1, 5)),),
    outputs=(Output(name="y", datatype=Datatype.FP32, shape=(1, 5)),),
)


async def test_another_signature_needs_a_word(box: Box) -> None:
    """The difference is spelled out; with the word it goes live."""
    await box.install(bundle())
    other = bundle(onnx_files.adder(dims=(1, 5)), seq=2, signature=WIDER)

    with pytest.raises(SignatureChanged, match=r"FP32\[1,4\] becomes FP32\[1,5\]"):
        await box.install(other)
    assert await box.ask() == DOUBLED
    await box.install(other, new_signature=True)

    assert await box.ask(np.ones((1, 5), "<f4")) == [2.0] * 5


async def test_an_older_release_needs_a_word(box: Box) -> None:
    """A downgrade is never an accident."""
    await box.install(bundle(seq=2))

    with pytest.raises(Downgrade):
        await box.install(bundle(seq=1))
    await box.install(bundle(seq=1), downgrade=True)

    assert box.registry.live("sums").seq == 1


def lying_size() -> dict[str, bytes]:
    """Return a bundle whose model is longer than its manifest says."""
    files = bundle(seq=2)
    return {**files, "model.onnx": files["model.onnx"] + b" "}


def lying_digest() -> dict[str, bytes]:
    """Return a bundle whose model has other bytes of the same length."""
    files = bundle(seq=2)
    return {**files, "model.onnx": files["model.onnx"][:-1] + b"\x7f"}


BAD = {
    "lying size": (lying_size, BadBundle, "size|bytes"),
    "lying digest": (lying_digest, BadBundle, "sha256"),
    "lying signature": (
        lambda: bundle(seq=2, signature=WIDER),
        BadModel,
        r"\[1,5\]",
    ),
    "truncated model": (
        lambda: bundle(onnx_files.adder(dims=(1, 4))[:-20], seq=2),
        BadModel,
        "cannot load",
    ),
    "no model at all": (lambda: bundle(b"hello" * 99, seq=2), BadModel, "cannot load"),
    "a .tflite named .onnx": (
        lambda: bundle(tflite_files.adder(), seq=2),
        BadModel,
        "this is a TensorFlow Lite file",
    ),
    "an .onnx named .tflite": (
        lambda: bundle(seq=2, file="model.tflite", backend=BackendName.LITERT),
        BadModel,
        "cannot load",
    ),
    "an unknown operator": (
        lambda: bundle(onnx_files.unary("Frobnicate", dims=(1, 4)), seq=2),
        BadModel,
        "Frobnicate",
    ),
    "an opset from the future": (
        lambda: bundle(onnx_files.unary(dims=(1, 4), opset=999), seq=2),
        BadModel,
        "opset|999",
    ),
    "external data out of the bundle": (
        lambda: bundle(onnx_files.with_external_tensor("../../../etc/passwd"), seq=2),
        BadModel,
        "outside|leaves|passwd",
    ),
    "a second variant that does not load": (
        lambda: bundle(
            seq=2,
            extra={"other.onnx": b"nothing"},
            variants=(
                Variant(id="fp32", backend=BackendName.ONNX, file="model.onnx"),
                Variant(id="int8", backend=BackendName.ONNX, file="other.onnx"),
            ),
        ),
        BadModel,
        "other.onnx",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_release_changes_nothing(box: Box, name: str) -> None:
    """It is refused with its reason; the old one serves; nothing is left behind."""
    make, error, says = BAD[name]
    await box.install(bundle(), new_signature=True)
    before = box.folders(), box.live_folder()

    with pytest.raises(error, match=says) as caught:
        await box.install(make(), new_signature=True)

    assert caught.value.message.startswith("cannot ")
    assert await box.ask() == DOUBLED
    assert (box.folders(), box.live_folder()) == before
    assert box.leftovers() == []


@pytest.mark.parametrize(
    "site", [Site.STAGE_FILE, Site.RELEASE_ADOPT, Site.LINK_PREVIOUS, Site.LINK_CURRENT]
)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
async def test_a_disk_that_refuses_changes_nothing(
    box: Box, site: Site, number: int
) -> None:
    """At whichever step: the old one serves, and the next try succeeds."""
    await box.install(bundle())
    await box.install(bundle(seq=2))
    before = box.folders(), box.live_folder()
    box.files.fail(site, OSError(number, "no"))

    with pytest.raises(StoreFailed):
        await box.install(bundle(seq=3))

    assert (box.folders(), box.live_folder()) == before
    assert await box.ask() == DOUBLED
    box.files.mend()
    assert (await box.install(bundle(seq=3))).live.seq == 3
    assert box.leftovers() == []


async def test_a_bare_model_gets_a_manifest_and_a_number(box: Box) -> None:
    """The signature is read from the file; the golden answers are recorded."""
    bare = {"sums.onnx": onnx_files.adder(dims=(1, 4))}

    with pytest.raises(BadBundle, match="needs a name"):
        await box.install(bare)
    await box.install(bare, name="sums")
    again = await box.install(
        {"sums.onnx": onnx_files.unary("Neg", dims=(1, 4))}, name="sums"
    )

    assert again.live.seq == 2
    assert await box.ask() == [-1.0] * 4
    detail = await box.window.detail(SUMS)
    assert detail.manifest.golden.source.value == "generated"


async def test_what_fails_its_trial_is_refused_with_the_finding(box: Box) -> None:
    """The old one serves; the journal keeps the reason."""
    await box.install(bundle())
    box.trial.found["1.2", "fp32"] = {"problem": "it answers NaN"}

    with pytest.raises(Rejected, match="variant fp32: it answers NaN"):
        await box.install(bundle(seq=2))

    assert await box.ask() == DOUBLED
    assert [folder[0] for folder in box.folders()] == ["1"]
    assert box.steps()[-1] == (
        Wish.INSTALL,
        [Step.STAGED, Step.TRIAL, Step.REFUSED],
    )


async def test_a_variant_that_may_be_missing_is_left_out(box: Box) -> None:
    """The rest serves, and status says why it is alone."""
    ladder = bundle(
        extra={"other.onnx": onnx_files.adder(dims=(1, 4))},
        variants=(
            Variant(id="fp32", backend=BackendName.ONNX, file="model.onnx"),
            Variant(
                id="int8", backend=BackendName.ONNX, file="other.onnx", optional=True
            ),
        ),
    )
    box.trial.found["1.1", "int8"] = {"problem": "it has collapsed"}

    await box.install(ladder)

    status = box.registry.status("sums")
    assert await box.ask() == DOUBLED
    assert [v.problem for v in status.variants] == [
        None,
        "cannot use int8: it has collapsed",
    ]


async def test_a_release_that_answers_otherwise_waits_for_a_person(box: Box) -> None:
    """It is installed and not live; `use` accepts it, and needs no second trial."""
    await box.install(bundle())
    box.trial.found["1.2", "fp32"] = {"continuity": 0.1}

    with pytest.raises(Held, match=r"agrees with 1\.1 on 10%") as caught:
        await box.install(bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2))
    held = await box.ask()
    await box.use(2)

    assert "edgectl models quarantine sums 2" in caught.value.hint
    assert (held, await box.ask()) == (DOUBLED, [-1.0] * 4)
    assert box.trial.tried == ["1.1", "1.2"]
    assert box.steps()[-1][1] == [
        Step.STAGED, Step.TRIAL, Step.HELD, Step.ARMED, Step.SWITCHING, Step.COMMITTED,
    ]  # fmt: skip


async def test_a_held_release_can_be_rejected(box: Box) -> None:
    """Then it is quarantined, and nothing has changed for callers."""
    await box.install(bundle())
    box.trial.found["1.2", "fp32"] = {"ratio": 8.0}
    with pytest.raises(Held, match=r"8\.0 times the CPU"):
        await box.install(bundle(seq=2))

    await box.upkeep.quarantine(SeqRequest(name="sums", seq=2), BY)

    with pytest.raises(Quarantined):
        await box.use(2)
    assert box.steps()[-1][1][-1] is Step.QUARANTINED
    assert await box.ask() == DOUBLED


async def test_while_a_release_is_tried_no_second_one_comes_in(box: Box) -> None:
    """It is told which change to watch; the first goes on."""
    trying, go_on = threading.Event(), threading.Event()
    box.trial.before = lambda: (trying.set(), go_on.wait(5))
    first = await box.install(bundle(), wait=False)
    await asyncio.get_running_loop().run_in_executor(None, trying.wait, 5)

    with pytest.raises(ChangeUnderWay, match="is under way") as caught:
        await box.install(bundle(seq=2))
    go_on.set()
    await over(box, first)

    assert caught.value.fields["change"] == first.change
    assert (first.changed, first.text) == (False, "sums 1.1 (seq 1) is being tried")
    assert await box.ask() == DOUBLED


async def test_a_person_who_goes_back_need_not_wait_for_a_trial(box: Box) -> None:
    """What was being tried is refused instead."""
    trying, go_on = threading.Event(), threading.Event()
    await box.install(bundle())
    await box.install(bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2))
    box.trial.before = lambda: (trying.set(), go_on.wait(5))
    third = await box.install(bundle(seq=3), wait=False)
    await asyncio.get_running_loop().run_in_executor(None, trying.wait, 5)

    await box.rollback()
    answer = await box.ask()
    go_on.set()

    change = await over(box, third)
    assert answer == DOUBLED
    assert (change.last.step, change.last.code) == (Step.REFUSED, "conflict")
    assert "rolled back meanwhile" in change.last.why


async def test_a_pinned_model_stays_as_it_is(box: Box) -> None:
    """Whoever wants to change it is told who said so, and why."""
    await box.install(bundle())
    await box.upkeep.pin(PinRequest(name="sums", why="a visit"), BY)

    for change in (box.install(bundle(seq=2)), box.rollback()):
        with pytest.raises(Pinned, match=r"tester pinned sums at .*: a visit"):
            await change
    await box.upkeep.unpin(ModelName(name="sums"), BY)
    await box.install(bundle(seq=2))

    assert box.registry.live("sums").seq == 2


async def test_a_strategy_that_allows_no_trial_holds_off_the_updater_alone(
    box: Box,
) -> None:
    """A person's install is tried at once; the updater comes again."""
    hot = msgspec.structs.replace(
        QUIET,
        strategy=Strategy.THROTTLED,
        because="82 C",
        caps=TABLE[Strategy.THROTTLED],
    )
    box.regime.set(hot)

    with pytest.raises(NotNow, match=r"while the box is throttled \(82 C\)") as caught:
        await box.install(bundle(seq=2), unattended=True)
    await box.install(bundle(seq=2))
    box.regime.set(QUIET)
    await box.install(bundle(seq=3), unattended=True)

    assert 60.0 == caught.value.retry_after_s
    assert box.registry.live("sums").seq == 3


async def test_a_box_for_signed_releases_takes_no_others(tmp_path: Path) -> None:
    """Not even from root."""
    box = Box(tmp_path, rules=msgspec.structs.replace(RULES, signed=True))
    await box.start()

    with pytest.raises(Unsigned, match="signed releases alone"):
        await box.install(bundle())
    box.close()


async def test_a_box_for_signed_releases_takes_signed_ones(tmp_path: Path) -> None:
    """From a source that is only believed, it takes none."""
    box = Box(tmp_path, rules=msgspec.structs.replace(RULES, signed=True))
    box.verifier.sources["main"] = Vouched(trust=Trust.SIGNED)
    box.verifier.sources["api"] = Vouched(trust=Trust.SHA256)
    await box.start()

    with pytest.raises(Unsigned, match="signed releases alone"):
        await box.install(bundle(seq=2), source="api")
    await box.install(bundle(), source="main")

    assert [2.0] * 4 == await box.ask()
    assert [] == box.leftovers()
    box.close()


async def test_an_older_release_replaces_a_revoked_one_by_itself(box: Box) -> None:
    """Signed metadata says that the live one must not run; nobody need add a word."""
    await box.install(bundle(seq=1))
    await box.install(bundle(seq=5))
    (good, bad) = box.releases.installed("sums")
    box.verifier.sources["main"] = Vouched(trust=Trust.SIGNED)

    with pytest.raises(Downgrade):
        await box.install(bundle(seq=1), source="main")
    box.verifier.sources["main"] = Vouched(
        trust=Trust.SIGNED, revoked=frozenset({bad.digest})
    )
    await box.install(bundle(seq=1), source="main")

    assert good.folder == box.live_folder()


async def test_a_name_that_differs_from_the_bundle_s_is_refused(box: Box) -> None:
    """Nobody wants `--name` to be ignored."""
    with pytest.raises(BadBundle, match="the bundle's name is 'sums'"):
        await box.install(bundle(), name="other")


async def test_unload_and_load_keep_the_files(box: Box) -> None:
    """Memory goes and comes; callers are told which it is."""
    await box.install(bundle())

    assert (await box.unload()).changed
    with pytest.raises(NotReady, match="it is unloaded"):
        await box.ask()
    assert not (await box.unload()).changed

    assert (await box.load()).changed
    assert await box.ask() == DOUBLED
    assert not (await box.load()).changed


async def test_remove_leaves_nothing(box: Box) -> None:
    """Neither on disk nor in the registry."""
    await box.install(bundle())

    await box.remove()

    with pytest.raises(UnknownModel):
        await box.ask()
    assert list(box.layout.models_dir.iterdir()) == []
    for effect in (box.load, box.unload, box.remove):
        with pytest.raises(UnknownModel):
            await effect()


async def test_retention_keeps_what_one_may_want_back(box: Box) -> None:
    """Live, previous and the newest others, three in all."""
    for seq in range(1, 7):
        await box.install(bundle(seq=seq))

    assert [folder.partition("-")[0] for folder in box.folders()] == ["4", "5", "6"]


async def test_a_restart_loads_what_was_live(box: Box) -> None:
    """Links are the only truth."""
    await box.install(bundle())
    await box.install(bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2))

    again = Box(box.layout.root)
    await again.start()

    assert await again.ask() == [-1.0] * 4
    again.close()


async def test_a_live_release_that_is_damaged_gives_way_to_the_last(box: Box) -> None:
    """The daemon serves what it can, and says why; others are not touched."""
    await box.install(bundle())
    second = await box.install(bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2))
    await box.install(bundle(name="other"))
    (box.layout.release("sums", second.live.folder) / "model.onnx").unlink()

    again = Box(box.layout.root)
    await again.start()

    assert await again.ask() == DOUBLED
    assert await again.ask(model="other") == DOUBLED
    assert "model.onnx" in again.agent.troubles[0].text
    assert again.steps()[-1] == (Wish.ROLLBACK, [Step.ROLLING_BACK, Step.DONE])
    again.close()


async def test_a_damaged_release_without_another_is_told(box: Box) -> None:
    """Live, not ready, with the reason; an install heals it."""
    only = await box.install(bundle())
    (box.layout.release("sums", only.live.folder) / "model.onnx").unlink()

    again = Box(box.layout.root)
    await again.start()

    status = again.registry.status("sums")
    assert status.phase is ModelPhase.FAILED
    assert "model.onnx" in status.problem.text
    with pytest.raises(NotReady, match="cannot use sums"):
        await again.ask()
    await again.install(bundle(seq=2))
    assert await again.ask() == DOUBLED
    again.close()


@pytest.mark.parametrize("damage", ["missing", "dangling", "outside"])
async def test_a_current_link_that_leads_nowhere_is_mended(
    box: Box, damage: str
) -> None:
    """A whole release is there: it is live again, and the journal says so."""
    await box.install(bundle())
    link = box.layout.current("sums")
    link.unlink()
    if damage != "missing":
        link.symlink_to("releases/9-000000000000" if damage == "dangling" else "/etc")

    again = Box(box.layout.root)
    await again.start()

    assert await again.ask() == DOUBLED
    assert again.steps()[-1] == (Wish.ROLLBACK, [Step.ROLLING_BACK, Step.DONE])
    again.close()


async def test_verify_finds_a_flipped_bit(box: Box) -> None:
    """SD cards rot; size alone does not tell."""
    live = (await box.install(bundle())).live
    assert (await box.window.verify(SUMS)).ok
    file = box.layout.release("sums", live.folder) / "model.onnx"
    rotten = bytearray(file.read_bytes())
    rotten[-1] ^= 1
    file.write_bytes(rotten)

    verified = await box.window.verify(SUMS)

    assert not verified.ok
    assert "model.onnx" in verified.faults[0].text


async def test_detail_tells_live_and_previous(box: Box) -> None:
    """What `edgectl models show` prints."""
    await box.install(bundle())
    await box.install(bundle(seq=2))

    detail = await box.window.detail(SUMS)

    assert [(r.seq, r.live, r.previous) for r in detail.releases] == [
        (1, False, True),
        (2, True, False),
    ]
    assert all(r.installed_utc and r.size_bytes for r in detail.releases)
    assert detail.manifest.seq == 2
    assert detail.status.version == "1.2"


async def test_thirty_switches_under_load_fail_nobody(box: Box) -> None:
    """Every answer is right, from before the first to after the last."""
    await box.install(bundle())
    done = asyncio.Event()
    answers: list[list[float]] = []

    async def load() -> None:
        while not done.is_set():
            answers.append(await box.ask())

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(load())
        for seq in range(2, 32):
            await box.install(bundle(seq=seq))
        done.set()

    assert len(answers) > 30
    assert all(answer == DOUBLED for answer in answers)
    assert box.registry.switches == 30


async def test_a_closed_agent_takes_no_change(box: Box) -> None:
    """A stopping daemon says so instead of breaking."""
    box.shop.close()

    with pytest.raises(Draining):
        await box.load()


async def test_a_caller_that_goes_away_leaves_no_half_release(box: Box) -> None:
    """The stream breaks off; nothing is staged, nothing changes."""

    class Gone(EdgedError):
        """Stands for what the door raises."""

        code = "gone"

    async def broken() -> AsyncIterator[bytes]:
        yield b"\0" * 100
        raise Gone("cannot read on: the client is gone")

    with pytest.raises(Gone):
        await box.agent.install(broken(), InstallRequest(), BY)
    assert box.leftovers() == []


async def test_a_model_that_is_not_there_says_what_is(box: Box) -> None:
    """For every question."""
    with pytest.raises(UnknownModel, match="none is installed"):
        await box.window.detail(SUMS)
    with pytest.raises(UnknownModel):
        await box.window.verify(SUMS)


def rot(box: Box, file: str = "model.onnx", *, name: str = "sums") -> None:
    """Flip the last bit of an installed file, as an old SD card does."""
    folder = box.links.current(name)
    assert folder is not None
    path = box.layout.release(name, folder) / file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


async def test_a_rotten_live_release_is_mended_by_installing_it_again(
    box: Box,
) -> None:
    """Also while it still answers; verify says so before and after."""
    await box.install(bundle())
    rot(box)
    before = await box.window.verify(SUMS)
    told = box.agent.troubles

    changed = await box.install(bundle())

    assert not before.ok
    assert "model.onnx" in told[0].text
    assert changed.changed
    assert (await box.window.verify(SUMS)).ok
    assert box.agent.troubles == ()
    assert await box.ask() == DOUBLED


async def test_bit_rot_is_found_at_the_next_start(box: Box) -> None:
    """A flipped weight may load and answer wrongly: it is not loaded."""
    await box.install(bundle())
    rot(box)

    again = Box(box.layout.root)
    await again.start()
    status = again.registry.status("sums")
    await again.install(bundle())

    assert status.phase is ModelPhase.FAILED
    assert status.problem is not None
    assert "sha256" in status.problem.text
    assert await again.ask() == DOUBLED
    again.close()


async def test_a_rotten_rung_is_left_out_and_the_rest_serves(box: Box) -> None:
    """Whether it has other bytes or another size."""
    ladder = bundle(
        extra={"small.tflite": tflite_files.adder()},
        variants=(
            Variant(id="big", backend=BackendName.ONNX, file="model.onnx"),
            Variant(id="small", backend=BackendName.LITERT, file="small.tflite"),
        ),
    )
    live = (await box.install(ladder)).live
    assert live is not None
    path = box.layout.release("sums", live.folder) / "small.tflite"
    path.write_bytes(path.read_bytes()[:-100])

    again = Box(box.layout.root)
    await again.start()

    assert await again.ask() == DOUBLED
    assert again.registry.live("sums").variants == ("big",)
    again.close()


async def test_an_install_loads_what_was_unloaded(box: Box) -> None:
    """And so does use: whoever asks for a release wants it to answer."""
    await box.install(bundle())
    await box.unload()
    installed = await box.install(bundle())
    await box.unload()
    used = await box.use(1)

    assert (installed.changed, used.changed) == (True, True)
    assert await box.ask() == DOUBLED


async def test_a_removal_that_the_disk_refuses_changes_nothing(box: Box) -> None:
    """The model answers on."""
    await box.install(bundle())
    box.files.fail(Site.MODEL_DELETE, OSError(errno.EROFS, "no"))

    with pytest.raises(StoreFailed):
        await box.remove()

    assert await box.ask() == DOUBLED


async def test_a_removal_that_is_seen_but_not_durable_is_told_and_forgotten(
    box: Box,
) -> None:
    """The files are gone: nobody is answered from a model that no start would find."""
    await box.install(bundle())
    box.files.fail(Site.MODEL_DELETE, OSError(errno.EIO, "no"), seen=True)

    with pytest.raises(StoreFailed):
        await box.remove()

    with pytest.raises(UnknownModel):
        await box.ask()


async def test_a_seq_is_taken_once(box: Box) -> None:
    """Another release of the same number needs a word, and can then be chosen."""
    await box.install(bundle())
    other = bundle(onnx_files.unary("Neg", dims=(1, 4)))

    with pytest.raises(Downgrade, match="another release of the same seq 1"):
        await box.install(other)
    await box.install(other, downgrade=True)
    await box.use(1)

    assert await box.ask() == DOUBLED


async def test_a_load_that_fails_says_why_from_then_on(box: Box) -> None:
    """Not just "unloaded"; mending and loading again heals it."""
    await box.install(bundle())
    await box.unload()
    rot(box)

    with pytest.raises(BadModel):
        await box.load()

    status = box.registry.status("sums")
    assert status.phase is ModelPhase.FAILED
    assert status.problem is not None


async def test_one_unreadable_model_keeps_no_other_from_serving(box: Box) -> None:
    """It fails on its own; mended, it can be loaded without a restart."""
    await box.install(bundle())
    await box.install(bundle(name="other"))
    releases = box.layout.releases("other")
    away = releases.with_name("away")
    releases.rename(away)
    releases.symlink_to("releases")  # leads to itself

    again = Box(box.layout.root)
    await again.start()
    phase = again.registry.status("other").phase
    answer = await again.ask()
    releases.unlink()
    away.rename(releases)
    await again.load("other")

    assert phase is ModelPhase.FAILED
    assert answer == await again.ask(model="other") == DOUBLED
    again.close()


async def test_changes_are_in_the_journal_by_model(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """One line each, with the fields that find it again."""
    with caplog.at_level("INFO"):
        await box.install(bundle())
        await box.unload()
        await box.load()
        await box.remove()

    ours = [r for r in caplog.records if getattr(r, "edged_model", "") == "sums"]
    assert [r.getMessage() for r in ours] == [
        "sums 1.1 (seq 1) is live",
        "sums is unloaded",
        "sums 1.1 (seq 1) is loaded",
        "sums is removed",
    ]


async def test_a_closed_agent_answers_no_question_either(box: Box) -> None:
    """On a connection that outlived the daemon's work."""
    box.shop.close()

    for ask in (box.window.detail, box.window.verify):
        with pytest.raises(Draining):
            await ask(SUMS)
    with pytest.raises(Draining):
        await box.install(bundle())
