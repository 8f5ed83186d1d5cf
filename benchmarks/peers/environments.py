"""An environment for each peer, made once from the package index and kept.

Law: a peer's packages never meet edged's. An environment is whole when its mark
names the packages that it was made of; anything else is made anew.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

#: The runtime under all of them, in the very version that edged runs on here.
RUNTIME = f"onnxruntime=={importlib.metadata.version('onnxruntime')}"

_PIP_S = 900


class CannotRunError(Exception):
    """A peer cannot be had on this machine; the text says why."""


class Environment:
    """A virtual environment with a peer's packages.

    Args:
        root: where environments are kept.
        name: of the peer.
        packages: as pip takes them; the runtime is added.
    """

    def __init__(self, root: Path, name: str, *packages: str) -> None:
        self._path = root / f"{name}-{sys.version_info[0]}.{sys.version_info[1]}"
        self._packages = (*packages, RUNTIME)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self._path / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where its packages are."""
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return self._path / "lib" / version / "site-packages"

    def make(self) -> None:
        """Make it where it is not whole.

        Raises:
            CannotRunError: pip could not.
        """
        mark, whole = self._path / ".packages", "\n".join(self._packages)
        if mark.exists() and mark.read_text() == whole:
            return
        shutil.rmtree(self._path, ignore_errors=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        pip = [str(self.python), "-m", "pip", "install", "-qq", *self._packages]
        for command in ([sys.executable, "-m", "venv", str(self._path)], pip):
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_PIP_S, check=False
            )
            if done.returncode:
                said = done.stderr.strip().splitlines() or ["no reason given"]
                raise CannotRunError(f"pip: {said[-1]}")
        mark.write_text(whole)

    def versions(self, *names: str) -> dict[str, str]:
        """Return installed versions."""
        code = (
            "import sys; from importlib.metadata import version\n"
            "print(*map(version, sys.argv[1:]))"
        )
        said = subprocess.run(
            [str(self.python), "-c", code, *names],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return dict(zip(names, said.split(), strict=True))

    def environ(self, models: Path, *libraries: Path) -> dict[str, str]:
        """Return the variables that a peer's server is started with.

        Args:
            models: the folder of model files.
            *libraries: folders of shared libraries that it also needs.
        """
        places = [
            *map(str, libraries),
            sysconfig.get_config_var("LIBDIR"),
            os.environ.get("LD_LIBRARY_PATH"),
        ]
        return {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(filter(None, places)),
            "OMP_NUM_THREADS": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            "PEER_MODELS": str(models),
            "PEER_PACKAGES": str(self.packages),
            "PYTHONPATH": str(Path(__file__).parent / "servers"),
        }
