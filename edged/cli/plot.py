"""The option `--plot FILE`: figures as a picture, too.

Law: what cannot be painted is said before anything is measured.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from edged.cli import chart
from edged.cli.chart import Chart
from edged.cli.exits import Exit
from edged.cli.output import Screen


def add_plot(to: argparse.ArgumentParser) -> None:
    """Add the option."""
    to.add_argument(
        "--plot",
        metavar="FILE",
        type=_picture,
        help="draw the figures into a .png or .svg, too",
    )


def plotter(screen: Screen, file: Path | None) -> Callable[[Callable[[], Chart]], Exit]:
    """Return what paints a chart into the file, where there is one.

    Raises:
        Unsupported: it is a PNG, and Pillow is not installed.
    """
    paint = None if file is None else chart.painter(file.suffix.lower())

    def plot(draw: Callable[[], Chart]) -> Exit:
        if paint is None or file is None:
            return Exit.FINE
        try:
            file.write_bytes(paint(draw()))
        except OSError as exc:
            why = exc.strerror or exc
            screen.talk(f"edgectl: cannot write {file}: {why}".lower())
            return Exit.FAILED
        return Exit.FINE

    return plot


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in chart.PAINTERS:
        kinds = " or ".join(chart.PAINTERS)
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {kinds}")
    return path
