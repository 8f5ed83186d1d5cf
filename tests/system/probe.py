"""What a process in edged's box can do: run there, and told as JSON.

It is put into the machine and run by the Python of its system, with the directives of
the unit that is looked at and nothing else of edged's; see `test_box.py`.
"""

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

NEW_USER_NAMESPACE = 0x10000000
BIND = 4096
PROT_ALL = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC

libc = ctypes.CDLL(None, use_errno=True)


def said(act: Callable[[], object]) -> str:
    """Return `done`, or the name of the error."""
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def call(name: str, *args: object) -> Callable[[], None]:
    """Return a call of the C library that raises what it sets."""

    def act() -> None:
        if getattr(libc, name)(*args) < 0:
            raise OSError(ctypes.get_errno(), name)

    return act


def write(path: str) -> Callable[[], object]:
    """Return the writing of a file."""
    return lambda: Path(path).write_text("x")


def listing(path: str) -> Callable[[], object]:
    """Return the reading of a folder."""
    return lambda: list(Path(path).iterdir())


def executable_memory() -> None:
    """Map memory that can be written and run."""
    mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, PROT_ALL)


def connect(address: tuple[str, int]) -> Callable[[], object]:
    """Return a connection over a network."""

    def act() -> None:
        with socket.socket() as sock:
            sock.settimeout(3)
            sock.connect(address)

    return act


WAYS: dict[str, Callable[[], object]] = {
    "open a port": connect(("127.0.0.1", 9)),
    "send a packet": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "ask netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "write /etc": write("/etc/edged/edged.yaml"),
    "write /usr": write("/usr/lib/edged/site/x.py"),
    "write where everybody may": write("/srv/open/x"),
    "write /var/lib": write("/var/lib/x"),
    "write /var/lib/edged": write("/var/lib/edged/probe"),
    "write /var/lib/edged-updater": write("/var/lib/edged-updater/probe"),
    "write /run": write("/run/x"),
    "write /run/edged": write("/run/edged/probe"),
    "write /sys": write("/sys/class/net/lo/mtu"),
    "write /proc/sys": write("/proc/sys/kernel/hostname"),
    "read /home": listing("/home/tech"),
    "read /var/lib/edged": listing("/var/lib/edged"),
    "read /etc/shadow": lambda: Path("/etc/shadow").read_text(),
    "open a device": lambda: os.open("/dev/kmsg", os.O_RDONLY),
    "make a device": call("mknod", b"/tmp/d", 0o60600, 0),
    "be root": call("setuid", 0),
    "mount": call("mount", b"/tmp", b"/mnt", None, BIND, None),
    "have namespaces": call("unshare", NEW_USER_NAMESPACE),
    "map memory to run": executable_memory,
    "set the clock": call("clock_settime", 0, (ctypes.c_long * 2)(1, 0)),
    "run in real time": lambda: os.sched_setscheduler(
        0, os.SCHED_FIFO, os.sched_param(1)
    ),
    "kill init": lambda: os.kill(1, signal.SIGTERM),
    "trace": call("ptrace", 16, os.getppid(), 0, 0),
    "load a module": call("init_module", b"", 0, b""),
    "change personality": call("personality", 0x0400000),
    "give way": lambda: os.nice(1),
}


def main() -> None:
    """Try everything; tell what came of it."""
    told: dict[str, object] = {name: said(act) for name, act in WAYS.items()}
    told["networks"] = sorted(one.name for one in Path("/sys/class/net").iterdir())
    told["processes of others"] = sum(
        1 for one in Path("/proc").glob("[0-9]*") if one.stat().st_uid != os.getuid()
    )
    told["readings"] = {name: _reads(name) for name in READINGS}
    sys.stdout.write(json.dumps(told))


READINGS = (
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/pressure/memory",
    "/sys/devices/system/cpu/online",
    "/etc/machine-id",
)


def _reads(path: str) -> bool:
    return bool(Path(path).read_text())


if __name__ == "__main__":
    main()
