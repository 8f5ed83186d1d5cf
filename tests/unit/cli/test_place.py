"""Where a command looks for the daemon."""

import argparse

from edged.cli.place import Place, place


def test_the_default_is_the_system_daemon() -> None:
    """Nothing said: the sockets that the packages use."""
    found = place(argparse.Namespace(), {})

    assert found == Place(
        control_socket="/run/edged/control.sock",
        data_socket="/run/edged/edged.sock",
        runtime_dir="/run/edged",
    )


def test_the_environment_moves_the_sockets() -> None:
    """EDGED_SOCKET may be a URL or a path."""
    env = {"EDGED_SOCKET": "unix:///a/b.sock", "EDGED_CONTROL_SOCKET": "/a/c.sock"}

    found = place(argparse.Namespace(), env)

    assert ("/a/b.sock", "/a/c.sock") == (found.data_socket, found.control_socket)


def test_the_rest_lies_beside_the_control_socket() -> None:
    """Who exports one variable still finds the last status of a dead daemon."""
    found = place(argparse.Namespace(), {"EDGED_CONTROL_SOCKET": "unix:///a/c.sock"})

    assert ("/a", "/a/status.json", "/a/edged.sock") == (
        found.runtime_dir,
        found.snapshot,
        found.data_socket,
    )


def test_another_command_finds_the_same_daemon() -> None:
    """Also where the environment does not reach, as behind sudo."""
    usual = place(argparse.Namespace(), {})
    other = place(argparse.Namespace(socket="c.sock"), {})

    assert ("", " --socket c.sock", ".") == (
        usual.options,
        other.options,
        other.runtime_dir,
    )


def test_a_runtime_directory_beats_the_environment() -> None:
    """What is typed counts more than what was exported."""
    found = place(
        argparse.Namespace(runtime_dir="/r"), {"EDGED_CONTROL_SOCKET": "/a/c.sock"}
    )

    assert ("/r/control.sock", "/r/edged.sock", "/r/status.json") == (
        found.control_socket,
        found.data_socket,
        found.snapshot,
    )


def test_a_socket_on_the_command_line_beats_all() -> None:
    """The most exact word wins."""
    args = argparse.Namespace(socket="/x.sock", runtime_dir="/r", timeout=2.0)

    found = place(args, {"EDGED_CONTROL_SOCKET": "/a/c.sock"})

    assert ("/x.sock", 2.0) == (found.control_socket, found.timeout_s)


def test_the_updaters_socket_lies_beside_or_where_the_environment_says() -> None:
    """It has no option: the daemon sends callers there."""
    usual = place(argparse.Namespace(), {})
    beside = place(argparse.Namespace(runtime_dir="/r"), {})
    other = place(argparse.Namespace(), {"EDGED_UPDATER_SOCKET": "unix:///u.sock"})

    assert ("/run/edged/updater.sock", "/r/updater.sock", "/u.sock") == (
        usual.updater_socket,
        beside.updater_socket,
        other.updater_socket,
    )
