"""Requests that wait while their model is exchanged, or wakes up.

Law: nothing runs here. Those who wait keep their order and their deadlines, are as
many as the queue's bound allows, and are asked again when the model answers, or is
known not to. Call on the event loop only.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import msgspec

from edged.errors import DeadlineExceeded, EdgedError, QueueFull
from edged.serve import admission
from edged.serve.reception import Done, Limits, Ticket, deadline_of
from edged.serve.request import InferRequest, InferResponse

#: Hands a request that has waited to whatever answers to its name by then.
Ask = Callable[[InferRequest, Done], Ticket | None]


class Waiting(Ticket):
    """A request that waits, and the one that it becomes."""

    __slots__ = ("_ask", "_asked", "_parking", "_request", "done", "timer")

    def __init__(
        self, parking: "Parking", request: InferRequest, done: Done, ask: Ask
    ) -> None:
        self._parking = parking
        self._request = request
        self._ask = ask
        self._asked: Ticket | None = None
        self.done = done
        self.timer: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Forget it; `done` will not be called."""
        if self._asked is not None:
            self._asked.cancel()
        else:
            self._parking.forget(self)

    def go(self) -> None:
        """Ask; what goes wrong is told like an answer."""
        try:
            self._asked = self._ask(self._request, self.done)
        except Exception as error:  # noqa: BLE001  # handed to whoever waits
            self.done(error)


class Parking:
    """Those who wait for one model.

    Args:
        name: of the model.
        limits: the registry's, as they are now.
        refused: counts, by code, what is not let in or waits too long.
        comes: told of each request that is about to wait; may refuse it.
    """

    def __init__(
        self,
        name: str,
        limits: Callable[[], Limits],
        refused: Callable[[str], None],
        comes: Callable[[InferRequest], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._limits = limits
        self._refused = refused
        self._comes = comes
        self._waiting: dict[Waiting, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, request: InferRequest, done: Done, ask: Ask) -> Ticket:
        """Let a request wait, behind those who do already.

        Args:
            request: whose time runs on.
            done: told if its deadline passes here, or it cannot be asked.
            ask: asks it when the model answers again.

        Raises:
            QueueFull, DeadlineExceeded: not now.
            EdgedError: what `comes` has against it.
        """
        deadline_s = deadline_of(request, self._limits())
        try:
            self._check_room()
            admission.check_time(
                self._name, now_s=time.monotonic(), deadline_s=deadline_s
            )
            self._comes(request)
        except EdgedError as error:
            self._refused(error.code)
            raise
        # Where outputs are placed was made out by a signature that may be gone.
        kept = msgspec.structs.replace(request, deadline_s=deadline_s, into={})
        waiting = Waiting(self, kept, done, ask)
        loop = asyncio.get_running_loop()
        waiting.timer = loop.call_at(deadline_s, self._late, waiting)
        self._waiting[waiting] = None
        return waiting

    async def turn(self, request: InferRequest) -> InferRequest:
        """Wait for the turn of a request that must be asked otherwise; return it.

        Raises:
            QueueFull, DeadlineExceeded: not now, or not in time.
        """
        come: asyncio.Future[InferRequest] = asyncio.get_running_loop().create_future()
        ticket = self.wait(request, partial(_fail, come), partial(_come, come))
        try:
            return await come
        except asyncio.CancelledError:
            ticket.cancel()
            raise

    def forget(self, waiting: Waiting) -> None:
        """Let one go whose caller has gone away."""
        if waiting in self._waiting:
            del self._waiting[waiting]
            _stop_clock(waiting)

    def release(self) -> None:
        """Ask for all who wait, in their order."""
        while self._waiting:  # one who is told may take another one along
            waiting = next(iter(self._waiting))
            self.forget(waiting)
            waiting.go()

    def turn_away(self, error: EdgedError) -> None:
        """Tell all who wait that they cannot be answered."""
        for each in tuple(self._waiting):
            if each in self._waiting:  # one who is told may take another one along
                self.forget(each)
                self._refused(error.code)
                each.done(error)

    def _check_room(self) -> None:
        limit = self._limits().queue_length
        if len(self) >= limit:
            raise QueueFull(
                f"cannot run {self._name} now: its release is being loaded, and "
                f"{len(self)} requests wait for that already, its bound is {limit}",
                hint="try again later",
            )

    def _late(self, waiting: Waiting) -> None:
        del self._waiting[waiting]
        self._refused(DeadlineExceeded.code)
        waiting.done(
            DeadlineExceeded(
                f"cannot answer for {self._name}: its deadline passed while its "
                "release was loaded",
                hint="allow more time, or try again later",
            )
        )

    def __repr__(self) -> str:
        return f"{len(self)} waiting for {self._name}"


def _stop_clock(waiting: Waiting) -> None:
    if waiting.timer is not None:
        waiting.timer.cancel()
        waiting.timer = None


def _come(
    come: "asyncio.Future[InferRequest]", request: InferRequest, _done: Done
) -> None:
    if not come.done():
        come.set_result(request)


def _fail(
    come: "asyncio.Future[InferRequest]", outcome: InferResponse | BaseException
) -> None:
    if not come.done() and isinstance(outcome, BaseException):
        come.set_exception(outcome)
