"""The fuzzer's claims, on its corpus and on what hypothesis makes of it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.api.express_intake import Intake
from tests.fuzz.express import check

CORPUS = sorted((Path(__file__).parent / "corpus" / "express").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus_holds(path: Path) -> None:
    """In pieces of several lengths; the whole takes no fewer requests than parts."""
    raw = path.read_bytes()[1:]

    whole = check(b"\0" + raw)

    assert all(check(bytes([size]) + raw) <= whole for size in (1, 2, 7, 64, 255))


def test_the_corpus_has_both_kinds() -> None:
    """What the reader takes, and what it leaves."""
    taken = {path.name: check(path.read_bytes()) for path in CORPUS}

    assert 2 == taken["register"] == taken["large-body"] == taken["pieces-of-7"] + 2
    assert 0 == taken["length-twice"] == taken["length-and-chunked"] == taken["folded"]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw some of the corpus with a few bytes replaced, added or lost."""
    raw = draw(st.sampled_from(CORPUS)).read_bytes()
    raw += draw(st.sampled_from(CORPUS)).read_bytes()[1:]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        lost = draw(st.integers(0, 3))
        raw = raw[:at] + draw(st.binary(max_size=4)) + raw[at + lost :]
    return raw


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_damage_is_no_matter(data: bytes) -> None:
    """Nothing is lost, read twice or read in two ways."""
    check(data)


def test_a_reader_that_loses_a_byte_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claims can fail."""
    real = Intake.unread
    monkeypatch.setattr(Intake, "unread", lambda self: real(self)[1:])

    with pytest.raises(AssertionError):
        check(b"\0GET / HTTP/1.1\r\n\r\n")
