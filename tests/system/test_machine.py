"""The machines that the other tests are made of."""

import pytest

from tests.system.machine import Machine

pytestmark = pytest.mark.timeout(300)


def test_systemd_is_its_init(bare: Machine) -> None:
    """A machine has an init, a journal and users of its own, and no network."""
    bare.shell("useradd tech; logger --tag hello 'from inside'")

    assert "systemd" == bare.run("cat", "/proc/1/comm").stdout.strip()
    assert "tech" == bare.run("id", "-un", user="tech").stdout.strip()
    assert ["from inside"] == [one["MESSAGE"] for one in bare.journal("-t", "hello")]
    assert ["lo"] == bare.run("ls", "/sys/class/net").stdout.split()


def test_a_unit_is_denied_what_it_names(bare: Machine) -> None:
    """What keeps a service in its box on a real machine does so in this one."""
    run = ("systemd-run", "--quiet", "--wait", "--pipe")

    bare.run(*run, "-p", "ProtectSystem=strict", "touch", "/var/x", status=1)
    bare.run(*run, "-p", "PrivateNetwork=yes", "test", "-e", "/sys/class/net/lo")
    denied = ("-p", "IPAddressDeny=any", "curl", "-s", "-m", "2", "127.0.0.1:9")
    bare.run(*run, *denied, status=28)


def test_what_it_writes_is_its_own(bare: Machine) -> None:
    """Files go in and come out by its own folder, and never reach the image."""
    bare.write("/opt/deep/note", "kept\n", 0o600)

    assert "kept\n" == bare.run("cat", "/opt/deep/note").stdout
    assert "kept\n" == (bare.root / "opt/deep/note").read_text()
    assert 0o600 == (bare.root / "opt/deep/note").stat().st_mode & 0o777
