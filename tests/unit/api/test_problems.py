"""The table of HTTP statuses, and the two bodies of an error."""

import json

import pytest

from edged import errors
from edged.api import problems
from edged.errors import EdgedError


def test_the_table_is_total_over_the_tree_and_says_nothing_else() -> None:
    """Every error has a status; a code that is gone has none left behind."""
    codes = {error.code for error in errors.tree()}

    assert codes == problems.STATUS.keys()


@pytest.mark.parametrize("kind", list(errors.tree()))
def test_a_refusal_is_the_callers_and_a_breakage_is_ours(
    kind: type[EdgedError],
) -> None:
    """4xx for what the caller can change, 5xx for the rest, but for HTTP's own 408."""
    status = problems.status_of(kind("cannot: why"))

    callers = issubclass(kind, errors.Refused)
    expected = "4" if callers else "5"
    special = {"unsupported": "501", "slow-request": "408"}
    assert special.get(kind.code, expected) in {str(status.value), str(status)[0]}


def test_a_problem_tells_code_hint_and_fields() -> None:
    """RFC 9457, with what a client needs to raise the same error again."""
    error = errors.QueueFull(
        "cannot take it", retry_after_s=0.25, hint="wait", depth=64, odd={1}
    )

    answer = problems.control_answer(error)

    assert isinstance(answer.body, bytes)
    assert {
        "type": "about:blank",
        "title": "queue full",
        "status": 503,
        "detail": "cannot take it",
        "code": "queue-full",
        "hint": "wait",
        "retry_after_s": 0.25,
        "fields": {"depth": 64, "odd": [1]},
    } == json.loads(answer.body)
    assert ("application/problem+json", "1") == (
        answer.content_type,
        answer.headers["Retry-After"],
    )


def test_on_the_data_socket_the_text_carries_the_hint() -> None:
    """A stock client shows `error` and nothing else."""
    error = errors.UnknownVersion("cannot find it", hint="ask for 2")

    answer = problems.data_answer(error)

    assert isinstance(answer.body, bytes)
    assert {"error": "cannot find it (ask for 2)"} == json.loads(answer.body)
    assert ("application/json", "unknown-version") == (
        answer.content_type,
        answer.headers["Edged-Code"],
    )
