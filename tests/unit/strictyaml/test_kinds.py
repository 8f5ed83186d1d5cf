"""Kinds: what each accepts, what it says otherwise, and that it writes it back."""

import enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.strictyaml import document, emit
from edged.strictyaml.kinds import (
    Choice,
    Duration,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    Number,
    Record,
    Size,
    Text,
    Whole,
)
from edged.strictyaml.place import Invalid


class Color(enum.Enum):
    """A choice."""

    RED = "red"
    GREEN = "green"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A record."""

    x: int
    y: int = 0
    tags: dict[str, bool] = {}


WORD = Text(r"[a-z0-9.]+", "lowercase letters")
POINT = Record(Point, {"x": Whole(0, 9), "y": Whole(0, 9), "tags": MapOf(WORD, Flag())})


def read(kind: Kind[Any], text: str) -> object:
    """Return the value, or the faults as `key: message (hint)`."""
    top = document.read(f"k: {text}\n".encode(), "f").at("k")
    try:
        return kind.read(top)
    except Invalid:
        return [
            f"{fault.key}: {fault.message}" + (f" ({fault.hint})" if fault.hint else "")
            for fault in top.report.in_order()
        ]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (WORD, "no", "no"),
        (WORD, "1.10", "1.10"),
        (WORD, '"on"', "on"),
        (Whole(-5, 99), "-5", -5),
        (Whole(0, 99), "0", 0),
        (Number(0, 1), "1", 1.0),
        (Number(0, 1), "1e-3", 0.001),
        (Number(0, 1), ".5", 0.5),
        (Flag(), "true", True),
        (Flag(), "false", False),
        (Choice(Color), "green", Color.GREEN),
        (Duration("0ms", "1d"), "500ms", 0.5),
        (Duration("0ms", "1d"), "5min", 300.0),
        (Size("0B", "1GiB"), "64MiB", 64 << 20),
        (Maybe(Flag()), "null", None),
        (Maybe(Flag()), "", None),
        (Maybe(Flag()), "true", True),
        (ListOf(Whole(0, 9)), "[1, 2]", (1, 2)),
        (ListOf(Whole(0, 9)), "[]", ()),
        (MapOf(WORD, Flag()), "{a: true}", {"a": True}),
        (POINT, "{x: 1}", Point(x=1)),
        (POINT, "{y: 2, x: 1, tags: {a: true}}", Point(x=1, y=2, tags={"a": True})),
    ],
)
def test_good_text_is_read(kind: Kind[Any], text: str, expected: object) -> None:
    """The key decides what a scalar means."""
    assert expected == read(kind, text)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (WORD, "A", "k: cannot use this text, found A, allowed lowercase letters"),
        (WORD, "", "k: cannot read text, found nothing, allowed lowercase letters"),
        (WORD, "[a]", "k: cannot read text, found a list, allowed lowercase letters"),
        (
            Whole(0, 9),
            "017",
            (
                "k: cannot read a whole number, found 017, allowed a whole number from"
                " 0 to 9 (a leading zero would be octal for some readers)"
            ),
        ),
        (
            Whole(0, 9),
            '"5"',
            (
                'k: cannot read a whole number, found "5", allowed a whole number from'
                " 0 to 9 (write it without quotes)"
            ),
        ),
        (
            Whole(0, 9),
            "10",
            "k: cannot use this number, found 10, allowed a whole number from 0 to 9",
        ),
        (
            Number(0, 1),
            "1e999",
            "k: cannot use this number, found 1e999, allowed a number from 0 to 1",
        ),
        (
            Flag(),
            "yes",
            "k: cannot read a yes or no, found yes, allowed true or false (write true)",
        ),
        (
            Flag(),
            "False",
            (
                "k: cannot read a yes or no, found False, allowed true or false"
                " (write false)"
            ),
        ),
        (
            Flag(),
            '"true"',
            (
                'k: cannot read a yes or no, found "true", allowed true or false'
                " (write true)"
            ),
        ),
        (
            Choice(Color),
            "gren",
            (
                "k: cannot use this word, found gren, allowed red, green"
                " (did you mean 'green'?)"
            ),
        ),
        (
            Duration("1s", "1h"),
            "30",
            (
                "k: cannot read a duration, found 30, allowed a duration from 1s to 1h,"
                " like 30s (say the unit: ms, s, min, h, d)"
            ),
        ),
        (
            Duration("1s", "1h"),
            "2h",
            (
                "k: cannot use this duration, found 2h, allowed a duration from 1s to"
                " 1h, like 30s"
            ),
        ),
        (
            Size("1B", "1GiB"),
            "64MB",
            (
                "k: cannot read a size, found 64MB, allowed a size from 1B to 1GiB,"
                " like 64MiB (whole numbers and a unit: B, KiB, MiB, GiB)"
            ),
        ),
        (
            ListOf(Flag(), low=1, high=2),
            "[]",
            (
                "k: cannot use this list, found 0 items, allowed a list of 1 to 2,"
                " each true or false"
            ),
        ),
        (
            ListOf(Flag()),
            "true",
            (
                "k: cannot read a list, found true, allowed a list of 0 to 1024,"
                " each true or false"
            ),
        ),
        (
            MapOf(WORD, Flag(), high=1),
            "{a: true, b: true}",
            "k: cannot use this map, found 2 keys, allowed 1",
        ),
        (
            MapOf(WORD, Flag()),
            "{A: true}",
            "k.A: cannot use this key, allowed lowercase letters",
        ),
        (POINT, "{y: 1}", "k: cannot do without the key 'x'"),
        (
            POINT,
            "7",
            "k: cannot read keys and values, found 7, allowed `key: value` lines",
        ),
    ],
)
def test_bad_text_says_what_was_found_and_what_is_allowed(
    kind: Kind[Any], text: str, expected: str
) -> None:
    """One sentence is enough to repair it."""
    assert [expected] == read(kind, text)


@pytest.mark.parametrize("text", ["0x1F", "0o17", "1_000", "1:20", "+1", "1.0", ".inf"])
def test_only_decimal_digits_are_a_whole_number(text: str) -> None:
    """YAML 1.1 reads most of these as numbers nobody meant."""
    (found,) = read(Whole(0, 10**6), text)  # type: ignore[misc]

    assert found.startswith("k: cannot read a whole number")


@pytest.mark.parametrize("text", [".inf", ".nan", "1:20", "1_0.0", "0x1p3", "9" * 400])
def test_only_finite_decimals_are_a_number(text: str) -> None:
    """No infinity, no NaN, no sexagesimal."""
    (found,) = read(Number(0, 1), text)  # type: ignore[misc]

    assert "cannot" in found


def test_a_record_reports_everything_wrong_with_it() -> None:
    """Missing, unknown and bad keys come together."""
    found = read(POINT, "{y: 99, z: 1, tags: {a: 1, b: 2}}")

    assert found == [
        "k: cannot do without the key 'x'",
        "k.y: cannot use this number, found 99, allowed a whole number from 0 to 9",
        "k.z: cannot use this key, allowed x, y, tags",
        "k.tags.a: cannot read a yes or no, found 1, allowed true or false",
        "k.tags.b: cannot read a yes or no, found 2, allowed true or false",
    ]


def test_a_record_writes_no_defaults() -> None:
    """What a person would not write is not written, unless it is to be spoken."""
    spoken = Record(Point, {"x": Whole(0, 9), "y": Whole(0, 9)}, spoken=("y",))

    assert POINT.write(Point(x=1)) == {"x": 1}
    assert spoken.write(Point(x=1)) == {"x": 1, "y": 0}


def back(kind: Kind[Any], value: object) -> object:
    """Return what reading finds in what writing said."""
    return read(kind, emit.flow(kind.write(value)))


@given(st.integers(0, 86_400_000))
def test_durations_come_back(milliseconds: int) -> None:
    """`write` and `read` are inverse to a millisecond."""
    seconds = milliseconds / 1000

    assert seconds == back(Duration("0ms", "1d"), seconds)


@given(st.integers(0, 1 << 40))
def test_sizes_come_back(size: int) -> None:
    """`write` and `read` are inverse."""
    assert size == back(Size("0B", "1024GiB"), size)


@given(st.floats(-1e300, 1e300))
def test_numbers_come_back(value: float) -> None:
    """No digit is lost."""
    assert value == back(Number(-1e300, 1e300), value)


@given(
    st.integers(0, 9),
    st.dictionaries(st.from_regex(WORD._pattern, fullmatch=True), st.booleans()),
)
def test_records_come_back(number: int, tags: dict[str, bool]) -> None:
    """Also with keys that look like numbers."""
    point = Point(x=number, tags=tags)

    assert point == back(POINT, point)
