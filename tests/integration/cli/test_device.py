"""`edgectl device`."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.fakes.daemon import Daemon

Edgectl = Callable[..., tuple[int, str, str]]


def test_the_daemon_tells_its_box(edgectl: Edgectl, box: Daemon) -> None:
    """The same for people and for machines."""
    code, out, _ = edgectl("device", "--runtime-dir", box.runtime)
    _, data, _ = edgectl("device", "--json", "--runtime-dir", box.runtime)

    told = json.loads(data)
    assert 0 == code
    assert f"{told['cores']} core" in out
    assert "edged.device/1" == told["schema"]
    assert "memory.total" in out


def test_without_a_daemon_edgectl_looks_by_itself(edgectl: Edgectl, home: Path) -> None:
    """A technician's first question is of the box."""
    code, out, err = edgectl("device", "--runtime-dir", home)

    assert 69 == code
    assert "memory.total" in out
    assert "looks by itself: cannot reach edged" in err
