"""Files for their owner alone, on the real disk."""

import os
import stat
from pathlib import Path

import pytest

from edged.errors import StoreFailed
from edged.host.private import make_private_folder, write_private


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Whatever the umask lets through."""
    before = os.umask(0)
    try:
        make_private_folder(tmp_path / "keys")
        write_private(tmp_path / "keys" / "a.pem", b"secret")
    finally:
        os.umask(before)

    modes = [
        stat.S_IMODE((tmp_path / path).stat().st_mode)
        for path in ("keys", "keys/a.pem")
    ]
    assert [0o700, 0o600] == modes
    assert b"secret" == (tmp_path / "keys" / "a.pem").read_bytes()


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    """The old one may be the only one that signs."""
    write_private(tmp_path / "a.pem", b"old")

    with pytest.raises(StoreFailed) as caught:
        write_private(tmp_path / "a.pem", b"new")

    assert f"cannot write {tmp_path / 'a.pem'}: " in caught.value.message
    assert b"old" == (tmp_path / "a.pem").read_bytes()


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """A stick has modes of its own."""
    (tmp_path / "keys").mkdir(mode=0o755)

    make_private_folder(tmp_path / "keys")

    assert 0o755 == stat.S_IMODE((tmp_path / "keys").stat().st_mode)
