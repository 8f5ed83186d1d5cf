"""The Debian package in the hands of an administrator, on Debian 12 and 13."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edged.client import Client
from tests.crash.callers import by_client, calling
from tests.system.images import PYTHONS, image
from tests.system.machine import Machine, booted
from tests.system.package import ROOT, THEN, earlier, package

pytestmark = pytest.mark.timeout(600)

SOCKETS = ("edged.socket", "edged-control.socket")
ENABLED = (*SOCKETS, "edged.service")
OPTIONAL = (
    "edged-tcp.socket",
    "edged-updater.socket",
    "edged-updater.service",
    "edged-metrics.timer",
    "edged-updater-metrics.timer",
)
NEW, OLD = "/srv/new.deb", "/srv/old.deb"
DPKG_S = 300.0


@pytest.fixture(scope="module", params=PYTHONS)
def debs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Path]:
    """Return a suite, its package, and the one before."""
    folder = tmp_path_factory.mktemp(request.param)
    new = package(request.param, "amd64", folder)
    return request.param, new, earlier(new, folder)


def prepared(suite: str, new: Path, old: Path) -> Iterator[Machine]:
    """Boot a Debian that has the packages lying in a folder, and a model."""
    with booted([image(suite)]) as machine:
        machine.put(new, NEW)
        machine.put(old, OLD)
        machine.put(ROOT / "demo/digits", "/srv/digits")
        machine.put(ROOT / "demo/images/digit_3.png", "/srv/three.png")
        yield machine


@pytest.fixture
def machine(debs: tuple[str, Path, Path]) -> Iterator[Machine]:
    """Boot a Debian that never heard of edged."""
    yield from prepared(*debs)


@pytest.fixture(scope="module")
def box(debs: tuple[str, Path, Path]) -> Iterator[Machine]:
    """Boot one with the package; the tests that share it only look."""
    for machine in prepared(*debs):
        installed(machine)
        yield machine


def apt(machine: Machine, *words: str, status: int = 0) -> str:
    """Type a command of apt's; nobody is there to answer it."""
    front = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y")
    done = machine.run(*front, *words, timeout_s=DPKG_S, status=status)
    return done.stdout + done.stderr


def installed(machine: Machine, deb: str = NEW) -> None:
    """Install a package, and the demo's model into it."""
    apt(machine, "install", deb)
    machine.run("edgectl", "install", "/srv/digits", timeout_s=120)


def answer(machine: Machine) -> str:
    """Return what the model sees in the picture of a three."""
    told = machine.run("edgectl", "infer", "digits", "/srv/three.png").stdout
    return told.splitlines()[1].split()[-1]


def live(machine: Machine) -> list[str]:
    """Return which release is live, and which there are."""
    folder = machine.inside / "var/lib/edged/models/digits"
    releases = sorted(one.name for one in (folder / "releases").iterdir())
    return [str((folder / "current").readlink()), *releases]


def state(machine: Machine) -> str:
    """Return what dpkg thinks of the package."""
    return machine.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "edged").stdout


def invocations(machine: Machine, *units: str) -> list[str]:
    """Return what changes with every start of a unit."""
    return [machine.show(unit, "InvocationID") for unit in units]


def test_an_installation_serves(box: Machine) -> None:
    """What is to run runs, what is optional does not, and a model can be installed."""
    for unit in ENABLED:
        told = box.run("systemctl", "is-enabled", unit).stdout.strip()
        assert ("enabled", "active") == (told, box.show(unit, "ActiveState"))
    for unit in OPTIONAL:
        told = box.run("systemctl", "is-enabled", unit, status=None).stdout.strip()
        assert ("disabled", "inactive") == (told, box.show(unit, "ActiveState"))
    assert "3" == answer(box)
    assert "" == box.run("systemctl", "list-units", "-q", "--failed", "edged*").stdout
    # Nothing of the package was written to, and no byte code beside it.
    assert "" == box.run("dpkg", "--verify", "edged").stdout


def test_its_environment_is_its_own_but_for_one_module(box: Machine) -> None:
    """Debian's Python packages are not seen, apart from the one for the journal."""
    maps = box.run("cat", f"/proc/{box.show('edged', 'MainPID')}/maps").stdout
    files = {line.split()[-1] for line in maps.splitlines() if "/" in line}

    strangers = {one for one in files if "/dist-packages/" in one}
    (said,) = box.journal("-u", "edged", "EDGED_MODEL=digits", "-n", "1")

    assert strangers
    assert {"systemd"} == {Path(one).parent.name for one in strangers}
    assert "CODE_FILE" in said, "not by python3-systemd"


def test_python_programs_may_borrow_its_client(box: Machine) -> None:
    """The line that the page on installing has."""
    page = (ROOT / "docs/how-to/install.md").read_text()
    (line,) = [line for line in page.splitlines() if line.startswith("PYTHONPATH=")]

    assert "True\n" == box.shell(line).stdout


def test_who_is_in_the_group_may_call(box: Machine) -> None:
    """Groups are made by the package; who is in none gets told the command to type."""
    box.shell(
        "useradd stranger; useradd -G edged app; useradd -G edged,edged-admin tech"
    )
    infer = ("edgectl", "infer", "digits", "/srv/three.png")

    box.run(*infer, user="app")
    box.run("edgectl", "models", "pin", "digits", user="tech")
    box.run("edgectl", "models", "pin", "digits", user="app", status=77)
    refused = box.run(*infer, user="stranger", status=77)

    assert "usermod" in refused.stderr


def test_its_papers_are_where_people_look(box: Machine) -> None:
    """Pages, completions, examples, the messages of the journal, licences."""
    # bare images leave documentation out, so these are read from the package.
    told = box.run("dpkg-deb", "--contents", NEW).stdout
    names = {line.split()[5].lstrip(".") for line in told.splitlines()}
    catalog = box.run("journalctl", "--list-catalog").stdout

    for name in (
        "/usr/share/man/man8/edged.8.gz",
        "/usr/share/man/man8/edged-updater.8.gz",
        "/usr/share/man/man1/edgectl.1.gz",
        "/usr/share/man/man5/edged.yaml.5.gz",
        "/usr/share/bash-completion/completions/edgectl",
        "/usr/share/zsh/vendor-completions/_edgectl",
        "/usr/share/fish/vendor_completions.d/edgectl.fish",
        "/usr/share/doc/edged/examples/small-pi.yaml",
        "/usr/share/doc/edged/copyright",
        "/usr/share/doc/edged/sbom.cdx.json",
        "/usr/lib/edged/site/onnxruntime/LICENSE",
    ):
        assert name in names
    assert "edged" in catalog


def test_the_readme_installs_it(machine: Machine) -> None:
    """Its block of commands, in the checkout that the package was made of."""
    readme = (ROOT / "README.md").read_text()
    block = readme.partition("## Install\n")[2].split("```\n")[1]
    words = block.replace("install PATH", "install /srv/digits")
    machine.shell(f"mkdir /srv/box; mv {NEW} /srv/box/edged_0_amd64.deb; useradd new")
    machine.shell("mkdir /srv/box/checkout")
    # The images have no sudo, and a new box is degraded: it has no model.
    before = 'cd /srv/box/checkout; USER=new; set +e; sudo() { "$@"; }'

    told = machine.shell(f"{before}\n{words}", timeout_s=DPKG_S)

    assert "DEGRADED: serving, but no model is installed" in told.stdout
    assert "digits 1.0.0 (seq 1) is live" in told.stdout
    assert machine.run("id", "-Gn", "new").stdout.split() == [
        "new",
        "edged-admin",
        "edged",
    ]


def test_an_upgrade_fails_no_caller_and_loses_no_release(machine: Machine) -> None:
    """The service is another one afterwards, its sockets are the same."""
    installed(machine, OLD)
    before, sockets = live(machine), invocations(machine, *SOCKETS)
    pid = machine.show("edged", "MainPID")

    images = np.load(ROOT / "demo/heldout.npz")["images"][:50]
    images = np.float32(images[:, None, None]) / 255
    data = machine.inside / "run/edged/edged.sock"
    with Client(data) as client:
        answers = np.stack([client.infer("digits", one).output for one in images])

    one, other = (by_client(data, images, answers) for _ in range(2))
    with calling(one=one, other=other) as callers:
        apt(machine, "install", NEW)
        callers.answered()

    assert [] == callers.faults
    assert 0 == sum(caller.hang_ups for caller in callers), callers.told()
    assert before == live(machine)
    assert sockets == invocations(machine, *SOCKETS)
    assert pid != machine.show("edged", "MainPID")
    assert "active" == machine.show("edged", "ActiveState")
    assert "3" == answer(machine)
    # Nobody had changed the settings, so they are the new ones, without a question.
    assert THEN not in machine.run("cat", "/etc/edged/edged.yaml").stdout


def test_an_upgrade_keeps_what_the_administrator_decided(machine: Machine) -> None:
    """A question about settings that both have changed waits for its answer."""
    installed(machine, OLD)
    machine.run("sed", "-i", "s/level: info/level: debug/", "/etc/edged/edged.yaml")
    machine.write("/etc/edged/edged.d/50-mine.yaml", "store: {keep-releases: 7}\n")
    machine.run("systemctl", "disable", "--now", "edged-control.socket")
    machine.run("systemctl", "enable", "edged-tcp.socket")
    mine = machine.run("cat", "/etc/edged/edged.yaml").stdout

    asked = machine.run("dpkg", "--install", NEW, status=1, timeout_s=DPKG_S)
    between = state(machine)
    machine.run("dpkg", "--configure", "-a", "--force-confold", timeout_s=DPKG_S)

    assert "/etc/edged/edged.yaml" in asked.stdout + asked.stderr
    assert "unpacked" == between
    assert "installed" == state(machine)
    assert mine == machine.run("cat", "/etc/edged/edged.yaml").stdout
    shown = machine.run("edgectl", "config", "show").stdout.split()
    assert ["log.level", "debug"] == shown[-2:]
    assert "7" == shown[shown.index("store.keep-releases") + 1]
    new = machine.run("cat", "/etc/edged/edged.yaml.dpkg-dist").stdout
    assert (ROOT / "config/edged.yaml").read_text() == new
    machine.run("systemctl", "is-enabled", "edged-control.socket", status=1)
    machine.run("systemctl", "is-enabled", "edged-tcp.socket")
    assert "3" == answer(machine)


def test_what_was_killed_half_way_is_mended_by_the_next_run(machine: Machine) -> None:
    """As a power cut leaves it: dpkg ends while it unpacks, or while it configures."""
    installed(machine, OLD)
    before = live(machine)

    seen = [
        killed(
            machine, "dpkg-query -W -f '${db:Status-Status}' edged | grep -qx half-i.*"
        ),
        killed(machine, "pgrep -f 'edged.postinst [c]onfigure'"),
    ]
    machine.run("dpkg", "--configure", "-a", timeout_s=DPKG_S)

    assert ["half-installed", "half-configured"] == seen
    assert "installed" == state(machine)
    assert "" == machine.run("dpkg", "--verify", "edged").stdout
    assert before == live(machine)
    assert "3" == answer(machine)


def test_a_removal_keeps_what_a_purge_takes(machine: Machine) -> None:
    """Models and settings stay for who comes back; after a purge, the users alone."""
    before = files(machine)
    installed(machine)
    machine.write("/etc/edged/edged.d/50-mine.yaml", "store: {keep-releases: 7}\n")
    releases = live(machine)

    apt(machine, "remove", "edged")
    loads = {machine.show(unit, "LoadState") for unit in (*ENABLED, *OPTIONAL)}
    runtime = machine.run("ls", "/run/edged", status=2).stdout
    kept = live(machine)
    apt(machine, "install", NEW)

    assert {"not-found"} == loads
    assert "" == runtime
    assert releases == kept == live(machine)
    shown = machine.run("edgectl", "config", "show").stdout.split()
    assert "7" == shown[shown.index("store.keep-releases") + 1]
    assert "3" == answer(machine)

    apt(machine, "purge", "edged")

    backups = {f"/etc/{name}-" for name in ("group", "passwd", "gshadow", "shadow")}
    assert set() == files(machine) - before - backups
    assert "edged" == machine.run("id", "-un", "edged").stdout.strip()


def test_a_purge_empties_nothing_that_is_mounted(machine: Machine) -> None:
    """Models may lie on a disk of their own; the rest goes all the same."""
    installed(machine)
    apt(machine, "remove", "edged")
    machine.shell("mount -t tmpfs tmpfs /var/lib/edged; touch /var/lib/edged/mine")

    apt(machine, "purge", "edged")

    assert "mine\n" == machine.run("ls", "/var/lib/edged").stdout
    assert "" == machine.run("ls", "/var/lib/edged-updater", status=None).stdout
    machine.run("umount", "/var/lib/edged")


def files(machine: Machine) -> set[str]:
    """Return the names of all files but for what apt, dpkg and systemd keep of them."""
    own = ("*/dpkg/*", "*/apt/*", "*/catalog/database", "*/deb-systemd-helper-*")
    but = [word for path in own for word in ("-not", "-path", path)]
    where = ("/etc", "/usr", "/opt", "/var/lib", "/run/edged")
    return set(machine.run("find", *where, *but, status=None).stdout.splitlines())


def killed(machine: Machine, when: str) -> str:
    """Kill an upgrade once a command succeeds; return what state that leaves."""
    script = (
        f"dpkg --install {NEW} >/tmp/log 2>&1 & dpkg=$!\n"
        f"until {when} >/dev/null; do kill -0 $dpkg; done\n"
        "kill -9 $dpkg\n"
        "wait $dpkg || true\n"
    )
    machine.shell(script, timeout_s=DPKG_S)
    return state(machine)
