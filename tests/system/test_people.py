"""Who may do what at the sockets of a real system: users, groups, credentials."""

import json

import pytest

from tests.system.box import Box

pytestmark = pytest.mark.timeout(300)


def test_a_program_of_the_group_asks_and_changes_nothing(box: Box) -> None:
    """`edged` reads and infers; to change something takes `edged-admin`."""
    box.infer(user="app")
    box.edgectl("status", user="app")

    refused = box.edgectl("models", "unload", "digits", user="app", status=77)

    assert "edged-admin" in refused.stderr
    assert "digits 1.0.0 is ready" == box.show("edged", "StatusText")


def test_a_technician_changes_models_without_root(box: Box) -> None:
    """The daemon knows the peer by name, out of its own box."""
    box.edgectl("models", "unload", "digits", user="tech")
    box.edgectl("models", "load", "digits", user="tech")

    changes = json.loads(box.edgectl("changes", "--json").stdout)["changes"]
    uid = box.run("id", "-u", "tech").stdout.strip()
    assert f"tech (uid {uid}" in changes[-1]["by"]


def test_a_stranger_is_told_which_group_it_takes(box: Box) -> None:
    """At both sockets, with the command to type."""
    status = box.edgectl("status", user="stranger", status=None)
    infer = box.edgectl("infer", "digits", "/srv/three.png", user="stranger", status=77)

    assert status.returncode != 0
    assert "usermod -aG edged stranger" in status.stdout + status.stderr
    assert "usermod -aG edged stranger" in infer.stderr


def test_a_new_member_is_told_to_log_in_again(box: Box) -> None:
    """A shell keeps the groups that it began with."""
    box.run("useradd", "novice")
    words = ("setpriv", "--reuid=novice", "--regid=novice", "--clear-groups")
    box.run("usermod", "--append", "--groups", "edged", "novice")

    old_shell = box.run(*words, "edgectl", "status", status=None)
    new_shell = box.edgectl("status", user="novice")
    box.run("userdel", "novice")

    assert "log in again" in old_shell.stdout + old_shell.stderr
    assert new_shell.stdout.startswith("OK")


def test_of_a_stopped_daemon_a_technician_learns_the_next_step(box: Box) -> None:
    """Its last words are readable to the group, and say what was live."""
    box.run("systemctl", "stop", "edged.service", "edged.socket")
    box.run("systemctl", "stop", "edged-control.socket")

    told = box.edgectl("status", user="tech", status=None)

    assert told.returncode != 0
    assert "systemctl restart edged" in told.stdout + told.stderr
    assert "digits" in told.stdout
