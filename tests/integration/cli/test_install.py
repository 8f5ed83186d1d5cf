"""`edgectl install` against a real daemon, and against one that answers in turn."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from edged.cli.follow import Follower
from edged.wire.changes import Change, Step, StepTaken
from edged.wire.messages import Changed, ModelDetail, Problem
from tests.fakes.agent import COMMITTED, DIGITS
from tests.fakes.control import FakeControl
from tests.fakes.daemon import DEMO, Daemon

Edgectl = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ctl(edgectl: Edgectl, box: Daemon) -> Edgectl:
    """Return edgectl, told where the daemon is."""
    return lambda *words: edgectl(*words, "--runtime-dir", box.runtime)


def test_a_bare_model_is_installed_used_and_removed(ctl: Edgectl) -> None:
    """From a file to an answer in two commands, and away with it."""
    installed = ctl("install", DEMO / "digits_fp32.onnx", "--name", "bare")
    removed = ctl("models", "remove", "bare", "--yes")

    *steps, hint = installed[2].splitlines()
    assert (0, True, "  try: edgectl infer bare INPUT.npy", 0) == (
        installed[0],
        installed[1].startswith("bare 1 (seq 1) is live"),
        hint,
        removed[0],
    )
    assert ["staged", "trial"] == [step.split()[1] for step in steps[:2]]


def test_what_is_live_already_is_nothing_to_do(ctl: Edgectl) -> None:
    """Exit 11, so that a script can tell."""
    code, out, err = ctl("install", DEMO)

    assert (11, "digits 1.0.0 (seq 1) is live already\n") == (code, out)
    assert "  try: edgectl infer digits PICTURE.jpg\n" == err


def test_a_bare_model_needs_a_name(ctl: Edgectl) -> None:
    """A name that would do is proposed."""
    code, _, err = ctl("install", DEMO / "digits_int8.tflite")

    assert (2, True) == (code, err.rstrip().endswith("--name digits_int8"))


def test_a_folder_with_a_bare_model_needs_a_name(ctl: Edgectl, tmp_path: Path) -> None:
    """What is to be typed has the whole path; a licence beside it changes nothing."""
    (tmp_path / "LICENSE").touch()
    model = tmp_path / "net.onnx"
    model.write_bytes((DEMO / "digits_fp32.onnx").read_bytes())

    code, _, err = ctl("install", tmp_path)

    assert (2, f"  try: edgectl install {model} --name net") == (
        code,
        err.splitlines()[-1],
    )


def test_a_name_that_cannot_be_is_a_wrong_command_line(ctl: Edgectl) -> None:
    """Nothing is sent."""
    code, _, err = ctl("install", DEMO / "digits_fp32.onnx", "--name", "Bad Name")

    assert (2, True) == (code, "'Bad Name'; bad-name would do" in " ".join(err.split()))


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.tar", b"", 65),
        ("text.tar", b"not a tar at all" * 100, 65),
        ("cut.onnx", b"\x08\x07", 65),
        ("wrong.tflite", b"\x00" * 64, 65),
        (None, None, 66),
    ],
)
def test_a_bad_bundle_is_refused(
    ctl: Edgectl, tmp_path: Path, name: str | None, content: bytes | None, code: int
) -> None:
    """Whatever it is: one sentence, its exit number, and the daemon goes on."""
    path = tmp_path / (name or "missing")
    if content is not None:
        path.write_bytes(content)

    found, out, err = ctl("install", path, "--name", "bad")

    assert (code, "", True) == (found, out, err.startswith("edgectl: cannot "))
    assert 0 == ctl("status")[0]


@pytest.fixture
def told(edgectl: Edgectl, fake: FakeControl) -> Edgectl:
    """Return edgectl at a daemon that takes a release in as change 1."""
    fake.answer(
        "POST /v1/install",
        Changed(name="digits", changed=False, text="digits is being tried", change=1),
    )
    return lambda *words: edgectl(*words, "--socket", fake.path)


def at(step: Step, **known: object) -> Change:
    """Return the change at a step."""
    return replace(
        COMMITTED, steps=(replace(StepTaken(step=step, at_utc="T"), **known),)
    )


def test_an_install_ends_where_it_serves(told: Edgectl, fake: FakeControl) -> None:
    """It says what it is watched for."""
    fake.answer_in_turn(
        "GET /v1/changes/1", at(Step.TRIAL), at(Step.PROBATION, why="for 600 s")
    )
    fake.answer("GET /v1/models/digits", ModelDetail(status=DIGITS))

    code, out, _ = told("install", DEMO)

    assert (0, "digits 1.4.0 (seq 14) is live, in probation: for 600 s\n") == (
        code,
        out,
    )
    assert "POST /v1/install?wait=false" == fake.asked[0]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (
            at(Step.REFUSED, why="cannot: no", code="rejected"),
            65,
            "edgectl: cannot: no",
        ),
        (at(Step.REFUSED, why="cannot: no", code="no-memory"), 75, "cannot: no"),
        (at(Step.QUARANTINED, why="cannot: bad"), 65, "cannot: bad"),
        (at(Step.HELD, why="differs"), 1, "`edgectl models quarantine digits 14`"),
    ],
)
def test_an_install_ends_as_its_change_does(
    told: Edgectl, fake: FakeControl, change: Change, code: int, said: str
) -> None:
    """With the exit number and the sentence of what went wrong."""
    fake.answer("GET /v1/changes/1", change)

    found, out, err = told("install", DEMO)

    assert (code, "", True) == (found, out, said in " ".join(err.split()))


def test_an_install_need_not_be_waited_for(told: Edgectl, fake: FakeControl) -> None:
    """It says how to follow, and asks nothing more."""
    code, out, err = told("install", DEMO, "--no-wait")

    assert (0, "digits is being tried\n", "  try: edgectl watch 1\n", 1) == (
        code,
        out,
        err,
        len(fake.asked),
    )


def test_leaving_an_install_leaves_its_change(
    told: Edgectl, fake: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C: exit 130, with the number to follow it by."""
    fake.answer("GET /v1/changes/1", at(Step.TRIAL))

    def leave(_: Follower) -> Change:
        raise KeyboardInterrupt

    monkeypatch.setattr(Follower, "follow", leave)

    code, _, err = told("install", DEMO)

    assert (130, True) == (code, "change 1 goes on: edgectl watch 1\n" in err)


def test_a_daemon_that_knows_no_waiting_is_asked_as_before(
    edgectl: Edgectl, fake: FakeControl
) -> None:
    """An older one refuses the field, and answers at the end."""
    unknown = Problem(
        title="bad", code="invalid-request", detail="Object has unknown field `wait`"
    )
    fake.answer("POST /v1/install", unknown, status=400)

    code, _, _ = edgectl("install", DEMO, "--socket", fake.path)

    assert (65, ["POST /v1/install?wait=false", "POST /v1/install"]) == (
        code,
        fake.asked,
    )
