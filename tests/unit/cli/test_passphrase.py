"""Where passphrases come from."""

import io

import pytest

from edged.cli.output import Screen
from edged.cli.passphrase import Passphrases
from edged.errors import InvalidRequest


def screen_of(*, terminal: bool) -> Screen:
    """Return a screen with or without somebody in front of it."""
    made = Screen(out=io.StringIO(), err=io.StringIO(), env={})
    made.may_ask = terminal
    return made


class Typist:
    """Types one answer after the other."""

    def __init__(self, *answers: str) -> None:
        self.left = list(answers)

    def __call__(self, _: str) -> str:
        """Type the next."""
        return self.left.pop(0)


def test_the_environment_is_asked_first() -> None:
    """A nightly job has no terminal."""
    typist = Typist("typed")
    asked = Passphrases(
        screen_of(terminal=True), {"EDGED_KEY_PASSPHRASE": "set"}, typist
    )

    assert ("set", "set", ["typed"]) == (asked.known("?"), asked.fresh(), typist.left)


def test_a_person_is_asked_on_a_terminal() -> None:
    """Once for a key there is, twice for a new one."""
    typist = Typist("old", "new", "new")
    asked = Passphrases(screen_of(terminal=True), {}, typist)

    assert ("old", "new", []) == (asked.known("?"), asked.fresh(), typist.left)


def test_a_slip_in_a_new_passphrase_is_found() -> None:
    """The key could never be opened."""
    asked = Passphrases(screen_of(terminal=True), {}, Typist("new", "mew"))

    with pytest.raises(InvalidRequest, match="the second was another"):
        asked.fresh()


@pytest.mark.parametrize(
    ("terminal", "env"),
    [(True, {}), (False, {}), (False, {"EDGED_KEY_PASSPHRASE": ""})],
)
def test_a_new_key_may_do_without(
    terminal: bool,  # noqa: FBT001  # a parameter
    env: dict[str, str],
) -> None:
    """By an empty answer, or where there is nobody."""
    assert Passphrases(screen_of(terminal=terminal), env, Typist("")).fresh() is None


def test_nobody_is_asked_where_nobody_is() -> None:
    """The key says what it lacks."""
    assert Passphrases(screen_of(terminal=False), {}, Typist()).known("?") is None
