"""`edgectl changes`, with a daemon and from the disk."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edged.host.files import DiskFiles
from edged.store.journal import Journal
from edged.store.layout import Layout
from edged.wire.changes import Began, Changes
from tests.fakes.agent import COMMITTED
from tests.fakes.control import FakeControl

Edgectl = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ctl(edgectl: Edgectl, home: Path) -> Edgectl:
    """Return edgectl, told where socket and store are."""
    return lambda *words: edgectl(*words, "--runtime-dir", home, "--state-dir", home)


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (("changes",), "?limit=20"),
        (("changes", "digits", "--limit", 3), "?name=digits&limit=3"),
        (("models", "history", "digits"), "?name=digits&limit=20"),
    ],
)
def test_changes_are_listed(
    ctl: Edgectl, fake: FakeControl, words: tuple[object, ...], query: str
) -> None:
    """Of all models, or of one."""
    fake.answer("GET /v1/changes", Changes(changes=(COMMITTED,)))

    code, out, _ = ctl(*words)

    assert (0, ["ID", "1"], [f"GET /v1/changes{query}"]) == (
        code,
        [line.split()[0] for line in out.splitlines()],
        fake.asked,
    )


def test_without_a_daemon_the_disk_is_read(ctl: Edgectl, home: Path) -> None:
    """It says so, and exits well: the question is answered."""
    journal = Journal(Layout(home), DiskFiles())
    journal.append(Began(at_utc="", change=COMMITTED))

    code, out, err = ctl("changes", "--json")

    assert (0, [1], True) == (
        code,
        [change["id"] for change in json.loads(out)["changes"]],
        "this is from the disk" in err,
    )


def test_a_box_without_changes_says_so(ctl: Edgectl, fake: FakeControl) -> None:
    """Rather than nothing."""
    fake.answer("GET /v1/changes", Changes())

    assert (0, "", "there was no change yet\n") == ctl("changes")


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1"])
def test_a_limit_is_within_the_daemons(ctl: Edgectl, limit: str) -> None:
    """A wrong command line: exit 2."""
    assert 2 == ctl("changes", f"--limit={limit}")[0]
