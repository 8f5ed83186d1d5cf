"""Installed -> live, or back: the real store, the real runtimes."""

import asyncio
import errno
import io
from collections.abc import AsyncIterator

import numpy as np
import pytest

from edged.errors import (
    BadBundle,
    BadModel,
    Conflict,
    Downgrade,
    Draining,
    EdgedError,
    NotReady,
    SignatureChanged,
    StoreFailed,
    UnknownModel,
    UnknownVersion,
)
from edged.host.files import Site
from edged.wire.messages import InstallRequest, ModelName, ModelPhase, UseRequest
from edged.wire.release import BackendName, Golden, Input, Output, Signature, Variant
from edged.wire.tensors import Datatype
from tests.data import onnx_files, tflite_files
from tests.fakes.box import Box, bundle

DOUBLED = [2.0, 2.0, 2.0, 2.0]
SUMS = ModelName(name="sums")


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


async def test_a_rollback_swaps_and_swaps_back(box: Box) -> None:
    """`previous` is always the way back."""
    negated = onnx_files.unary("Neg", dims=(1, 4))
    await box.install(bundle())
    await box.install(bundle(negated, seq=2))
    assert await box.ask() == [-1.0] * 4

    back = await box.agent.rollback(SUMS)

    assert back.text == "sums 1.1 (seq 1) is live again"
    assert await box.ask() == DOUBLED
    await box.agent.rollback(SUMS)
    assert await box.ask() == [-1.0] * 4


async def test_a_rollback_without_a_previous_release_is_refused(box: Box) -> None:
    """It says so; what is live stays."""
    await box.install(bundle())

    with pytest.raises(Conflict, match="no previous release"):
        await box.agent.rollback(SUMS)
    assert await box.ask() == DOUBLED


async def test_use_makes_any_installed_release_live(box: Box) -> None:
    """By seq, also an older one."""
    await box.install(bundle())
    await box.install(bundle(seq=2))

    used = await box.agent.use(UseRequest(name="sums", seq=1))

    assert used.live.seq == 1
    assert not (await box.agent.use(UseRequest(name="sums", seq=1))).changed
    with pytest.raises(UnknownVersion, match="installed are 1, 2"):
        await box.agent.use(UseRequest(name="sums", seq=3))


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


def collapsed() -> dict[str, bytes]:
    """Return a bundle whose model does not give its golden answers."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((32, 1, 4)).astype("<f4")
    return bundle(
        onnx_files.unary("Neg", dims=(1, 4)),
        seq=2,
        extra={"golden.npz": npz(x=x, y=x + x)},
        golden=Golden(file="golden.npz"),
    )


BAD = {
    "lying size": (lying_size, BadBundle, "size|bytes"),
    "lying digest": (lying_digest, BadBundle, "sha256"),
    "lying signature": (
        lambda: bundle(seq=2, signature=WIDER),
        BadModel,
        r"\[1,5\]",
    ),
    "wrong answers": (collapsed, BadBundle, "golden answers"),
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
    detail = await box.agent.detail(SUMS)
    assert detail.manifest.golden.source.value == "generated"


async def test_a_bare_model_that_gets_its_golden_answers_wrong_is_refused(
    box: Box,
) -> None:
    """Golden outputs that came along are believed, not the model."""
    x = np.random.default_rng(1).standard_normal((32, 1, 4)).astype("<f4")
    bare = {
        "sums.onnx": onnx_files.adder(dims=(1, 4)),
        "golden.npz": npz(x=x, y=x * 3),
    }

    with pytest.raises(BadBundle, match="golden answers"):
        await box.install(bare, name="sums")
    assert box.leftovers() == []


async def test_a_name_that_differs_from_the_bundle_s_is_refused(box: Box) -> None:
    """Nobody wants `--name` to be ignored."""
    with pytest.raises(BadBundle, match="the bundle's name is 'sums'"):
        await box.install(bundle(), name="other")


async def test_unload_and_load_keep_the_files(box: Box) -> None:
    """Memory goes and comes; callers are told which it is."""
    await box.install(bundle())

    assert (await box.agent.unload(SUMS)).changed
    with pytest.raises(NotReady, match="it is unloaded"):
        await box.ask()
    assert not (await box.agent.unload(SUMS)).changed

    assert (await box.agent.load(SUMS)).changed
    assert await box.ask() == DOUBLED
    assert not (await box.agent.load(SUMS)).changed


async def test_remove_leaves_nothing(box: Box) -> None:
    """Neither on disk nor in the registry."""
    await box.install(bundle())

    await box.agent.remove(SUMS)

    with pytest.raises(UnknownModel):
        await box.ask()
    assert list(box.layout.models_dir.iterdir()) == []
    for effect in (box.agent.load, box.agent.unload, box.agent.remove):
        with pytest.raises(UnknownModel):
            await effect(SUMS)


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
    await again.agent.start()

    assert await again.ask() == [-1.0] * 4
    again.close()


async def test_a_damaged_live_release_fails_alone_and_can_be_left(box: Box) -> None:
    """The daemon is up, says why, and a rollback heals it."""
    await box.install(bundle())
    second = await box.install(bundle(seq=2))
    await box.install(bundle(name="other"))
    (box.layout.release("sums", second.live.folder) / "model.onnx").unlink()

    again = Box(box.layout.root)
    await again.agent.start()

    status = again.registry.status("sums")
    assert status.phase is ModelPhase.FAILED
    assert "model.onnx" in status.problem.text
    assert await again.ask(model="other") == DOUBLED
    await again.agent.rollback(SUMS)
    assert await again.ask() == DOUBLED
    again.close()


@pytest.mark.parametrize("damage", ["missing", "dangling", "outside"])
async def test_a_current_link_that_leads_nowhere_is_told(box: Box, damage: str) -> None:
    """Not ready for that model, with the reason; an install heals it."""
    await box.install(bundle())
    link = box.layout.current("sums")
    link.unlink()
    if damage != "missing":
        link.symlink_to("releases/9-000000000000" if damage == "dangling" else "/etc")

    again = Box(box.layout.root)
    await again.agent.start()

    assert again.registry.status("sums").phase is ModelPhase.FAILED
    with pytest.raises(NotReady, match="cannot use sums"):
        await again.ask()
    await again.install(bundle(seq=2))
    assert await again.ask() == DOUBLED
    again.close()


async def test_verify_finds_a_flipped_bit(box: Box) -> None:
    """SD cards rot; size alone does not tell."""
    live = (await box.install(bundle())).live
    assert (await box.agent.verify(SUMS)).ok
    file = box.layout.release("sums", live.folder) / "model.onnx"
    rotten = bytearray(file.read_bytes())
    rotten[-1] ^= 1
    file.write_bytes(rotten)

    verified = await box.agent.verify(SUMS)

    assert not verified.ok
    assert "model.onnx" in verified.faults[0].text


async def test_detail_tells_live_and_previous(box: Box) -> None:
    """What `edgectl models show` prints."""
    await box.install(bundle())
    await box.install(bundle(seq=2))

    detail = await box.agent.detail(SUMS)

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
    box.agent.close()

    with pytest.raises(Draining):
        await box.agent.load(SUMS)


async def test_a_caller_that_goes_away_leaves_no_half_release(box: Box) -> None:
    """The stream breaks off; nothing is staged, nothing changes."""

    class Gone(EdgedError):
        """Stands for what the door raises."""

        code = "gone"

    async def broken() -> AsyncIterator[bytes]:
        yield b"\0" * 100
        raise Gone("cannot read on: the client is gone")

    with pytest.raises(Gone):
        await box.agent.install(broken(), InstallRequest())
    assert box.leftovers() == []


async def test_a_model_that_is_not_there_says_what_is(box: Box) -> None:
    """For every question."""
    with pytest.raises(UnknownModel, match="none is installed"):
        await box.agent.detail(SUMS)
    with pytest.raises(UnknownModel):
        await box.agent.verify(SUMS)


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
    before = await box.agent.verify(SUMS)
    told = box.agent.troubles

    changed = await box.install(bundle())

    assert not before.ok
    assert "model.onnx" in told[0].text
    assert changed.changed
    assert (await box.agent.verify(SUMS)).ok
    assert box.agent.troubles == ()
    assert await box.ask() == DOUBLED


async def test_bit_rot_is_found_at_the_next_start(box: Box) -> None:
    """A flipped weight may load and answer wrongly: it is not loaded."""
    await box.install(bundle())
    rot(box)

    again = Box(box.layout.root)
    await again.agent.start()
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
    await again.agent.start()

    assert await again.ask() == DOUBLED
    assert again.registry.live("sums").variants == ("big",)
    again.close()


async def test_an_install_loads_what_was_unloaded(box: Box) -> None:
    """And so does use: whoever asks for a release wants it to answer."""
    await box.install(bundle())
    await box.agent.unload(SUMS)
    installed = await box.install(bundle())
    await box.agent.unload(SUMS)
    used = await box.agent.use(UseRequest(name="sums", seq=1))

    assert (installed.changed, used.changed) == (True, True)
    assert await box.ask() == DOUBLED


async def test_a_removal_that_the_disk_refuses_changes_nothing(box: Box) -> None:
    """The model answers on."""
    await box.install(bundle())
    box.files.fail(Site.MODEL_DELETE, OSError(errno.EROFS, "no"))

    with pytest.raises(StoreFailed):
        await box.agent.remove(SUMS)

    assert await box.ask() == DOUBLED


async def test_a_removal_that_is_seen_but_not_durable_is_told_and_forgotten(
    box: Box,
) -> None:
    """The files are gone: nobody is answered from a model that no start would find."""
    await box.install(bundle())
    box.files.fail(Site.MODEL_DELETE, OSError(errno.EIO, "no"), seen=True)

    with pytest.raises(StoreFailed):
        await box.agent.remove(SUMS)

    with pytest.raises(UnknownModel):
        await box.ask()


async def test_a_seq_is_taken_once(box: Box) -> None:
    """Another release of the same number needs a word, and can then be chosen."""
    await box.install(bundle())
    other = bundle(onnx_files.unary("Neg", dims=(1, 4)))

    with pytest.raises(Downgrade, match="another release of the same seq 1"):
        await box.install(other)
    await box.install(other, downgrade=True)
    await box.agent.use(UseRequest(name="sums", seq=1))

    assert await box.ask() == DOUBLED


async def test_two_bare_installs_at_once_get_two_numbers(box: Box) -> None:
    """The draft takes its number when its turn has come."""
    one = {"sums.onnx": onnx_files.adder(dims=(1, 4))}
    other = {"sums.onnx": onnx_files.unary("Neg", dims=(1, 4))}

    async with asyncio.TaskGroup() as group:
        first = group.create_task(box.install(one, name="sums"))
        second = group.create_task(box.install(other, name="sums"))

    assert {first.result().live.seq, second.result().live.seq} == {1, 2}


async def test_a_load_that_fails_says_why_from_then_on(box: Box) -> None:
    """Not just "unloaded"; mending and loading again heals it."""
    await box.install(bundle())
    await box.agent.unload(SUMS)
    rot(box)

    with pytest.raises(BadModel):
        await box.agent.load(SUMS)

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
    await again.agent.start()
    phase = again.registry.status("other").phase
    answer = await again.ask()
    releases.unlink()
    away.rename(releases)
    await again.agent.load(ModelName(name="other"))

    assert phase is ModelPhase.FAILED
    assert answer == await again.ask(model="other") == DOUBLED
    again.close()


async def test_changes_are_in_the_journal_by_model(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """One line each, with the fields that find it again."""
    with caplog.at_level("INFO"):
        await box.install(bundle())
        await box.agent.unload(SUMS)
        await box.agent.load(SUMS)
        await box.agent.remove(SUMS)

    ours = [r for r in caplog.records if getattr(r, "edged_model", "") == "sums"]
    assert [r.getMessage() for r in ours] == [
        "sums 1.1 (seq 1) is live",
        "sums is unloaded",
        "sums 1.1 (seq 1) is loaded",
        "sums is removed",
    ]


async def test_a_closed_agent_answers_no_question_either(box: Box) -> None:
    """On a connection that outlived the daemon's work."""
    box.agent.close()

    for ask in (box.agent.detail, box.agent.verify):
        with pytest.raises(Draining):
            await ask(SUMS)
    with pytest.raises(Draining):
        await box.install(bundle())
