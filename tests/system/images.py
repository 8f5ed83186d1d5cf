"""Minimal systems, made once and kept outside of the checkout.

Law: an image is never written to after it was made; who boots one writes to memory
above it. It holds what edged's package depends on and what the tests look through,
so that nothing in a booted one needs a network.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Debian 12 and 13, and the Python of each.
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}

#: procps: /bin/kill of ExecReload=; nginx-light: where updates come from.
PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "init-system-helpers",
    "libstdc++6",
    "nginx-light",
    "procps",
    "python3",
    "python3-systemd",
    "systemd",
    "systemd-sysv",
    "tzdata",
)

#: mmdebstrap leaves it to others to make one.
HOSTS = "127.0.0.1 localhost models.test\n::1 localhost\n"

MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
CACHE = Path(os.environ.get("EDGED_IMAGES", "/var/cache/edged-images"))


def image(suite: str) -> Path:
    """Return the root folder of a minimal `suite`; make it where there is none yet.

    Raises:
        subprocess.CalledProcessError: it cannot be made; mmdebstrap has said why.
    """
    names = ",".join(PACKAGES)
    key = hashlib.sha256(f"{MIRROR} {names} {HOSTS}".encode()).hexdigest()[:12]
    root = CACHE / f"{suite}-{key}"
    with only_one(CACHE / f"{suite}.lock"):
        if not root.is_dir():
            _make(suite, names, root)
    return root


def _make(suite: str, names: str, root: Path) -> None:
    unfinished = root.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={names}"]
    subprocess.run([*command, suite, str(unfinished), MIRROR], check=True)
    # Empty: an id of its own at every boot. Without the file systemd asks on the
    # console what a person wants of a new machine.
    (unfinished / "etc/machine-id").write_text("")
    (unfinished / "etc/hosts").write_text(HOSTS)
    # Enabled by its package, and started by the tests that have a use for it.
    (unfinished / "etc/systemd/system/multi-user.target.wants/nginx.service").unlink()
    unfinished.rename(root)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Keep others who make the same thing out of this block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
