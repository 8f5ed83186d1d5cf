"""Releases that their publisher takes back."""

from pathlib import Path

import pytest

from edged.activate.verifier import Vouched
from edged.errors import BadBundle, Revoked, StoreFailed, UnknownModel, Untrusted
from edged.host.files import Site
from edged.wire.changes import Step, Wish
from edged.wire.messages import HearRequest, ModelName, ModelPhase
from edged.wire.names import Trust
from tests.data import onnx_files
from tests.fakes.box import BY, Box, bundle, in_async_pieces
from tests.fakes.bundles import tar_of

DOUBLED = [2.0] * 4
NEGATED = onnx_files.unary("Neg", dims=(1, 4))
SUMS = ModelName(name="sums")


async def revoked(box: Box, *seqs: int) -> None:
    """Let the source `main` say that these must not run, and no other."""
    detail = await box.window.detail(SUMS)
    digests = {ref.digest for ref in detail.releases if ref.seq in seqs}
    box.verifier.sources["main"] = Vouched(
        trust=Trust.SIGNED, revoked=frozenset(digests)
    )


async def test_a_revoked_live_release_serves_on_with_a_warning(box: Box) -> None:
    """Until there is another; what is told says what becomes of it."""
    await box.install(bundle())
    await revoked(box, 1)

    said = await box.hear()
    (trouble,) = box.recall.troubles
    await box.hear(alone=True)
    (lonely,) = box.recall.troubles

    assert (True, "sums has 1 revoked release") == (said.changed, said.text)
    assert ("revoked", "sums", "edgectl update why sums") == (
        trouble.code,
        trouble.model,
        trouble.hint,
    )
    assert (
        "sums 1.1 (seq 1) is live, and its publisher has revoked it: it leaks; "
        "nothing replaces it"
    ) == lonely.text
    assert "models rollback sums" in lonely.hint
    assert DOUBLED == await box.ask()


async def test_what_is_known_already_is_no_news(box: Box) -> None:
    """And writes nothing."""
    await box.install(bundle())
    await revoked(box, 1)
    await box.hear()
    before = (box.layout.root / "journal").stat().st_size

    said = await box.hear()

    assert not said.changed
    assert before == (box.layout.root / "journal").stat().st_size


async def test_what_is_not_live_is_noted_and_is_no_trouble(box: Box) -> None:
    """A person sees it where releases are listed."""
    await box.install(bundle())
    await box.install(bundle(NEGATED, seq=2))
    await revoked(box, 1)

    await box.hear(alone=True)

    assert () == box.recall.troubles
    detail = await box.window.detail(SUMS)
    assert [(1, "it leaks"), (2, "")] == [(r.seq, r.revoked) for r in detail.releases]


async def test_what_its_source_does_not_say_any_more_is_over(box: Box) -> None:
    """Another source cannot lift it."""
    await box.install(bundle())
    await revoked(box, 1)
    await box.hear()
    await revoked(box)
    box.verifier.sources["other"] = box.verifier.sources["main"]
    await box.recall.hear(
        in_async_pieces(tar_of({"signed/timestamp.json": b"{}"})),
        HearRequest(name="sums", source="other"),
        BY,
    )
    kept = box.recall.troubles

    await box.hear()

    assert 1 == len(kept)
    assert () == box.recall.troubles


async def test_it_is_known_after_a_restart(box: Box, tmp_path: Path) -> None:
    """No metadata is read for that."""
    await box.install(bundle())
    await revoked(box, 1)
    await box.hear()
    box.close()
    again = Box(tmp_path)
    await again.start()

    troubles = again.recall.troubles
    again.close()

    assert ["revoked"] == [trouble.code for trouble in troubles]


async def test_it_is_stopped_where_the_settings_say_so(
    box: Box, tmp_path: Path
) -> None:
    """Now, at every later start, and whoever loads it; the journal has it."""
    await box.install(bundle())
    await revoked(box, 1)
    box.shop.stop_revoked = True

    said = await box.hear(alone=True)

    status = box.registry.status("sums")
    assert "sums has 1 revoked release, and is stopped" == said.text
    assert (ModelPhase.FAILED, "revoked") == (
        status.phase,
        status.problem and status.problem.code,
    )
    assert (Wish.UNLOAD, [Step.DONE]) == box.steps()[-1]
    with pytest.raises(Revoked, match="its publisher has revoked it: it leaks"):
        await box.load()
    box.close()
    again = Box(tmp_path)
    again.shop.stop_revoked = True
    await again.start()
    after = again.registry.status("sums")
    again.close()
    assert (ModelPhase.FAILED, "revoked") == (
        after.phase,
        after.problem and after.problem.code,
    )


async def test_it_is_not_stopped_while_something_is_to_replace_it(box: Box) -> None:
    """The updater knows of a release that may be taken."""
    await box.install(bundle())
    await revoked(box, 1)
    box.shop.stop_revoked = True

    await box.hear(alone=False)

    assert DOUBLED == await box.ask()


async def test_a_wish_to_stop_what_is_not_revoked_is_none(box: Box) -> None:
    """Whoever delivers cannot take down a model: signatures say what is revoked."""
    await box.install(bundle())
    await revoked(box)
    box.shop.stop_revoked = True

    said = await box.hear(alone=True)

    assert not said.changed
    assert DOUBLED == await box.ask()


async def test_what_does_not_hold_is_refused(box: Box) -> None:
    """Nothing is believed of it."""
    await box.install(bundle())

    with pytest.raises(Untrusted):
        await box.hear()
    with pytest.raises(UnknownModel):
        await box.hear(name="other")
    with pytest.raises(BadBundle, match=r"'model\.yaml' is no document's"):
        await box.recall.hear(
            in_async_pieces(tar_of({"model.yaml": b"{}"})),
            HearRequest(name="sums", source="main"),
            BY,
        )
    assert () == box.recall.troubles


async def test_a_disk_that_refuses_is_told(box: Box) -> None:
    """What could not be noted is not believed, and comes again with the next look."""
    await box.install(bundle())
    await revoked(box, 1)
    box.files.fail(Site.JOURNAL_APPEND, OSError(28, "full"))  # type: ignore[attr-defined]  # the twin

    with pytest.raises(StoreFailed):
        await box.hear()

    assert () == box.recall.troubles
