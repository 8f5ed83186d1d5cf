"""The trusted side, driven as the TUF project's conformance suite drives a client.

The suite itself, theupdateframework/tuf-conformance, is on no package index. Run by
hand with `edgectl tuf-client` as its `--entrypoint` (it needs faketime), all of its 113
tests passed. Here is the interface that it needs (its CLIENT-CLI.md), so that it can be
run again.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.static_host import static_host
from tests.fakes.tuf_repository import TufRepository

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = "models/digits/3/model.yaml"


class Suite:
    """What the suite knows of a client: a command, two folders, two URLs."""

    def __init__(self, folder: Path, url: str, asked: list[str]) -> None:
        self.metadata = folder / "metadata"
        self.targets = folder / "targets"
        self.metadata.mkdir()
        self.targets.mkdir()
        self.asked = asked
        self._url = url

    def run(self, *words: str) -> int:
        """Run the client; return its exit number."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "edged.cli", "tuf-client"),
                *("--metadata-dir", self.metadata),
                *("--metadata-url", f"{self._url}/metadata/"),
                *words,
            ],
            cwd=ROOT,
            capture_output=True,
            check=False,
        ).returncode

    def download(self, *names: str) -> int:
        """Download targets."""
        return self.run(
            *(word for name in names for word in ("--target-name", name)),
            *("--target-dir", str(self.targets)),
            *("--target-base-url", f"{self._url}/targets/"),
            "download",
        )

    def bytes_of(self, role: str) -> bytes:
        """Return what the client shows as trusted."""
        return (self.metadata / f"{role}.json").read_bytes()


@pytest.fixture
def host() -> TufRepository:
    """Return a host whose metadata holds now."""
    host = TufRepository(datetime.now(UTC))
    host.add("digits", 3)
    host.publish()
    return host


@pytest.fixture
def suite(tmp_path: Path, host: TufRepository) -> Iterator[Suite]:
    """Serve the host, and give a client its root."""
    asked: list[str] = []
    with static_host(host.files, asked) as url:
        suite = Suite(tmp_path, url, asked)
        root = tmp_path / "initial_root.json"
        root.write_bytes(host.first_root)
        assert suite.run("init", str(root)) == 0
        yield suite


def test_a_refresh_shows_what_is_trusted(suite: Suite, host: TufRepository) -> None:
    """Byte for byte, under names without versions, with no question too many."""
    code = suite.run("refresh")

    assert (0, host.files["metadata/timestamp.json"], host.first_root) == (
        code,
        suite.bytes_of("timestamp"),
        suite.bytes_of("root"),
    )
    assert [
        "metadata/2.root.json",
        "metadata/timestamp.json",
        "metadata/2.snapshot.json",
        "metadata/2.targets.json",
    ] == suite.asked


def test_a_refused_refresh_shows_how_far_it_came(
    suite: Suite, host: TufRepository
) -> None:
    """The suite looks at each role."""
    suite.run("refresh")
    host.rotate("root")
    host.publish("root")
    host.files["metadata/timestamp.json"] = b"{}"

    code = suite.run("refresh")

    assert (1, host.files["metadata/2.root.json"]) == (code, suite.bytes_of("root"))


def test_a_download_is_refreshed_verified_and_not_repeated(
    suite: Suite, host: TufRepository
) -> None:
    """A file that is there as it was signed is not fetched."""
    codes = [suite.download(MANIFEST) for _ in range(2)]

    assert [0, 0] == codes
    assert [b"name: digits\nseq: 3\n"] == [
        p.read_bytes() for p in suite.targets.iterdir()
    ]
    assert 1 == suite.asked.count(host.target_name(MANIFEST))


@pytest.mark.parametrize("name", ["none", MANIFEST])
def test_a_download_that_is_refused_leaves_nothing(
    suite: Suite, host: TufRepository, name: str
) -> None:
    """Neither of what nobody signed, nor of what is not what was signed."""
    host.files[host.target_name(MANIFEST)] = b"something else"

    code = suite.download(name)

    assert (1, []) == (code, list(suite.targets.iterdir()))
