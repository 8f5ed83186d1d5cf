"""`edgectl models` against a real daemon."""

import json
from collections.abc import Callable

import pytest

from edged.wire.messages import Changed
from tests.fakes.control import FakeControl
from tests.fakes.daemon import Daemon

Edgectl = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ctl(edgectl: Edgectl, box: Daemon) -> Edgectl:
    """Return edgectl, told where the daemon is."""
    return lambda *words: edgectl(*words, "--runtime-dir", box.runtime)


def test_models_are_listed(ctl: Edgectl) -> None:
    """A line for each rung."""
    code, out, _ = ctl("models", "list")

    assert (0, ["digits", "int8", "int8-litert"]) == (
        code,
        [line.split()[0] for line in out.splitlines()[1:4]],
    )


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (("models", "list"), "edged.models/1"),
        (("models", "show", "digits"), "edged.model/1"),
        (("models", "verify", "digits"), "edged.verify/1"),
        (("models", "load", "digits"), "edged.changed/1"),
        (("config", "show"), "edged.config/1"),
        (("config", "check"), "edged.config-check/1"),
        (("version",), "edged.version/1"),
        (("models", "show", "nix"), "edged.error/1"),
    ],
)
def test_every_command_has_a_document(
    ctl: Edgectl, words: tuple[str, ...], schema: str
) -> None:
    """`--json` names its schema."""
    _, out, _ = ctl("--json", *words)

    assert schema == json.loads(out)["schema"]


def test_an_installed_model_verifies(ctl: Edgectl) -> None:
    """Exit 0 and a sentence."""
    code, out, _ = ctl("models", "verify", "digits")

    assert (0, True) == (code, out.endswith(", all as they were installed\n"))


def test_a_model_is_unloaded_and_loaded(ctl: Edgectl) -> None:
    """The second time there is nothing to do: exit 11."""
    codes = [ctl("models", verb, "digits")[0] for verb in ("unload", "unload", "load")]

    assert [0, 11, 0] == codes


def test_without_a_previous_release_there_is_no_way_back(ctl: Edgectl) -> None:
    """One sentence, and where to look."""
    code, _, err = ctl("models", "rollback", "digits")

    assert (1, True) == (code, err.startswith("edgectl: cannot roll digits back"))


def test_a_release_can_be_used_by_version(ctl: Edgectl) -> None:
    """It is live already, so nothing is done."""
    assert 11 == ctl("models", "use", "digits", "1.0.0")[0]


def test_removing_needs_a_yes(ctl: Edgectl) -> None:
    """A script without a terminal must say --yes: exit 2, and nothing happens."""
    code, _, err = ctl("models", "remove", "digits")

    assert (2, True) == (code, "try: edgectl models remove digits --yes" in err)


@pytest.mark.parametrize(
    ("words", "row", "body"),
    [
        (("commit", "digits"), "commit", {}),
        (("pin", "digits", "--why", "a fair"), "pin", {"why": "a fair"}),
        (("unpin", "digits"), "unpin", {}),
        (
            ("quarantine", "digits", 14, "--why", "blurred"),
            "quarantine",
            {"seq": 14, "why": "blurred"},
        ),
        (("unquarantine", "digits", 14), "unquarantine", {"seq": 14, "why": ""}),
    ],
)
def test_what_a_person_decides_is_one_call(
    edgectl: Edgectl,
    fake: FakeControl,
    words: tuple[object, ...],
    row: str,
    body: dict[str, object],
) -> None:
    """And its answer in words."""
    path = f"POST /v1/models/digits/{row}"
    fake.answer(path, Changed(name="digits", changed=True, text="it is so"))

    code, out, _ = edgectl("models", *words, "--socket", fake.path)

    assert (0, "it is so\n", [path], body) == (
        code,
        out,
        fake.asked,
        json.loads(fake.bodies[0]),
    )
