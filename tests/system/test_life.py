"""edged.service from its first caller to its end, by a real systemd."""

import json
import subprocess
import threading
import time

import pytest

from edged.client import Client
from tests.system.box import UNITS, Box

pytestmark = pytest.mark.timeout(300)

#: systemd's own wait, and a start on a machine with neighbours.
AGAIN_S = 40.0


def test_the_first_caller_starts_it(box: Box) -> None:
    """And is answered, with the models that were live before."""
    box.run("systemctl", "stop", "edged")
    stopped = box.up()

    told = box.infer().stdout

    assert not stopped
    assert "3" == told.splitlines()[1].split()[-1]
    assert box.up()


def test_systemd_knows_when_it_is_ready_and_how_it_is(box: Box) -> None:
    """`systemctl start` returns when the models answer; its status is edgectl's."""
    box.run("systemctl", "restart", "edged")
    status = json.loads(box.edgectl("status", "--json").stdout)

    assert ["ready"] == [model["phase"] for model in status["models"]]
    assert "digits 1.0.0 is ready" == box.show("edged", "StatusText")


def test_who_hangs_is_ended_by_the_watchdog_and_started_anew(box: Box) -> None:
    """A caller waits meanwhile; what every thread was at is in the journal."""
    box.drop_in("edged.service", "[Service]\nWatchdogSec=2\n")
    box.run("systemctl", "restart", "edged")
    before = box.pid

    box.run("kill", "-STOP", before)
    told = box.infer(timeout_s=AGAIN_S).stdout

    assert told.startswith("digits 1.0.0")
    assert before != box.pid
    assert "1" == box.show("edged", "NRestarts")
    said = [one["MESSAGE"] for one in box.journal("-u", "edged", f"_PID={before}")]
    assert any("Fatal Python error: Aborted" in line for line in said), said
    ends = [one["MESSAGE"] for one in box.journal("-u", "edged", "_PID=1")]
    assert any("Watchdog timeout" in line for line in ends), ends


def test_who_was_killed_is_started_anew_and_keeps_its_callers(box: Box) -> None:
    """SIGKILL in the middle of nothing: the next instance answers who came since."""
    before = box.pid

    box.run("kill", "-KILL", before)
    told = box.infer(timeout_s=AGAIN_S).stdout

    assert told.startswith("digits 1.0.0")
    assert before != box.pid
    assert "1" == box.show("edged", "NRestarts")


def test_a_reload_takes_over_settings_and_keeps_the_process(box: Box) -> None:
    """A typo changes nothing, and the status says so."""
    before = box.pid

    box.settings("log: {level: debug}\n")
    box.run("systemctl", "reload", "edged")
    box.until(lambda: _level(box) == "debug", 10, "the setting is taken over")
    box.settings("log: {level: loud}\n")
    box.run("systemctl", "reload", "edged")
    word = "cannot take over the changed configuration"
    box.until(lambda: word in _status(box), 10, "the typo is told")

    assert "debug" == _level(box)
    assert before == box.pid


def _status(box: Box) -> str:
    return box.edgectl("status", status=None).stdout


def _level(box: Box) -> str:
    shown = box.edgectl("config", "show", "--json").stdout
    (value,) = (
        one["value"] for one in json.loads(shown)["values"] if one["key"] == "log.level"
    )
    return str(value)


def test_a_stop_leaves_the_sockets_and_the_last_words(box: Box) -> None:
    """Who may look is told that it was stopped; /run/edged is not emptied."""
    box.run("systemctl", "stop", "edged")

    assert box.data.is_socket()
    assert box.control.is_socket()
    found = box.run("stat", "-c", "%U:%G %a", "/run/edged", "/run/edged/status.json")
    assert ["edged:edged 755", "edged:edged 640"] == found.stdout.splitlines()
    owners = box.run("stat", "-c", "%U:%G %a", "/run/edged/edged.sock").stdout
    assert "root:edged 660\n" == owners


def test_a_start_of_everything_is_what_a_boot_does(box: Box) -> None:
    """The folder of the sockets belongs to the daemon, whoever is first."""
    box.run("systemctl", "stop", *UNITS)
    box.shell("rm -rf /run/edged; systemd-tmpfiles --create --boot edged.conf")

    box.run("systemctl", "start", "sockets.target", *UNITS)

    assert "edged:edged" == box.run("stat", "-c", "%U:%G", "/run/edged").stdout.strip()
    assert box.infer().stdout.startswith("digits 1.0.0")


def test_a_bad_configuration_is_no_restart_loop(box: Box) -> None:
    """It ends once, callers are not kept, and a restart mends it."""
    box.settings("server: {mode: loud}\n")
    box.run("systemctl", "restart", "edged", status=1)

    assert "78" == box.show("edged", "ExecMainStatus")
    assert "0" == box.show("edged", "NRestarts")
    said = [one["MESSAGE"] for one in box.journal("-u", "edged", "-n", "20")]
    assert any("server.mode" in line for line in said), said

    # Callers start it again, until systemd has seen enough; then they are refused.
    box.until(lambda: _refused(box), AGAIN_S, "callers get an error")
    told = box.edgectl("status", user="app", status=None)
    assert "edgectl config check" in told.stdout + told.stderr
    box.settings("")
    time.sleep(10)  # the interval of the limit
    box.run("systemctl", "restart", "edged")
    assert box.infer().stdout.startswith("digits 1.0.0")


def _refused(box: Box) -> bool:
    """Ask, and wait as little as a caller in a hurry does."""
    words = box.machine.words("curl", "-sS", "-m", "1", "--unix-socket")
    done = subprocess.run(
        [*words, "/run/edged/edged.sock", "http://x/v2/health/live"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 7  # could not connect


def test_the_loopback_port_is_opened_by_systemd_alone(box: Box) -> None:
    """It serves out of a network of its own; the outside of it is closed."""
    closed = box.run("curl", "-s", "http://127.0.0.1:8000/v2/health/ready", status=7)
    box.run("systemctl", "stop", *UNITS)
    box.run("systemctl", "start", "edged-tcp.socket", "edged")

    served = box.run("curl", "-sf", "http://127.0.0.1:8000/v2/models/digits").stdout

    assert not closed.stdout
    assert "digits" == json.loads(served)["name"]
    assert "127.0.0.1:8000" in box.edgectl("status").stdout


def test_records_are_found_by_what_they_are_about(box: Box) -> None:
    """Fields of edged, and the name of the process."""
    box.run("systemctl", "restart", "edged")
    box.edgectl("install", "--name", "nothing", "/etc/passwd", status=None)

    mine = box.journal("-t", "edged", "-u", "edged", "EDGED_MODEL=digits")

    assert mine
    assert {"edged.service"} == {one["_SYSTEMD_UNIT"] for one in mine}
    assert all(one["CODE_FILE"].startswith("/usr/lib/edged/site/") for one in mine)


def test_callers_wait_out_a_start(box: Box) -> None:
    """Ten who come while it is down are all answered by the next one."""
    box.run("systemctl", "stop", "edged")
    faults: list[str] = []

    def ask() -> None:
        try:
            with Client(box.data, timeout_s=AGAIN_S) as client:
                client.metadata("digits")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is counted
            faults.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == faults
