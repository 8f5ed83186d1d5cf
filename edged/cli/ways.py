"""The ways to a model that `bench` compares: in this process, and over the socket.

Law: whatever can be done before a request is timed is done here.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from edged.cli import floor, oipjson
from edged.cli.asker import Asker, Connect
from edged.cli.desk import Desk
from edged.cli.loan import lend
from edged.client.http import Buffer, Call
from edged.runtime import threads
from edged.runtime.base import Array
from edged.wire import oip
from edged.wire.endpoints import CONFIG, STATUS
from edged.wire.messages import ModelDetail, Nothing
from edged.wire.oip import SharedTensor
from edged.wire.release import Signature


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What every way asks.

    Attributes:
        variant: a rung to insist on; None to let the daemon choose.
        inputs: by name, as the signature has them.
    """

    model: str
    signature: Signature
    variant: str | None
    inputs: Mapping[str, Array]


class Way(NamedTuple):
    """One way to the model.

    Attributes:
        call: asks once, and waits for the answer.
        close: lets go of what `call` holds.
        renew: call it before each measurement: connections that were idle may be gone.
        plain: the request's bytes; None where there is nothing to send.
        explained: the same, asking where the time went.
    """

    name: str
    call: Callable[[], object]
    close: Callable[[], None]
    renew: Callable[[], None]
    plain: bytes | None = None
    explained: bytes | None = None


def in_process(desk: Desk, detail: ModelDetail, asked: Asked, variant: str) -> Way:
    """Load the same variant here, with as many threads as the daemon gives it.

    Raises:
        EdgedError: the store cannot be read, or the release is not in it.
    """
    told = {v.id: v.threads for v in detail.status.variants}
    root = desk.place.state_dir or desk.call(STATUS, Nothing()).process.state_dir
    settings = {v.key: v.value for v in desk.call(CONFIG, Nothing()).values}
    setting = settings.get("runtime.threads")
    usual = threads.choose(setting if isinstance(setting, int) else 0, cores())
    count = told.get(variant) or usual
    opened = floor.opened(Path(root), detail, variant, threads=count)
    return Way("in-process", lambda: opened.run(asked.inputs), opened.close, _nothing)


def in_body(connect: Connect, asked: Asked) -> Way:
    """Send the tensors in binary behind the request's JSON."""
    plain, explained = (binary(asked, explain=e) for e in (False, True))
    return _asking(connect, "binary body", plain, explained)


def in_memory(connect: Connect, asked: Asked) -> Way:
    """Lend the tensors, and send where they lie.

    Raises:
        EdgedError: the daemon takes no memory.
    """
    loan = lend(connect, asked.inputs)
    plain, explained = (_binary(asked, loan.inputs, explain=e) for e in (False, True))
    way = _asking(connect, "shared memory", plain, explained)

    def close() -> None:
        way.close()
        loan.close()

    def renew() -> None:
        way.renew()
        loan.renew()

    return way._replace(close=close, renew=renew)


def in_json(connect: Connect, asked: Asked) -> Way:
    """Send everything as JSON.

    Raises:
        InvalidTensor: JSON cannot say a value.
    """
    bodies = (
        oipjson.request(
            asked.inputs, asked.signature, variant=asked.variant, explain=explain
        )
        for explain in (False, True)
    )
    plain, explained = (
        _bytes(asked.model, oip.JSON_TYPE, (body.encode(),), ()) for body in bodies
    )
    return _asking(connect, "JSON body", plain, explained)


def binary(asked: Asked, *, explain: bool) -> bytes:
    """Encode a request with its tensors in the body."""
    return _binary(asked, asked.inputs, explain=explain)


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _asking(connect: Connect, name: str, plain: bytes, explained: bytes) -> Way:
    client = Asker(connect)

    def ask() -> None:
        client.ask(plain)

    return Way(name, ask, client.close, client.renew, plain, explained)


def _binary(
    asked: Asked, inputs: Mapping[str, Array | SharedTensor], *, explain: bool
) -> bytes:
    said: dict[str, oip.Parameter] = {}
    if asked.variant is not None:
        said["edged_variant"] = asked.variant
    if explain:
        said["edged_explain"] = True
    encoded = oip.encode_request(inputs, parameters=said)
    length: tuple[tuple[str, str], ...] = ()
    if encoded.json_bytes is not None:
        length = ((oip.JSON_LENGTH_HEADER, str(encoded.json_bytes)),)
    return _bytes(asked.model, encoded.content_type, encoded.buffers, length)


def _bytes(
    model: str,
    kind: str,
    body: tuple[Buffer, ...],
    headers: tuple[tuple[str, str], ...],
) -> bytes:
    call = Call(
        method="POST",
        target=oipjson.target(model),
        headers=(("Content-Type", kind), *headers),
        body=body,
    )
    return b"".join((call.head(), *body))


def _nothing() -> None:
    """Do nothing."""
