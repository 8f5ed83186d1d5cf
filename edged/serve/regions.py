"""The one owner of shared memory regions: who registered what, under which name.

Law: call on the event loop only. A region belongs to the peer (user and process) that
registered it; to every other peer it does not exist. Sealed memfds go with the peer's
last connection; named objects, which stock clients register on connections that come
and go, with its process. Either way what a running request uses stays until it ends.
"""

import asyncio
import os
import sys
from collections.abc import Hashable, Sequence

import msgspec

from edged.errors import BadRegion, UnknownRegion, Unsupported
from edged.host.peer import Peer
from edged.host.process import watch
from edged.host.shm import Mapped, Named
from edged.serve.slot import Region, Slot
from edged.wire.oip import Place
from edged.wire.oip_regions import FD_KEY, RegionStatus, Registration

#: Address space is scarce where it has 32 bits.
_MOST_BYTES = (512 if sys.maxsize > 1 << 32 else 128) << 20


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What peers may register.

    Attributes:
        regions: of one peer.
        region_bytes: of one peer, from each object's start to its region's end.
        all_bytes: of all peers together. Memory that a peer left unallocated becomes
            ours, and stays, when we touch it first.
        named: objects by name of all peers together: each costs a file descriptor.
        copied_bytes: of one input that is copied before it is used.
    """

    regions: int = 64
    region_bytes: int = _MOST_BYTES
    all_bytes: int = 8 * _MOST_BYTES
    named: int = 256
    copied_bytes: int = 64 << 20


def bounds_for(memory_bytes: int, *, copied_bytes: int) -> Bounds:
    """Return bounds for a machine of so much memory: half of it, a quarter a peer."""
    return Bounds(
        region_bytes=min(_MOST_BYTES, memory_bytes // 4),
        all_bytes=memory_bytes // 2,
        copied_bytes=copied_bytes,
    )


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What all peers have registered."""

    regions: int = 0
    region_bytes: int = 0


class _Room:
    """What one peer has."""

    def __init__(self) -> None:
        self.regions: dict[str, Region] = {}
        self.connections: set[Hashable] = set()
        self.process: int | None = None  # watched, by a descriptor

    def bytes(self) -> int:
        return sum(_end(region.status) for region in self.regions.values())

    def named(self) -> int:
        return sum(region.is_named for region in self.regions.values())


class Regions:
    """Every peer's regions; `peer` is None for one that cannot have any (TCP)."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008  # frozen
        self._bounds = bounds
        self._rooms: dict[_Key, _Room] = {}

    # --- connections -------------------------------------------------------------

    def enter(self, peer: Peer, connection: Hashable) -> None:
        """Count a connection of a peer; followed by one `leave`."""
        self._room(peer).connections.add(connection)

    def leave(self, peer: Peer, connection: Hashable) -> None:
        """Free what goes with the peer's last connection, if this was it."""
        key = _key(peer)
        room = self._rooms.get(key)
        if room is None:
            return
        room.connections.discard(connection)
        if not room.connections:
            self._free(key, room, named=room.process is None)

    def close(self) -> None:
        """Free everything."""
        for key, room in tuple(self._rooms.items()):
            room.connections.clear()
            self._free(key, room, named=True)

    # --- what the protocol asks ----------------------------------------------------

    def register(
        self,
        peer: Peer | None,
        connection: Hashable,
        name: str,
        document: Registration,
        fds: Sequence[int],
    ) -> None:
        """Register a region.

        Args:
            peer: whose it will be.
            connection: that it came on.
            name: of the region, the peer's own choice.
            document: what the request says.
            fds: what came beside it; borrowed, the caller closes them.

        Raises:
            Unsupported: no Unix socket.
            BadRegion: the name is taken, the memory will not do, or a bound is hit.
        """
        who = _known(peer)
        room = self._room(who)
        try:
            self._check_bounds(room, name, document)
            region = _open(who, name, document, fds)
            room.regions[name] = region
            if region.is_named and room.process is None:
                self._watch(who, room)
            if not region.is_named or room.process is None:
                room.connections.add(connection)
        finally:
            self._forget_if_empty(_key(who), room)

    def unregister(self, peer: Peer | None, name: str | None = None) -> None:
        """Forget a region, or all of the peer's; unknown ones are no error.

        Raises:
            Unsupported: no Unix socket.
        """
        key = _key(_known(peer))
        room = self._rooms.get(key)
        if room is not None:
            if name is None:
                room.regions.clear()
            else:
                room.regions.pop(name, None)
            self._forget_if_empty(key, room)

    def status(
        self, peer: Peer | None, name: str | None = None
    ) -> tuple[RegionStatus, ...]:
        """Describe one of the peer's regions, or all.

        Raises:
            Unsupported: no Unix socket.
            UnknownRegion: it has none of that name.
        """
        if name is not None:
            return (self._find(_known(peer), name).status,)
        room = self._rooms.get(_key(_known(peer)))
        regions = () if room is None else room.regions.values()
        return tuple(region.status for region in regions)

    def slot(self, peer: Peer | None, place: Place, what: str) -> Slot:
        """Return a stretch of a region for one tensor.

        Raises:
            Unsupported: no Unix socket.
            UnknownRegion: the peer has none of that name.
            BadRegion: the stretch is not within it.
        """
        region = self._find(_known(peer), place.region)
        if place.offset + place.size > region.status.byte_size:
            raise BadRegion(
                f"cannot use region {place.region!r} for {what}: bytes {place.offset} "
                f"to {place.offset + place.size} are asked for, it has "
                f"{region.status.byte_size}"
            )
        return Slot(region, place, self._bounds.copied_bytes)

    def usage(self) -> Usage:
        """Count what all peers have registered."""
        rows = [
            region.status
            for room in self._rooms.values()
            for region in room.regions.values()
        ]
        return Usage(regions=len(rows), region_bytes=sum(row.byte_size for row in rows))

    # --- keeping -----------------------------------------------------------------

    def _room(self, peer: Peer) -> _Room:
        return self._rooms.setdefault(_key(peer), _Room())

    def _find(self, peer: Peer, name: str) -> Region:
        room = self._rooms.get(_key(peer))
        if room is None or name not in room.regions:
            raise UnknownRegion(
                f"cannot find shared memory region {name[:80]!r}: this process has "
                "registered none of that name",
                hint="register it first; regions are of the process that did",
            )
        return room.regions[name]

    def _check_bounds(self, room: _Room, name: str, document: Registration) -> None:
        bounds = self._bounds
        why = ""
        if name in room.regions:
            why = "one of that name is registered already"
        elif len(room.regions) >= bounds.regions:
            why = f"this process has {len(room.regions)}, its bound"
        elif room.bytes() + _end(document) > bounds.region_bytes:
            why = (
                f"this process would reach {room.bytes() + _end(document)} bytes, its "
                f"bound is {bounds.region_bytes}"
            )
        elif sum(map(_Room.bytes, self._rooms.values())) + _end(document) > (
            bounds.all_bytes
        ):
            why = f"all processes would pass {bounds.all_bytes} bytes, their bound"
        elif document.key != FD_KEY and (
            sum(room.named() for room in self._rooms.values()) >= bounds.named
        ):
            why = f"{bounds.named} regions by name are registered, the bound of all"
        if why:
            raise BadRegion(
                f"cannot register shared memory region {name[:80]!r}: {why}",
                hint="unregister it, or another one, first",
            )

    def _watch(self, peer: Peer, room: _Room) -> None:
        room.process = watch(peer.pid)
        if room.process is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(room.process, self._ended, _key(peer), room)

    def _ended(self, key: "_Key", room: _Room) -> None:
        """Free what goes with a process."""
        self._free(key, room, named=True)

    def _free(self, key: "_Key", room: _Room, *, named: bool) -> None:
        room.regions = {
            name: region
            for name, region in room.regions.items()
            if (not named if region.is_named else room.connections)
        }
        self._forget_if_empty(key, room)

    def _forget_if_empty(self, key: "_Key", room: _Room) -> None:
        if room.process is not None and not room.named():
            asyncio.get_running_loop().remove_reader(room.process)
            os.close(room.process)
            room.process = None
        if not room.regions and not room.connections:
            self._rooms.pop(key, None)

    def __repr__(self) -> str:
        counts = [len(room.regions) for room in self._rooms.values()]
        return f"{sum(counts)} regions of {sum(map(bool, counts))} peers"


_Key = tuple[int, int]
_HOST = "run edged in the host's pid namespace, or send binary data in the body"


def _key(peer: Peer) -> _Key:
    return (peer.uid, peer.pid)


def _known(peer: Peer | None) -> Peer:
    if peer is None:
        why, hint = "it is for Unix sockets only", "send binary data in the body"
    elif not peer.pid:  # nor need the user be the one that the kernel names
        why, hint = "this process is in a pid namespace that edged cannot see", _HOST
    else:
        return peer
    raise Unsupported(f"cannot use shared memory here: {why}", hint=hint)


def _end(stretch: Registration | RegionStatus) -> int:
    """Return how much of its object a region needs."""
    return stretch.offset + stretch.byte_size


def _open(peer: Peer, name: str, document: Registration, fds: Sequence[int]) -> Region:
    by_fd = document.key == FD_KEY
    if len(fds) != int(by_fd):
        wanted = "exactly one belongs" if by_fd else "none belongs"
        raise BadRegion(
            f"cannot register shared memory region {name[:80]!r}: {len(fds)} file "
            f"descriptors came, {wanted} to the key {document.key[:80]!r}",
            hint="send it by SCM_RIGHTS with the request's first byte",
        )
    end = _end(document)
    memory = Mapped(fds[0], end) if by_fd else Named(document.key, uid=peer.uid)
    if end > memory.size:
        raise BadRegion(
            f"cannot register shared memory region {name[:80]!r}: it would end at "
            f"byte {end}, {memory!r} has {memory.size}"
        )
    status = RegionStatus(
        name=name,
        key=document.key,
        offset=document.offset,
        byte_size=document.byte_size,
    )
    return Region(status=status, memory=memory)
