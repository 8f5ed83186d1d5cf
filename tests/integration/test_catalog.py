"""What `journalctl -x` says of edged's records: a real journald, a real catalog.

In a mount namespace of its own, so that nothing of this machine's journal is touched.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT

JOURNALD = Path("/lib/systemd/systemd-journald")

# Folders of the journal and of the catalog are ours from here on.
_SCRIPT = """
set -eu
mount --make-rprivate /
for folder in /run/systemd /run/log /var/log /var/lib/systemd/catalog; do
    mkdir -p $folder
    mount -t tmpfs none $folder
done
mkdir -p /run/systemd/journal.test "$1/usr/lib/systemd/catalog"
ln -s journal.test /run/systemd/journal
cp "$2/systemd/edged.catalog" "$1/usr/lib/systemd/catalog/"
mkdir -p "$1/var/lib/systemd"
ln -s /var/lib/systemd/catalog "$1/var/lib/systemd/catalog"
journalctl --root "$1" --update-catalog
"$3" test &
journald=$!
trap 'kill $journald' EXIT
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
touch "$1/stderr"
JOURNAL_STREAM=$(stat -c %d:%i "$1/stderr") "$4" -c '
import logging
from edged import log
from edged.errors import BadModel
log.configure("info")
logging.getLogger("edged.test").warning(
    "digits: cannot load", extra={"edged_code": BadModel.code}
)
' 2>"$1/stderr"
until journalctl --namespace=test --quiet --no-pager -x EDGED_CODE=bad-model |
    grep . ; do sleep 0.1; done
"""


def can_unshare() -> bool:
    """Tell whether this process may have a mount namespace of its own."""
    if not shutil.which("unshare"):
        return False
    command = ["unshare", "--mount", "mount", "--make-rprivate", "/"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.timeout(60)
@pytest.mark.skipif(not JOURNALD.exists(), reason="no journald here")
@pytest.mark.skipif(not can_unshare(), reason="mounts of its own are for root")
def test_journalctl_explains_a_record(tmp_path: Path) -> None:
    """By the id that the record carries; with what to type."""
    words = [str(tmp_path), str(ROOT), str(JOURNALD), sys.executable]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "stderr").read_text() == ""
    assert "digits: cannot load" in done.stdout
    assert "Subject: A model file cannot be loaded or run" in done.stdout
    assert "'edgectl models verify NAME'" in done.stdout
