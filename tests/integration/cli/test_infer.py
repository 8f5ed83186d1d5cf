"""`edgectl infer` against a real daemon."""

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.daemon import ROOT, Daemon

Edgectl = Callable[..., tuple[int, str, str]]

THREE = ROOT / "demo" / "images" / "digit_3.png"


@pytest.fixture
def ctl(edgectl: Edgectl, box: Daemon) -> Edgectl:
    """Return edgectl, told where the daemon is."""
    return lambda *words: edgectl(*words, "--runtime-dir", box.runtime)


def test_a_picture_is_told_by_its_name(ctl: Edgectl) -> None:
    """The best class stands first, with its share."""
    code, out, _ = ctl("infer", "digits", THREE)

    head, first, *rest = out.splitlines()
    assert (0, True, "3", 4) == (
        code,
        head.startswith("digits 1.0.0 fp32, "),
        first.split()[-1],
        len(rest),
    )


@pytest.mark.parametrize("variant", ["fp32", "int8", "int8-litert"])
def test_a_variant_can_be_insisted_on(ctl: Edgectl, variant: str) -> None:
    """Each rung gives the same answer, and says that it ran."""
    _, out, _ = ctl("infer", "digits", THREE, "--variant", variant, "--json")

    document = json.loads(out)
    assert (variant, "3", [1, 10]) == (
        document["variant"],
        document["classes"]["probabilities"][0]["label"],
        document["outputs"][0]["shape"],
    )


def test_a_request_counts_once(ctl: Edgectl, box: Daemon) -> None:
    """What a person tries must not count twice in the figures."""
    before = box.status().models[0].requests

    ctl("infer", "digits", THREE)

    assert before + 1 == box.status().models[0].requests


def test_queue_and_computing_are_told(ctl: Edgectl) -> None:
    """Who finds it slow sees at once where the time goes; so does a script."""
    _, out, _ = ctl("infer", "digits", THREE)
    _, text, _ = ctl("infer", "digits", THREE, "--json")

    timing = json.loads(text)["timing"]
    assert (True, True) == (
        " ms (queue " in out.splitlines()[0],
        0 < timing["compute_ms"] < timing["p50_ms"],
    )


def test_repeating_measures(ctl: Edgectl) -> None:
    """Quantiles and a rate."""
    _, out, _ = ctl("infer", "digits", THREE, "--repeat", "20")

    assert "20 requests: p50 " in out


def test_an_array_is_taken_without_its_batch(ctl: Edgectl, tmp_path: Path) -> None:
    """np.save of one image in float64 is enough."""
    np.save(tmp_path / "x.npy", np.zeros((8, 8)))

    assert 0 == ctl("infer", "digits", tmp_path / "x.npy")[0]


def test_standard_input_is_taken(ctl: Edgectl, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads a picture as well as JSON."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(THREE.read_bytes())))

    assert 0 == ctl("infer", "digits", "-")[0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_printed_curl_line_works(ctl: Edgectl) -> None:
    """It sends nothing by itself; a shell that runs it gets the same answer."""
    _, line, _ = ctl("infer", "digits", THREE, "--print-curl")

    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, check=True, timeout=10
    )

    (output,) = json.loads(done.stdout)["outputs"]
    assert 3 == int(np.argmax(output["data"]))


def test_the_data_socket_alone_is_enough_for_arrays(
    edgectl: Edgectl, box: Daemon, home: Path, tmp_path: Path
) -> None:
    """A container that has no control socket can infer; a picture needs more."""
    np.save(tmp_path / "x.npy", np.zeros((8, 8)))
    where = ("--socket", home / "none.sock", "--data-socket", box.data)

    array = edgectl("infer", "digits", tmp_path / "x.npy", *where)
    picture = edgectl("infer", "digits", THREE, *where)

    assert (0, True, 69) == (
        array[0],
        "probabilities: FP32[1,10]" in array[1],
        picture[0],
    )


def test_a_name_nearly_right_is_understood(ctl: Edgectl) -> None:
    """Who types DIGITS learns what it is called."""
    code, _, err = ctl("infer", "DIGITS", THREE)

    assert (66, "  try: did you mean digits?") == (code, err.splitlines()[-1])


def test_what_the_data_socket_refuses_has_its_next_step(ctl: Edgectl) -> None:
    """It stands under the sentence, as everywhere."""
    code, _, err = ctl("infer", "digits", THREE, "--variant", "nix")

    assert (66, True) == (code, err.splitlines()[-1].startswith("  try: "))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("digits", "/nope.png"), 66, "cannot read /nope.png: no such file"),
        (("nix", str(THREE)), 66, "nix"),
        (("digits", str(THREE), "--variant", "nix"), 66, "cannot run variant 'nix'"),
        (("digits", str(THREE), "--repeat", "0"), 2, "not a whole number from 1"),
        (("digits", "/etc/hostname"), 65, "no picture, .npy, .npz or JSON"),
    ],
)
def test_every_mistake_has_its_sentence(
    ctl: Edgectl, words: tuple[str, ...], code: int, says: str
) -> None:
    """The number for scripts, the words for people."""
    found, out, err = ctl("infer", *words)

    assert (code, "", True) == (found, out, says in " ".join(err.split()))


def test_no_daemon_is_told(edgectl: Edgectl, home: Path) -> None:
    """Exit 69, and how to start it."""
    code, _, err = edgectl("infer", "digits", THREE, "--runtime-dir", home)

    assert (69, True) == (code, "edgectl status" in err)
