"""The blocking client of the data socket.

    with Client() as client:
        result = client.infer("digits", image)
    print(result.output.argmax())

Law: a deadline on every call, the daemon's own errors raised again, and no call sent
twice that could have been taken up once. Safe in any thread, and after a fork.
"""

import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self, Unpack

import numpy as np
import numpy.typing as npt

from edged.client import calls
from edged.client.answers import Answers, Expected
from edged.client.calls import (
    Array,
    Explained,
    InferOptions,
    Inputs,
    ModelIndex,
    ModelMetadata,
    Result,
)
from edged.client.http import Answer, Call, check
from edged.client.memory import Lent, Memory, refused
from edged.client.reach import DATA_SOCKET, socket_path
from edged.client.transport import Transport
from edged.errors import Refused, UnknownRegion

__all__ = [
    "Client",
    "Explained",
    "InferOptions",
    "ModelIndex",
    "ModelMetadata",
    "Result",
]


class Client:
    """Asks models for answers.

    Args:
        socket: path or `unix:///path`; by default `EDGED_SOCKET`, then
            /run/edged/edged.sock.
        timeout_s: of a call that brings none.

    Every method raises `edged.errors.EdgedError`: what the daemon says, or NoDaemon,
    NoAccess, TimedOut, ProtocolError.
    """

    def __init__(
        self, socket: str | os.PathLike[str] | None = None, *, timeout_s: float = 10.0
    ) -> None:
        self._transport = Transport(socket_path(socket, "EDGED_SOCKET", DATA_SOCKET))
        self._timeout_s = timeout_s
        self._memory = Memory()
        self._answers = Answers()
        self._registering = threading.Lock()
        self._only_input: dict[str, str] = {}  # by model, once it was asked for

    @property
    def socket(self) -> str:
        """The path that it connects to."""
        return self._transport.path

    def infer(
        self,
        model: str,
        inputs: Inputs,
        *,
        timeout_s: float | None = None,
        **options: Unpack[InferOptions],
    ) -> Result:
        """Ask a model.

        Args:
            model: its name.
            inputs: arrays by input name; of a model with one input, the array alone.
                Large ones go by shared memory, see `empty`; C-contiguous smaller ones
                are sent without a copy.
            timeout_s: of this call, all in all.
            **options: see `InferOptions`.

        Returns:
            The outputs, as arrays that the caller owns: nothing that comes later
            changes them. Large ones come by shared memory, and are copied from it,
            as soon as a call of such inputs was answered once.
        """
        allowed_s = self._timeout_s if timeout_s is None else timeout_s
        named = calls.as_arrays(
            inputs
            if isinstance(inputs, Mapping)
            else {self._name_of_input(model, allowed_s): inputs}
        )
        expected = self._answers.expected(model, named, options)
        lent = self._memory.lend(named, expected.sizes if expected else {})
        try:
            if expected is not None and lent.places:
                found = self._ask_placed(model, lent, allowed_s, options, expected)
                if found is not None:
                    return found
            result = self._ask(model, lent, allowed_s, options)
        except Refused:
            self._only_input.pop(model, None)  # another signature may be live by now
            raise
        else:
            self._answers.learn(model, named, options, result)
            return result
        finally:
            self._memory.take_back(lent)

    def model(self, name: str) -> "Model":
        """Return a model as a function; nothing is asked yet."""
        return Model(self, name)

    def empty(
        self, shape: int | tuple[int, ...], dtype: npt.DTypeLike = np.float32
    ) -> Array:
        """Return an uninitialised array in memory that the daemon shares.

        Sent as an input, it or a contiguous part of it is not copied. The memory is
        given back with its last reference. At most 64 such arrays at a time.
        """
        return self._memory.empty(shape, dtype)

    def metadata(self, model: str, *, timeout_s: float | None = None) -> ModelMetadata:
        """Return what a model takes and gives."""
        return calls.read_metadata(self._send(calls.metadata(model), timeout_s))

    def ready(
        self, model: str | None = None, *, timeout_s: float | None = None
    ) -> bool:
        """Tell whether the daemon, or one model, answers requests now."""
        return calls.read_ready(self._send(calls.ready(model), timeout_s))

    def models(self, *, timeout_s: float | None = None) -> tuple[ModelIndex, ...]:
        """Return the installed models."""
        return calls.read_models(self._send(calls.models(), timeout_s))

    def close(self) -> None:
        """Close what is open; not needed at a program's end."""
        self._transport.close()
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def _ask_placed(
        self,
        model: str,
        lent: Lent,
        allowed_s: float,
        options: InferOptions,
        expected: Expected,
    ) -> Result | None:
        """Ask for outputs in shared memory; None where they were not as expected."""
        named: InferOptions = {**options, "outputs": expected.outputs}
        try:
            result = self._ask(model, lent, allowed_s, named)
        except Refused:
            self._answers.distrust(model, lent.plain, options)
        else:
            if expected.has(result):
                lent.at_rest = True
                return result
            self._answers.forget(model, lent.plain, options)
        lent.answer_in_body()
        return None

    def _ask(
        self, model: str, lent: Lent, allowed_s: float, options: InferOptions
    ) -> Result:
        try:
            return self._ask_once(model, lent, allowed_s, options)
        except UnknownRegion:
            # A daemon that was restarted, or let all our connections go, forgot it.
            self._memory.restart()
            return self._ask_once(model, lent, allowed_s, options)

    def _ask_once(
        self, model: str, lent: Lent, allowed_s: float, options: InferOptions
    ) -> Result:
        self._introduce(lent, allowed_s)
        call = calls.infer(
            model, lent.inputs, timeout_s=allowed_s, places=lent.places, **options
        )
        return calls.read_infer(self._send(call, allowed_s), lent.placed())

    def _introduce(self, lent: Lent, allowed_s: float) -> None:
        """Make the blocks known to the daemon; if it refuses, send their bytes."""
        if not lent.unknown():
            return
        with self._registering:  # another thread may use the same array
            try:
                for gone in self._memory.unregistrations():
                    self._send(gone, allowed_s)
                for block in lent.unknown():
                    check(self._send(block.registration(), allowed_s))
                    block.registered = True
            except Refused as error:
                self._memory.usable = not refused(error)
                lent.send_plain()

    def _send(self, call: Call, timeout_s: float | None) -> Answer:
        allowed_s = self._timeout_s if timeout_s is None else timeout_s
        return self._transport.call(call, timeout_s=allowed_s)

    def _name_of_input(self, model: str, timeout_s: float) -> str:
        if model not in self._only_input:
            found = self.metadata(model, timeout_s=timeout_s)
            self._only_input[model] = calls.only_input(found)
        return self._only_input[model]


class Model:
    """One model of a client: `model(x)` is `client.infer(name, x)`."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    def __call__(
        self,
        inputs: Inputs,
        *,
        timeout_s: float | None = None,
        **options: Unpack[InferOptions],
    ) -> Result:
        """Ask it; see `Client.infer`."""
        return self._client.infer(self.name, inputs, timeout_s=timeout_s, **options)

    def __repr__(self) -> str:
        return f"Model({self.name!r})"
