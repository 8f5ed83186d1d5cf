"""Who may do what: roles of a peer, and what no browser may send.

Law: everybody who can connect may read; effects are for root, the daemon's own user
and the administrators that the configuration names. The updater's user may deliver:
bring in what a source vouches for, and nothing that a person must decide. Names are
looked up anew for every effect, so adding somebody to a group needs no restart (but a
new connection: a peer keeps the groups that it connected with).

A TCP listener never carries the control socket's routes.
"""

import grp
import os
import pwd
from collections.abc import Iterable

import msgspec
from aiohttp import web

from edged.api.connection import Connection
from edged.errors import NotPermitted
from edged.host.peer import Peer, peer
from edged.wire.endpoint import Access
from edged.wire.messages import InstallRequest

_RANK = {Access.READ: 0, Access.DELIVER: 1, Access.ADMIN: 2}

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Roles:
    """Decides by a peer's user and groups.

    Args:
        admin_groups: names of groups whose members may change the box.
        admin_users: names of users who may.
        update_user: name of the user who may deliver.
        own_uid: the daemon's own user.
    """

    def __init__(
        self,
        *,
        admin_groups: Iterable[str] = (),
        admin_users: Iterable[str] = (),
        update_user: str | None = None,
        own_uid: int | None = None,
    ) -> None:
        self.admin_groups = tuple(admin_groups)
        self.admin_users = tuple(admin_users)
        self.update_user = update_user
        self._own_uid = os.getuid() if own_uid is None else own_uid

    def of(self, who: Peer) -> Access:
        """Return the most that this peer may do."""
        if (
            who.uid in {0, self._own_uid}
            or who.all_groups & _gids(self.admin_groups)
            or who.uid in _uids(self.admin_users)
        ):
            return Access.ADMIN
        if self.update_user is not None and who.uid in _uids((self.update_user,)):
            return Access.DELIVER
        return Access.READ

    def check(self, request: web.BaseRequest, needed: Access) -> Access:
        """Let the request pass, or refuse it; return the most that its peer may do.

        Raises:
            NotPermitted: names the user and the groups that would do.
        """
        if needed is Access.READ:
            return needed  # who is connected was allowed to connect
        who = peer_of(request)
        may = Access.READ if who is None else self.of(who)
        if _RANK[may] >= _RANK[needed]:
            return may
        user = "this peer" if who is None else f"user {_user_name(who.uid)}"
        groups = ", ".join(self.admin_groups)
        raise NotPermitted(
            f"cannot {request.method} {request.path}: {user} may only "
            + ("read" if may is Access.READ else "read, and deliver releases")
            + (f", not being root or in group {groups}" if groups else ""),
            hint="run the command with sudo",
            uid=None if who is None else who.uid,
            groups=self.admin_groups,
        )


def granted(request: InstallRequest, may: Access) -> InstallRequest:
    """Return what of an install its caller may ask for.

    Who may only deliver can want an older release, and does where the live one was
    revoked: then the signed metadata says so, and the wish itself counts for nothing.

    Raises:
        NotPermitted: it is for an administrator.
    """
    if may is Access.ADMIN:
        return request
    if request.source is None or request.new_signature:
        raise NotPermitted(
            "cannot install: the updater's user brings in releases of a source, and "
            "nothing that a person must decide",
            hint="run the command with sudo",
        )
    return msgspec.structs.replace(request, downgrade=False, unattended=True)


def refuse_browsers(request: web.BaseRequest) -> None:
    """Refuse what only a web page would send to a loopback port.

    A page on any site can make a browser send requests to 127.0.0.1, and DNS
    rebinding lets it read the answers; both show in Origin, Referer or Host.
    On a Unix socket, which no browser reaches, Host is ignored: clients invent one.

    Raises:
        NotPermitted: names the header.
    """
    if _is_unix(request):
        return
    for header in ("Origin", "Referer"):
        if header in request.headers:
            raise NotPermitted(
                f"cannot answer: requests with a {header} header come from a web page",
                hint="call from a program, or through a reverse proxy that drops it",
            )
    host = request.headers.get("Host", "")
    if host and _hostname(host) not in _LOOPBACK:
        raise NotPermitted(
            f"cannot answer for host {host[:100]!r}: this port is for this machine",
            hint="use http://127.0.0.1:PORT",
        )


def _is_unix(request: web.BaseRequest) -> bool:
    # asyncio gives a Unix peer's name as a str or bytes, an internet peer's as a tuple.
    transport = request.transport
    return transport is None or not isinstance(
        transport.get_extra_info("sockname"), tuple
    )


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def peer_of(request: web.BaseRequest) -> Peer | None:
    """Return who is connected; None on TCP, where the kernel does not say."""
    transport = request.transport
    if transport is None or not _is_unix(request):
        return None
    protocol = request.protocol
    if isinstance(protocol, Connection) and protocol.peer is not None:
        return protocol.peer
    return peer(transport.get_extra_info("socket"))


def who(request: web.BaseRequest) -> str:
    """Name the caller for the journal: a user and a process."""
    caller = peer_of(request)
    if caller is None:
        return "somebody on loopback"
    return f"{_user_name(caller.uid)} (uid {caller.uid}, pid {caller.pid})"


def _gids(names: Iterable[str]) -> frozenset[int]:
    return frozenset(gid for name in names if (gid := _gid(name)) is not None)


def _gid(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:  # a configured group that this box does not have
        return None


def _uids(names: Iterable[str]) -> frozenset[int]:
    return frozenset(uid for name in names if (uid := _uid(name)) is not None)


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
