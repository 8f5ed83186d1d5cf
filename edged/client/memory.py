"""Memory shared with the daemon: where large tensors go, so that no socket copies them.

Law: no socket is touched here; the clients register what this hands out. A block is a
sealed memfd, mapped here and in the daemon. Arrays from `empty` lie in blocks of their
own and are sent where they lie; other large arrays are copied into scratch blocks,
each used by one call at a time, and large outputs are copied from there. Scratch that
a run may still write into is never used again. Safe in any thread and after a fork:
the child gives up the scratch that it would share with its parent.
Source: docs/reference/shared-memory.md; memfd_create(2).
"""

import collections
import contextlib
import fcntl
import itertools
import math
import mmap
import os
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edged.client.http import Call, quote
from edged.errors import BadRegion, EdgedError
from edged.host.shm import Mapped
from edged.wire import tensorbytes
from edged.wire.oip import ALIGNMENT, JSON_TYPE, Place, SharedTensor
from edged.wire.oip_regions import FD_KEY, Registration
from edged.wire.tensors import Datatype

Array = npt.NDArray[Any]

#: Below this a copy through the socket costs less than naming a region.
SHARED_BYTES = 64 * 1024

#: Scratch that is kept for later calls; more may be in use while more calls run.
KEPT_SCRATCH = 4

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
_NUMBERS = itertools.count()  # names are unique in a process, whoever makes them


class Block:
    """One sealed memfd.

    Attributes:
        name: of its region.
        registered: whether the daemon is thought to know it.
        memory: all of it.
    """

    def __init__(self, size: int) -> None:
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        self.name = f"edged-client-{os.getpid()}-{next(_NUMBERS)}"
        self.size = -(-max(size, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
        self.registered = False
        self.fd = os.memfd_create("edged-client", flags)
        self._closing = weakref.finalize(self, os.close, self.fd)
        os.posix_fallocate(self.fd, 0, self.size)  # an error here, no signal later
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _SEALS)
        memory = Mapped(self.fd, self.size).view(0, self.size)
        self.memory: Array = np.frombuffer(memory or b"", np.uint8)
        self.address = self.memory.__array_interface__["data"][0]

    def close(self) -> None:
        """Close the descriptor; arrays in the memory stay."""
        self._closing()

    def registration(self) -> Call:
        """Return what makes it known to the daemon."""
        document = Registration(key=FD_KEY, byte_size=self.size)
        return Call(
            method="POST",
            target=f"{_target(self.name)}/register",
            headers=(("Content-Type", JSON_TYPE),),
            body=(msgspec.json.encode(document),),
            fds=(self.fd,),
        )


class Lent:
    """One call's inputs; give it back by `Memory.take_back`.

    Attributes:
        inputs: as they are to be sent: arrays in the body, or where they lie.
        places: where outputs are to be put, by name; the others come in the body.
        blocks: that all these lie in.
        at_rest: whether no run can write into them any more.
    """

    def __init__(self, inputs: Mapping[str, Array]) -> None:
        self.plain = inputs
        self.inputs: dict[str, Array | SharedTensor] = dict(inputs)
        self.places: dict[str, Place] = {}
        self.blocks: list[Block] = []
        self.scratch: Block | None = None
        self.at_rest = True

    def unknown(self) -> tuple[Block, ...]:
        """Return the blocks that the daemon has yet to be told of."""
        return tuple(block for block in self.blocks if not block.registered)

    def placed(self) -> dict[str, memoryview]:
        """Return the memory that outputs are put in, by name."""
        if self.scratch is None:
            return {}
        memory = self.scratch.memory.data
        return {
            name: memory[place.offset : place.offset + place.size]
            for name, place in self.places.items()
        }

    def answer_in_body(self) -> None:
        """Have the outputs in the body after all."""
        self.places = {}

    def send_plain(self) -> None:
        """Send everything in the body after all."""
        self.inputs = dict(self.plain)
        self.places = {}


class Memory:
    """A client's blocks.

    Attributes:
        usable: whether the daemon takes memory; found out by trying.
    """

    def __init__(self) -> None:
        self.usable = True
        self._begin()
        _ALL.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()  # of the scratch; arrays go at any moment
        self._scratch: list[Block] = []  # that no call uses
        self._known: weakref.WeakSet[Block] = weakref.WeakSet()
        self._arrays: dict[str, Block] = {}
        self._dropped: collections.deque[str] = collections.deque()

    def empty(
        self, shape: int | tuple[int, ...], dtype: npt.DTypeLike = np.float32
    ) -> Array:
        """Return an uninitialised array in shared memory; see `Client.empty`."""
        kind = np.dtype(dtype)
        tensorbytes.datatype_of(kind)
        dims = (shape,) if isinstance(shape, int) else tuple(shape)
        size = math.prod(dims) * kind.itemsize
        try:
            block = Block(size)
        except OSError as exc:
            raise BadRegion(
                f"cannot make an array of {size} bytes in shared memory: {exc.strerror}"
            ) from exc
        root = block.memory
        block.memory = root[:0].copy()  # the array alone keeps it mapped
        self._arrays[block.name] = block
        self._known.add(block)
        weakref.finalize(root, self._drop, block.name).atexit = False
        return root[:size].view(kind).reshape(dims)

    def lend(
        self, inputs: Mapping[str, Array], outputs: Mapping[str, int] | None = None
    ) -> Lent:
        """Say where each input is to lie; copy what has to be.

        Args:
            inputs: by name.
            outputs: bytes of those that are wanted in shared memory, by name.
        """
        lent = Lent(inputs)
        if not self.usable:
            return lent
        loose: dict[str, Array] = {}
        for name, array in inputs.items():
            if array.nbytes < SHARED_BYTES or array.dtype.kind in "OSU":
                continue
            block = self._home(array)
            if block is None:
                loose[name] = array
            else:
                at = _address(array) - block.address
                lent.inputs[name] = _shared(array, block, at)
                lent.blocks.append(block)
        if loose or outputs:
            with contextlib.suppress(OSError):  # no memory, or no descriptor, to spare
                self._fill(lent, loose, outputs or {})
        return lent

    def take_back(self, lent: Lent) -> None:
        """Let another call use the scratch."""
        block, lent.scratch = lent.scratch, None
        if block is None:
            return
        with self._lock:
            if lent.at_rest and len(self._scratch) < KEPT_SCRATCH:
                self._scratch.append(block)
                return
        block.close()
        self._forget(block)

    def unregistrations(self) -> tuple[Call, ...]:
        """Return what tells the daemon of memory that is gone."""
        names = []
        while self._dropped:
            names.append(self._dropped.popleft())
        return tuple(
            Call(method="POST", target=f"{_target(name)}/unregister") for name in names
        )

    def restart(self) -> None:
        """The daemon knows none of it any more, for example after a restart."""
        for block in tuple(self._known):
            block.registered = False

    def close(self) -> None:
        """Give up the scratch; arrays stay with whoever has them."""
        with self._lock:
            scratch, self._scratch = self._scratch, []
        for block in scratch:
            block.close()
            self._forget(block)

    def after_fork(self) -> None:
        """Begin anew in a child: it is another peer, and scratch is the parent's."""
        arrays = self._arrays
        self._begin()
        self._arrays = arrays
        for block in arrays.values():
            block.registered = False
            self._known.add(block)

    # --- blocks ------------------------------------------------------------------

    def _home(self, array: Array) -> Block | None:
        """Return the block that an array lies in, if it is laid out as it is sent."""
        if not self._arrays or not array.flags.c_contiguous or _is_swapped(array):
            return None
        first = _address(array)
        for block in tuple(self._arrays.values()):
            if 0 <= first - block.address <= block.size - array.nbytes:
                return block
        return None

    def _fill(
        self, lent: Lent, loose: Mapping[str, Array], outputs: Mapping[str, int]
    ) -> None:
        sizes = {name: _room(array.nbytes) for name, array in loose.items()}
        needed = sum(sizes.values()) + sum(map(_room, outputs.values()))
        block = self._free_scratch(needed)
        lent.scratch = block
        lent.blocks.append(block)
        at = 0
        for name, array in loose.items():
            kind = array.dtype.newbyteorder("<")
            room = block.memory[at : at + array.nbytes].view(kind).reshape(array.shape)
            np.copyto(room, array)
            lent.inputs[name] = _shared(array, block, at)
            at += sizes[name]
        for name, size in outputs.items():
            lent.places[name] = Place(region=block.name, offset=at, size=size)
            lent.at_rest = False
            at += _room(size)

    def _free_scratch(self, size: int) -> Block:
        with self._lock:
            for block in self._scratch:
                if block.size >= size:
                    self._scratch.remove(block)
                    return block
        block = Block(1 << (size - 1).bit_length())
        self._known.add(block)
        return block

    def _drop(self, name: str) -> None:
        """An array is gone; runs wherever its last reference was dropped."""
        block = self._arrays.pop(name, None)
        if block is not None:
            block.close()
            self._forget(block)

    def _forget(self, block: Block) -> None:
        if block.registered:
            self._dropped.append(block.name)


_ALL: "weakref.WeakSet[Memory]" = weakref.WeakSet()


def _after_fork() -> None:
    for memory in _ALL:
        memory.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def refused(error: EdgedError) -> bool:
    """Tell whether a refused registration means that none will ever be taken."""
    return error.code in {"unsupported", "unknown-endpoint", "wrong-method"}


def _target(name: str) -> str:
    return f"/v2/systemsharedmemory/region/{quote(name)}"


def _shared(array: Array, block: Block, at: int) -> SharedTensor:
    datatype: Datatype = tensorbytes.datatype_of(array.dtype)
    return SharedTensor(
        datatype=datatype,
        shape=array.shape,
        place=Place(region=block.name, offset=at, size=array.nbytes),
    )


def _room(size: int) -> int:
    """Round up to where the next tensor may be used in place."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _is_swapped(array: Array) -> bool:
    return array.dtype != array.dtype.newbyteorder("<")
