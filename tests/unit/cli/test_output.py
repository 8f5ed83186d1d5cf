"""Text, tables and JSON for people and scripts."""

import io
import json

import msgspec
import pytest

from edged.cli.output import (
    Align,
    Screen,
    Style,
    clip,
    fold,
    ms_text,
    rows,
    table,
    try_lines,
)


class Console(io.StringIO):
    """A terminal that remembers."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say that this is a terminal."""
        return True


def screen(out: io.StringIO, **env: str) -> Screen:
    """Return a screen on `out` in an environment."""
    return Screen(out=out, err=io.StringIO(), env=env)


def test_a_terminal_gets_colour() -> None:
    """A modern terminal shows the verdict in colour."""
    on = screen(Console(), TERM="xterm", LANG="C.UTF-8")

    assert on.paint("OK", Style.GOOD) == "\x1b[1;32mOK\x1b[0m"


@pytest.mark.parametrize(
    "env", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}]
)
def test_who_wants_no_colour_gets_none(env: dict[str, str]) -> None:
    """NO_COLOR, a dumb terminal and an unknown one stay plain."""
    assert screen(Console(), **env).paint("OK", Style.GOOD) == "OK"


def test_a_pipe_gets_no_colour_unless_forced() -> None:
    """A file has no escape codes; CLICOLOR_FORCE is for pagers that can."""
    plain = screen(io.StringIO(), TERM="xterm")
    forced = screen(io.StringIO(), TERM="xterm", CLICOLOR_FORCE="1")

    assert ("OK", "\x1b[1;31mOK\x1b[0m") == (
        plain.paint("OK", Style.BAD),
        forced.paint("OK", Style.BAD),
    )


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "vt220", "LANG": "en_GB.UTF-8"},
        {"TERM": "xterm", "LANG": "C", "LC_CTYPE": "C.UTF-8"},
        {"TERM": "xterm", "LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"},
        {"TERM": "linux"},
    ],
)
def test_a_console_that_cannot_say_it_gets_ascii(env: dict[str, str]) -> None:
    """Serial terminals and the C locale see an arrow as two signs."""
    out = Console()

    screen(out, **env).line("82 °C → cool it … naïve")

    assert out.getvalue() == "82 deg C -> cool it ... na?ve\n"


def test_a_modern_terminal_gets_unicode() -> None:
    """Nothing is changed where it can be shown."""
    out = Console()

    screen(out, TERM="xterm", LANG="en_GB.UTF-8").line("a → b …")

    assert out.getvalue() == "a → b …\n"


def test_json_is_one_document() -> None:
    """A script reads stdout whole."""
    out = io.StringIO()

    class Point(msgspec.Struct):
        x: int

    screen(out).json(Point(x=1))

    assert {"x": 1} == json.loads(out.getvalue())


def test_progress_is_for_terminals() -> None:
    """A log file has no carriage returns."""
    err = io.StringIO()

    Screen(out=io.StringIO(), err=err, env={}).progress("50 %")

    assert err.getvalue() == ""


def test_a_table_stands_in_columns() -> None:
    """Numbers end in one column, words begin in one, no line ends with blanks."""
    lines = table(
        ("NAME", "N"), [("a", "5"), ("long", "")], align=(Align.LEFT, Align.RIGHT)
    )

    assert lines == ["NAME  N", "a     5", "long"]


def test_a_long_text_is_folded_at_blanks() -> None:
    """Lines fit, and later ones are indented."""
    lines = fold("one two three four", width=12, first="- ")

    assert lines == ["- one two", "  three four"]


def test_a_long_word_stays_whole() -> None:
    """A path that is cut cannot be copied."""
    assert fold("at /a/very/long/path now", width=8) == [
        "at",
        "  /a/very/long/path",
        "  now",
    ]


def test_a_text_cannot_drive_the_terminal() -> None:
    """An escape code in a file name does nothing."""
    assert fold("bad \x1b[2Jname\x9b", width=80) == ["bad ?[2Jname?"]


def test_a_hint_can_be_copied() -> None:
    """The next step is set off by `try:` and stays in one line."""
    hint = f"`edgectl status --socket /{'long' * 30}`"

    lines = try_lines(hint, width=80)

    assert [f"  try: edgectl status --socket /{'long' * 30}"] == lines


def test_a_hint_in_prose_is_folded() -> None:
    """Commands in it stand in backticks."""
    lines = try_lines("`a b` mends it; `c d` goes back", width=20)

    assert ["  try: `a b` mends", "       it; `c d`", "       goes back"] == lines


def test_rows_are_counted_as_a_terminal_wraps() -> None:
    """An empty line takes a row, a long one several."""
    assert 1 + 1 + 2 == rows(["", "x" * 80, "x" * 81], width=80)


def test_a_cut_is_marked() -> None:
    """A name that does not fit ends with a sign."""
    assert ("abc", "ab…") == (clip("abc", 3), clip("abcd", 3))


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.214, "0.21"), (12.34, "12.3"), (345.6, "346")]
)
def test_milliseconds_have_three_digits(value: float | None, text: str) -> None:
    """More digits would be noise."""
    assert text == ms_text(value)
