"""Killed, or refused by the kernel, at every system call that changes the disk.

`test_power_cut` cuts between the port's verbs; this one cuts inside them, on the
real disk: `strace` kills the process at the nth call of a kind, or lets that call
fail. A killed process loses nothing that the kernel has, so this proves the order of
the calls; what a lost cache does is proved there.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edged.host.files import DiskFiles
from edged.store.layout import folder_name
from tests.fakes.bundles import Shop, bundle_files

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import sys
from pathlib import Path
from edged.errors import StoreFailed
from edged.host.files import DiskFiles
from tests.fakes.bundles import Shop
try:
    Shop(Path(sys.argv[1]), DiskFiles()).install(seq=3)
except StoreFailed as error:
    sys.exit(error.message)
"""

#: Calls by kind. `strace` counts each name by itself, on every machine another one.
CALLS = {
    "mkdir": "mkdir,mkdirat",
    "open": "openat",
    "write": "write",
    "fsync": "fsync",
    "link": "link,linkat",
    "rename": "rename,renameat,renameat2",
    "symlink": "symlink,symlinkat",
    "unlink": "unlink,unlinkat",
}

#: What the kernel would say at such a call.
ERRORS = {
    "mkdir": "ENOSPC",
    "open": "EMFILE",
    "write": "ENOSPC",
    "fsync": "EIO",
    "link": "EIO",
    "rename": "EROFS",
    "symlink": "ENOSPC",
}

MOST = 80

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with two releases, to be copied for each run."""
    root = tmp_path_factory.mktemp("before") / "state"
    shop = Shop(root, DiskFiles()).open()
    shop.install(seq=1)
    shop.install(seq=2)
    return root


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call_the_live_release_is_whole(
    tmp_path: Path, before: Path, call: str
) -> None:
    """The next start finds it, sweeps the rest, and can install."""
    live = set()
    for nth in range(1, MOST):
        root = _copy(before, tmp_path / str(nth))
        killed = _install(root, call, f"signal=SIGKILL:when={nth}").returncode == -9
        live.add(_check(root))
        if not killed:
            break

    assert not killed
    assert nth > 1
    assert live <= {2, 3}


@pytest.mark.parametrize("call", ERRORS)
def test_refused_at_any_call_the_live_release_stays(
    tmp_path: Path, before: Path, call: str
) -> None:
    """It is told, the links are as before, and nothing is left in `incoming/`."""
    for nth in range(1, MOST):
        root = _copy(before, tmp_path / str(nth))
        done = _install(root, call, f"error={ERRORS[call]}:when={nth}")
        refused = "INJECTED" in (tmp_path / f"{nth}.strace").read_text()
        # A release that cannot be read cannot share its files; that is no failure.
        assert done.returncode == 0 or done.stderr.startswith("cannot ")
        assert (2 if done.returncode else 3) == _live(Shop(root, DiskFiles()))
        assert [] == Shop(root, DiskFiles()).leftovers()
        _check(root)
        if not refused:
            break

    assert not refused
    assert nth > 1


def _copy(before: Path, root: Path) -> Path:
    return Path(shutil.copytree(before, root, symlinks=True))


def _install(root: Path, call: str, injected: str) -> subprocess.CompletedProcess[str]:
    """Install release 3 with a fault at one call that concerns the store."""
    only = (arg for path in _paths(root) for arg in ("-P", path))
    command = [
        # Not --seccomp-bpf: with strace 6.1 it traces such a call and injects nothing.
        *("strace", "-f", "-qq", "-o", root.with_suffix(".strace"), *only),
        *("-e", f"trace={CALLS[call]}"),
        *("-e", f"inject={CALLS[call]}:{injected}"),
        *(sys.executable, "-c", SCRIPT, root),
    ]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )


def _paths(root: Path) -> list[Path]:
    """Return every path that an installation of release 3 touches."""
    sent = bundle_files(seq=3)
    digest = hashlib.sha256(sent["model.yaml"]).hexdigest()
    pets = root / "models" / "pets"
    folders = [
        root / "incoming" / "new",
        pets / "releases" / folder_name(3, digest),
    ]
    names = [*sent, *(f".{name}.shared" for name in sent)]
    return [
        *(root / "incoming", root / "models", pets, pets / "releases", *folders),
        *(folder / name for folder in folders for name in names),
        *(pets / name for name in (".current.new", ".previous.new")),
    ]


def _live(shop: Shop) -> int:
    current = shop.links.current("pets")
    assert current is not None
    assert shop.links.previous("pets") is not None
    return shop.releases.read("pets", current).manifest.seq


def _check(root: Path) -> int:
    """Start again; return the live `seq`."""
    shop = Shop(root, DiskFiles()).open()
    assert [] == shop.leftovers()
    assert () == shop.releases.damaged("pets")
    for release in shop.releases.installed("pets"):
        assert () == shop.releases.verify(release)
    live = _live(shop)
    assert 4 == shop.install(seq=4).manifest.seq
    return live
