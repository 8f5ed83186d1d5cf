"""Every error has a verdict; only what is about the release ends an attempt."""

import errno

import pytest

from edged import errors
from edged.errors import EdgedError, tree
from edged.update.verdicts import Turn, Verdict, step_verdict, verdict
from edged.wire.changes import Step, StepTaken
from edged.wire.updates import Reason


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.code)
def test_every_error_has_a_verdict(kind: type[EdgedError]) -> None:
    """None of the tree is left out, also not a new one."""
    judged = verdict(kind("cannot do that: no", hint="do this"))

    assert ("cannot do that: no", "do this") == (judged.text, judged.hint)


@pytest.mark.parametrize(
    ("error", "turn", "reason"),
    [
        (errors.NoDaemon("cannot"), Turn.RETRY, Reason.DAEMON_AWAY),
        (errors.Draining("cannot"), Turn.RETRY, Reason.DAEMON_AWAY),
        (errors.NotPermitted("cannot"), Turn.RETRY, Reason.DAEMON_AWAY),
        (errors.ChangeUnderWay("cannot"), Turn.WAIT, Reason.UNDER_WAY),
        (errors.Pinned("cannot"), Turn.WAIT, Reason.PINNED),
        (errors.NoMemory("cannot"), Turn.RETRY, Reason.BUSY),
        (errors.Quarantined("cannot"), Turn.END, Reason.QUARANTINED),
        (errors.Held("cannot"), Turn.END, Reason.TO_DECIDE),
        (errors.Rejected("cannot"), Turn.END, Reason.REFUSED),
        (errors.SignatureChanged("cannot"), Turn.END, Reason.REFUSED),
        (errors.BadModel("cannot"), Turn.END, Reason.REFUSED),
        (errors.NoInput("cannot"), Turn.RETRY, Reason.STORE_FAILED),
        (errors.StoreFailed("cannot"), Turn.RETRY, Reason.STORE_FAILED),
        (
            errors.StoreFailed("cannot", errno=errno.ENOSPC),
            Turn.WAIT,
            Reason.NO_SPACE,
        ),
        (errors.NotFetched("cannot", reason="cut"), Turn.RETRY, Reason.CUT),
        (errors.NotFetched("cannot"), Turn.RETRY, Reason.UNREACHABLE),
        (errors.NotFetched("cannot", reason="?"), Turn.RETRY, Reason.UNREACHABLE),
        (errors.Untrusted("cannot", reason="rollback"), Turn.RETRY, Reason.ROLLBACK),
    ],
    ids=lambda value: getattr(value, "value", None) or getattr(value, "code", None),
)
def test_errors_mean_what_people_are_told(
    error: EdgedError, turn: Turn, reason: Reason
) -> None:
    """The table, by the errors that a box meets."""
    judged = verdict(error)

    assert (turn, reason) == (judged.turn, judged.reason)


def test_files_that_the_daemon_lost_are_sent_next_time() -> None:
    """It is not the release's fault; a bundle that lies is."""
    lost = errors.BadBundle("cannot take bundle: it lacks files", missing=["ab" * 32])

    judged = verdict(lost), verdict(errors.BadBundle("cannot take bundle: it lies"))

    assert [Turn.RETRY, Turn.END] == [one.turn for one in judged]


def test_a_host_says_when_to_come_back() -> None:
    """`Retry-After` goes along."""
    judged = verdict(
        errors.NotFetched("cannot", reason="host-busy", retry_after_s=90.0)
    )

    assert (Reason.HOST_BUSY, 90.0) == (judged.reason, judged.retry_after_s)


@pytest.mark.parametrize(
    ("code", "turn", "reason"),
    [
        ("rejected", Turn.END, Reason.REFUSED),
        ("draining", Turn.RETRY, Reason.DAEMON_AWAY),
        ("no-memory", Turn.RETRY, Reason.BUSY),
        ("of-a-newer-edged", Turn.END, Reason.REFUSED),
        ("", Turn.END, Reason.REFUSED),
    ],
)
def test_a_refused_change_is_judged_by_its_code(
    code: str, turn: Turn, reason: Reason
) -> None:
    """A daemon that stopped in a trial says nothing about the release."""
    taken = StepTaken(
        step=Step.REFUSED, at_utc="2026-11-24T06:00:00Z", code=code, why="no", hint="h"
    )

    assert Verdict(turn=turn, reason=reason, text="no", hint="h") == step_verdict(taken)
