"""A machine with edged in it, and people.

Law: its package is installed as an administrator does it. `tech` is in both groups,
`app` may send requests alone, `stranger` is in neither.
"""

from pathlib import Path
from typing import Any

from tests.system.machine import Done, Machine
from tests.system.package import ROOT

DEMO = ROOT / "demo/digits"
UNITS = ("edged.socket", "edged-control.socket", "edged.service")
OTHERS = (
    "edged-tcp.socket",
    "edged-updater.service",
    "edged-updater.socket",
    "edged-metrics.timer",
    "edged-updater-metrics.timer",
)
PEOPLE = {"tech": "edged,edged-admin", "app": "edged", "stranger": ""}
INSTALL_S = 300.0


class Box:
    """One that serves the demo's model."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._changed = False
        self.run, self.shell = machine.run, machine.shell
        self.journal, self.show = machine.journal, machine.show
        self.until, self.write = machine.until, machine.write

    @property
    def data(self) -> Path:
        """Return the data socket, as it is reached from outside."""
        return self.machine.inside / "run/edged/edged.sock"

    @property
    def control(self) -> Path:
        """Return the control socket, as it is reached from outside."""
        return self.machine.inside / "run/edged/control.sock"

    @property
    def pid(self) -> str:
        """Return the daemon's, as it is inside."""
        return self.pid_of("edged")

    def pid_of(self, unit: str) -> str:
        """Return the process of a unit; the test fails where it has none.

        Of "0" systemd would mean none, and kill(1) the tests themselves.
        """
        pid = self.show(unit, "MainPID")
        assert pid != "0", self.run("systemctl", "status", unit, status=None).stdout
        return pid

    def edgectl(self, *words: str, user: str = "tech", **options: Any) -> Done:
        """Type a command."""
        return self.run("edgectl", *words, user=user, **options)

    def infer(self, user: str = "app", **options: Any) -> Done:
        """Ask the model for the demo's three."""
        return self.edgectl("infer", "digits", "/srv/three.png", user=user, **options)

    def drop_in(self, unit: str, text: str) -> None:
        """Change a unit as an administrator does."""
        self._changed = True
        self.write(f"/etc/systemd/system/{unit}.d/test.conf", text)
        self.run("systemctl", "daemon-reload")

    def settings(self, text: str) -> None:
        """Change the settings; nobody is told."""
        self._changed = True
        self.write("/etc/edged/edged.d/test.yaml", text)

    def up(self, unit: str = "edged.service") -> bool:
        """Tell whether a unit is active, that is, has said READY."""
        return self.show(unit, "ActiveState") == "active"

    def mend(self) -> None:
        """Take back what a test has changed, and let it serve."""
        self.shell(
            f"systemctl stop {' '.join(OTHERS)}\n"
            "rm -rf /etc/systemd/system/edged*.d /etc/edged/edged.d/test.yaml\n"
            "systemctl daemon-reload\n"
            "systemctl reset-failed 'edged*'\n"
            f"systemctl start {' '.join(UNITS)}\n"
            f"{'systemctl restart edged' if self._changed else ''}\n",
        )
        self._changed = False


def installed(machine: Machine, deb: Path) -> Box:
    """Install edged's package in a machine, make its people, and give it a model."""
    box = Box(machine)
    machine.put(deb, "/srv/edged.deb")
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y")
    box.run(*quiet, "install", "/srv/edged.deb", timeout_s=INSTALL_S)
    box.run("rm", "/srv/edged.deb")  # it lies in memory
    for name, groups in PEOPLE.items():
        box.run("useradd", "--create-home", "--groups", groups, name)
    machine.put(DEMO, "/srv/digits")
    machine.put(ROOT / "demo/images/digit_3.png", "/srv/three.png")
    box.edgectl("install", "/srv/digits")
    return box


def in_the_box_of(unit: str, program: str) -> str:
    """Return a unit that runs `program` as `unit`, its text, would run edged.

    What it prints goes to /run/told.
    """
    differs = ("Exec", "Type=", "Requires=", "Wants=", "Restart", "Watchdog")
    lines = [line for line in unit.splitlines() if not line.startswith(differs)]
    at = lines.index("[Service]") + 1
    lines[at:at] = [
        "Type=oneshot",
        f"ExecStart={program}",
        "StandardOutput=truncate:/run/told",
    ]
    return "\n".join(lines) + "\n"
