"""Bars as a picture: SVG by hand, PNG by Pillow where that is installed.

Law: a chart is laid out once, as lines, boxes and texts; two short painters put the
same strokes on paper. No plotting library: bars are all there is to draw.
"""

import io
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from edged.errors import Unsupported

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_WIDTH = 760
_MARGIN = 24
_LABELS = 210  # where bars begin
_NUMBERS = 90  # room behind the longest bar
_ROW, _BAR = 24, 15
_TITLE, _PANEL, _NOTE = 44, 40, 36
_TEXT, _LARGE = 12, 16  # sizes

_INK, _PALE, _PAPER = "#1c2833", "#7b8793", "#ffffff"
#: One for each group; told apart also by the colour-blind (Okabe and Ito).
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")

#: Drawn larger and scaled down by whoever shows it: small texts stay sharp.
_ZOOM = 2


class Bar(NamedTuple):
    """One bar.

    Attributes:
        label: in front of it.
        group: bars of one group have one colour.
        value: its length.
        up_to: a thin line goes on to here; 0 for none.
        text: behind it; the value where this is empty.
    """

    label: str
    group: str
    value: float
    up_to: float = 0.0
    text: str = ""


class Panel(NamedTuple):
    """Bars on one scale."""

    title: str
    bars: tuple[Bar, ...]


class Chart(NamedTuple):
    """Panels below each other."""

    title: str
    note: str
    panels: tuple[Panel, ...]


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    color: str


class _Text(NamedTuple):
    x: float
    y: float  # of the middle
    text: str
    size: int
    color: str
    anchor: str = "start"


_Stroke = _Box | _Text


def svg(chart: Chart) -> bytes:
    """Paint a chart as SVG."""
    size = f'width="{_WIDTH}" height="{_height(chart)}"'
    box = f'viewBox="0 0 {_WIDTH} {_height(chart)}" font-family="sans-serif"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
        *(_svg_stroke(stroke) for stroke in _strokes(chart)),
        "</svg>",
        "",
    ]
    return "\n".join(parts).encode()


def png(chart: Chart) -> bytes:
    """Paint a chart as PNG.

    Raises:
        Unsupported: Pillow is not installed.
    """
    image, image_draw, image_font = _pillow()
    picture = image.new("RGB", (_WIDTH * _ZOOM, _height(chart) * _ZOOM), _PAPER)
    draw = image_draw.Draw(picture)
    fonts: dict[int, FreeTypeFont] = {}
    for stroke in _strokes(chart):
        match stroke:
            case _Box(x, y, width, height, color):
                corners = (x, y, x + width, y + height)
                draw.rectangle([c * _ZOOM for c in corners], fill=color)
            case _Text(x, y, text, size, color, anchor):
                font = fonts.setdefault(size, image_font.load_default(size * _ZOOM))
                side = {"start": "lm", "end": "rm"}[anchor]
                at = (x * _ZOOM, y * _ZOOM)
                draw.text(at, text, fill=color, font=font, anchor=side)
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return packed.getvalue()


PAINTERS: dict[str, Callable[[Chart], bytes]] = {".svg": svg, ".png": png}


def painter(suffix: str) -> Callable[[Chart], bytes]:
    """Return who paints files of a suffix in `PAINTERS`.

    Raises:
        Unsupported: Pillow is wanted and not installed; said before anything is drawn.
    """
    if suffix == ".png":
        _pillow()
    return PAINTERS[suffix]


def _pillow() -> tuple[ModuleType, ModuleType, ModuleType]:
    try:
        from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415  # optional
    except ImportError as exc:
        raise Unsupported(
            "cannot draw a PNG: Pillow is not installed",
            hint="name a .svg file, or `pip install Pillow`",
        ) from exc
    return Image, ImageDraw, ImageFont


def _height(chart: Chart) -> int:
    rows = sum(_PANEL + _ROW * len(panel.bars) for panel in chart.panels)
    return _TITLE + rows + _NOTE


def _strokes(chart: Chart) -> Iterator[_Stroke]:
    yield _Text(_MARGIN, _TITLE / 2 + 6, chart.title, _LARGE, _INK)
    top = float(_TITLE)
    bars = (bar for panel in chart.panels for bar in panel.bars)
    groups = list(dict.fromkeys(bar.group for bar in bars))
    colors = {group: _COLORS[i % len(_COLORS)] for i, group in enumerate(groups)}
    for panel in chart.panels:
        yield _Text(_MARGIN, top + _PANEL / 2 + 4, panel.title, _TEXT + 1, _INK)
        top += _PANEL
        yield from _bars(panel, top, colors)
        top += _ROW * len(panel.bars)
    yield _Text(_MARGIN, top + _NOTE / 2, chart.note, _TEXT - 1, _PALE)


def _bars(panel: Panel, top: float, colors: dict[str, str]) -> Iterator[_Stroke]:
    longest = max(max(bar.value, bar.up_to) for bar in panel.bars)
    scale = (_WIDTH - _LABELS - _NUMBERS - _MARGIN) / longest if longest else 0.0
    for i, bar in enumerate(panel.bars):
        middle = top + _ROW * i + _ROW / 2
        color = colors[bar.group]
        yield _Text(_LABELS - 8, middle, bar.label, _TEXT, _INK, "end")
        length = max(1.0, bar.value * scale)
        yield _Box(_LABELS, middle - _BAR / 2, length, _BAR, color)
        end = max(length, bar.up_to * scale)
        if end > length:
            yield _Box(_LABELS + length, middle - 1, end - length, 2, color)
        text = bar.text or number(bar.value)
        yield _Text(_LABELS + end + 8, middle, text, _TEXT, _INK)


def number(value: float) -> str:
    """Write a number with three significant digits, thousands set apart."""
    if value >= 100:  # noqa: PLR2004  # three digits stand before the point
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _svg_stroke(stroke: _Stroke) -> str:
    match stroke:
        case _Box(x, y, width, height, color):
            return (
                f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" '
                f'fill="{color}"/>'
            )
        case _Text(x, y, text, size, color, anchor):
            side = "" if anchor == "start" else f' text-anchor="{anchor}"'
            return (
                f'<text x="{x:.1f}" y="{y:g}" dy="0.35em" font-size="{size}" '
                f'fill="{color}"{side}>{escape(text)}</text>'
            )
