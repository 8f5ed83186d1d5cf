"""What every command is given: a screen, a place and a way to call the daemon.

Law: a command talks to the world through its desk, so that a test can hand it one.
"""

import argparse
from collections.abc import Callable
from typing import TypeVar

import msgspec

from edged.cli.exits import Exit
from edged.cli.output import Screen
from edged.cli.place import Place
from edged.client.control import Control
from edged.client.updater import UpdaterControl
from edged.errors import EdgedError, InvalidRequest, UnknownModel
from edged.wire.endpoint import Endpoint
from edged.wire.endpoints import MODELS
from edged.wire.messages import Nothing

#: A daemon that answers a question at all answers it within milliseconds; a technician
#: at a console waits this long before being told that it hangs.
READ_S = 3.0

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)


class Desk:
    """The command's surroundings.

    Args:
        screen: where to write.
        place: where the daemon is.
        as_json: whether data is one JSON document instead of text.
    """

    def __init__(self, *, screen: Screen, place: Place, as_json: bool) -> None:
        self.screen = screen
        self.place = place
        self.as_json = as_json

    def control(self) -> Control:
        """Return a client of the control socket."""
        return Control(self.place.control_socket, timeout_s=self.place.timeout_s)

    def updater(self, control: Control) -> UpdaterControl:
        """Return a client of whoever fetches releases."""
        return UpdaterControl(
            control,
            self.place.updater_socket,
            read_s=self.place.timeout_s or READ_S,
        )

    def call(self, endpoint: Endpoint[Q, A], request: Q) -> A:
        """Call the daemon.

        Raises:
            EdgedError: what the daemon or the transport says. Of a model that is not
                there, the hint names one that is called nearly so.
        """
        bound = READ_S if endpoint.method == "GET" else endpoint.timeout_s
        with self.control() as control:
            try:
                return control.call(
                    endpoint, request, timeout_s=self.place.timeout_s or bound
                )
            except (UnknownModel, InvalidRequest) as error:
                name = getattr(request, "name", "")
                near = nearest(name, _names(control)) if name else None
                if near in (None, name):
                    raise
                raise UnknownModel(
                    f"cannot find model {name!r}", hint=f"did you mean {near}?"
                ) from error


def _names(control: Control) -> list[str]:
    try:
        models = control.call(MODELS, Nothing(), timeout_s=READ_S).models
    except EdgedError:  # the first error is the one to tell
        return []
    return [model.name for model in models]


def nearest(name: str, known: list[str]) -> str | None:
    """Return the known name that is likely meant: by its letters, or but for case."""
    import difflib  # noqa: PLC0415  # only for who mistypes

    for one in known:
        if one.casefold() == name.casefold():
            return one
    found = difflib.get_close_matches(name, known, n=1)
    return found[0] if found else None


Run = Callable[[Desk, argparse.Namespace], Exit]
