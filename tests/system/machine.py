"""A Debian that boots beside ours, with its own systemd, users, journal and sockets.

Law: the image below it is never written to; all that it writes is in memory and gone
when it is stopped. It has no network but its own loopback. It ends with the process
that booted it.

Source: systemd-nspawn(1). Where the machine's own init is no systemd, the container
needs cgroups of its own, and nothing is registered, so commands get in by nsenter(1).
Memory and CPU limits of units have no effect in it where the controllers belong to
cgroup v1.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

CGROUPS = Path("/sys/fs/cgroup")
#: `degraded`: a unit failed that has nothing to do in a container.
UP = ("running", "degraded")
BOOT_S = 60.0
STOP_S = 30.0
#: What a unit may be denied is denied here, too: IPAddressDeny= needs bpf; the
#: trial's child confines itself.
CALLS = (
    "bpf",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
)
NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C", "--root", "--wd")
ENVIRONMENT = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb", "LC_ALL=C.UTF-8")
#: `>cgroup.procs` is before exec, so nothing of the container is outside.
ENTER = """
for group in $GROUPS_OF_IT; do echo $$ >"$group/cgroup.procs"; done
exec setpriv --pdeathsig TERM systemd-nspawn "$@"
"""

Done = subprocess.CompletedProcess[str]


def needs() -> str:
    """Return why no machine can be booted here; empty where one can."""
    if os.geteuid() != 0:
        return "booting a machine needs root"
    for tool in ("mmdebstrap", "systemd-nspawn", "nsenter", "setpriv"):
        if shutil.which(tool) is None:
            return f"booting a machine needs {tool}"
    if not _hierarchies():
        return f"booting a machine needs cgroups of systemd's kind in {CGROUPS}"
    return ""


class Machine:
    """One that is up.

    Attributes:
        root: its root folder, seen from outside; /run and /tmp are not in it.
    """

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        self._leader = leader
        self._enter = ("nsenter", "--target", str(leader), *NAMESPACES)

    @property
    def inside(self) -> Path:
        """Return its root as its processes see it, mounts and sockets included."""
        return Path(f"/proc/{self._leader}/root")

    def words(self, *words: str, user: str | None = None) -> list[str]:
        """Return the command that runs `words` in it, for `subprocess`."""
        become = () if user is None else ("runuser", "-u", user, "--")
        return [*self._enter, "--", "env", "-i", *ENVIRONMENT, *become, *words]

    def run(
        self,
        *words: str,
        user: str | None = None,
        status: int | None = 0,
        timeout_s: float = 60.0,
        **options: Any,
    ) -> Done:
        """Run a command in it as root, or as `user`; the test fails at another status.

        Args:
            words: the command.
            user: by name.
            status: expected exit status; None for any.
            timeout_s: of the command.
            options: of `subprocess.run`, such as `input`.
        """
        command = self.words(*words, user=user)
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(  # noqa: PLW1510  # told below, with its output
            command, capture_output=True, text=True, timeout=timeout_s, **options
        )
        if status is not None and done.returncode != status:
            told = f"{' '.join(words)}: status {done.returncode}, not {status}"
            pytest.fail(f"{told}\n{done.stdout}\n{done.stderr}")
        return done

    def shell(self, script: str, **options: Any) -> Done:
        """Run lines of shell in it; the first one that fails ends them."""
        return self.run("sh", "-euc", script, **options)

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Make a text file of root's in it, and the folders on the way.

        By a process inside: a link in there, followed from outside, would lead to a
        file of ours.
        """
        script = 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"'
        self.run("sh", "-euc", script, "-", path, f"{mode:o}", input=text)

    def put(self, source: Path, path: str) -> None:
        """Copy a file or a folder of ours to `path` in it, for everybody to read.

        What was at `path` before is gone.
        """
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(source, "put")
            packed.seek(0)
            script = (
                'rm -rf "$1" "$1.part"; mkdir -p "$1.part"; cd "$1.part"\n'
                'tar -x --no-same-owner; mv put "$1"; rmdir "$1.part"\n'
                'chmod -R a+rX "$1"'
            )
            self.run("sh", "-euc", script, "-", path, stdin=packed)

    def journal(self, *words: str) -> list[dict[str, Any]]:
        """Return entries, oldest first; `words` are journalctl's own."""
        told = self.run("journalctl", "--quiet", "--output=json", "--all", *words)
        return [json.loads(line) for line in told.stdout.splitlines()]

    def until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> float:
        """Wait for something that nobody announces; return the seconds it took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > timeout_s:
                said = self.run("journalctl", "--no-pager", "-n", "60").stdout
                pytest.fail(f"{what}: not within {timeout_s} s\n{said}")
            time.sleep(0.05)
        return time.monotonic() - began


@contextmanager
def booted(layers: Sequence[Path]) -> Iterator[Machine]:
    """Boot a machine; stop it, and forget what it wrote, at the end.

    Args:
        layers: root folders that are laid over each other, the image last. They are
            not written to.
    """
    with _Scratch() as scratch:
        root = scratch.overlay(layers)
        name = f"edged-{os.getpid()}-{secrets.token_hex(3)}"
        with _Container(name, root, scratch.folder / "console.log") as container:
            yield Machine(root, container.leader)


class _Scratch:
    """A folder in memory, and what is mounted in it."""

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="edged-machine-"))
        self._mounts: list[Path] = []
        self._mount(self.folder, "-t", "tmpfs", "-o", "mode=0755", "tmpfs")
        return self

    def __exit__(self, *_: object) -> None:
        for mount in reversed(self._mounts):
            subprocess.run(["umount", "--lazy", str(mount)], check=True)
        self.folder.rmdir()

    def overlay(self, layers: Sequence[Path]) -> Path:
        upper, work, root = (self.folder / name for name in ("upper", "work", "root"))
        for folder in (upper, work, root):
            folder.mkdir()
        lower = ":".join(map(str, layers))
        told = f"lowerdir={lower},upperdir={upper},workdir={work}"
        self._mount(root, "-t", "overlay", "-o", told, "overlay")
        return root

    def _mount(self, target: Path, *words: str) -> None:
        subprocess.run(["mount", *words, str(target)], check=True)
        self._mounts.append(target)


class _Container:
    """The processes of a machine, in cgroups of their own."""

    def __init__(self, name: str, root: Path, console: Path) -> None:
        self._groups = [hierarchy / name for hierarchy in _hierarchies()]
        self._console = console
        self._command = [
            *("bash", "-c", ENTER, "-", f"--directory={root}", f"--machine={name}"),
            *("--boot", "--register=no", "--keep-unit", "--console=pipe"),
            *("--private-network", f"--system-call-filter={' '.join(CALLS)}"),
        ]

    def __enter__(self) -> Self:
        for group in self._groups:
            group.mkdir()
        environment = {
            **os.environ,
            "GROUPS_OF_IT": " ".join(map(str, self._groups)),
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        with self._console.open("w") as console:
            self._outer = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        try:
            self.leader = self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self) -> int:
        """Return the pid of its init, seen from outside, once it is up."""
        deadline = time.monotonic() + BOOT_S
        while time.monotonic() < deadline and self._outer.poll() is None:
            leader = self._init()
            if leader is not None and self._state(leader) in UP:
                return leader
            time.sleep(0.1)
        pytest.fail(f"the machine does not boot:\n{self._console.read_text()[-4000:]}")

    def _init(self) -> int | None:
        for task in Path(f"/proc/{self._outer.pid}/task").glob("*/children"):
            for child in task.read_text().split():
                status = Path(f"/proc/{child}/status").read_text()
                ids = status.partition("NSpid:")[2].partition("\n")[0].split()
                if ids[-1:] == ["1"] and status.startswith("Name:\tsystemd\n"):
                    return int(child)
        return None

    @staticmethod
    def _state(leader: int) -> str:
        words = Machine(Path("/"), leader).words("systemctl", "is-system-running")
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def __exit__(self, *_: object) -> None:
        self._outer.terminate()  # nspawn's word for an orderly poweroff
        try:
            self._outer.wait(STOP_S)
        except subprocess.TimeoutExpired:
            leader = self._init()
            self._outer.kill()
            self._outer.wait()
            if leader is not None:
                os.kill(leader, signal.SIGKILL)  # and with it all that is inside
        for group in self._groups:
            for folder, _, _ in os.walk(group, topdown=False):
                Path(folder).rmdir()


def _hierarchies() -> list[Path]:
    """Return where systemd keeps its groups: one place, or two on a mixed machine."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    mixed = [CGROUPS / name for name in ("unified", "systemd")]
    return mixed if all(map(Path.is_dir, mixed)) else []
