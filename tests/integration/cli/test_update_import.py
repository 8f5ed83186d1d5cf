"""`edgectl update import`: what crosses to the daemon from a stick."""

import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edged.publish.push import Pusher
from edged.wire.changes import Change, Step, StepTaken, Which, Wish
from edged.wire.messages import (
    Changed,
    FileSums,
    ModelDetail,
    ModelPhase,
    ModelStatus,
    Problem,
    ReleaseRef,
)
from edged.wire.updates import SourceStatus
from tests.fakes.control import FakeControl
from tests.fakes.daemon import running
from tests.fakes.publishing import House
from tests.fakes.tuf_repository import TufRepository
from tests.fakes.updater import IDLE, FakeUpdater

Edgectl = Callable[..., tuple[int, str, str]]

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
WHICH = Which(version="1.2.0", seq=2, digest="ab" * 32, folder="2-abababababab")
SERVES = Change(
    id=9,
    model="digits",
    wish=Wish.INSTALL,
    by="root",
    release=WHICH,
    steps=(
        StepTaken(step=Step.STAGED, at_utc="2026-11-24T07:00:00Z"),
        StepTaken(step=Step.COMMITTED, at_utc="2026-11-24T07:01:00Z"),
    ),
)
LIVE = ModelDetail(
    status=ModelStatus(name="digits", phase=ModelPhase.READY, version="1.2.0", seq=2),
    releases=(
        ReleaseRef(
            version="1.2.0", seq=2, digest="ab" * 32, folder="2-abab", live=True
        ),
    ),
)


@pytest.fixture
def host() -> TufRepository:
    """Return a publisher with one model."""
    made = TufRepository(NOW)
    made.add("digits", 2, files={"net.onnx": b"two", "labels.txt": b"0..9"})
    made.publish()
    return made


@pytest.fixture
def stick(host: TufRepository, tmp_path: Path) -> Path:
    """Return a folder with all that the publisher shows."""
    for name, data in host.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path


@pytest.fixture
def ctl(edgectl: Edgectl, fake: FakeControl, home: Path) -> Edgectl:
    """Return `edgectl update import` for a daemon that takes what comes."""
    received = Changed(name="digits", changed=True, text="received", change=9)
    fake.answer("POST /v1/install", received)
    fake.answer("GET /v1/changes/9", SERVES)
    fake.answer("GET /v1/models/digits", LIVE)
    fake.answer("GET /v1/files", FileSums())
    return lambda *words: edgectl("update", "import", *words, "--runtime-dir", home)


def members(fake: FakeControl) -> list[str]:
    """Return what the install brought."""
    (body,) = [
        body
        for asked, body in zip(fake.asked, fake.bodies, strict=True)
        if asked.startswith("POST /v1/install")
    ]
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return archive.getnames()


def test_a_release_is_brought_to_where_it_serves(
    ctl: Edgectl, fake: FakeControl, stick: Path
) -> None:
    """Under the name of its source; each step is told."""
    code, out, err = ctl(stick, "--source", "main")

    query = "POST /v1/install?name=digits&wait=false&source=main"
    assert (0, "digits 1.2.0 (seq 2) is live\n", True) == (
        code,
        out,
        query in fake.asked,
    )
    assert ["staged", "committed"] == [line.split()[-1] for line in err.splitlines()]
    assert ["model.yaml", "labels.txt", "net.onnx"] == members(fake)[-3:]
    assert "signed/timestamp.json" in members(fake)


def test_files_that_the_box_has_are_left_out(
    ctl: Edgectl, fake: FakeControl, host: TufRepository, stick: Path
) -> None:
    """Whatever they are called there."""
    sha256 = next(
        name.removeprefix("blobs/")
        for name, data in host.files.items()
        if data == b"two"
    )
    fake.answer("GET /v1/files", FileSums(sha256=(sha256,)))

    ctl(stick, "--source", "main")

    assert ["model.yaml", "labels.txt"] == members(fake)[-2:]


def test_an_older_daemon_gets_every_file(
    ctl: Edgectl, fake: FakeControl, stick: Path
) -> None:
    """It cannot tell what it has."""
    problem = Problem(title="no such path", status=404, code="unknown-endpoint")
    fake.answer("GET /v1/files", problem, status=404)

    ctl(stick, "--source", "main")

    assert ["model.yaml", "labels.txt", "net.onnx"] == members(fake)[-3:]


def test_what_the_daemon_does_not_trust_ends_so(
    ctl: Edgectl, fake: FakeControl, stick: Path
) -> None:
    """The reason is the daemon's; 77 is its number."""
    problem = Problem(
        title="untrusted",
        status=403,
        code="untrusted",
        detail="cannot trust main: its timestamp is older than one that was seen",
        fields={"reason": "rollback"},
    )
    fake.answer("POST /v1/install", problem, status=403)

    code, out, err = ctl(stick, "--source", "main")

    assert (77, "") == (code, out)
    assert "older than one that was seen" in err.replace("\n  ", " ")


def test_the_only_source_need_not_be_named(
    ctl: Edgectl, fake: FakeControl, stick: Path
) -> None:
    """A box that has one means that."""
    main = SourceStatus(name="site", kind="tuf", url="https://a.example")
    api = SourceStatus(name="api", kind="api", url="https://b.example")
    updater = FakeUpdater(IDLE)
    updater.become(sources=(main, api))
    fake.answer("GET /v1/update", updater.told)

    ctl(stick)

    assert any("source=site" in asked for asked in fake.asked)


@pytest.mark.parametrize("names", [(), ("a", "b")], ids=["none", "two"])
def test_without_an_only_source_one_must_be_named(
    ctl: Edgectl, fake: FakeControl, stick: Path, names: tuple[str, ...]
) -> None:
    """Whose keys are to be trusted is not guessed."""
    updater = FakeUpdater(IDLE)
    updater.become(
        sources=tuple(
            SourceStatus(name=name, kind="tuf", url="https://a.example")
            for name in names
        )
    )
    fake.answer("GET /v1/update", updater.told)

    code, _, err = ctl(stick)

    assert (2, True) == (code, "--source" in err)


def test_a_model_that_is_not_there_is_no_input(
    ctl: Edgectl, fake: FakeControl, stick: Path
) -> None:
    """Nothing is asked of the daemon."""
    assert (66, []) == (ctl(stick, "voices", "--source", "main")[0], fake.asked)


def test_a_stick_reaches_a_real_daemon(
    edgectl: Edgectl, home: Path, tmp_path: Path
) -> None:
    """From a publisher's keys to a release that serves, without a network."""
    house = House(tmp_path / "publisher")
    house.init(root_keys=1, threshold=1)
    house.add(seq=2)
    stick = tmp_path / "stick.tar"
    Pusher(house.home, house.files, house.clock).bundle("digits", 2, stick)
    config = home / "edged.yaml"
    source = f"name: main, url: 'https://a.example', root: {house.home.first_root}"
    config.write_text(f"update: {{apart: true, sources: [{{{source}}}]}}\n")

    with running(home, "--config", str(config)) as daemon:
        arguments = ("--source", "main", "--runtime-dir", daemon.runtime)
        first = edgectl("update", "import", stick, *arguments)
        again = edgectl("update", "import", stick, *arguments)
        _, shown, _ = edgectl("models", "show", "digits", "--runtime-dir", home / "r")

    assert (0, "digits 1.2.0 (seq 2) is live\n") == first[:2]
    assert (11, "digits 1.2.0 (seq 2) is live already\n") == again[:2]
    assert "signed" in shown
