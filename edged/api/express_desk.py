"""Requests of the express door: from a head and a body to an answer's bytes.

Law: it means what `api.infer` means: the same limits, admission, counters and errors,
through the same functions. It knows no sockets; call on the event loop only.
"""

from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from typing import Protocol

from edged.api import problems, translate
from edged.api.connection import Refuse, raw_answer
from edged.api.express_head import Head, Heads, Kind
from edged.api.express_outbox import Outbox
from edged.api.express_plan import MAX_KNOWN_BYTES, Plan, Plans
from edged.api.regions import read_registration
from edged.errors import EdgedError, UnknownVersion
from edged.host.clock import Clock
from edged.host.peer import Peer
from edged.serve.conditions import Conditions
from edged.serve.lending import Loan, borrow
from edged.serve.live import Live
from edged.serve.reception import Checked, Pin, Ticket
from edged.serve.regions import Regions
from edged.serve.registry import Registry
from edged.serve.request import InferResponse
from edged.wire import oip
from edged.wire.tensorbytes import Array, Buffer

_OK = f"HTTP/1.1 {HTTPStatus.OK.value} {HTTPStatus.OK.phrase}\r\n"
_TEXT = (f"{_OK}Content-Type: {oip.JSON_TYPE}\r\nContent-Length: %d\r\n\r\n%b").encode()
_DONE = (
    f"{_OK}Content-Type: application/octet-stream\r\nContent-Length: 0\r\n\r\n"
).encode()


class Unusual(Exception):  # not an error: a request for the other door
    """This request is answered by aiohttp."""


class Caller(Hashable, Protocol):
    """A connection, as the desk sees it.

    Attributes:
        peer: who is connected.
    """

    peer: Peer

    def answer(self, parts: Sequence[Buffer], size: int) -> None:
        """Send an answer of `size` bytes in all."""

    def refuse(self, error: EdgedError) -> None:
        """Send an error."""


class Order:
    """A request whose head is there.

    Attributes:
        head: what it says.
        arrived_s: when, on the monotonic clock.
        live: the release that is asked.
        plans: of this release.
        whole: whether its body was there with its head.
    """

    __slots__ = ("_held", "arrived_s", "head", "live", "pin", "plans", "whole")

    def __init__(self, head: Head, arrived_s: float, *, whole: bool) -> None:
        self.head = head
        self.whole = whole
        self.arrived_s = arrived_s
        self.live: Live
        self.plans: Plans
        self.pin: Pin | None = None
        self._held: ExitStack | None = None

    def hold(self, registry: Registry) -> None:
        """Hold the release that is named while the body arrives."""
        self._held = ExitStack()
        pinned = registry.pinned(self.head.target, self.head.version)
        self.pin = self._held.enter_context(pinned)

    def let_go(self) -> None:
        """Undo `hold`."""
        if self._held is not None:
            self._held.close()


class Desk:
    """Answers requests; one for all connections of a door.

    Args:
        registry: who answers.
        regions: memory that callers share.
        clock: for deadlines.
        max_body: in bytes, for models whose inputs have no fixed size.
        refuse: makes the answer for an error.
    """

    def __init__(
        self,
        registry: Registry,
        regions: Regions,
        clock: Clock,
        *,
        max_body: int,
        refuse: Refuse = problems.data_answer,
    ) -> None:
        self.regions = regions
        self.heads = Heads()
        self.outbox = Outbox()
        self._registry = registry
        self._monotonic = clock.monotonic
        self._max_body = max_body
        self._refuse = refuse
        self._plans: dict[str, Plans] = {}

    # --- heads -------------------------------------------------------------------

    def order(self, head: Head, *, whole: bool) -> Order:
        """Take an infer request up by its head.

        Args:
            head: of it.
            whole: whether its body is there already.

        Raises:
            Unusual: too large, or a version that only a sequence knows.
            UnknownModel, NotReady: nobody answers.
        """
        order = Order(head, self._monotonic(), whole=whole)
        try:
            if not whole and head.version is not None:
                order.hold(self._registry)  # a switch may come before the body
            self._find(order)
        except EdgedError as error:
            if not whole or isinstance(error, UnknownVersion):
                raise Unusual from None
            raise
        limit = order.plans.binary_limit
        if head.json_bytes is None:
            limit = order.plans.json_limit
        if head.length > limit:
            order.let_go()
            raise Unusual
        return order

    def _find(self, order: Order) -> None:
        if order.pin is not None:
            order.live = order.pin.live
        else:
            order.live = self._registry.live(order.head.target, order.head.version)
        order.plans = self._plans_of(order.live)

    def _plans_of(self, live: Live) -> Plans:
        plans = self._plans.get(live.name)
        if plans is None or not plans.are_of(live):
            for name in tuple(self._plans):  # those of models that are gone, too
                if name not in self._registry.names():
                    del self._plans[name]
            plans = self._plans[live.name] = Plans(live, self._max_body)
        return plans

    # --- infer -------------------------------------------------------------------

    def infer(self, order: Order, body: memoryview, caller: Caller) -> Ticket:
        """Run one request; the caller is told, maybe before this returns.

        Args:
            order: whose body is complete.
            body: borrowed until the caller is told.
            caller: who is told.

        Raises:
            Unusual: it is a part of a sequence.
            EdgedError: it was refused, and is counted.
        """
        if order.pin is None and not order.whole:
            self._find(order)  # the body took its time
        live = order.live
        read_s = order.arrived_s if order.whole else self._monotonic()
        try:
            plan, asked, inputs = _read(order, body)
            loan = self._borrow(plan, asked, inputs, live, caller.peer)
            request = translate.to_request(
                asked,
                loan,
                model=order.head.target,
                version=order.head.version,
                arrived_s=order.arrived_s,
                turn=caller.peer.key,
            )
        except EdgedError as error:
            live.stats.refused(error.code)
            raise
        if request.sequence is not None:
            raise Unusual
        ready_s = self._monotonic()
        done = partial(
            self._done, caller, live, plan, asked, loan, int((ready_s - read_s) * 1e9)
        )
        checked = None
        if plan is not None and plan.wanted is not None:
            checked = Checked(live, plan.wanted)
        return self._registry.submit(request, done, order.pin, checked)

    def _borrow(
        self,
        plan: Plan | None,
        asked: oip.Asked,
        inputs: dict[str, Array],
        live: Live,
        peer: Peer,
    ) -> Loan:
        if plan is not None and not plan.borrows:
            return Loan(inputs=inputs, into={}, slots={})
        return borrow(
            self.regions,
            peer,
            live,
            inputs=inputs,
            shared=asked.shared,
            wanted=asked.outputs or (),
        )

    def _done(  # noqa: PLR0913, PLR0917  # bound by `partial`
        self,
        caller: Caller,
        live: Live,
        plan: Plan | None,
        asked: oip.Asked,
        loan: Loan,
        input_ns: int,
        outcome: InferResponse | BaseException,
    ) -> None:
        if isinstance(outcome, BaseException):
            caller.refuse(_told(outcome, live))
            return
        ran_s = self._monotonic()
        try:
            if loan.slots:
                loan.place(outcome.outputs)
            # While it waited its release may have been exchanged, see `serve.parking`.
            known = plan if outcome.version == live.version else None
            parts, size = _write(known, asked, outcome, self._registry.conditions)
        except Exception as exc:  # noqa: BLE001  # the api's top: told by a request id
            caller.refuse(_told(exc, live))
            return
        live.stats.compute_input.add(input_ns)
        live.stats.compute_output.add(int((self._monotonic() - ran_s) * 1e9))
        caller.answer(parts, size)

    # --- regions ----------------------------------------------------------------

    def manage(
        self, head: Head, body: memoryview, fds: Sequence[int], caller: Caller
    ) -> bytes:
        """Register or unregister shared memory; return the answer.

        Raises:
            EdgedError: why not.
        """
        if head.kind is Kind.REGISTER:
            document = read_registration(body)
            self.regions.register(caller.peer, caller, head.target, document, fds)
        else:
            self.regions.unregister(caller.peer, head.target)
        return _DONE

    def moved(self, old: Hashable, new: Hashable, peer: Peer) -> None:
        """Let a connection's memory be another's, which takes its place."""
        self.regions.enter(peer, new)
        self.regions.leave(peer, old)

    def refusal(self, error: EdgedError, *, last: bool) -> bytes:
        """Write the answer for an error."""
        return raw_answer(self._refuse(error), last=last)

    def __repr__(self) -> str:
        return f"express desk: {self.heads!r}, plans of {len(self._plans)} models"


def _read(
    order: Order, body: memoryview
) -> tuple[Plan | None, oip.Asked, dict[str, Array]]:
    """Return what a body says, by its plan where there is one, and its tensors."""
    json_bytes, plans = order.head.json_bytes, order.plans
    # All JSON: of interest where every tensor is in shared memory.
    stop = len(body) if json_bytes is None else json_bytes
    if stop > MAX_KNOWN_BYTES or not body:
        asked = translate.read(body, json_bytes, order.live)
        return None, asked, asked.inputs
    text = bytes(body[:stop])
    plan = plans.find(text)
    if plan is not None:
        inputs = plan.inputs(body, stop)
        if inputs is not None:
            return plan, plan.asked, inputs
    framed = plans.find_numbers(text) if stop == len(body) else None
    if framed is not None:
        plan, inputs = framed
        return plan, plan.asked, inputs
    asked = translate.read(body, json_bytes, order.live)
    plans.keep(text, asked, len(body) - stop)
    return None, asked, asked.inputs


def _write(
    plan: Plan | None,
    asked: oip.Asked,
    answer: InferResponse,
    conditions: Conditions,
) -> tuple[Sequence[Buffer], int]:
    """Return an answer's parts, and its size in bytes."""
    outputs = answer.outputs
    if plan is not None and plan.known is not None and plan.known.fits(outputs):
        placed = plan.placed
        tensors = [outputs[name].data for name in outputs if name not in placed]
        return (plan.known.begin, *tensors), plan.known.size
    if plan is not None and plan.known_text is not None:
        text = plan.known_text.write(outputs)
        if text is not None:
            whole = _TEXT % (len(text), text)
            return (whole,), len(whole)
    encoded = translate.write(answer, asked, conditions)
    begin = _begin(encoded)
    size = len(begin) + encoded.content_length
    begin += encoded.buffers[0]
    if plan is not None and plan.is_plain:
        plan.know(outputs, begin, size)
    elif plan is not None and encoded.json_bytes is None:
        plan.know_text(outputs, bytes(encoded.buffers[0]))
    return (begin, *encoded.buffers[1:]), size


def _begin(encoded: oip.Encoded) -> bytes:
    lengths = f"Content-Length: {encoded.content_length}\r\n"
    if encoded.json_bytes is not None:
        lengths += f"{oip.JSON_LENGTH_HEADER}: {encoded.json_bytes}\r\n"
    return f"{_OK}Content-Type: {encoded.content_type}\r\n{lengths}\r\n".encode()


def _told(outcome: BaseException, live: Live) -> EdgedError:
    if isinstance(outcome, EdgedError):
        return outcome
    return problems.bug(outcome, f"POST /v2/models/{live.name}/infer")
