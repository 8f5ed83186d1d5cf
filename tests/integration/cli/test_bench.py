"""`edgectl bench` against a real daemon; short, because figures are not tested."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT, Daemon

Edgectl = Callable[..., tuple[int, str, str]]

THREE = ROOT / "demo" / "images" / "digit_3.png"


@pytest.fixture
def bench(edgectl: Edgectl, box: Daemon) -> Edgectl:
    """Return a short `edgectl bench`, told where the daemon is."""
    short = ("--seconds", "0.05", "--runtime-dir", box.runtime)
    return lambda *words: edgectl("bench", *words, *short)


def test_every_way_has_its_figures(bench: Edgectl) -> None:
    """Times, stages and rates; the floor has only times."""
    code, out, _ = bench("digits", "--json")

    document = json.loads(out)
    floor, *others = document["ways"]
    assert (0, "edged.bench/1", "fp32", 256, "in-process", None, []) == (
        code,
        document["schema"],
        document["variant"],
        document["input_bytes"],
        floor["name"],
        floor["stages"],
        floor["rates"],
    )
    assert {"binary body", "JSON body"} <= {way["name"] for way in others}
    for way in others:
        assert 0 < way["p50_ms"] <= way["p95_ms"] <= way["p99_ms"]
        assert way["stages"]["transport"] > way["stages"]["queue"] >= 0
        assert [1, 2, 4, 8] == [rate["clients"] for rate in way["rates"]]
        assert all(rate["per_s"] > 0 and not rate["refused"] for rate in way["rates"])


def test_the_table_fits_a_serial_console(bench: Edgectl) -> None:
    """And nothing is said beside it where nobody watches."""
    code, out, err = bench("digits", "--variant", "int8")

    lines = out.splitlines()
    assert (0, "", True, True, True) == (
        code,
        err,
        lines[0].startswith("digits 1.0.0 int8 on "),
        len(lines) < 24,
        max(map(len, lines)) <= 80,
    )


def test_requests_bound_it_too(bench: Edgectl) -> None:
    """Ten requests of each way, in five rounds."""
    _, out, _ = bench("digits", "--requests", "10", "--json")

    assert {10} == {way["requests"] for way in json.loads(out)["ways"]}


def test_a_picture_can_be_the_input(bench: Edgectl) -> None:
    """As `infer` takes it."""
    assert 0 == bench("digits", "--input", THREE, "--requests", "5")[0]


@pytest.mark.parametrize(
    ("name", "magic"), [("p.svg", b"<svg"), ("p.PNG", b"\x89PNG\r\n\x1a\n")]
)
def test_the_figures_can_be_drawn(
    bench: Edgectl, tmp_path: Path, name: str, magic: bytes
) -> None:
    """By the file's suffix; the table stays."""
    code, out, _ = bench("digits", "--requests", "5", "--plot", tmp_path / name)

    drawn = (tmp_path / name).read_bytes()
    assert (0, True, True) == (code, "ONE BY ONE" in out, drawn.startswith(magic))


def test_a_plot_that_cannot_be_written_costs_no_figures(bench: Edgectl) -> None:
    """The table is there, the exit number tells."""
    code, out, err = bench("digits", "--requests", "5", "--plot", "/nope/p.svg")

    assert (
        1,
        True,
        "edgectl: cannot write /nope/p.svg: no such file or directory\n",
    ) == (
        code,
        "ONE BY ONE" in out,
        err,
    )


def test_a_store_out_of_reach_leaves_out_the_floor(
    bench: Edgectl, tmp_path: Path
) -> None:
    """The rest is measured all the same, and the reason stands below."""
    code, out, _ = bench("digits", "--requests", "5", "--state-dir", tmp_path)

    assert (0, True, True) == (
        code,
        "binary body" in out,
        "without in-process: cannot use release" in out,
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nix",), 66, "nix"),
        (("digits", "--variant", "nix"), 66, "cannot run variant 'nix'"),
        (("digits", "--requests", "0"), 2, "not a whole number from 1"),
        (("digits", "--plot", "p.jpg"), 2, "does not end in .svg or .png"),
        (("digits", "--input", "/nope.npy"), 66, "cannot read /nope.npy"),
    ],
)
def test_every_mistake_has_its_sentence(
    bench: Edgectl, words: tuple[str, ...], code: int, says: str
) -> None:
    """The number for scripts, the words for people."""
    found, out, err = bench(*words)

    assert (code, "", True) == (found, out, says in " ".join(err.split()))
