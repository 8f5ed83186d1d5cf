"""A publisher's folder on the real disk."""

from pathlib import Path

import pytest

from edged.errors import ChangeUnderWay, StoreFailed
from edged.host.files import DiskFiles
from edged.publish.home import Home, alone, ensure
from tests.fakes.files import RecordingFiles


def test_what_is_pushed_is_apart_from_what_is_not(tmp_path: Path) -> None:
    """Keys are nowhere below `repository`."""
    home = Home(tmp_path)

    home.prepare(DiskFiles())

    pushed = {home.metadata, home.targets, home.blobs}
    assert pushed == {*home.repository.iterdir()}
    assert home.repository not in home.keys.parents


def test_keys_may_be_elsewhere(tmp_path: Path) -> None:
    """On a stick."""
    assert tmp_path / "stick" == Home(tmp_path, keys=tmp_path / "stick").keys


def test_folders_are_durable_from_the_top(tmp_path: Path) -> None:
    """Each is synced into its parent before the next."""
    files = RecordingFiles()

    ensure(files, tmp_path / "a" / "b")

    assert [
        "mkdir publish-folder a",
        f"sync_dir publish-folder {tmp_path.name}",
        "mkdir publish-folder b",
        "sync_dir publish-folder a",
    ] == [str(op) for op in files.ops]


def test_two_commands_do_not_change_one_folder(tmp_path: Path) -> None:
    """A nightly `renew` must not cross an `add`."""
    with (
        alone(tmp_path),
        pytest.raises(ChangeUnderWay, match="is at it"),
        alone(tmp_path),
    ):
        pass

    with alone(tmp_path):
        pass  # it is free again


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Like every other trouble with a disk."""
    with pytest.raises(StoreFailed, match="cannot open"), alone(tmp_path / "no"):
        pass
