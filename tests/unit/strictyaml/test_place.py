"""Faults: where they say they are, and what they show."""

import pytest

from edged.strictyaml import document
from edged.strictyaml.place import (
    MAX_FAULTS,
    Fault,
    Invalid,
    Node,
    Place,
    Report,
    listing,
    nearest,
    printable,
    shown,
)


def test_a_fault_reads_file_line_column_key_message_hint_and_caret() -> None:
    """People see where, what, what to do, and the line itself."""
    report = Report("edged.yaml", "a: 1\nserver:\n  mode: 8\n")

    report.add(Node(2, 8), "server.mode", "cannot use this", "write 0660")

    assert str(report.faults[0]) == (
        "edged.yaml:3:9: server.mode: cannot use this (write 0660)\n"
        "      mode: 8\n"
        "            ^"
    )


def test_a_fault_without_a_place_says_the_file_alone() -> None:
    """A file that cannot be read has no line."""
    report = Report("edged.yaml")

    report.add(None, "", "cannot read the file: permission denied")

    expected = "edged.yaml: cannot read the file: permission denied"
    assert expected == str(report.faults[0])


def test_the_caret_stays_under_its_column_in_a_long_line() -> None:
    """A long line is quoted around the fault, not from its start."""
    text = "x" * 300 + "@" + "y" * 300
    report = Report("f", text)

    report.add(Node(0, 300), "", "cannot")

    quoted, caret = report.faults[0].excerpt.splitlines()
    assert quoted[caret.index("^")] == "@"


def test_a_fault_cannot_steer_a_terminal() -> None:
    """Escape sequences in a file do not reach the screen."""
    report = Report("f", "\x1b[31mred")

    report.add(Node(0, 1), "\x1b[31m", printable("\x1b[0m"))

    assert "\x1b" not in str(report.faults[0])


def test_faults_beyond_the_bound_are_counted_only() -> None:
    """A hostile file cannot make an endless message."""
    report = Report("f")

    for _ in range(MAX_FAULTS + 7):
        report.add(None, "", "cannot")

    assert (MAX_FAULTS, 7) == (len(report.faults), report.dropped)
    assert report.text().endswith("and 7 more")
    assert repr(report) == f"f: {MAX_FAULTS + 7} faults"


def test_faults_are_listed_from_the_top_down() -> None:
    """Keys are checked by table, but read by line."""
    report = Report("f", "a\nb\n")
    report.add(Node(1, 0), "b", "cannot b")
    report.add(Node(0, 0), "a", "cannot a")

    found = [fault.key for fault in report.in_order()]

    assert found == ["a", "b"]


def test_a_listing_counts_before_it_lists() -> None:
    """The first line says how many."""
    fault = Fault(file="f", message="cannot")

    assert listing([fault]) == "1 problem\nf: cannot"
    assert listing([fault, fault]).startswith("2 problems\n")


def test_the_nearest_name_is_offered_and_no_distant_one() -> None:
    """A hint that is wrong is worse than none."""
    known = ("head-timeout", "body-timeout", "mode")

    assert nearest("head-timeot", known) == "did you mean 'head-timeout'?"
    assert nearest("colour", known) == ""


def test_shown_text_is_short() -> None:
    """What was found is quoted, not repeated."""
    assert shown("x" * 100) == "x" * 39 + "…"


def test_what_stands_in_a_place_has_a_name() -> None:
    """`found …` names text, nothing, lists and maps."""
    top = document.read(b"- 1\n- ''\n-\n- []\n- {}\n", "f")

    found = [item.found for item in top.items("read a list", "a list")]

    assert found == ["1", '""', "nothing", "a list", "keys and values"]


def test_a_path_leads_to_the_place_below() -> None:
    """Rules over a whole file point at the value they are about."""
    top = document.read(b"a:\n  - {b: 1}\n  - {b: 2}\n", "f")

    place = top.at("a", 1, "b")

    assert repr(place) == "f:3: a[1].b"
    assert place.found == "2"


def test_a_path_to_an_absent_key_ends_at_the_last_node() -> None:
    """A fault about what is missing has a line too."""
    top = document.read(b"a:\n  b: 1\n", "f")

    place = top.at("a", "c")

    assert (place.key, place.node.line) == ("a.c", 1)


def test_refused_content_is_not_reported_twice() -> None:
    """A value that was an alias does not also have a wrong type."""
    report = Report("f")
    place = Place(report, Node(0, 0), "a")

    for read in (
        place.entries,
        lambda: place.items("read", "x"),
        lambda: place.scalar("read", "x"),
    ):
        with pytest.raises(Invalid):
            read()

    assert report.faults == []
