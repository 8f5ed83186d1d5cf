"""Inputs lent to the daemon: put once where it can read them, named in requests.

Law: as `edged.client` lends them, but at once and for good, so that `bench` times a
producer that writes its tensors there in the first place.
"""

import socket
from collections.abc import Mapping

import numpy as np

from edged.cli.asker import Connect, Line
from edged.client.calls import Array
from edged.client.memory import Block
from edged.wire import tensorbytes
from edged.wire.oip import Place, SharedTensor
from edged.wire.tensors import Datatype

#: Tensors begin as aligned as a processor's widest loads want them.
_ALIGNMENT = 64


class Loan:
    """Inputs in one region.

    Attributes:
        inputs: what to send: texts as they were, of all others where they lie.
    """

    def __init__(
        self,
        connect: Connect,
        inputs: Mapping[str, Array | SharedTensor],
        block: Block,
    ) -> None:
        self.inputs = inputs
        self._connect = connect
        self._block = block
        self._line = _registered(connect, block)

    def renew(self) -> None:
        """Lend it again if the daemon has hung up, and may have forgotten it."""
        if self._line.is_over:
            self._line.close()
            self._line = _registered(self._connect, self._block)

    def close(self) -> None:
        """Let the daemon forget it, with its peer's last connection."""
        self._line.close()
        self._block.close()


def lend(connect: Connect, inputs: Mapping[str, Array]) -> Loan:
    """Copy inputs into a sealed memfd and register it.

    Args:
        connect: to the daemon's Unix socket.
        inputs: by name; those of one kind of number are lent.

    Raises:
        EdgedError: the daemon does not take it.
    """
    block = Block(sum(_room(array) for array in inputs.values()))
    named: dict[str, Array | SharedTensor] = dict(inputs)
    at = 0
    for name, array in inputs.items():
        datatype = tensorbytes.datatype_of(array.dtype)
        if datatype is Datatype.BYTES:
            continue
        lain = block.memory[at : at + array.nbytes]
        lain[:] = np.frombuffer(array.tobytes(), np.uint8)
        place = Place(region=block.name, offset=at, size=array.nbytes)
        named[name] = SharedTensor(datatype=datatype, shape=array.shape, place=place)
        at += _room(array)
    try:
        return Loan(connect, named, block)
    except BaseException:
        block.close()
        raise


def _room(array: Array) -> int:
    return -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT


def _registered(connect: Connect, block: Block) -> Line:
    call = block.registration()
    line = Line(connect())
    try:
        # Some hundred bytes on a fresh connection go in one piece.
        socket.send_fds(line.sock, [call.head(), *call.body], [*call.fds])
        while not line.pull():
            pass
        if not line.ok:
            raise line.error
    except BaseException:
        line.close()
        raise
    return line
