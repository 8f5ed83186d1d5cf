"""What is told of a release that serves, and is not written down."""

from pathlib import Path

import pytest

from edged.activate.records import unnoted
from edged.errors import StoreFailed
from tests.fakes.candidates import candidate, double


@pytest.mark.parametrize(
    ("hint", "says"),
    [
        ("", "install it once more"),
        ("make room", "make room; then install it once more"),
    ],
)
def test_the_way_to_mend_comes_before_the_next_try(
    tmp_path: Path, hint: str, says: str
) -> None:
    """A failure without a hint leaves the next try alone."""
    release = candidate(tmp_path / "1", {"a.onnx": double()})
    failed = StoreFailed("cannot append: no", hint=hint, path="/x")

    told = unnoted(release, failed)

    assert (StoreFailed, says) == (type(told), told.hint)
    assert "/x" == told.fields["path"]
