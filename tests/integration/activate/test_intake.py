"""A stream -> a candidate."""

import pytest

from edged.activate.intake import Intake
from edged.errors import BadBundle, BadModel
from edged.store.bundle import Limits
from edged.wire.messages import InstallRequest
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
    )


async def test_a_candidate_is_nothing_until_it_is_adopted(
    box: Box, intake: Intake
) -> None:
    """It lies in incoming/ and can be dropped without a trace."""
    candidate = intake.describe(
        intake.receive(in_pieces(tar_of(bundle()))), InstallRequest()
    )
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
        intake.describe(intake.receive(in_pieces(tar_of(files))), request_)

    assert box.leftovers() == []
