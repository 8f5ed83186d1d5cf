"""The option that bench and profile share."""

import argparse
import io
from pathlib import Path

import pytest

from edged.cli.chart import Bar, Chart, Panel
from edged.cli.exits import Exit
from edged.cli.output import Screen
from edged.cli.plot import add_plot, plotter

CHART = Chart("a title", "a note", (Panel("p", (Bar("a", "a", 1.0),)),))


def asked(*words: str) -> Path | None:
    """Parse a command line."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_plot(parser)
    file: Path | None = parser.parse_args(words).plot
    return file


def screen() -> tuple[Screen, io.StringIO]:
    """Return a screen and what is said on it."""
    said = io.StringIO()
    return Screen(out=io.StringIO(), err=said, env={}), said


@pytest.mark.parametrize(
    ("name", "begins"), [("a.svg", b"<svg"), ("a.PNG", b"\x89PNG")]
)
def test_a_chart_is_painted_as_its_name_says(
    tmp_path: Path, name: str, begins: bytes
) -> None:
    """By its suffix, however that is written."""
    file = tmp_path / name

    code = plotter(screen()[0], asked("--plot", str(file)))(lambda: CHART)

    assert (Exit.FINE, True) == (code, file.read_bytes().startswith(begins))


def test_without_the_option_nothing_is_drawn() -> None:
    """Not even laid out."""

    def draw() -> Chart:
        raise AssertionError("nobody wanted it")

    assert plotter(screen()[0], asked())(draw) is Exit.FINE


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The figures are on the screen already."""
    shown, said = screen()

    code = plotter(shown, tmp_path / "no" / "a.svg")(lambda: CHART)

    assert code is Exit.FAILED
    assert "cannot write" in said.getvalue()
    assert "no such file or directory" in said.getvalue()


def test_other_kinds_are_refused_before_anything_is_measured() -> None:
    """With those that there are."""
    with pytest.raises(argparse.ArgumentError, match=r"does not end in \.svg or \.png"):
        asked("--plot", "a.gif")
