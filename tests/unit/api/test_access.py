"""Roles, by user and groups alone."""

import grp
import os
import pwd

import pytest

from edged.api.access import Roles
from edged.host.peer import Peer
from edged.wire.endpoints import Access

OWN = 12345
GROUP = grp.getgrgid(os.getgid()).gr_name
USER = pwd.getpwuid(os.getuid()).pw_name


def peer(uid: int, gid: int = 4321, *groups: int) -> Peer:
    """Return a peer as the kernel would describe it."""
    return Peer(pid=1, uid=uid, gid=gid, groups=frozenset(groups))


@pytest.mark.parametrize(
    ("who", "role"),
    [
        (peer(0), Access.ADMIN),
        (peer(OWN), Access.ADMIN),
        (peer(1000), Access.READ),
        (peer(1000, os.getgid()), Access.ADMIN),
        (peer(1000, 4321, os.getgid()), Access.ADMIN),
        (peer(1000, 4321, 4322), Access.READ),
    ],
)
def test_root_the_daemon_and_admin_groups_may_change_the_box(
    who: Peer, role: Access
) -> None:
    """Everybody else who can connect may read."""
    roles = Roles(admin_groups=[GROUP, "no-such-group"], own_uid=OWN)

    assert role is roles.of(who)


def test_admin_users_may_change_the_box() -> None:
    """Named one by one, where a group is too much."""
    roles = Roles(admin_users=[USER, "no-such-user"], own_uid=OWN)

    assert Access.ADMIN is roles.of(peer(os.getuid()))


def test_without_administrators_only_root_and_the_daemon_are() -> None:
    """The default of a box without the group."""
    roles = Roles(admin_groups=["no-such-group"], own_uid=OWN)

    assert Access.READ is roles.of(peer(1000, os.getgid()))
