"""A store that belongs to somebody else."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Make a folder that everybody may look into; pytest's own are private."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)  # as said
        yield Path(path)


def test_another_user_is_told_who_owns_the_store(open_to_all: Path) -> None:
    """And can still read it: `edgectl status` does when the daemon is dead."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    state = open_to_all / "state"
    live = Shop(state, DiskFiles()).open().install().folder

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=True,
    )

    current, refusal = done.stdout.splitlines()
    assert live == current
    assert "no permission for user nobody (uid 65534)" in refusal
    assert f"{state}/incoming belongs to root (uid 0), mode 0755" in refusal


LOOKS = """
import os, sys
from pathlib import Path
from edged.errors import EdgedError
from edged.host.files import DiskFiles
from tests.fakes.bundles import Shop
os.setgid(65534), os.setuid(65534)
shop, folder = Shop(Path(sys.argv[1]), DiskFiles()), sys.argv[2]
print(*shop.releases.names())
for look in (
    lambda: shop.links.current("wolves"),
    lambda: shop.links.switch("wolves", folder, previous=None),
    lambda: shop.releases.read("wolves", folder),
    lambda: shop.releases.remove("wolves"),
):
    try:
        look()
    except EdgedError as error:
        print(type(error).__name__)
print(shop.links.current("pets"))
"""


@pytest.mark.parametrize(
    "closed", ["", "releases", "releases/FOLDER"], ids=["model", "releases", "release"]
)
def test_one_closed_model_closes_no_other(open_to_all: Path, closed: str) -> None:
    """Every look at it is a sentence, never a raw error that ends the daemon."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    shop = Shop(open_to_all / "state", DiskFiles()).open()
    live = shop.install("pets").folder
    folder = shop.install("wolves").folder
    (shop.layout.model("wolves") / closed.replace("FOLDER", folder)).chmod(0)

    done = subprocess.run(
        [sys.executable, "-c", LOOKS, str(shop.layout.root), folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )

    assert "" == done.stderr
    names, *errors, pets = done.stdout.splitlines()
    assert ("pets wolves", live) == (names, pets)
    assert ["StoreFailed"] * 4 == errors
