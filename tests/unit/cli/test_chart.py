"""Bars as pictures."""

import io
import sys
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from edged.cli import chart
from edged.cli.chart import Bar, Chart, Panel
from edged.errors import Unsupported

_SVG = "{http://www.w3.org/2000/svg}"


def _parsed(drawn: Chart) -> ET.Element:
    return ET.fromstring(chart.svg(drawn))  # noqa: S314  # our own writing


@pytest.fixture
def drawn() -> Chart:
    """Return a chart of two groups, with text that XML would trip over."""
    bars = (
        Bar("a & <b>", "one", 10.0, up_to=20.0),
        Bar("c", "two", 5.0),
        Bar("d", "one", 0.0, text="cannot run"),
    )
    return Chart("T", "a note", (Panel("P", bars), Panel("Q", bars[:1])))


def test_svg_is_well_formed(drawn: Chart) -> None:
    """Every text arrives as it was."""
    root = _parsed(drawn)

    texts = [text.text for text in root.iter(f"{_SVG}text")]
    assert ["T", "P", "a & <b>", "10", "c", "5", "d", "cannot run"] == texts[:8]


def test_lengths_are_to_scale(drawn: Chart) -> None:
    """Half the value is half the bar; nothing is still a pixel."""
    root = _parsed(drawn)

    paper, first, line, second, third, *_ = root.iter(f"{_SVG}rect")
    width = float(first.attrib["width"])
    assert ("100%", width, width / 2, 1.0) == (
        paper.attrib["width"],
        float(line.attrib["width"]),
        float(second.attrib["width"]),
        float(third.attrib["width"]),
    )


def test_a_group_has_one_colour(drawn: Chart) -> None:
    """And another one than its neighbour."""
    root = _parsed(drawn)

    _, first, _, second, third, *_ = (
        r.attrib["fill"] for r in root.iter(f"{_SVG}rect")
    )
    assert (first, True) == (third, first != second)


def test_a_group_keeps_its_colour_in_every_panel(drawn: Chart) -> None:
    """Also where it is not the first one."""
    (first, second, _), panels = drawn.panels[0].bars, drawn.panels
    root = _parsed(drawn._replace(panels=(panels[0], Panel("R", (second, first)))))

    fills = [rect.attrib["fill"] for rect in root.iter(f"{_SVG}rect")][1:]
    one, _, two, _, two_again, one_again, _ = fills
    assert (one, two) == (one_again, two_again)


def test_png_is_the_same_picture_at_twice_the_size(drawn: Chart) -> None:
    """A bar of the SVG is where the PNG has its colour."""
    root = _parsed(drawn)
    bar = list(root.iter(f"{_SVG}rect"))[1]
    x, y, h = (float(bar.attrib[key]) for key in ("x", "y", "height"))

    with Image.open(io.BytesIO(chart.png(drawn))) as picture:
        pixel = picture.getpixel((int(2 * x + 4), int(2 * y + h)))
        size = picture.size

    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    assert ((2 * width, 2 * height), bar.attrib["fill"]) == (
        size,
        "#{:02x}{:02x}{:02x}".format(*pixel),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.0123"), (1.5, "1.5"), (99.96, "100"), (12345.6, "12,346")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    """More would be noise."""
    assert text == chart.number(value)


def test_a_missing_pillow_is_told_before_anything_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What takes a minute to measure must not be lost for want of a painter."""
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(Unsupported, match="Pillow is not installed"):
        chart.painter(".png")
    assert chart.svg == chart.painter(".svg")
