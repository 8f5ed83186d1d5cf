"""May a change begin."""

import pytest

from edged.activate.gatekeeper import Gatekeeper
from edged.activate.passage import Errand
from edged.activate.shelf import which
from edged.errors import ChangeUnderWay, Pinned, Quarantined, Unsigned
from edged.wire.changes import PinRequest, SeqRequest, Step, Wish
from edged.wire.names import Trust
from tests.data import onnx_files
from tests.fakes.box import BY, Box, bundle


def gate(box: Box) -> Gatekeeper:
    """Return a gatekeeper of a box."""
    return Gatekeeper(box.shop, box.agent.passage)


async def test_a_pin_is_told_with_who_and_why(box: Box) -> None:
    """And with how to lift it."""
    await box.install(bundle())
    await box.upkeep.pin(PinRequest(name="sums", why="a visit"), BY)

    with pytest.raises(Pinned, match=r"cannot do it: tester pinned sums .*: a visit"):
        gate(box).check("sums", "ab", "do it")


async def test_a_quarantine_is_told_with_since_when(box: Box) -> None:
    """Another release of the model may come in."""
    await box.install(bundle())
    await box.install(bundle(seq=2))
    await box.upkeep.quarantine(SeqRequest(name="sums", seq=1, why="bad"), BY)
    bad = next(r for r in box.releases.installed("sums") if r.manifest.seq == 1)

    gate(box).check("sums", "another", "do it")
    with pytest.raises(Quarantined, match=r"in quarantine since .*: bad"):
        gate(box).check("sums", bad.digest, "do it")


async def test_one_change_of_a_model_at_a_time(box: Box) -> None:
    """Of another model they do not matter."""
    await box.install(bundle())
    release = box.releases.installed("sums")[0]
    change = box.history.begin(
        model="sums", wish=Wish.USE, by=BY, step=Step.STAGED, release=which(release)
    )
    box.agent.passage.take(Errand(change=change, release=release))

    gate(box).check("other", "ab", "do it")
    with pytest.raises(ChangeUnderWay) as caught:
        gate(box).check("sums", "ab", "do it")

    assert caught.value.hint == f"edgectl watch {change.id}"


async def test_a_newer_release_ends_what_is_held(box: Box) -> None:
    """Nobody need decide about it any more."""
    await box.install(bundle())
    box.trial.found["1.2", "fp32"] = {"continuity": 0.0}
    with pytest.raises(Exception, match="agrees with"):
        await box.install(bundle(onnx_files.unary("Neg", dims=(1, 4)), seq=2))
    held = box.history.changes("sums", 1)[-1]
    found = gate(box).held("sums", held.release.digest)

    await box.install(bundle(seq=3))

    assert found == held
    assert box.history.change(held.id).last.step is Step.SUPERSEDED


async def test_a_box_for_signed_releases_takes_no_others(box: Box) -> None:
    """Not even from a source that somebody believes; else all are taken."""
    strict = Gatekeeper(box.shop, box.agent.passage, signed=True)

    strict.check_trust(Trust.SIGNED, "do it")
    for trust in (Trust.LOCAL, Trust.SHA256):
        gate(box).check_trust(trust, "do it")
        with pytest.raises(Unsigned, match="cannot do it: this box takes signed"):
            strict.check_trust(trust, "do it")
