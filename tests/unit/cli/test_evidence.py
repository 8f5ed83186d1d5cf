"""What can be known while no daemon answers."""

import errno
import os
from pathlib import Path

import msgspec
import pytest

from edged.cli.evidence import (
    Cause,
    Unit,
    ask_systemd,
    cause_of,
    owner,
    parse_properties,
    process_state,
    read_snapshot,
    read_store,
)
from edged.errors import EdgedError, NoAccess, NoDaemon, ProtocolError, TimedOut
from edged.wire.messages import Status


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (NoDaemon("cannot", errno=errno.ENOENT), Cause.ABSENT),
        (NoDaemon("cannot", errno=errno.ENOTDIR), Cause.ABSENT),
        (NoDaemon("cannot", errno=errno.ECONNREFUSED), Cause.REFUSED),
        (NoDaemon("cannot", errno=errno.EAGAIN), Cause.UNREACHABLE),
        (NoAccess("cannot"), Cause.FORBIDDEN),
        (TimedOut("cannot"), Cause.HUNG),
        (ProtocolError("cannot"), Cause.GARBLED),
    ],
)
def test_errors_tell_the_cases_apart(error: EdgedError, cause: Cause) -> None:
    """Absent, refused, forbidden, hung and garbled are different troubles."""
    assert cause == cause_of(error)


def test_systemd_speaks_in_properties() -> None:
    """`systemctl show` prints one property a line."""
    text = (
        "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n"
        "NRestarts=5\nExecMainStatus=78\nMainPID=0\n"
    )

    assert parse_properties(text) == Unit(
        load="loaded",
        active="failed",
        sub="failed",
        result="exit-code",
        restarts=5,
        exit_status=78,
    )


def test_an_old_systemd_may_lack_a_property() -> None:
    """What is not said keeps its default."""
    assert parse_properties("LoadState=loaded\nNRestarts=\n") == Unit(load="loaded")


def test_no_systemd_is_no_unit() -> None:
    """A box without systemctl is not an error."""
    assert ask_systemd("no-such-systemctl") is None


def test_this_process_runs() -> None:
    """The kernel's letter is that of a running process."""
    assert process_state(os.getpid()) == "R"


def test_a_gone_process_has_no_state() -> None:
    """Pid 2^22 is the kernel's limit, so nobody has it."""
    assert process_state(1 << 22) is None


def test_a_process_has_an_owner() -> None:
    """Who may send it a signal needs no sudo."""
    assert (os.geteuid(), None) == (owner(os.getpid()), owner(1 << 22))


def test_a_snapshot_is_read_with_its_age(healthy: Status, tmp_path: Path) -> None:
    """The file's time tells how old the words are."""
    path = tmp_path / "status.json"
    path.write_bytes(msgspec.json.encode(healthy))
    os.utime(path, (0, 0))

    status, age_s = read_snapshot(str(path))

    assert (healthy, True) == (status, age_s is not None and age_s > 1e9)


@pytest.mark.parametrize("text", [None, b"", b'{"schema":', b'{"level": "ok"}'])
def test_a_bad_snapshot_is_none(text: bytes | None, tmp_path: Path) -> None:
    """Missing, empty, cut or foreign: there is no last status."""
    path = tmp_path / "status.json"
    if text is not None:
        path.write_bytes(text)

    assert read_snapshot(str(path)) == (None, None)


def test_an_empty_store_has_no_models(tmp_path: Path) -> None:
    """A box to which nothing was installed is no problem."""
    store = read_store(str(tmp_path))

    assert ((), None) == (store.models, store.problem)


def test_a_missing_store_is_a_problem(tmp_path: Path) -> None:
    """The path and the reason are named."""
    root = tmp_path / "nowhere"

    assert read_store(str(root)).problem == (
        f"cannot read {root}: no such file or directory"
    )


def test_a_dangling_link_is_told(tmp_path: Path) -> None:
    """A model whose release is gone says so, and the others are still listed."""
    for name in ("faces", "digits"):
        release = tmp_path / "models" / name / "releases" / "1-0123456789ab"
        release.mkdir(parents=True)
    (tmp_path / "models" / "faces" / "current").symlink_to("releases/3-0123456789ab")

    store = read_store(str(tmp_path))

    assert [("digits", "no release of it is live"), ("faces", True)] == [
        (m.name, m.problem if m.name == "digits" else "cannot" in (m.problem or ""))
        for m in store.models
    ]
