"""What a disk refuses has a sentence, and a next step."""

import errno
import os
import pwd
from pathlib import Path

import pytest

from edged.host.refusals import explained


@pytest.mark.parametrize(
    ("number", "why", "hint"),
    [
        (errno.ENOSPC, "MiB free of", "df -h"),
        (errno.EDQUOT, "quota", "du -sh"),
        (errno.EROFS, "read-only", "mount -o remount,rw"),
        (errno.EACCES, "no permission for user", "ls -ld"),
        (errno.EPERM, "no permission for user", "ls -ld"),
        (errno.EMLINK, "hard links", "edgectl models show"),
        (errno.EIO, "input/output error", "dmesg"),
        (errno.EMFILE, "too many files", "LimitNOFILE"),
        (errno.ENAMETOOLONG, "file name too long", "ls -ld"),
    ],
)
def test_each_refusal_has_its_own_sentence(
    tmp_path: Path, number: int, why: str, hint: str
) -> None:
    """It says why, and what to type."""
    path = tmp_path / "models" / "pets"

    said, next_step = explained(path, OSError(number, os.strerror(number)))

    assert why in said
    assert hint in next_step


def test_a_refused_permission_names_who_asks_and_who_owns(tmp_path: Path) -> None:
    """The technician sees at once which of the two to change."""
    me = pwd.getpwuid(os.geteuid()).pw_name
    tmp_path.chmod(0o700)

    why, _ = explained(tmp_path / "models", OSError(errno.EACCES, "denied"))

    assert f"for user {me} (uid {os.geteuid()})" in why
    assert f"{tmp_path} belongs to {me}" in why
    assert "mode 0700" in why
