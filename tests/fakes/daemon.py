"""The real daemon as a child process, as systemd or a shell would start it.

Not a fake but a bench. It is started with `sys.executable -m edged.daemon`, waits for
READY through a real notification socket, and is killed when the test is over.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edged.client import Client, Control
from edged.store.bundle import pack
from edged.wire.endpoints import INSTALL, STATUS
from edged.wire.messages import Changed, InstallRequest, Nothing, Status

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "digits"
PROGRAM = ("-m", "edged.daemon")

#: Puts inherited sockets where sd_listen_fds(3) says, then becomes the daemon.
_ACTIVATE = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
spare = [os.dup(fd) for fd in fds]
for number, fd in enumerate(spare):
    os.dup2(fd, 100 + number)
for number in range(len(fds)):
    os.dup2(100 + number, 3 + number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(fds))
os.environ["LISTEN_FDNAMES"] = sys.argv[2]
os.execv(sys.executable, [sys.executable, "-m", "edged.daemon", *sys.argv[3:]])
"""


class Daemon:
    """One daemon and its folders.

    Args:
        home: short, because sockets lie in it.
        options: further command-line options.
        inherit: listening sockets by name, as systemd would hand them over.
        watchdog_s: ask for a watchdog ping within this time.
        program: what Python runs; a test build of the daemon.
        behind: a command that the whole is put behind.
    """

    def __init__(  # ways to start one, by name only
        self,
        home: Path,
        *options: str,
        inherit: dict[str, socket.socket] | None = None,
        watchdog_s: float | None = None,
        env: dict[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
        behind: Sequence[str] = (),
    ) -> None:
        self.state, self.runtime = home / "s", home / "r"
        self.data, self.control = (
            self.runtime / "edged.sock",
            self.runtime / "control.sock",
        )
        self.log = home / "log"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = home / "n"
        address.unlink(missing_ok=True)
        self._notify.bind(str(address))
        self.told: list[str] = []
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NOTIFY_SOCKET": str(address),
            **(env or {}),
        }
        if watchdog_s is not None:
            environ["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        folders = ["--state-dir", str(self.state), "--runtime-dir", str(self.runtime)]
        command = [*behind, sys.executable, *program, *folders, *options]
        fds: Sequence[int] = ()
        if inherit:
            fds = [sock.fileno() for sock in inherit.values()]
            command[1:3] = [
                "-c",
                _ACTIVATE,
                ",".join(map(str, fds)),
                ":".join(inherit),
            ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=log, env=environ, pass_fds=fds
            )

    def wait_for(self, word: str, within_s: float = 15.0) -> str:
        """Return the first notification, from now on, that has `word` in it."""
        end = time.monotonic() + within_s
        while (left := end - time.monotonic()) > 0:
            self._notify.settimeout(min(left, 0.2))
            with contextlib.suppress(TimeoutError):
                self.told.append(self._notify.recv(4096).decode())
                if word in self.told[-1]:
                    return self.told[-1]
            if self.process.poll() is not None:
                break
        raise AssertionError(f"no {word}; the daemon said:\n{self.log.read_text()}")

    def ready(self) -> "Daemon":
        """Wait until it serves."""
        self.wait_for("READY=1")
        return self

    def install(self, path: Path = DEMO, **request: object) -> Changed:
        """Install a release, as `edgectl install` does."""
        with Control(self.control) as control:
            return control.call(
                INSTALL,
                InstallRequest(**request),  # type: ignore[arg-type]  # by name
                body=pack(path),
            )

    def status(self) -> Status:
        """Ask for the status."""
        with Control(self.control) as control:
            return control.call(STATUS, Nothing())

    def client(self) -> Client:
        """Return a client of the data socket."""
        return Client(self.data)

    def stop(self, within_s: float = 15.0) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._notify.close()


@contextlib.contextmanager
def short_home() -> Iterator[Path]:
    """Make a folder whose path leaves room for a socket's name."""
    home = Path(tempfile.mkdtemp(prefix="edged-", dir="/tmp"))  # short
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def kept_sockets(home: Path) -> Iterator[dict[str, socket.socket]]:
    """Listen where a daemon of this home would; for `inherit`, life after life."""
    folder = home / "r"
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        sockets = {}
        for name, file in (("data", "edged.sock"), ("control", "control.sock")):
            sockets[name] = stack.enter_context(socket.socket(socket.AF_UNIX))
            sockets[name].bind(str(folder / file))
            sockets[name].listen(128)
        yield sockets


@contextlib.contextmanager
def running(
    home: Path,
    *options: str,
    inherit: dict[str, socket.socket] | None = None,
    watchdog_s: float | None = None,
    program: Sequence[str] = PROGRAM,
    behind: Sequence[str] = (),
) -> Iterator[Daemon]:
    """Start a daemon, wait until it serves, and kill it in the end."""
    daemon = Daemon(
        home,
        *options,
        inherit=inherit,
        watchdog_s=watchdog_s,
        program=program,
        behind=behind,
    )
    try:
        yield daemon.ready()
    finally:
        daemon.kill()
