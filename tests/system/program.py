"""edged as its package lays it out, in a folder to be laid over an image.

Law: what fills it is what fills the package, `debian/environment.sh` and
`debian/units.sh`; users, links and starts are the machine's business.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.system.images import CACHE, PYTHONS, only_one

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("config", "debian", "edged", "systemd", "tools")
FILES = ("constraints.txt", "pyproject.toml")


def program(suite: str, work: Path) -> Path:
    """Return a root folder that holds edged for `suite`; `work` is an empty one.

    Raises:
        subprocess.CalledProcessError: pip, mostly: it has said why.
    """
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", ".wheels")
        shutil.copytree(ROOT / name, work / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, work)
    root, python = work / "debian/edged", PYTHONS[suite]
    arch = _said("dpkg", "--print-architecture")
    _run(work, "debian/environment.sh", arch, python, WHEELS=str(_wheels(arch, python)))
    _run(work, "debian/units.sh", "systemd", str(root))
    # dpkg follows the link /lib of the image; a folder of that name would hide it.
    shutil.copytree(root / "lib", root / "usr/lib", dirs_exist_ok=True)
    shutil.rmtree(root / "lib")
    etc = root / "etc/edged"
    (etc / "edged.d").mkdir(parents=True)
    shutil.copy(work / "config/edged.yaml", etc)
    return root


def _wheels(arch: str, python: str) -> Path:
    """Return the folder of the locked wheels, which are fetched once for a lock."""
    lock = (ROOT / "debian/wheels.lock").read_bytes()
    folder = CACHE / f"wheels-{hashlib.sha256(lock).hexdigest()[:12]}"
    with only_one(CACHE / "wheels.lock"):
        target, unfinished = folder / f"{arch}-{python}", folder / "unfinished"
        if not target.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
            where = ("tools.wheels", "fetch", arch, python, str(unfinished))
            _run(ROOT, "/usr/bin/python3", "-m", *where)
            unfinished.rename(target)
    return folder


def _run(folder: Path, *words: str, **environment: str) -> None:
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(words, cwd=folder, env={**known, **environment}, check=True)


def _said(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.strip()
