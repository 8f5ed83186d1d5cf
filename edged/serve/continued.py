"""A request in a sequence: from its place to its answer.

Law: what is asked is checked before a place is taken, so that a refused request costs
nobody one. Call on the event loop only.
"""

import asyncio
from functools import partial

import msgspec

from edged.errors import EdgedError, UnknownVariant, UnknownVersion
from edged.serve.live import Live
from edged.serve.reception import (
    Limits,
    Seat,
    admit,
    check,
    deadline_of,
    heard,
    settle,
)
from edged.serve.request import InferRequest, InferResponse
from edged.serve.sequences import Open, Sequences


def seat_in(place: Open, request: InferRequest) -> Seat:
    """Return where a request of an open sequence runs: where the sequence began.

    Raises:
        UnknownVersion, UnknownVariant: it insists on another one.
    """
    live, rung = place.live, place.rung
    if request.version not in (None, live.version):
        raise UnknownVersion(
            f"cannot continue a sequence of {live.name} in version "
            f"{request.version!r}: it began in {live.version}",
            hint=f"ask for version {live.version}, or for none",
            live=live.version,
        )
    if request.variant not in (None, rung.id):
        raise UnknownVariant(
            f"cannot continue a sequence of {live.name} in variant "
            f"{request.variant!r}: it began in {rung.id}",
            hint=f"ask for variant {rung.id}, or for none",
        )
    return Seat(live, rung, rung.run_on)


def first_seat(live: Live, request: InferRequest) -> Seat:
    """Return where a sequence begins, and all its requests are to run.

    The deadline of the first one says nothing of the others.

    Raises:
        UnknownVariant: see `Chooser.choose`.
    """
    timeless = msgspec.structs.replace(request, deadline_s=None)
    rung = live.chooser.choose(timeless).rung
    return Seat(live, rung, rung.run_on)


async def infer_in(
    sequences: Sequences, request: InferRequest, seat: Seat, limits: Limits
) -> InferResponse:
    """Answer one request of a sequence.

    Args:
        sequences: of its model.
        request: with `sequence`.
        seat: of `seat_in`, or for a new sequence: the release and rung to begin on.
        limits: the registry's.

    Raises:
        Conflict: the sequence is not open.
        InvalidTensor, QueueFull, DeadlineExceeded, NotReady, BadModel: see `admit`,
            `Sequences.enter`.
    """
    sequence = request.sequence
    if sequence is None:
        raise AssertionError("only requests of a sequence come here")
    answered: asyncio.Future[InferResponse] = asyncio.get_running_loop().create_future()
    try:
        wanted = check(request, seat.live)
        place = await sequences.enter(
            seat.live,
            sequence,
            seat.rung.variant,
            peer=request.peer,
            deadline_s=deadline_of(request, limits),
        )
        try:
            own = Seat(place.live, place.rung, place.rung.run_on, line=place)
            ticket = admit(request, own, wanted, limits, partial(settle, answered))
        except EdgedError:
            if sequence.start:  # it would hold a place that nobody knows of
                sequences.end(sequence, request.peer)
            sequences.leave(sequence, place, request.peer)
            raise
    except EdgedError as error:
        seat.live.stats.refused(error.code)
        raise
    try:
        return await heard(answered, ticket)
    finally:
        sequences.leave(sequence, place, request.peer)
