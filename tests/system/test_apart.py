"""edged-updater in a unit of its own: from a web server to a live model."""

import json
from pathlib import Path

import pytest

from tests.fakes.publishing import House, small_bundle
from tests.system.box import Box

pytestmark = pytest.mark.timeout(300)

UPDATER = ("edged-updater.socket", "edged-updater.service")
#: nginx as Debian starts it, on a port of the machine's own loopback.
SITE = "server { listen 127.0.0.1:8080; root /srv/models; }\n"
QUESTION = ("/run/edged/updater.sock", "http://edged/v1/update")
SETTINGS = """
install: {probation: 0s}
update:
  apart: true
  sources: [{name: main, url: 'http://models.test:8080', root: /etc/edged/root.json}]
"""


@pytest.fixture
def published(box: Box, tmp_path: Path) -> Box:
    """Publish a second release on the machine's own nginx, and leave it to fetch it."""
    house = House(tmp_path / "publisher")
    house.init()
    house.add_bundle(small_bundle(tmp_path / "second", seq=2))
    site = tmp_path / "site"
    site.mkdir()
    house.push(site)
    box.machine.put(site, "/srv/models")
    box.machine.put(site / "metadata/1.root.json", "/etc/edged/root.json")
    box.write("/etc/nginx/sites-available/default", SITE)
    box.run("systemctl", "restart", "nginx")
    box.settings(SETTINGS)
    box.run("systemctl", "restart", "edged")
    return box


def test_what_is_signed_is_fetched_and_goes_live(published: Box) -> None:
    """By a process that may do nothing else, for one that has no network."""
    box = published
    box.run("systemctl", "start", *UPDATER)
    box.edgectl("update", "now", user="tech")
    box.until(lambda: _live(box) == "1.2.0", 60, "the second release is live")

    change = json.loads(box.edgectl("changes", "--json").stdout)["changes"][-1]
    status = json.loads(box.edgectl("status", "--json").stdout)
    box.edgectl("models", "rollback", "digits")

    assert "edged-updater (uid " in change["by"]
    assert "signed" == change["trust"]
    assert status["update"]["apart"]
    assert "updates from 1 sources" == box.show("edged-updater", "StatusText")
    mine = box.journal("-t", "edged-updater", "-u", "edged-updater")
    assert {"edged-updater.service"} == {one["_SYSTEMD_UNIT"] for one in mine}


def _live(box: Box) -> str:
    status = json.loads(box.edgectl("status", "--json", status=None).stdout)
    return str(status["models"][0]["version"])


def test_its_socket_starts_it_and_it_lives_by_its_watchdog(box: Box) -> None:
    """A question wakes it; one that hangs is ended and started anew."""
    box.drop_in("edged-updater.service", "[Service]\nWatchdogSec=2\nRestartSec=1\n")
    box.run("systemctl", "start", "edged-updater.socket")
    box.settings("update: {apart: true}\n")
    box.run("curl", "-sf", "--unix-socket", *QUESTION, user="app")
    before = box.pid_of("edged-updater")
    box.until(lambda: _age_s(box) > 3, 10, "it outlives its first watchdog")
    alive = box.pid_of("edged-updater")

    box.run("kill", "-STOP", before)
    box.until(lambda: box.show("edged-updater", "NRestarts") == "1", 30, "a restart")
    box.until(lambda: box.up("edged-updater"), 30, "it is up again")

    assert before == alive
    assert before != box.pid_of("edged-updater")


def _age_s(box: Box) -> float:
    began = float(box.show("edged-updater", "ActiveEnterTimestampMonotonic")) / 1e6
    now = float(box.run("cut", "-d", " ", "-f1", "/proc/uptime").stdout)
    return now - began
