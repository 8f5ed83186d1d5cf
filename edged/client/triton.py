"""Stock tritonclient over the data socket.

NVIDIA's own HTTP clients take a host and a port only. They are left as they are; each
is told to connect to a Unix socket instead:

    from edged.client import triton

    client = triton.http_client("/run/edged/edged.sock")
    client.infer("digits", [...])

    async with await triton.aio_client("/run/edged/edged.sock") as client:
        await client.infer("digits", [...])

Law: needs `tritonclient[http]`, which is not among edged's own dependencies. The
gRPC clients of the same package are not for edged: it speaks no gRPC.
Both helpers reach for one private name of their client (geventhttpclient's resolver,
the aio client's session); `tests/conformance` runs them against real ones.
"""

import os
import socket
from typing import Any

import tritonclient.http
import tritonclient.http.aio

#: Host header and base path; a Unix socket has no name that could stand there.
_URL = "localhost"


def http_client(path: str | os.PathLike[str], **options: Any) -> Any:
    """Return a `tritonclient.http.InferenceServerClient` for a Unix socket.

    Not for more than one thread, like the client itself.

    Args:
        path: of the socket.
        options: the client's own, such as `concurrency` or `network_timeout`.
    """
    client = tritonclient.http.InferenceServerClient(_URL, **options)
    address = os.fspath(path)
    client._client_stub._connection_pool._resolve = lambda: [  # noqa: SLF001  # see above
        (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", address)
    ]
    return client


async def aio_client(
    path: str | os.PathLike[str],
    *,
    conn_limit: int = 100,
    conn_timeout: float = 60.0,
    verbose: bool = False,
) -> Any:
    """Return a `tritonclient.http.aio.InferenceServerClient` for a Unix socket.

    Args:
        path: of the socket.
        conn_limit: connections at a time.
        conn_timeout: seconds for one call.
        verbose: print every request.
    """
    client = tritonclient.http.aio.InferenceServerClient(_URL, verbose=verbose)
    await client._stub.close()  # noqa: SLF001  # made for TCP, never used
    # The client's own aiohttp: this package does not import it.
    http = tritonclient.http.aio.aiohttp
    client._conn = http.UnixConnector(os.fspath(path), limit=conn_limit)  # noqa: SLF001
    client._stub = http.ClientSession(  # noqa: SLF001
        connector=client._conn,  # noqa: SLF001
        timeout=http.ClientTimeout(total=conn_timeout),
        auto_decompress=False,  # as the client does: it uncompresses by itself
    )
    return client
