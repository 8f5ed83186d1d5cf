"""The file for node_exporter, by the real timer of a real systemd."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.system.box import Box

pytestmark = pytest.mark.timeout(300)

FOLDER = "/var/lib/prometheus/node-exporter"
FILE = f"{FOLDER}/edged.prom"
#: The timer's own interval, and a machine with neighbours.
SOON_S = 60.0


@pytest.fixture
def fed(box: Box) -> Iterator[Box]:
    """Return a box with node_exporter's folder and the timer on."""
    box.run("mkdir", "-p", FOLDER)
    box.run("systemctl", "enable", "--now", "--quiet", "edged-metrics.timer")
    wait_for_file(box)
    yield box
    box.run("systemctl", "disable", "--now", "--quiet", "edged-metrics.timer")


def wait_for_file(box: Box) -> None:
    """Wait for a page that was written from now on."""
    box.run("rm", "-f", FILE)
    is_there = partial(box.run, "test", "-s", FILE, status=None)
    box.until(lambda: is_there().returncode == 0, SOON_S, "the file is written")


def test_the_page_is_whole_and_for_everybody(fed: Box) -> None:
    """Written as root without a capability, through the group's socket."""
    page = fed.run("cat", FILE, user="stranger").stdout

    assert "\nedged_up 1\n" in page
    assert page.endswith("\n")
    assert [FILE] == fed.run("find", FOLDER, "-type", "f").stdout.split()


def test_it_never_starts_the_daemon_and_comes_back_with_it(fed: Box) -> None:
    """Who stops edged does not want its metrics to start it by the socket."""
    fed.run("systemctl", "stop", "edged")
    timer = fed.up("edged-metrics.timer")
    asked = fed.run("systemctl", "start", "edged-metrics.service", status=None)
    started = fed.up()

    fed.run("systemctl", "start", "edged")
    fed.until(lambda: fed.up("edged-metrics.timer"), SOON_S, "the timer is back")
    wait_for_file(fed)

    assert (False, False) == (timer, started)
    assert asked.returncode != 0


def test_it_outlives_a_crash_of_the_daemon(fed: Box) -> None:
    """Systemd starts both again."""
    fed.run("kill", "-KILL", fed.pid)

    def both() -> bool:
        return fed.up() and fed.up("edged-metrics.timer")

    fed.until(both, SOON_S, "the daemon and the timer are back")
    wait_for_file(fed)


def test_it_fills_no_journal(fed: Box) -> None:
    """Thousands of runs a day say nothing, unless one fails."""
    now = fed.run("date", "+%s").stdout.strip()
    wait_for_file(fed)

    said = fed.journal("-u", "edged-metrics.service", "--since", f"@{now}")

    assert [] == [json.dumps(one["MESSAGE"]) for one in said]
