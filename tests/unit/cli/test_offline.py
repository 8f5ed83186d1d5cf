"""What `status` says when no daemon answers."""

import pytest
from msgspec.structs import replace

from edged.cli.evidence import Cause, Evidence, Group, Store, Stored, Unit
from edged.cli.offline import diagnose, layout, steps, verdict
from edged.wire.messages import Level, Phase, Status

AT = "/run/edged/control.sock"


def evidence(cause: Cause, **known: object) -> Evidence:
    """Return evidence with what is known besides the cause."""
    bare = Evidence(cause=cause, socket=AT, error="cannot connect")
    return replace(bare, **known)


def unit(active: str, sub: str = "dead", **known: object) -> Unit:
    """Return an installed unit in a state."""
    return replace(Unit(load="loaded", active=active, sub=sub), **known)


@pytest.mark.parametrize(
    ("found", "says", "first"),
    [
        pytest.param(
            evidence(Cause.ABSENT),
            f"edged does not run: there is no socket at {AT}",
            "edged",
            id="no systemd",
        ),
        pytest.param(
            evidence(Cause.ABSENT, unit=unit("inactive")),
            f"edged is stopped: there is no socket at {AT}",
            "sudo systemctl restart edged",
            id="stopped",
        ),
        pytest.param(
            evidence(Cause.ABSENT, unit=unit("failed", result="oom-kill")),
            "edged has failed (oom-kill) and is not restarted",
            "sudo journalctl -u edged -n 30",
            id="killed for memory",
        ),
        pytest.param(
            evidence(
                Cause.ABSENT,
                unit=unit("failed", result="exit-code", exit_status=78),
            ),
            "edged has failed (exit status 78) and is not restarted",
            "edgectl config check",
            id="bad configuration",
        ),
        pytest.param(
            evidence(
                Cause.ABSENT,
                unit=unit("activating", "auto-restart", exit_status=1, restarts=7),
            ),
            "edged fails whenever it starts (exit status 1, restarts: 7)",
            "sudo journalctl -u edged -n 30",
            id="restart loop",
        ),
        pytest.param(
            evidence(Cause.ABSENT, unit=unit("activating", "start")),
            f"edged is starting, and still there is no socket at {AT}",
            "edgectl status",
            id="starting",
        ),
        pytest.param(
            evidence(Cause.ABSENT, unit=unit("deactivating", "stop-sigterm")),
            f"edged is stopping: there is no socket at {AT}",
            "edgectl status",
            id="stopping",
        ),
        pytest.param(
            evidence(Cause.ABSENT, unit=unit("active", "running", main_pid=812)),
            f"edged runs as pid 812, but there is no socket at {AT}",
            "sudo journalctl -u edged -n 30",
            id="socket deleted",
        ),
        pytest.param(
            evidence(Cause.ABSENT, configured_socket="/run/e/c.sock"),
            f"no daemon at {AT}: the configuration says /run/e/c.sock",
            "edgectl status --socket /run/e/c.sock",
            id="elsewhere",
        ),
        pytest.param(
            evidence(Cause.ABSENT, pid=812, pid_state="S"),
            f"edged runs as pid 812, but there is no socket at {AT}",
            "sudo kill 812",
            id="runs by hand, elsewhere",
        ),
        pytest.param(
            evidence(Cause.REFUSED, is_root=True, unit=unit("failed", result="signal")),
            "edged has failed (signal) and is not restarted",
            "journalctl -u edged -n 30",
            id="crashed, root asks",
        ),
        pytest.param(
            evidence(Cause.REFUSED),
            f"edged has crashed or was killed: nobody listens at {AT}",
            "edged",
            id="crashed, no systemd",
        ),
        pytest.param(
            evidence(Cause.REFUSED, unit=unit("inactive")),
            f"edged is stopped: nobody listens at {AT}",
            "sudo systemctl restart edged",
            id="stopped, socket left",
        ),
        pytest.param(
            evidence(Cause.HUNG, pid=812, pid_state="D", unit=unit("active")),
            f"edged hangs: it does not answer at {AT} (pid 812, which waits for a "
            "disk)",
            "sudo journalctl -u edged -n 30",
            id="hangs on a disk",
        ),
        pytest.param(
            evidence(Cause.HUNG, pid=812, pid_state="T", pid_is_ours=True),
            f"edged hangs: it does not answer at {AT} (pid 812, which is stopped by a "
            "signal)",
            "kill -CONT 812",
            id="stopped by a signal",
        ),
        pytest.param(
            evidence(Cause.HUNG, pid=812, pid_state="S", unit=Unit(load="not-found")),
            f"edged hangs: it does not answer at {AT} (pid 812)",
            "sudo kill -9 812",
            id="hangs, no unit",
        ),
        pytest.param(
            evidence(Cause.REFUSED, command="/opt/edged --state-dir /s"),
            f"edged has crashed or was killed: nobody listens at {AT}",
            "/opt/edged --state-dir /s",
            id="crashed, and it is known how it was started",
        ),
        pytest.param(
            evidence(Cause.FORBIDDEN, options=" --socket /r/c.sock"),
            f"this user may not connect to {AT}",
            "sudo edgectl status --socket /r/c.sock",
            id="forbidden, elsewhere",
        ),
        pytest.param(
            evidence(Cause.GARBLED),
            f"what answers at {AT} does not speak as edged does",
            "edgectl version",
            id="another program",
        ),
        pytest.param(
            evidence(Cause.UNREACHABLE), "cannot connect", "edged", id="anything else"
        ),
        pytest.param(
            evidence(Cause.ABSENT, unit=replace(unit("inactive"), load="masked")),
            f"edged is stopped: there is no socket at {AT}",
            "sudo systemctl unmask --now edged",
            id="masked",
        ),
    ],
)
def test_each_case_has_its_words_and_its_command(
    found: Evidence, says: str, first: str
) -> None:
    """The cases are told apart, and the first command is the right one."""
    assert (says, first) == (verdict(found), steps(found)[0])


def test_a_daemon_on_its_way_out_is_let_go(healthy: Status) -> None:
    """Its last words say that it drains, and it still runs: nothing is to be done."""
    found = evidence(
        Cause.ABSENT,
        pid=812,
        pid_state="S",
        snapshot=replace(healthy, phase=Phase.DRAINING),
    )

    assert (f"edged is stopping: there is no socket at {AT}", ["edgectl status"]) == (
        verdict(found),
        steps(found),
    )


def test_a_daemon_that_was_stopped_is_not_said_to_have_crashed(healthy: Status) -> None:
    """Its last words say so."""
    found = evidence(Cause.ABSENT, snapshot=replace(healthy, phase=Phase.STOPPED))

    assert verdict(found) == (
        f"edged is stopped, as it was asked to: there is no socket at {AT}"
    )


def test_who_may_not_connect_is_told_the_group() -> None:
    """EACCES names the user, the group and the one command."""
    group = Group(name="edged", user="pi", user_is_member=False)

    status = diagnose(evidence(Cause.FORBIDDEN, group=group))

    assert (
        None,
        f"user pi may not connect to {AT}, which is for group edged",
        "sudo usermod -aG edged pi",
    ) == (status.level, status.verdict, status.next[0])


def test_a_login_older_than_the_membership_needs_no_administrator() -> None:
    """The group file already has the user; only this shell does not know."""
    group = Group(name="edged", user="pi", user_is_member=True)

    assert steps(evidence(Cause.FORBIDDEN, group=group))[0] == "newgrp edged"


def test_a_dead_daemon_is_down() -> None:
    """Scripts see the level that the live document has."""
    assert diagnose(evidence(Cause.ABSENT)).level is Level.DOWN


def test_the_screen_tells_all_there_is(healthy: Status) -> None:
    """Verdict, next steps, last status, systemd, store."""
    store = Store(
        root="/var/lib/edged",
        models=(
            Stored(name="digits", version="1.4.0", folder="14-0123456789ab"),
            Stored(name="faces", problem="no release of it is live"),
        ),
    )
    found = evidence(
        Cause.REFUSED,
        snapshot=healthy,
        snapshot_age_s=75.0,
        unit=unit("failed", "failed", result="signal", restarts=5),
        store=store,
    )

    assert layout(diagnose(found), width=80, height=24) == [
        "DOWN: edged has failed (signal) and is not restarted",
        "  try: sudo journalctl -u edged -n 30",
        "  then: sudo systemctl restart edged",
        "",
        (
            "last status, 1 min 15 s old, of pid 812 (gone): OK: 1 model ready, "
            "serving for 3"
        ),
        "  h 12 min",
        "systemd: failed (failed), result signal, restarts 5, last exit status 0",
        "store: 2 models in /var/lib/edged",
        "  digits: 1.4.0 would be live",
        "  faces: no release of it is live",
    ]


def test_a_full_store_fits_a_screen(healthy: Status) -> None:
    """The verdict must not scroll away."""
    store = Store(
        root="/var/lib/edged",
        models=tuple(Stored(name=f"m{i}", problem="x" * 200) for i in range(50)),
    )
    found = evidence(
        Cause.ABSENT,
        snapshot=healthy,
        snapshot_age_s=1.0,
        unit=unit("failed"),
        store=store,
        config_problem="cannot use the configuration: 3 problems",
    )

    lines = layout(diagnose(found), width=80, height=24)

    assert (True, True, "  … and 44 more: edgectl status | more") == (
        len(lines) <= 23,
        max(map(len, lines)) <= 80,
        lines[-1],
    )
    assert 50 == sum(
        line.startswith("  m") and ": x" in line
        for line in layout(diagnose(found), width=80, height=None)
    )
