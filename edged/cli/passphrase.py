"""Passphrases of private keys: from the environment, or asked on a terminal.

Law: never in arguments, which everybody sees in `ps`; never printed or stored.
"""

from collections.abc import Callable, Mapping
from getpass import getpass

from edged.cli.output import Screen
from edged.errors import InvalidRequest

VARIABLE = "EDGED_KEY_PASSPHRASE"


class Passphrases:
    """Where this command gets them.

    Args:
        screen: says whether there is a terminal to ask on.
        env: the environment.
        ask: shows a question and reads an answer without showing it.
    """

    def __init__(
        self,
        screen: Screen,
        env: Mapping[str, str],
        ask: Callable[[str], str] = getpass,
    ) -> None:
        self._screen = screen
        self._env = env
        self._ask = ask

    def known(self, question: str) -> str | None:
        """Return the passphrase of a key that has one; None where nobody can say it."""
        said = self._env.get(VARIABLE)
        if said is not None or not self._screen.may_ask:
            return said
        return self._ask(question)

    def fresh(self) -> str | None:
        """Return a passphrase for new keys; None for keys without.

        Raises:
            InvalidRequest: what was typed twice is not the same.
        """
        said = self._env.get(VARIABLE)
        if said is not None:
            return said or None
        if not self._screen.may_ask:
            self._screen.talk(
                f"the keys have no passphrase: {VARIABLE} is not set, and there is no"
                " terminal to ask on"
            )
            return None
        first = self._ask("passphrase of the new keys (empty for none): ")
        if first and first != self._ask("the same again: "):
            raise InvalidRequest("cannot use two passphrases: the second was another")
        return first or None
