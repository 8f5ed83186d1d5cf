"""What is installed, and which of it is live."""

import pytest

from edged.activate.shelf import Shelf
from edged.errors import BadRelease, UnknownModel
from tests.fakes.box import Box, bundle


@pytest.fixture
async def shelf(box: Box) -> Shelf:
    """Return the shelf of a box with two releases."""
    await box.install(bundle())
    await box.install(bundle(seq=2))
    return Shelf(box.releases, box.links)


async def test_live_and_previous_are_told_apart(shelf: Shelf) -> None:
    """By links, oldest first."""
    refs = shelf.refs("sums")

    assert [(r.seq, r.live, r.previous) for r in refs] == [
        (1, False, True),
        (2, True, False),
    ]
    previous = shelf.previous("sums")
    assert previous is not None
    assert previous.manifest.seq == 1


async def test_a_broken_link_is_an_answer(box: Box, shelf: Shelf) -> None:
    """Where the question allows one; `live` itself says what is wrong."""
    link = box.layout.current("sums")
    link.unlink()
    link.symlink_to("releases/7-000000000000")

    assert shelf.whole_live("sums") is None
    assert shelf.linked("sums")[0] is None
    with pytest.raises(BadRelease):
        shelf.live("sums")


async def test_verify_counts_every_file_and_names_every_fault(
    box: Box, shelf: Shelf
) -> None:
    """Whole releases, damaged ones and broken links, each once."""
    whole = shelf.verify("sums")
    folder = box.live_folder()
    assert folder is not None
    (box.layout.release("sums", folder) / "model.yaml").unlink()

    broken = shelf.verify("sums")

    assert (whole.ok, whole.files, whole.faults) == (True, 2, ())
    assert not broken.ok
    assert any("model.yaml" in fault.text for fault in broken.faults)


async def test_an_unknown_model_is_told_what_there_is(shelf: Shelf) -> None:
    """So that a typo is seen at once."""
    with pytest.raises(UnknownModel, match="installed are sums"):
        shelf.verify("sum")
