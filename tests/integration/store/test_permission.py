"""A store that belongs to somebody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edged.host.files import DiskFiles
from tests.fakes.bundles import Shop

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import os, sys
from pathlib import Path
from edged.errors import StoreFailed
from edged.host.files import DiskFiles
from tests.fakes.bundles import Shop
os.setgid(65534), os.setuid(65534)
shop = Shop(Path(sys.argv[1]), DiskFiles())
print(shop.links.current("pets"))
try:
    shop.install(seq=2)
except StoreFailed as error:
    print(error.message, "|", error.hint)
"""


def test_another_user_is_told_who_owns_the_store(tmp_path: Path) -> None:
    """And can still read it: `edgectl status` does when the daemon is dead."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    live = Shop(tmp_path / "state", DiskFiles()).open().install().folder
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "state")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=True,
    )

    current, refusal = done.stdout.splitlines()
    assert live == current
    assert "no permission for user nobody (uid 65534)" in refusal
    assert f"{tmp_path}/state/incoming belongs to root (uid 0), mode 0755" in refusal
