"""The updater in one line: the same words for a log, `edgectl` and a test."""

import pytest

from edged.update.machine import STATES
from edged.update.moves import (
    Available,
    BackOff,
    Checking,
    Downloading,
    Held,
    Idle,
    Paused,
    Preflight,
    Staged,
    State,
    Verifying,
    Wanted,
)
from edged.update.report import ACTIVITIES, line, shares, subject, until_s
from edged.update.rollout import share
from edged.wire.updates import Activity, Reason, WhyNot
from tests.fakes.updates import published

PETS = Wanted(source="main", model="pets", version="1.15.0", seq=15, digest="d15")


def why(reason: Reason, model: str | None = "pets", text: str = "so") -> WhyNot:
    """Return a reason that stands."""
    return WhyNot(
        reason=reason,
        source="main",
        text=text,
        model=model,
        version=None if model is None else "1.15.0",
        since_utc="",
    )


def said(state: State, *why_not: WhyNot, heard: bool = True) -> str:
    """Return the line of a state."""
    return line(state, why_not, sources=("main", "site-2"), heard=heard)


def test_every_state_has_its_word() -> None:
    """And every word its state."""
    assert set(STATES) == set(ACTIVITIES)
    assert set(Activity) == set(ACTIVITIES.values())


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Idle(), "up to date"),
        (Checking(), "asks main, site-2"),
        (Available(wanted=PETS), "fetches its manifest and its index"),
        (Preflight(wanted=PETS), "looks whether this box can take it"),
        (
            Downloading(wanted=PETS, total_bytes=3 << 20, kept_bytes=0),
            "fetches 3.0 MiB",
        ),
        (
            Downloading(wanted=PETS, total_bytes=3 << 20, kept_bytes=1 << 20),
            "fetches 3.0 MiB, 1.0 MiB of it are here",
        ),
        (Verifying(wanted=PETS), "hashes what was fetched"),
        (Staged(wanted=PETS), "is handed to the daemon"),
        (Staged(wanted=PETS, change=4), "the daemon proves it, change 4"),
        (Held(reason=Reason.WINDOW), "window"),
        (BackOff(reason=Reason.CUT, next_s=1.0), "cut"),
        (Paused(by="ann"), "paused by ann"),
        (Paused(by=""), "paused"),
    ],
    ids=str,
)
def test_a_state_says_what_happens(state: State, text: str) -> None:
    """Also where no reason is known in words."""
    assert said(state).endswith(text)


def test_a_release_on_its_way_is_named() -> None:
    """By model, version and seq."""
    assert said(Preflight(wanted=PETS)).startswith("pets 1.15.0 (seq 15): ")


def test_a_held_release_says_why() -> None:
    """In the words of the reason that holds it, not of another."""
    state = Held(reason=Reason.WINDOW)

    text = said(state, why(Reason.HALTED, text="no"), why(Reason.WINDOW, text="later"))

    assert "pets 1.15.0: later" == text


def test_a_source_that_is_not_heard_is_named() -> None:
    """It stands for no model."""
    state = BackOff(reason=Reason.TLS, next_s=1.0)

    assert "main: so" == said(state, why(Reason.TLS, None))


def test_a_box_with_nothing_to_take_says_what_it_does_not_take() -> None:
    """Up to date would be a lie."""
    text = said(Idle(), why(Reason.HALTED))

    assert "nothing to take; pets 1.15.0: so" == text


def test_who_has_not_been_told_anything_is_not_up_to_date() -> None:
    """Before the first look, and while a source does not answer."""
    assert "no source has been asked since the start" == said(Idle(), heard=False)


def test_what_a_restart_cut_off_is_told() -> None:
    """Until a source is asked, it is all that is known."""
    told = line(Idle(), (), sources=("main",), heard=False, cut=PETS)

    assert f"goes on with {PETS} when its source is asked" == told
    assert "so" == said(Idle(), why(Reason.TLS, None), heard=False)


@pytest.mark.parametrize(
    ("state", "about", "until"),
    [
        (Idle(), None, None),
        (Staged(wanted=PETS), PETS, None),
        (Held(reason=Reason.WINDOW, until_s=7.0, wanted=PETS), PETS, 7.0),
        (BackOff(reason=Reason.CUT, next_s=8.0), None, 8.0),
        (Paused(by="ann", until_s=9.0), None, 9.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_state_has_its_subject_and_its_end(
    state: State, about: Wanted | None, until: float | None
) -> None:
    """Where it has one."""
    assert (about, until) == (subject(state), until_s(state))


def test_a_box_has_a_place_in_each_roll_out() -> None:
    """That of a model's newest release."""
    offers = [published(seq, size=8).offer for seq in (16, 15)]

    found = shares(offers, "box-1")

    assert {"pets": round(share("box-1", "pets", 16), 4)} == found
