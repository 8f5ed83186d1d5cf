"""That the box around each process is closed, tried from inside; and not too narrow."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.system.box import Box, in_the_box_of

pytestmark = pytest.mark.timeout(300)

PROBE = Path(__file__).with_name("probe.py")
PROGRAM = "/usr/bin/python3 -I /srv/probe/probe.py"
#: Of `probe.WAYS`: what a process of edged can do, by user. All else is denied.
ALLOWED = {
    "edged": {"write /var/lib/edged", "write /run/edged", "read /var/lib/edged"}
    | {"give way"},
    "edged-updater": {"write /var/lib/edged-updater", "open a port"},
}


def probed(box: Box, unit: str) -> dict[str, Any]:
    """Run the probe in a unit that differs from `unit` in what it runs alone."""
    # What the box alone denies, and no permission.
    box.shell("install -d -m 1777 /srv/open; chmod 755 /home/tech")
    box.machine.put(PROBE, "/srv/probe/probe.py")
    text = box.run("cat", f"/usr/lib/systemd/system/{unit}.service").stdout
    box.write("/etc/systemd/system/probe.service", in_the_box_of(text, PROGRAM))
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "probe.service")
    told: dict[str, Any] = json.loads(box.run("cat", "/run/told").stdout)
    return told


@pytest.mark.parametrize("unit", sorted(ALLOWED))
def test_what_is_not_its_business_is_denied(box: Box, unit: str) -> None:
    """No network for who runs models, no write outside of its state for either."""
    told = probed(box, unit)
    readings, others = told.pop("readings"), told.pop("processes of others")
    networks = told.pop("networks")

    # A closed port of a network that is there is refused, not unreachable.
    done = {way for way, came in told.items() if came in ("done", "ECONNREFUSED")}

    assert ALLOWED[unit] == done, told
    assert ["lo"] == networks
    assert 0 == others
    assert {True} == set(readings.values()), readings


def test_the_daemon_itself_is_in_that_box(box: Box) -> None:
    """As the kernel tells of the process that serves."""
    status = box.run("cat", f"/proc/{box.pid}/status").stdout
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    ours = box.run("readlink", "/proc/1/ns/net").stdout
    its = box.run("readlink", f"/proc/{box.pid}/ns/net").stdout

    assert "1" == told["NoNewPrivs"]
    assert "2" == told["Seccomp"]
    assert {0} == {int(told[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")}
    assert ours != its
    assert "edged" == box.run("stat", "-c", "%U", f"/proc/{box.pid}").stdout.strip()


def test_both_runtimes_and_the_trial_work_in_it(box: Box) -> None:
    """ONNX Runtime, LiteRT with XNNPACK, and the child that tries them confined."""
    for variant in ("fp32", "int8", "int8-litert"):
        told = box.edgectl(
            "infer", "digits", "/srv/three.png", "--variant", variant, user="app"
        )
        assert "3" == told.stdout.splitlines()[1].split()[-1]

    box.shell(
        "rm -rf /srv/again; cp -r /srv/digits /srv/again\n"
        "sed -i 's/^name: .*/name: again/' /srv/again/model.yaml"
    )
    installed = box.edgectl("install", "/srv/again")
    box.edgectl("models", "remove", "again", "--yes", status=None)

    assert "again 1.0.0" in installed.stdout
    said = [one["MESSAGE"] for one in box.journal("-u", "edged")]
    assert any("XNNPACK delegate" in line for line in said)
    assert not [line for line in said if "EPERM" in line or "not permitted" in line]


def test_what_it_senses_is_sensed_in_it(box: Box) -> None:
    """Memory, load, pressure and space are figures in the box as well as outside."""
    inside = json.loads(box.edgectl("device", "--json").stdout)

    missing = [name for name, value in inside.items() if value is None]
    assert [] == missing, inside
