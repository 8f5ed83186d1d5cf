"""Answers that wait for the end of the loop's turn, so that they leave together.

Law: an answer waits only while several connections are being answered, and never
longer than the callbacks of one turn.

A client that sleeps is woken by the first answer that it gets: on a machine whose
cores sleep too that costs the sender 13 of 72 us (8 clients, virtual machine, `perf`:
the interrupt to the other core). Answers that leave together wake it once.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from edged.wire.tensorbytes import Buffer

#: The header that says that an answer is its connection's last.
CLOSING = b"\r\nConnection: close"

_END = b"\r\n\r\n"


class Sender(Protocol):
    """A connection with an answer."""

    def send(self) -> None:
        """Send it, if it is still wanted."""


class Outbox:
    """What the connections of one door have to send."""

    __slots__ = ("_last", "_loop", "_waiting")

    def __init__(self) -> None:
        self._last: Sender | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # asking calls getpid(2)
        self._waiting: list[Sender] = []

    def put(self, sender: Sender) -> None:
        """Send at once for one who is alone, else when this turn is over."""
        if sender is self._last:
            sender.send()
            return
        self._last = sender
        if not self._waiting:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._flush)
        self._waiting.append(sender)

    def forget(self, sender: Sender) -> None:
        """Keep nothing of a connection that has ended."""
        if sender is self._last:
            self._last = None

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender in waiting:
            sender.send()

    def __repr__(self) -> str:
        return f"{len(self._waiting)} answers to send"


def closing(begin: Buffer) -> bytes:
    """Return the beginning of an answer, with `CLOSING` among its headers."""
    return bytes(begin).replace(_END, CLOSING + _END, 1)


def left_of(parts: Sequence[Buffer], sent: int) -> list[memoryview]:
    """Return what is left of an answer when its first `sent` bytes have left."""
    left = []
    for part in parts:
        view = memoryview(part)
        if view.nbytes > sent:
            left.append(view.cast("B")[sent:])
        sent = max(0, sent - view.nbytes)
    return left
