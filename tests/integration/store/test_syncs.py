"""What reaches the kernel, in which order: only this shows that a sync is missing."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import sys
from pathlib import Path
from edged.host.files import DiskFiles, Site
files, site, root = DiskFiles(), Site.STAGE_FILE, Path(sys.argv[1])
def create():
    writer = files.create(site, root / "a")
    writer.write(b"1")
    writer.commit()
{verb}
"""

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


@pytest.mark.parametrize(
    ("verb", "calls"),
    [
        ("create()", ["open a", "write a", "fsync a"]),
        (
            "files.write_atomic(site, root / 'a', b'1')",
            ["open .a.new", "write .a.new", "fsync .a.new", "rename a", "fsync ."],
        ),
        (
            "files.append(site, root / 'a', b'1')",
            ["open a", "write a", "fsync a", "fsync ."],
        ),
        (
            "files.append(site, root / 'file', b'1')",
            ["open file", "write file", "fsync file"],
        ),
        (
            "files.swap_link(site, 'there', root / 'a')",
            ["symlink .a.new", "rename a", "fsync ."],
        ),
        (
            "files.rename(site, root / 'from/x', root / 'to/x')",
            ["rename to/x", "fsync to", "fsync from"],
        ),
        ("files.remove(site, root / 'file')", ["unlink file", "fsync ."]),
        ("files.sync_dir(site, root)", ["fsync ."]),
    ],
    ids=[
        *("create", "write_atomic", "append to a new file", "append to an old one"),
        *("swap_link", "rename", "remove", "sync_dir"),
    ],
)
def test_bytes_are_synced_before_names_and_names_before_return(
    tmp_path: Path, verb: str, calls: list[str]
) -> None:
    """Each verb makes exactly the calls that its promise needs, in that order."""
    root = tmp_path / "root"
    for folder in ("from/x", "to"):
        (root / folder).mkdir(parents=True)
    (root / "file").write_bytes(b"")

    assert calls == _calls(verb, root, tmp_path / "log")


def _calls(verb: str, root: Path, log: Path) -> list[str]:
    """Return the calls below `root` that change the disk: `verb path`."""
    kinds = "openat,write,fsync,rename,renameat,renameat2,symlink,symlinkat,unlink"
    command = [
        *("strace", "-qq", "-y", "-s", "4096", "-o", log, "-e", f"trace={kinds}"),
        *(sys.executable, "-c", SCRIPT.format(verb=verb), root),
    ]
    subprocess.run(command, cwd=ROOT, timeout=15, check=True)
    calls = []
    for line in log.read_text().splitlines():
        call = re.match(r"([a-z]+?)(at2?)?\(", line)
        paths = re.findall(rf"[\"<]{re.escape(str(root))}/?([^\">]*)[\">]", line)
        only_looks = line.startswith("openat") and "O_CREAT" not in line
        if call and paths and not only_looks and " = -1 " not in line:
            calls.append(f"{call[1]} {paths[0 if call[1] == 'open' else -1] or '.'}")
    return calls
