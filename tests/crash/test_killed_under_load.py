"""The daemon killed while callers ask, behind sockets that a service manager keeps.

Real models, real callers: binary by the express door, JSON, and shared memory. Every
answer is held against the expected one.
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from edged.client import Client, Control
from edged.errors import Quarantined
from edged.wire.changes import Change, ChangesRequest, Step
from edged.wire.endpoints import CHANGES
from edged.wire.release import Input, Output, Signature
from edged.wire.tensors import Datatype
from tests.crash import callers
from tests.crash.callers import Array, Ask, calling
from tests.crash.unit import unit
from tests.data import onnx_files
from tests.fakes.box import ONES, bundle
from tests.fakes.daemon import ROOT, Daemon, short_home

#: How often; `make crash` takes 100.
KILLS = int(os.environ.get("EDGED_CRASH_KILLS", "10"))

#: One life in so many is cut at any moment of its start, before it can have served.
CUT_SHORT = 4
#: Seconds that a start takes at most here; and that a life lasts when it has served.
START_S, LIFE_S = 0.8, 0.3

#: 110 KB: more than the client sends through a socket.
LARGE = (1, 3, 96, 96)

NEGATE = onnx_files.unary("Neg", dims=(1, 4))
DOUBLED, NEGATED = [2.0] * 4, [-1.0] * 4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 5 * KILLS)]


# --- bench -------------------------------------------------------------------------


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a folder with a short path."""
    with short_home() as made:
        yield made


def write_bundle(folder: Path, files: dict[str, bytes]) -> Path:
    """Write a bundle where `install` finds it."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def large() -> dict[str, bytes]:
    """Return `y = x + x` over tensors that go by shared memory."""
    return bundle(
        onnx_files.adder(dims=LARGE),
        name="large",
        signature=Signature(
            inputs=(Input(name="x", datatype=Datatype.FP32, shape=LARGE),),
            outputs=(Output(name="y", datatype=Datatype.FP32, shape=LARGE),),
        ),
    )


def demo_answers(daemon: Daemon) -> tuple[Array, Array]:
    """Return the held-out images and what the demo's model says, which is right."""
    with np.load(ROOT / "demo" / "heldout.npz") as data:
        images = (data["images"] / np.float32(255)).astype("<f4")
        labels = data["labels"]
    images = images.reshape(-1, 1, 1, 8, 8)
    with daemon.client() as client:
        answers = np.stack(
            [client.infer("digits", {"image": i}).output for i in images]
        )
    assert np.mean(answers.reshape(-1, 10).argmax(1) == labels) > 0.95
    return images, answers


def changes(daemon: Daemon) -> tuple[Change, ...]:
    """Return every change, the newest last."""
    with Control(daemon.control) as control:
        return control.call(CHANGES, ChangesRequest(limit=100)).changes


# --- any moment --------------------------------------------------------------------


def test_killed_at_any_moment_it_never_answers_wrongly(home: Path) -> None:
    """Callers see their connection end, ask again, and are served by the next life."""
    with unit(home) as box:
        box.daemon.install()
        box.daemon.install(write_bundle(home / "large", large()))
        images, answers = demo_answers(box.daemon)
        path = box.daemon.data
        began = time.monotonic()
        with calling(
            express=callers.by_client(path, images, answers),
            json=callers.by_json(path, images, answers),
            memory=callers.by_memory(path, LARGE),
        ) as asking:
            for number in range(KILLS):
                if number % CUT_SHORT == CUT_SHORT - 1:
                    time.sleep(random.uniform(0, START_S))  # noqa: S311  # no secret
                else:
                    asking.answered()
                    time.sleep(random.uniform(0, LIFE_S))  # noqa: S311
                box.kill()
            asking.answered()
            with closing(callers.UnixConnection(path)) as one_more:
                shared = one_more.get("/v2/systemsharedmemory/status")
        box.daemon.ready()
        status = box.daemon.status()
        over = changes(box.daemon)

    hang_ups = [caller.hang_ups for caller in asking]
    print(  # noqa: T201  # shown with -s
        f"{KILLS} kills in {time.monotonic() - began:.0f} s: "
        f"{[c.answers for c in asking]} answers, {hang_ups} hang-ups"
    )
    assert asking.faults == []
    assert sum(hang_ups) > 0
    assert max(hang_ups) <= KILLS  # one question is under way when it is killed
    assert shared != []
    assert status.troubles == ()
    assert {change.last.step for change in over} == {Step.COMMITTED}


# --- in probation ------------------------------------------------------------------


@contextmanager
def sums(path: Path, seen: list[str]) -> Iterator[Ask]:
    """Ask a model whose releases answer each in its own way; keep the last version."""
    right = {"1.1": DOUBLED, "1.2": NEGATED}

    def ask(_: int) -> str:
        result = client.infer("sums", {"x": ONES})
        seen[:] = [result.version]
        found = result.output.ravel().tolist()
        is_right = found == right[result.version]
        return "" if is_right else f"{result.version} answers {found}"

    with Client(path, timeout_s=callers.PATIENCE_S) as client:
        yield ask


def test_two_kills_in_probation_bring_the_old_release_back(home: Path) -> None:
    """At the third start, without a human; asked-for stops in between do not count.

    The demo's model, committed, is asked all along and stays as it is.
    """
    settings = home / "edged.yaml"
    settings.write_text("server: {group: null}\ninstall: {probation: 1h}\n")
    second = write_bundle(home / "two", bundle(NEGATE, seq=2))
    with unit(home, "--config", str(settings)) as box:
        box.daemon.install()
        images, answers = demo_answers(box.daemon)
        path = box.daemon.data
        box.daemon.install(write_bundle(home / "one", bundle()))
        box.daemon.install(second)
        seen: list[str] = []
        served: list[str] = []
        with calling(
            sums=sums(path, seen),
            express=callers.by_client(path, images, answers),
            json=callers.by_json(path, images, answers),
        ) as asking:
            for end in (box.restart, box.kill, box.restart, box.restart, box.kill):
                asking.answered()
                served += seen
                end()
            asking.answered()
            served += seen
        box.daemon.ready()
        over = {(c.model, c.release.seq): c for c in changes(box.daemon) if c.release}
        with pytest.raises(Quarantined) as refused:
            box.daemon.install(second)

    assert served == ["1.2"] * 5 + ["1.1"]
    assert over["sums", 2].last.step is Step.QUARANTINED
    assert "the daemon crashed 2 times in this boot" in over["sums", 2].last.why
    assert over["sums", 1].last.step is Step.COMMITTED
    assert over["digits", 1].last.step is Step.COMMITTED
    assert "crashed 2 times" in f"{refused.value.message} {refused.value.hint}"
    assert asking.faults == []
    assert max(caller.hang_ups for caller in asking) <= 2  # a stop hangs up on nobody
