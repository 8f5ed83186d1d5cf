"""Bring the wheels that the Debian package holds, each with its known hash.

`python3 -m tools.wheels lock` writes debian/wheels.lock from constraints.txt after a
change of it, and debian/copyright from the wheels; `fetch` brings what the lock names
for one machine, and refuses anything else. Wheels are for a machine and a Python, so
both can be those of another system.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools import licences

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "debian" / "wheels.lock"

#: Debian's name of an architecture -> that of wheels.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
#: The Pythons of Debian 12 and 13.
PYTHONS = ("3.11", "3.13")
#: Debian 12 has glibc 2.36.
_GLIBC_MINORS = (17, 26, 27, 28, 31, 34)
#: Needs that are for other machines than ours.
_ELSEWHERE = frozenset({"tflite-runtime"})
#: Needs of a runtime's tools that make models, and not of the runtime: 5 MB.
_UNUSED = frozenset({"ml-dtypes", "tqdm"})
#: Extras that the package has on board.
_EXTRAS = ("images",)

_HEAD = """\
# The wheels of the Debian package: written by tools/wheels.py from constraints.txt.
"""


def needs() -> list[str]:
    """Return what edged needs at run time, as pyproject.toml says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = (project["optional-dependencies"][name] for name in _EXTRAS)
    listed = [*project["dependencies"], *(need for extra in extras for need in extra)]
    bare = [need.partition(";")[0].strip() for need in listed]
    return [need for need in bare if _name(need) not in _ELSEWHERE]


def locked() -> dict[str, str]:
    """Return version by name of what the lock holds."""
    lines = LOCK.read_text().splitlines()
    pairs = (line.split()[0].partition("==") for line in lines if "==" in line)
    return {name: version for name, _, version in pairs}


def fetch(arch: str, python: str, folder: Path) -> None:
    """Bring the locked wheels for `arch`, by Debian's name, into `folder`.

    Raises:
        subprocess.CalledProcessError: pip could not; it has said why.
    """
    _pip(arch, python, folder, ["--no-deps", "--require-hashes", "-r", str(LOCK)])


def lock() -> None:
    """Find the wheels of every system that the package is made for; note them.

    Raises:
        subprocess.CalledProcessError: pip could not; it has said why.
        SystemExit: a wheel does not say what its licence is.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arch in MACHINES:
            for python in PYTHONS:
                pins = ["-c", str(ROOT / "constraints.txt")]
                _pip(arch, python, folder / arch / python, [*pins, *needs()])
        wheels = [one for one in sorted(folder.rglob("*.whl")) if _used(one)]
        LOCK.write_text(_HEAD + "".join(_lines(wheels)))
        licences.write(wheels)


def _used(wheel: Path) -> bool:
    return _name(wheel.name.partition("-")[0]) not in _UNUSED


def _lines(wheels: Sequence[Path]) -> Iterator[str]:
    found: dict[str, set[str]] = {}
    for wheel in wheels:
        name, version, *_ = wheel.name.split("-")
        hashes = found.setdefault(f"{_name(name)}=={version}", set())
        hashes.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    for pin in sorted(found):
        yield f"{pin}{''.join(f' --hash=sha256:{one}' for one in sorted(found[pin]))}\n"


def _name(need: str) -> str:
    """Return a need's name, normalised as package indexes do it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9_.-]", need)[0]).lower()


def _pip(arch: str, python: str, folder: Path, words: Sequence[str]) -> None:
    machine = MACHINES[arch]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC_MINORS]
    tags.append(f"manylinux2014_{machine}")
    abis = (f"cp{python.replace('.', '')}", "abi3", "none")
    command = [sys.executable, "-m", "pip", "download", "-qq"]
    command += ["--disable-pip-version-check", "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp"]
    command += [word for abi in abis for word in ("--abi", abi)]
    command += [word for tag in tags for word in ("--platform", tag)]
    subprocess.run([*command, "--dest", str(folder), *words], check=True)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="tools.wheels", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("lock")
    fetching = verbs.add_parser("fetch")
    fetching.add_argument("arch", choices=MACHINES)
    fetching.add_argument("python")
    fetching.add_argument("folder", type=Path)
    args = parser.parse_args()
    if args.verb == "lock":
        lock()
    else:
        fetch(args.arch, args.python, args.folder)


if __name__ == "__main__":
    main()
