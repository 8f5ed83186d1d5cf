"""What the journal says of models."""

import pytest

from edged.activate.records import about, log_live
from tests.fakes.box import Box, bundle


async def test_a_live_release_is_one_line_with_its_model(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """Found again by field."""
    live = (await box.install(bundle())).live
    assert live is not None
    release = box.releases.read("sums", live.folder)

    with caplog.at_level("INFO"):
        log_live(release, "is live")

    last = caplog.records[-1]
    assert last.getMessage() == "sums 1.1 (seq 1) is live"
    assert vars(last)["edged_model"] == "sums"


def test_a_code_is_a_field_only_where_there_is_one() -> None:
    """`journalctl EDGED_CODE=bad-model` finds failures alone."""
    assert about("m") == {"edged_model": "m"}
    assert about("m", "bad-model") == {"edged_model": "m", "edged_code": "bad-model"}
