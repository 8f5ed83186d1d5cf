"""edged's package: built, or as CI has built it, and one that stands before it.

Law: what is tested is what `dpkg-buildpackage` makes of this checkout, as it is now.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "tools/build-package.sh"
#: How the version of a package ends, by suite.
ENDINGS = {"bookworm": "~deb12u1", "trixie": "~deb13u1"}
#: Of the one before; what is told by `edgectl version` is this one's own.
EARLIER = "0.0.9"
#: A line of the settings that was another one then.
THEN = "# edged's configuration, as it was.\n"


def package(suite: str, arch: str, folder: Path) -> Path:
    """Return the package for `suite`: from $EDGED_PACKAGES, else built in `folder`.

    Raises:
        subprocess.CalledProcessError: it cannot be built; the build has said why.
    """
    built = Path(os.environ.get("EDGED_PACKAGES", folder))
    pattern = f"edged_*{ENDINGS[suite]}_{arch}.deb"
    if not list(built.glob(pattern)):
        # Built to be tested, and not to be sent over a thin line.
        environment = {**os.environ, "XZ_LEVEL": "0"}
        command = [BUILD, suite, arch, str(built)]
        subprocess.run(command, env=environment, check=True)
    (found,) = built.glob(pattern)
    return found


def earlier(new: Path, folder: Path) -> Path:
    """Return the package that came before `new`: an older version, other settings."""
    tree = folder / "tree"
    _run("dpkg-deb", "--raw-extract", str(new), str(tree))
    control = tree / "DEBIAN/control"
    text = re.sub(
        r"^Version: [^~]*",
        f"Version: {EARLIER}",
        control.read_text(),
        flags=re.MULTILINE,
    )
    control.write_text(text)
    settings = tree / "etc/edged/edged.yaml"
    settings.write_text(THEN + settings.read_text())
    old = folder / new.name.replace(_version(new), _version(new, tree))
    _run("dpkg-deb", "-Znone", "--root-owner-group", "--build", str(tree), str(old))
    shutil.rmtree(tree)
    return old


def _version(deb: Path, tree: Path | None = None) -> str:
    if tree is None:
        return deb.name.split("_")[1]
    text = (tree / "DEBIAN/control").read_text()
    return text.partition("\nVersion: ")[2].partition("\n")[0]


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
