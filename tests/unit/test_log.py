"""What a log record becomes."""

import io
import logging

import pytest

from edged.log import (
    MESSAGE_MAX_CHARS,
    Fields,
    JournalHandler,
    PlainFormatter,
    datagram,
    entry,
    is_journal,
)


def record(level: int = logging.WARNING, **extra: object) -> logging.LogRecord:
    """Return a record as a room would make it."""
    logger = logging.getLogger("edged.serve")
    made = logger.makeRecord(
        logger.name,
        level,
        "/x/serve.py",
        7,
        "cannot %s",
        ("load",),
        None,
        "load",
        extra,
    )
    made.created = 0.0
    return made


def test_fields_of_edged_go_to_the_journal_in_capitals() -> None:
    """`journalctl EDGED_MODEL=digits` finds the record."""
    actual = entry(record(edged_model="digits", other=1), "cannot load", "edged")

    expected = {
        "MESSAGE": "cannot load",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "edged",
        "LOGGER": "edged.serve",
        "CODE_FILE": "/x/serve.py",
        "CODE_LINE": "7",
        "CODE_FUNC": "load",
        "EDGED_MODEL": "digits",
    }
    assert expected == actual


def test_a_record_with_a_code_has_an_id_of_its_own() -> None:
    """`journalctl -x` looks its text up by this id, which is the code's alone."""
    coded = entry(record(edged_code="bad-model", edged_model="digits"), "", "edged")
    other = entry(record(edged_code="held"), "", "edged")

    assert "7fac8d07658353abb4a3aeab5d28ca6d" == coded["MESSAGE_ID"]
    assert coded["MESSAGE_ID"] != other["MESSAGE_ID"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.CRITICAL, "2"),
        (logging.ERROR, "3"),
        (logging.WARNING, "4"),
        (logging.INFO, "6"),
        (logging.DEBUG, "7"),
        (5, "7"),
    ],
)
def test_levels_are_syslog_priorities(level: int, expected: str) -> None:
    """`journalctl -p err` shows errors and worse."""
    actual = entry(record(level), "", "edged")["PRIORITY"]

    assert expected == actual


def test_an_entry_is_bounded() -> None:
    """A message of a megabyte does not become a datagram of a megabyte."""
    fields = entry(record(edged_code="y" * 10**6), "x" * 10**6, "edged")

    assert 2 * MESSAGE_MAX_CHARS < len(datagram(fields)) < 2 * MESSAGE_MAX_CHARS + 350


def test_a_line_break_cannot_begin_a_field() -> None:
    """Values with line breaks go by length, as the protocol has it."""
    actual = datagram({"A": "plain", "B": "two\nPRIORITY=0"})

    expected = b"A=plain\nB\n\x0e\x00\x00\x00\x00\x00\x00\x00two\nPRIORITY=0\n"
    assert expected == actual


def test_a_plain_line_has_time_level_text_and_fields() -> None:
    """A terminal or a file gets one readable line in UTC."""
    actual = PlainFormatter().format(
        record(edged_model="digits", edged_code="bad-model")
    )

    expected = "1970-01-01T00:00:00Z WARNING cannot load [model=digits code=bad-model]"
    assert expected == actual


def test_what_the_journal_does_not_take_goes_to_stderr() -> None:
    """A daemon that cannot log goes on, and its words are not lost."""

    def refuse(_: Fields) -> None:
        raise ConnectionRefusedError

    stream = io.StringIO()

    JournalHandler(refuse, name="edged", fallback=stream).handle(record())

    assert "cannot load\n" == stream.getvalue()


def test_a_stream_without_a_descriptor_is_no_journal() -> None:
    """A test's or a debugger's stream is never mistaken for the journal."""
    actual = is_journal(io.StringIO(), {"JOURNAL_STREAM": "8:1234"})

    assert not actual
