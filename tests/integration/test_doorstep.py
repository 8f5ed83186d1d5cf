"""The daemon as the updater finds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.client.control import Control
from edged.doorstep import Doorstep
from edged.errors import BadBundle, NoDaemon, Untrusted
from edged.store.bundle import pack
from edged.store.signed import pack_documents
from edged.wire import endpoints
from edged.wire.changes import PinRequest, SeqRequest, Step
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.daemon import Daemon


@pytest.fixture
def door(daemon: Daemon) -> Iterator[Doorstep]:
    """Return the way to a running daemon."""
    made = Doorstep(Control(daemon.control))
    yield made
    made.close()


def put(folder: Path, seq: int, operator: str = "Abs") -> Path:
    """Write a bundle of `sums`."""
    folder.mkdir()
    model = onnx_files.unary(operator, dims=(1, 4))
    for name, data in bundle(model, seq=seq).items():
        (folder / name).write_bytes(data)
    return folder


async def test_what_is_installed_is_told_with_what_is_thought_of_it(
    daemon: Daemon, door: Doorstep, tmp_path: Path
) -> None:
    """The live one by number, version and digest; quarantines and pins."""
    before = await door.installed()
    daemon.install(put(tmp_path / "1", 1))
    bad = daemon.install(put(tmp_path / "2", 2, "Neg"))
    with Control(daemon.control) as control:
        control.call(endpoints.QUARANTINE, SeqRequest(name="sums", seq=2, why="bad"))
        control.call(endpoints.PIN, PinRequest(name="sums"))

    (found,) = await door.installed()

    assert () == before
    assert not await door.waiting()
    assert ("sums", 1, "1.1", True) == (
        found.model,
        found.seq,
        found.version,
        found.pinned,
    )
    assert bad.live is not None
    assert {bad.live.digest} == found.quarantined
    assert bad.live.digest in found.releases
    assert {found.digest} <= found.releases
    assert frozenset() == found.revoked
    assert (None, None) == (found.held, found.under_way)


async def test_files_and_room_are_told(
    daemon: Daemon, door: Doorstep, tmp_path: Path
) -> None:
    """By what is in them; and of the volume where they are."""
    daemon.install(put(tmp_path / "1", 1))

    files, volume = await door.files(), await door.volume()

    assert 1 == len(files)
    assert volume.name == str(daemon.state)
    assert volume.free_bytes > 0
    assert volume.device == daemon.state.stat().st_dev


async def test_a_refusal_comes_through_as_what_it_is(
    door: Doorstep, tmp_path: Path
) -> None:
    """The daemon's own words and class."""
    body = pack(put(tmp_path / "1", 1))

    with pytest.raises(Exception, match="source main") as refused:
        await door.install(body, source="main", model="sums", downgrade=False)

    assert "untrusted" == getattr(refused.value, "code", None)


async def test_an_error_of_the_stream_comes_through(door: Doorstep) -> None:
    """The daemon has half a tar then, and takes nothing."""

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise BadBundle("cannot read it any more")

    with pytest.raises(BadBundle, match="any more"):
        await door.install(broken(), source="main", model="sums", downgrade=False)


async def test_a_change_is_followed(
    daemon: Daemon, door: Doorstep, tmp_path: Path
) -> None:
    """As a person would by number."""
    made = daemon.install(put(tmp_path / "1", 1))
    assert made.change is not None

    change = await door.change(made.change, steps=0, wait_s=0)

    assert change.last.step is Step.COMMITTED


async def test_metadata_of_a_source_that_nobody_named_is_refused(
    daemon: Daemon, door: Doorstep, tmp_path: Path
) -> None:
    """By its reason; what it would mean is in `test_signed_install`."""
    daemon.install(put(tmp_path / "1", 1))

    with pytest.raises(Untrusted, match="the settings name no source"):
        await door.hear(
            pack_documents({"timestamp.json": b"{}"}),
            source="main",
            model="sums",
            alone=False,
        )


async def test_a_daemon_that_is_away_is_told_as_that(home: Path) -> None:
    """The courier waits for it."""
    door = Doorstep(Control(home / "nobody.sock"))

    with pytest.raises(NoDaemon):
        await door.installed()
    assert not await door.waiting()  # nobody is made to wait
    door.close()
