"""`edgectl version`."""

from collections.abc import Callable
from pathlib import Path

from edged import __version__
from tests.fakes.daemon import Daemon

Edgectl = Callable[..., tuple[int, str, str]]


def test_both_versions_are_told(edgectl: Edgectl, box: Daemon) -> None:
    """After an update they may differ until the daemon is restarted."""
    code, out, _ = edgectl("version", "--runtime-dir", box.runtime)

    first, second = out.splitlines()
    assert (0, f"edgectl {__version__},", f"edged {__version__},") == (
        code,
        first[: len(f"edgectl {__version__},")],
        second[: len(f"edged {__version__},")],
    )


def test_no_daemon_is_no_failure(edgectl: Edgectl, home: Path) -> None:
    """The version of edgectl is known in any case."""
    code, out, _ = edgectl("version", "--runtime-dir", home)

    assert (0, True) == (code, "edged: cannot reach edged at" in out)
