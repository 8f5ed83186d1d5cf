"""Each row of the table for each kind of peer, with real processes of real users."""

import asyncio
import grp
import json
import os
import pwd
import sys
from pathlib import Path

import pytest

from edged.api import problems
from edged.api.access import Roles
from edged.wire.endpoint import Access
from edged.wire.endpoints import TABLE
from edged.wire.messages import InstallRequest
from tests.fakes.agent import FakeAgent, fake_app
from tests.fakes.serving import serving

OWN, OTHER = 54321, 54322  # users that nobody is
ADMINS = grp.getgrall()[-1]  # some group that exists
UPDATER = pwd.getpwall()[-1]  # some user that exists
ROLES = Roles(admin_groups=[ADMINS.gr_name], update_user=UPDATER.pw_name, own_uid=OWN)

ASK = """
import json, os, socket, sys
path, uid, groups, lines = json.loads(sys.argv[1])
os.setgroups(groups)
os.setgid(uid)
os.setuid(uid)
statuses = []
for line in lines:
    takes_seq = line.endswith(("/use", "quarantine"))
    body = '{"seq": 1}' if takes_seq else ""
    if line.endswith("/hold"):
        body = '{"until_utc": "2026-12-01T00:00:00Z"}'
    if line.endswith("/force"):
        body = '{"strategy": "normal"}'
    head = line + " HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n"
    head += f"Content-Length: {len(body)}\\r\\n\\r\\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(path)
        sock.sendall((head + body).encode())
        statuses.append(int(sock.makefile("rb").read(12)[9:]))
print(json.dumps(statuses))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be other users")
@pytest.mark.parametrize(
    ("uid", "groups", "role"),
    [
        (0, (), Access.ADMIN),
        (OWN, (), Access.ADMIN),
        (OTHER, (ADMINS.gr_gid,), Access.ADMIN),
        (UPDATER.pw_uid, (), Access.DELIVER),
        (OTHER, (), Access.READ),
    ],
    ids=["root", "the daemon's user", "an administrator", "the updater", "anybody"],
)
async def test_every_row_asks_for_its_role(
    uid: int, groups: tuple[int, ...], role: Access
) -> None:
    """The kernel says who is there; no header can."""
    app = fake_app(FakeAgent(), ROLES)

    async with serving(app, refuse=problems.control_answer) as here:
        here.path.parent.chmod(0o711)
        statuses = await ask_as(here.path, uid, groups)

    ranks = list(Access)
    expected = [
        200 if ranks.index(row.access) <= ranks.index(role) else 403 for row in TABLE
    ]
    assert expected == statuses


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be other users")
async def test_the_updater_brings_in_what_a_source_vouches_for_alone() -> None:
    """Nothing unsigned, and nothing that a person must decide."""
    agent = FakeAgent()
    wishes = ("", "?name=digits", "?source=main&new_signature=true", "?source=main")

    async with serving(fake_app(agent, ROLES), refuse=problems.control_answer) as here:
        here.path.parent.chmod(0o711)
        statuses = await ask_as(
            here.path, UPDATER.pw_uid, (), [f"POST /v1/install{w}" for w in wishes]
        )

    assert [403, 403, 403, 200] == statuses
    assert [InstallRequest(source="main", unattended=True)] == agent.asked


QUERIES = {
    "/v1/install": "?source=main&downgrade=true",
    "/v1/models/{name}/hear": "?source=main",
}
EVERY_ROW = [
    f"{row.method} {row.path.format(name='digits', id=1)}" + QUERIES.get(row.path, "")
    for row in TABLE
]


async def ask_as(
    path: Path, uid: int, groups: tuple[int, ...], lines: list[str] = EVERY_ROW
) -> list[int]:
    """Send requests as another user; return the statuses."""
    told = json.dumps([str(path), uid, groups, lines])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", ASK, told, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    statuses: list[int] = json.loads(out)
    return statuses
