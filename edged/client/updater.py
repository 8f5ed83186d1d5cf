"""Calls to whoever fetches releases: the daemon, or `edged-updater` at its own socket.

Law: the daemon is asked first. Where it says that updates are done apart, or where
nobody is there, the updater's own socket is meant. Who it is is asked once, by a read:
an effect goes to one place alone.
"""

import os
from typing import TypeVar

import msgspec

from edged.client.control import Control
from edged.client.reach import socket_path
from edged.errors import EdgedError, NoDaemon, ProtocolError, TimedOut
from edged.wire.endpoint import Endpoint
from edged.wire.endpoints import UPDATE
from edged.wire.updates import UpdateRequest, UpdateStatus

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)

UPDATER_SOCKET = "/run/edged/updater.sock"


class UpdaterControl:
    """A client of the rows in `wire.endpoints.UPDATES`.

    Args:
        control: a client of the daemon's control socket; it stays the caller's.
        socket: of `edged-updater`; by default `EDGED_UPDATER_SOCKET`, then
            /run/edged/updater.sock.
        read_s: bounds the question who is meant.
    """

    def __init__(
        self,
        control: Control,
        socket: str | os.PathLike[str] | None = None,
        *,
        read_s: float = 3.0,
    ) -> None:
        self._control = control
        self._socket = socket_path(socket, "EDGED_UPDATER_SOCKET", UPDATER_SOCKET)
        self._read_s = read_s
        self._found: Control | None = None

    def call(
        self, endpoint: Endpoint[Q, A], request: Q, *, timeout_s: float | None = None
    ) -> A:
        """Call one of the updater's rows.

        Raises:
            EdgedError: as `Control.call`; NoDaemon names the updater's socket where
                that is meant.
        """
        if self._found is None:
            self.told()
        if self._found is None:
            raise AssertionError("told, and nobody found")
        return self._found.call(endpoint, request, timeout_s=timeout_s)

    def told(self) -> UpdateStatus:
        """Tell the state, and find out who knows it.

        Raises:
            EdgedError: as `call`.
        """
        asked = UpdateRequest()
        try:
            told = self._control.call(UPDATE, asked, timeout_s=self._read_s)
        except (NoDaemon, TimedOut, ProtocolError) as error:
            return self._without_daemon(error)
        if not told.apart:
            self._found = self._control
            return told
        apart = Control(self._socket)
        try:
            told = apart.call(UPDATE, asked, timeout_s=self._read_s)
        except NoDaemon as error:
            raise NoDaemon(
                f"cannot ask edged-updater, which fetches releases here: it does not "
                f"answer at {self._socket}",
                hint="systemctl status edged-updater",
                **error.fields,
            ) from error
        self._found = apart
        return told

    def close(self) -> None:
        """Close what this opened."""
        if self._found is not None and self._found is not self._control:
            self._found.close()

    def _without_daemon(self, error: EdgedError) -> UpdateStatus:
        """Ask the updater, which lives longer than the daemon; else say the first."""
        apart = Control(self._socket)
        try:
            told = apart.call(UPDATE, UpdateRequest(), timeout_s=self._read_s)
        except EdgedError:
            raise error from None
        self._found = apart
        return told
