"""Names to addresses, on threads of ours.

Law: the system's own resolver, so that /etc/hosts, mDNS and a VPN count; a lookup that
hangs costs a thread of the client's and nobody else's.
"""

import asyncio
import errno
import socket
from concurrent.futures import Executor

from aiohttp.abc import AbstractResolver, ResolveResult


class Resolver(AbstractResolver):
    """The port that aiohttp asks.

    Args:
        threads: where getaddrinfo(3) runs.
        within_s: the longest that a lookup may take.
    """

    def __init__(self, threads: Executor, within_s: float) -> None:
        self._threads, self._within_s = threads, within_s

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """Return every address of a host.

        Raises:
            OSError: there is none, or nobody answered in time.
        """

        def look_up() -> list[ResolveResult]:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            return [_result(host, kind, proto, at) for kind, _, proto, _, at in found]

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._within_s):
                return await loop.run_in_executor(self._threads, look_up)
        except TimeoutError as exc:
            # With a number: the client takes one without for a timeout of its own.
            raise OSError(errno.ETIMEDOUT, "nobody answered in time") from exc

    async def close(self) -> None:
        """Nothing to let go of: the threads are the client's."""


def _result(
    host: str, family: int, proto: int, at: tuple[object, ...]
) -> ResolveResult:
    address, port = str(at[0]), int(str(at[1]))
    if family == socket.AF_INET6 and at[3]:
        address = f"{address}%{at[3]}"  # a link-local one names its link
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
