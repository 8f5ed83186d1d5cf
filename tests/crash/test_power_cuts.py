"""Every state that a power cut can leave in a change, started from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edged.activate.history import History
from edged.host import files
from edged.host.files import DiskFiles, DiskWriter
from tests.crash.explorer import explore
from tests.crash.stories import STORIES

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", STORIES)
async def test_every_cut_keeps_every_promise(
    tmp_path: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    """See `explorer` for the promises."""
    found = await explore(STORIES[name], tmp_path)

    record_property("calls", found.calls)
    record_property("states", found.states)
    print(f"{name}: {found.calls} calls, {found.states} states")  # noqa: T201  # -s
    assert found.faults == []
    assert found.states > found.calls


def no_file_is_synced(patch: pytest.MonkeyPatch) -> None:
    """Let a file's bytes be written and never fsynced."""

    def commit(self: DiskWriter) -> None:
        fd, self._fd = self._descriptor(), None  # a bug on purpose
        files.os.close(fd)

    patch.setattr(DiskWriter, "commit", commit)


def no_folder_is_synced(patch: pytest.MonkeyPatch) -> None:
    """Let names be made and moved, and never synced."""
    patch.setattr(files, "_sync_dir", lambda _: None)


def nothing_is_marked(patch: pytest.MonkeyPatch) -> None:
    """Let a roll-back forget what it left."""
    patch.setattr(History, "mark", lambda *_, **__: None)


def the_journal_is_not_synced(patch: pytest.MonkeyPatch) -> None:
    """Let what was decided be written, and not be durable."""

    def append(_: DiskFiles, __: files.Site, path: Path, data: bytes) -> None:
        with path.open("ab", buffering=0) as file:
            files.os.write(file.fileno(), data)

    patch.setattr(DiskFiles, "append", append)


def a_release_moves_in_file_by_file(patch: pytest.MonkeyPatch) -> None:
    """Let a release be seen before all of it is there."""
    whole = DiskFiles.rename

    def rename(self: DiskFiles, site: files.Site, src: Path, dst: Path) -> None:
        if site is not files.Site.RELEASE_ADOPT:
            whole(self, site, src, dst)
            return
        dst.mkdir()
        for entry in sorted(src.iterdir(), reverse=True):
            entry.rename(dst / entry.name)
        src.rmdir()

    patch.setattr(DiskFiles, "rename", rename)


BUGS = {
    no_file_is_synced: "a second one",
    no_folder_is_synced: "a second one",
    nothing_is_marked: "rolled back in probation",
    the_journal_is_not_synced: "rolled back in probation",
    a_release_moves_in_file_by_file: "a second one",
}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
async def test_a_seeded_bug_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[pytest.MonkeyPatch], None],
) -> None:
    """An explorer that finds nothing wrong with these would find nothing at all."""
    with monkeypatch.context() as patch:
        bug(patch)
        found = await explore(STORIES[BUGS[bug]], tmp_path, enough=1)

    assert found.faults != []
