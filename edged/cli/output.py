"""What a person or a script sees: plain text, tables, JSON.

Law: data on stdout, talk on stderr. Colour only on a terminal that wants it, and
never the only carrier of a meaning. Characters that the terminal cannot say become
ASCII. Nothing here knows a model or a daemon.

Sources: no-color.org; bixense.com/clicolors; console_codes(4).
"""

import enum
import io
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

import msgspec

#: What a serial console offers when nobody tells its size.
WIDTH, HEIGHT = 80, 24

#: Terminals of the serial age: they show UTF-8 as garbage.
OLD_TERMINALS = frozenset({"dumb", "vt100", "vt102", "vt220"})

#: Only these leave the ASCII of the texts that edged writes.
ASCII = str.maketrans(
    {"→": "->", "…": "...", "°": "deg ", "\N{EN DASH}": "-", "µ": "u"}
)

#: C0, DEL and C1, without the white space that `fold` takes away.
CONTROL = {
    code: "?" for code in (*range(32), *range(127, 160)) if not chr(code).isspace()
}


class OutputLost(Exception):  # nobody made an error here
    """What a command writes has nowhere to go: the pipe is closed, the disk full."""


class Style(enum.Enum):
    """How a text is set off; the value is its SGR parameter."""

    PLAIN = ""
    DIM = "2"
    BOLD = "1"
    GOOD = "1;32"
    WARN = "1;33"
    BAD = "1;31"


class Align(enum.Enum):
    """The side on which a column's cells stand."""

    LEFT = "left"
    RIGHT = "right"


class Screen:
    """The two streams of a command and what they can show.

    Args:
        out: where data goes.
        err: where talk goes.
        env: the environment's NO_COLOR, CLICOLOR_FORCE, TERM and locale.
        color: False where the command line says `--no-color`.
    """

    def __init__(
        self, *, out: TextIO, err: TextIO, env: dict[str, str], color: bool = True
    ) -> None:
        self._out = out
        self._err = err
        self.is_terminal = _is_terminal(out)
        self.talks_to_terminal = _is_terminal(err)
        self.may_ask = self.talks_to_terminal and _is_terminal(sys.stdin)
        self._color = color and _wants_color(self.is_terminal, env)
        self._unicode = _says_unicode(out, env, is_terminal=self.is_terminal)
        self.width, height = _size(out)
        #: Lines of the terminal; None where everything can be read, as in a file.
        self.height = height if self.is_terminal else None

    def line(self, text: str = "") -> None:
        """Write one line of data.

        Raises:
            OutputLost: it cannot be written.
        """
        self._write(self.shown(text))

    def talk(self, text: str) -> None:
        """Write one line that is not data."""
        self._err.write(self.shown(text) + "\n")

    def progress(self, text: str) -> None:
        """Rewrite the last line of talk; silent where nobody watches."""
        if self.talks_to_terminal:
            self._err.write("\r\x1b[K" + self.shown(text))
            self._err.flush()

    def ask(self, question: str) -> bool:
        """Ask for a yes; anything else, also no answer, is a no."""
        self._err.write(self.shown(f"{question} [y/N] "))
        self._err.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def json(self, document: object) -> None:
        """Write one JSON document, indented, with a line end."""
        text = msgspec.json.format(msgspec.json.encode(document), indent=2)
        if isinstance(self._out, io.TextIOWrapper):
            self._out.reconfigure(encoding="utf-8")  # RFC 8259, section 8.1
        self._write(text.decode())

    def json_line(self, document: object) -> None:
        """Write one JSON document in a line, at once: somebody follows."""
        if isinstance(self._out, io.TextIOWrapper):
            self._out.reconfigure(encoding="utf-8")  # as above
        self._write(msgspec.json.encode(document).decode())
        self.flush()

    def paint(self, text: str, style: Style) -> str:
        """Set `text` off, where the terminal can."""
        if not self._color or style is Style.PLAIN:
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"

    def shown(self, text: str) -> str:
        """Return `text` in the characters that this terminal has."""
        if self._unicode:
            return text
        return text.translate(ASCII).encode("ascii", "replace").decode("ascii")

    def flush(self) -> None:
        """Hand everything to the reader.

        Raises:
            OutputLost: it cannot be written; a closed pipe shows here at the latest.
        """
        try:
            self._out.flush()
        except OSError as exc:
            raise OutputLost from exc

    def _write(self, text: str) -> None:
        try:
            self._out.write(text + "\n")
        except OSError as exc:
            raise OutputLost from exc


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, align: Sequence[Align]
) -> list[str]:
    """Set cells in columns, two spaces apart, without trailing space."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def set_row(cells: Sequence[str]) -> str:
        set_cells = [
            cell.rjust(width) if side is Align.RIGHT else cell.ljust(width)
            for cell, width, side in zip(cells, widths, align, strict=True)
        ]
        return "  ".join(set_cells).rstrip()

    return [set_row(head), *(set_row(row) for row in rows)]


def fold(text: str, *, width: int, first: str = "", rest: str = "  ") -> list[str]:
    """Break `text` at spaces so that lines fit, behind `first` and then `rest`.

    A word longer than a line stands alone and whole: a cut path helps nobody.
    Control characters, which a hostile file name could carry, become `?`.
    """
    lines: list[str] = []
    line, words = first, 0
    for word in text.translate(CONTROL).split():
        if words and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, words = rest, 0
        line += f" {word}" if words else word
        words += 1
    return [*lines, line]


def flow(parts: Iterable[str], *, width: int, rest: str = "  ") -> list[str]:
    """Set a list with commas, breaking lines between its parts alone."""
    lines: list[str] = []
    line = ""
    for part in parts:
        text = part.translate(CONTROL)
        if line and len(line) + len(", ") + len(text) + len(",") > width:
            lines.append(f"{line},")
            line = rest + text
        else:
            line = f"{line}, {text}" if line else text
    return [*lines, line]


def try_lines(hint: str, *, width: int) -> list[str]:
    """Set the next step, as it stands under every trouble and failure.

    A command is not folded: in two lines it cannot be copied from a terminal. A hint
    with commands in backticks is prose, and so is one with a comma or a colon between
    words; that is.
    """
    command = hint[1:-1] if hint.startswith("`") and hint.endswith("`") else hint
    if any(mark in command for mark in ("`", ", ", "; ", ": ")):
        return fold(hint, width=width, first="  try: ", rest="       ")
    return [f"  try: {command}".translate(CONTROL)]


def rows(lines: Iterable[str], *, width: int) -> int:
    """Count the rows of a terminal that lines take up."""
    return sum(max(1, -(-len(line) // width)) for line in lines)


def clip(text: str, width: int) -> str:
    """Cut `text` to `width`, marking the cut."""
    return text if len(text) <= width else text[: width - 1] + "…"


def ms_text(value: float | None) -> str:
    """Write milliseconds with three significant digits; `-` for unknown."""
    if value is None:
        return "-"
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004
    return f"{value:.{decimals}f}"


def standard_screen(*, color: bool) -> Screen:
    """Return the screen of this process; a stream that was closed swallows all."""
    return Screen(
        out=_open(sys.stdout), err=_open(sys.stderr), env=dict(os.environ), color=color
    )


def _open(stream: TextIO | None) -> TextIO:
    return open(os.devnull, "w", encoding="utf-8") if stream is None else stream  # noqa: PTH123  # lives as long as the process


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _wants_color(is_terminal: object, env: dict[str, str]) -> bool:
    if env.get("NO_COLOR"):
        return False
    if env.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return bool(is_terminal) and env.get("TERM", "dumb") != "dumb"


def _says_unicode(out: TextIO, env: dict[str, str], *, is_terminal: bool) -> bool:
    """Judge by terminal, locale and encoding.

    Python's own encoding is no witness: in the C locale it coerces itself to UTF-8
    (PEP 538, PEP 540), and sets LC_CTYPE while at it, so that is read last.
    """
    if is_terminal and env.get("TERM", "dumb") in OLD_TERMINALS:
        return False
    locale = env.get("LC_ALL") or env.get("LANG") or env.get("LC_CTYPE") or ""
    if locale in {"C", "POSIX"} or (locale == "" and is_terminal):
        return False
    try:
        "→…".encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _size(out: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(out.fileno())
    except (OSError, ValueError, AttributeError):
        return WIDTH, HEIGHT
    return size.columns or WIDTH, size.lines or HEIGHT
