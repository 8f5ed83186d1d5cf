"""The root that an administrator gave."""

from pathlib import Path

import pytest

from edged.errors import Untrusted
from edged.trust.anchor import ROOT_MAX, check_root, read_root


def test_a_root_is_read_as_it_is(tmp_path: Path) -> None:
    """Up to the size that python-tuf takes."""
    path = tmp_path / "root.json"
    path.write_bytes(b"x" * ROOT_MAX)

    assert b"x" * ROOT_MAX == read_root(path, "main")


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With its source, and what to look at."""
    with pytest.raises(Untrusted, match=r"source main: its root .* no such file") as no:
        read_root(tmp_path / "root.json", "main")

    assert "no-root" == no.value.fields["reason"]
    assert f"ls -l {tmp_path}/root.json" == no.value.hint


def test_one_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """It would be read into memory whole."""
    path = tmp_path / "root.json"
    path.write_bytes(b"x" * (ROOT_MAX + 1))

    with pytest.raises(Untrusted, match="more than 512000 bytes"):
        read_root(path, "main")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"signed": {"_type": "targets"}}', "is targets metadata, not root"),
        (b"-----BEGIN CERTIFICATE-----", "is no signed metadata"),
        (b'{"signed": {}}', "is no signed metadata"),
    ],
)
def test_what_is_no_root_is_told_before_it_is_used(
    tmp_path: Path, data: bytes, why: str
) -> None:
    """Whether a root holds, its users find out."""
    path = tmp_path / "root.json"
    path.write_bytes(data)

    with pytest.raises(Untrusted, match=why):
        check_root(path, "main")

    path.write_bytes(b'{"signed": {"_type": "root"}}')
    check_root(path, "main")
