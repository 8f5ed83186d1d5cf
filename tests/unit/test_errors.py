"""The tree of failures."""

import re
from collections import Counter

import pytest

from edged.errors import (
    Broken,
    Busy,
    EdgedError,
    QueueFull,
    Refused,
    by_code,
    tree,
)

EVERY = list(tree())


def test_codes_are_unique() -> None:
    """A code means one class, on the wire and in scripts."""
    counts = Counter(error.code for error in EVERY)

    assert [] == [code for code, count in counts.items() if count > 1]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.code)
def test_a_code_is_a_kebab_word_that_leads_back(error: type[EdgedError]) -> None:
    """A client that reads the code raises the same class."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
    assert error is by_code(error.code)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.code)
def test_every_failure_says_who_can_act(error: type[EdgedError]) -> None:
    """Below the root there are three kinds, and nothing beside them."""
    kinds = [kind for kind in (Refused, Busy, Broken) if issubclass(error, kind)]

    assert (0 if error is EdgedError else 1) == len(kinds)


def test_an_unknown_code_is_nobodys() -> None:
    """A newer daemon may know more than we do."""
    assert by_code("from-the-future") is None


def test_a_failure_keeps_its_parts() -> None:
    """Sentence, hint, fields and the guess of when to come again."""
    error = QueueFull(
        "cannot queue: 64 wait", retry_after_s=0.5, hint="try again", limit=64
    )

    actual = (error.message, str(error), error.retry_after_s, error.hint, error.fields)

    expected_text = "cannot queue: 64 wait"
    assert (expected_text, expected_text, 0.5, "try again", {"limit": 64}) == actual
    assert f"QueueFull({expected_text!r})" == repr(error)
