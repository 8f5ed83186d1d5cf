"""`edgectl profile` against a real daemon, a fake one and none."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from edged.client import Control
from edged.wire.changes import Which
from edged.wire.endpoints import PROFILE
from edged.wire.messages import Trouble
from edged.wire.profiles import ModelProfile, ProfileRequest
from tests.fakes.control import FakeControl
from tests.fakes.daemon import DEMO, Daemon, running, short_home
from tests.integration.cli.conftest import Edgectl

SHOW = "GET /v1/models/digits/profile"
BEGIN = "POST /v1/models/digits/profile"

#: What the demo's model takes.
IMAGE = np.zeros((1, 1, 8, 8), "<f4")

#: Six processes at the lowest priority, on a machine where others work.
PATIENT = pytest.mark.timeout(180)

RELEASE = Which(version="1.0.0", seq=1, digest="ab" * 32, folder="1-abababababab")
KNOWN = ModelProfile(model="digits", release=RELEASE, threads=1)


def told(**changes: object) -> ModelProfile:
    """Return what a daemon says, changed."""
    return msgspec.structs.replace(KNOWN, **changes)


@pytest.fixture
def ctl(edgectl: Edgectl, box: Daemon) -> Edgectl:
    """Return a function that talks to the module's daemon."""
    return lambda *words: edgectl(*words, "--runtime-dir", box.runtime)


@pytest.fixture
def faked(edgectl: Edgectl, fake: FakeControl) -> Edgectl:
    """Return a function that talks to a fake daemon."""
    return lambda *words: edgectl(*words, "--socket", fake.path)


# --- the real daemon ---------------------------------------------------------------


@PATIENT
def test_it_measures_shows_and_draws(ctl: Edgectl, box: Daemon, tmp_path: Path) -> None:
    """Every variant with every count; then live traffic stands beside it."""
    picture = tmp_path / "profile.png"

    made = ctl("profile", "digits", "--plot", picture)
    with box.client() as client:
        for _ in range(120):
            client.infer("digits", IMAGE)
    after = ctl("profile", "digits", "--show")

    assert (0, "") == (made.code, made.err)
    lines = made.out.splitlines()
    assert " for " in lines[0]
    assert all(len(line) <= 80 for line in lines)
    if "others used the cores: it waited" not in made.out:  # then quieter ones stay
        rows = [line.split() for line in lines if line.endswith("  1000")]
        assert ["fp32", "int8", "int8-litert"] == [r[0] for r in rows if len(r) == 10]
    with Image.open(picture) as image:
        assert image.format == "PNG"
    (live,) = [x for x in after.out.splitlines() if x.startswith("fp32  ")][1:]
    assert int(live.split()[-2]) >= 120
    assert float(live.split()[-1]) > 0


def test_json_is_the_daemons_own_document(ctl: Edgectl) -> None:
    """With its schema."""
    shown = ctl("profile", "digits", "--show", "--json")

    found = json.loads(shown.out)
    assert ("edged.profile/1", "digits") == (found["schema"], found["model"])
    assert msgspec.convert(found, ModelProfile).proof is not None


def test_an_unknown_model_is_told_with_what_there_is(ctl: Edgectl) -> None:
    """Nearly right names get the right one."""
    found = ctl("profile", "nix")
    near = ctl("profile", "digit")

    assert (66, "") == (found.code, found.out)
    assert "cannot find model 'nix': installed are digits" in found.err
    assert "did you mean digits?" in near.err


@PATIENT
def test_whoever_leaves_does_not_end_it(
    box: Daemon, process: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    """Ctrl-C, or a terminal that dies: the daemon goes on, and serves meanwhile."""
    with Control(box.control) as control:
        before = control.call(PROFILE, ProfileRequest(name="digits")).made
        left = process(
            "profile",
            "digits",
            "--runtime-dir",
            box.runtime,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        doing = ""
        while not doing:
            doing = control.call(PROFILE, ProfileRequest(name="digits")).doing
        left.send_signal(signal.SIGINT)
        left.communicate(timeout=15)
        with box.client() as client:
            client.infer("digits", IMAGE)
        found = control.call(PROFILE, ProfileRequest(name="digits"))
        while found.doing:
            ask = ProfileRequest(name="digits", doing=found.doing, wait_s=10)
            found = control.call(PROFILE, ask, timeout_s=15)

    assert 130 == left.returncode
    assert before + 1 == found.made
    assert found.problem is None


@PATIENT
def test_without_a_daemon_the_disk_is_read(edgectl: Edgectl) -> None:
    """What is kept is shown, and who asks for a new one is told what is wrong."""
    with short_home() as home:
        with running(home) as daemon:
            daemon.install(DEMO)
            where = ("--runtime-dir", daemon.runtime)
            before = edgectl("profile", "digits", "--show", *where)
            edgectl("profile", "digits", *where)
        state = ("--state-dir", daemon.state)
        shown = edgectl("profile", "digits", "--show", *where, *state)
        other = edgectl("profile", "nix", "--show", *where, *state)
        asked = edgectl("profile", "digits", *where, *state)

    said = " ".join(shown.err.split())
    assert "as its trial measured it at " in before.out
    assert (0, True) == (shown.code, "; this is from the disk" in said)
    assert "int8-litert" in shown.out
    assert " for root " in shown.out
    assert (66, 69) == (other.code, asked.code)


# --- a fake one --------------------------------------------------------------------


def test_it_waits_for_news_until_it_is_made(faked: Edgectl, fake: FakeControl) -> None:
    """Each poll says what is known."""
    fake.answer(BEGIN, told(doing="waiting for its turn"))
    fake.answer_in_turn(SHOW, told(doing="fp32, 1 thread: 1 of 1"), told(made=1))

    found = faked("profile", "digits")

    assert 0 == found.code
    assert "doing=waiting" in fake.asked[1]
    assert "doing=fp32" in fake.asked[2]


def test_a_problem_is_raised_as_the_daemon_met_it(
    faked: Edgectl, fake: FakeControl
) -> None:
    """With its own exit number; a code that is not known is a failure."""
    trouble = Trouble(code="no-memory", text="cannot profile digits: no", hint="free")
    fake.answer(BEGIN, told(problem=trouble))
    known = faked("profile", "digits")
    strange = msgspec.structs.replace(trouble, code="from-the-future")
    fake.answer(BEGIN, told(problem=strange))

    found = faked("profile", "digits")

    assert (75, 1) == (known.code, found.code)
    assert "cannot profile digits: no" in found.err
    assert "try: free" in found.err


def test_a_daemon_that_was_started_again_has_made_none(
    faked: Edgectl, fake: FakeControl
) -> None:
    """That is said, and no old figures are shown as new."""
    fake.answer(BEGIN, told(made=3, doing="waiting for its turn"))
    fake.answer(SHOW, told())

    found = faked("profile", "digits")

    assert (1, "") == (found.code, found.out)
    said = " ".join(found.err.split())
    assert "the daemon was started again before it was done" in said


def test_patience_ends_and_the_measuring_does_not(
    faked: Edgectl, fake: FakeControl
) -> None:
    """`--timeout` is for all of it."""
    fake.answer(BEGIN, told(doing="a"))
    fake.answer(SHOW, told(doing="b"))
    began_s = time.monotonic()

    found = faked("profile", "digits", "--timeout", "0.3")

    assert 124 == found.code
    assert "digits is still being measured" in found.err
    assert time.monotonic() - began_s < 10


def test_what_was_never_measured_says_so(faked: Edgectl, fake: FakeControl) -> None:
    """And how it is."""
    fake.answer(SHOW, told())

    found = faked("profile", "digits", "--show")

    assert "nothing is measured yet: edgectl profile digits" in found.out
