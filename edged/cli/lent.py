"""Tensors lent to the daemon: a sealed memfd, registered with its descriptor.

Law: nothing is copied when they are sent, which is what `bench` times. The region
lives as long as the connection that is returned.
Source: docs/reference/protocol.md; memfd_create(2), unix(7).
"""

import array
import fcntl
import json
import os
import socket

from edged.cli.asker import Connect, Line
from edged.client.http import Call, quote
from edged.errors import ProtocolError
from edged.wire.oip import JSON_TYPE
from edged.wire.oip_regions import FD_KEY

#: What the daemon asks for: then nobody can take pages away while it reads.
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


def lend(connect: Connect, region: str, data: bytes) -> Line:
    """Put bytes into shared memory that the daemon maps.

    Args:
        connect: to the daemon's Unix socket.
        region: its name, for requests of this process.
        data: what it holds.

    Returns:
        The connection to close when the region may go.

    Raises:
        EdgedError: the daemon takes no such region.
    """
    fd = os.memfd_create(f"edged-{region}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        return _register(connect, region, fd, len(data))
    finally:
        os.close(fd)


def _register(connect: Connect, region: str, fd: int, size: int) -> Line:
    said = json.dumps({"key": FD_KEY, "byte_size": size}).encode()
    call = Call(
        method="POST",
        target=f"/v2/systemsharedmemory/region/{quote(region)}/register",
        headers=(("Content-Type", JSON_TYPE),),
        body=(said,),
    )
    request = call.head() + said
    line = Line(connect())
    try:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
        if line.sock.sendmsg([request], [rights]) != len(request):
            raise ProtocolError("cannot lend memory: the socket took half a request")
        while not line.pull():
            pass
        if not line.ok:
            raise line.error
    except BaseException:
        line.close()
        raise
    return line
