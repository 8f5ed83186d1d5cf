"""What strace writes, read."""

from pathlib import Path

import pytest

from tests.crash.strikes import Call, planned, was_hit

STORE = Path("/box/s")
RENAMED = Call(thread="activate_0", name="rename", when=2, what="incoming/* -> m/1")

MOVED = 'rename("/box/s/incoming/fedcba9876543210", "/box/s/m/1")'

PLAIN = """\
7 mkdir("/box/s/incoming/0123456789abcdef", 0755) = 0
8 rename("/box/r/.status.json.new", "/box/r/status.json" <unfinished ...>
7 openat(AT_FDCWD</box>, "/box/s/m", O_RDONLY|O_DIRECTORY) = 5</box/s/m>
8 <... rename resumed>)             = 0
7 openat(AT_FDCWD</box>, "/box/s/j", O_WRONLY|O_CREAT, 0644) = 5</box/s/j>
8 rename("/box/s/incoming/0123456789abcdef", "/box/s/m/1" <unfinished ...>
7 write(5</box/s/j>, "began", 5)    = 5
8 <... rename resumed>)             = 0
9 fsync(6</box/s/j>)                = 0
9 +++ exited with 0 +++
"""


def test_calls_below_the_store_are_counted_by_thread_and_name(tmp_path: Path) -> None:
    """Others count too, as strace counts them, and are not to be struck."""
    out = tmp_path / "strace"
    out.write_text(PLAIN)

    calls = planned(out, {"intake_0": 7, "activate_0": 8}, STORE)

    assert calls == [
        Call(thread="intake_0", name="mkdir", when=1, what="incoming/*"),
        Call(thread="intake_0", name="openat", when=2, what="j"),
        RENAMED,
        Call(thread="intake_0", name="write", when=1, what="j"),
        Call(thread="9", name="fsync", when=1, what="j"),
    ]


@pytest.mark.parametrize(
    ("line", "hit"),
    [
        (f"{MOVED} = ?", True),
        (f"{MOVED} = -1 EIO (Input/output error) (INJECTED)", True),
        (f"{MOVED} = 0", False),
        ('rename("/box/s/m/.current.new", "/box/s/m/current") = ?', False),
        ("+++ exited with 0 +++", False),
    ],
)
def test_a_hit_is_the_planned_call_that_was_not_carried_out(
    tmp_path: Path,
    line: str,
    hit: bool,  # noqa: FBT001  # a row of the table
) -> None:
    """Another call at its number, or none, is a miss."""
    out = tmp_path / "strace"
    out.write_text(
        f'rename("/box/r/.status.json.new", "/box/r/status.json") = 0\n{line}\n'
    )

    assert was_hit(out, RENAMED, STORE) is hit
