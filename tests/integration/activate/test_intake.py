"""A stream -> a candidate."""

from collections.abc import Mapping

import pytest

from edged.activate.intake import Candidate, Intake
from edged.activate.verifier import Vouched
from edged.errors import BadBundle, BadModel, Untrusted
from edged.store.bundle import Limits
from edged.wire.messages import InstallRequest
from edged.wire.names import Trust
from tests.data import onnx_files
from tests.fakes.box import Box, bundle
from tests.fakes.bundles import in_pieces, tar_of


@pytest.fixture
def intake(box: Box) -> Intake:
    """Return an intake that takes little."""
    return Intake(
        box.releases,
        layout=box.layout,
        files=box.files,
        limits=Limits(max_bytes=100_000),
        verifier=box.verifier,
    )


def _candidate(
    intake: Intake, files: Mapping[str, bytes], request: InstallRequest
) -> Candidate:
    return intake.describe(intake.receive(in_pieces(tar_of(files)), request), request)


async def test_a_candidate_is_nothing_until_it_is_adopted(
    box: Box, intake: Intake
) -> None:
    """It lies in incoming/ and can be dropped without a trace."""
    candidate = _candidate(intake, bundle(), InstallRequest())
    staged = box.leftovers()

    intake.drop(candidate)

    assert len(staged) == 1
    assert box.leftovers() == []
    assert box.releases.names() == ()


@pytest.mark.parametrize(
    ("files", "request_", "error"),
    [
        ({"model.yaml": b"name: 3"}, InstallRequest(), BadBundle),
        ({"a.onnx": b"no model"}, InstallRequest(name="a"), BadModel),
        ({"a.onnx": onnx_files.adder()}, InstallRequest(), BadBundle),
        ({"a.onnx": b"x" * 200_000}, InstallRequest(name="a"), BadBundle),
        (bundle(), InstallRequest(name="b"), BadBundle),
    ],
)
async def test_what_is_refused_leaves_nothing(
    box: Box,
    intake: Intake,
    files: dict[str, bytes],
    request_: InstallRequest,
    error: type[Exception],
) -> None:
    """Whichever step refuses it."""
    with pytest.raises(error):
        _candidate(intake, files, request_)

    assert box.leftovers() == []


# --- from a source ---------------------------------------------------------------


async def test_a_source_is_asked_with_what_came_along(box: Box, intake: Intake) -> None:
    """Its documents and the manifest, byte by byte; the trust is the candidate's."""
    box.verifier.sources["main"] = Vouched(trust=Trust.SIGNED)
    sent = bundle()

    candidate = _candidate(
        intake, {"signed/1.root.json": b"r", **sent}, InstallRequest(source="main")
    )

    assert [("main", {"1.root.json": b"r"}, sent["model.yaml"])] == box.verifier.asked
    assert ("main", Trust.SIGNED) == (candidate.source, candidate.vouched.trust)
    intake.drop(candidate)


async def test_nobody_is_asked_about_what_a_person_brings(
    box: Box, intake: Intake
) -> None:
    """It is local."""
    candidate = _candidate(intake, bundle(), InstallRequest())

    assert [] == box.verifier.asked
    assert (None, Trust.LOCAL) == (candidate.source, candidate.vouched.trust)
    intake.drop(candidate)


async def test_a_signed_release_without_its_source_does_not_come_in(
    box: Box, intake: Intake
) -> None:
    """It is told how; a folder of that name, with a bundle in it, comes in."""
    signed = {"signed/1.root.json": b"r", **bundle()}
    folder = {f"signed/{name}": data for name, data in bundle().items()}

    with pytest.raises(BadBundle) as caught:
        _candidate(intake, signed, InstallRequest())
    candidate = _candidate(intake, folder, InstallRequest())

    assert "edgectl update import PATH" in caught.value.hint
    assert bundle().keys() == set(candidate.staged.names)
    assert [] == box.verifier.asked


async def test_what_nobody_vouches_for_is_not_read_on(box: Box, intake: Intake) -> None:
    """A bare model would have been drafted: a runtime would have seen it."""
    with pytest.raises(Untrusted, match="nobody named it"):
        _candidate(
            intake, {"a.onnx": b"no model"}, InstallRequest(name="a", source="evil")
        )

    assert [] == box.leftovers()


async def test_a_source_may_leave_out_what_is_here(box: Box, intake: Intake) -> None:
    """Of any model; a person may not, because what he sends is what he means."""
    box.verifier.sources["main"] = Vouched(trust=Trust.SIGNED)
    await box.install(bundle())
    thin = {"model.yaml": bundle(name="others", seq=3)["model.yaml"]}

    release = intake.adopt(_candidate(intake, thin, InstallRequest(source="main")))

    assert () == box.releases.verify(release)
    with pytest.raises(BadBundle, match="is not in the bundle"):
        intake.adopt(_candidate(intake, thin, InstallRequest()))


async def test_what_is_left_out_and_not_here_is_told(box: Box, intake: Intake) -> None:
    """With the sum of each, for who can send it."""
    box.verifier.sources["main"] = Vouched(trust=Trust.SIGNED)
    thin = {"model.yaml": bundle()["model.yaml"]}

    with pytest.raises(BadBundle, match=r"leaves out model\.onnx") as caught:
        _candidate(intake, thin, InstallRequest(source="main"))

    assert 1 == len(caught.value.fields["missing"])  # type: ignore[arg-type]  # a list
    assert [] == box.leftovers()


async def test_a_source_brings_its_own_models_alone(box: Box, intake: Intake) -> None:
    """An administrator gave it these, and no others."""
    box.verifier.sources["main"] = Vouched(trust=Trust.SIGNED, models=("pets",))

    with pytest.raises(Untrusted, match="let it bring pets alone") as caught:
        _candidate(intake, bundle(), InstallRequest(source="main"))

    assert "not-offered" == caught.value.fields["reason"]
    assert [] == box.leftovers()
