"""Roles, by user and groups alone."""

import grp
import os
import pwd

import pytest

from edged.api.access import Roles, granted
from edged.errors import NotPermitted
from edged.host.peer import Peer
from edged.wire.endpoint import Access
from edged.wire.messages import InstallRequest

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


def test_the_updaters_user_may_deliver() -> None:
    """And nothing more; it is looked up anew each time, like the others."""
    roles = Roles(update_user="no-such-user", own_uid=OWN)
    before = roles.of(peer(os.getuid() or 1000))

    roles.update_user = pwd.getpwall()[-1].pw_name

    assert Access.READ is before
    assert Access.DELIVER is roles.of(peer(pwd.getpwall()[-1].pw_uid))
    assert Access.ADMIN is roles.of(peer(0))


def test_an_administrator_may_ask_for_any_install() -> None:
    """Nothing of it is taken away."""
    asked = InstallRequest(name="digits", new_signature=True, downgrade=True)

    assert asked is granted(asked, Access.ADMIN)


@pytest.mark.parametrize(
    "asked",
    [InstallRequest(name="digits"), InstallRequest(source="main", new_signature=True)],
)
def test_who_delivers_decides_nothing_for_people(asked: InstallRequest) -> None:
    """An unsigned release, or callers who would see another signature."""
    with pytest.raises(NotPermitted, match="the updater's user"):
        granted(asked, Access.DELIVER)


def test_who_delivers_cannot_make_the_box_older() -> None:
    """Only signed metadata can, by revoking what is live."""
    asked = InstallRequest(source="main", downgrade=True, wait=False)

    given = granted(asked, Access.DELIVER)
    assert InstallRequest(source="main", wait=False, unattended=True) == given


def test_without_administrators_only_root_and_the_daemon_are() -> None:
    """The default of a box without the group."""
    roles = Roles(admin_groups=["no-such-group"], own_uid=OWN)

    assert Access.READ is roles.of(peer(1000, os.getgid()))
