"""`edgectl strategy` and `edgectl why`."""

import json
from collections.abc import Callable

from tests.fakes.daemon import Daemon

Edgectl = Callable[..., tuple[int, str, str]]


def test_a_person_chooses_for_a_while_and_it_is_told(
    edgectl: Edgectl, box: Daemon
) -> None:
    """By whom, in the strategy, in the status and among the changes."""
    here, lean = ("--runtime-dir", box.runtime), ("lightweight", "--for", "30min")
    code, calm, _ = edgectl("why", *here)
    assert (0, True) == (code, "normal, nothing is short" in calm)
    _, before, _ = edgectl("strategy", *here)
    code, forced, _ = edgectl("strategy", "force", *lean, *here)
    status_code, status, _ = edgectl("status", *here)
    _, why, _ = edgectl("why", *here)
    _, data, _ = edgectl("strategy", "auto", "--json", *here)
    _, changes, _ = edgectl("why", "--json", *here)

    assert "normal for" in before
    assert 0 == code
    assert "edged itself would choose normal" in forced
    assert "DEGRADED" in status.partition("\n")[0]
    assert "strategy lightweight: " in status.partition("\n")[0]
    assert 0 != status_code
    assert "normal -> lightweight by " in why
    assert "memory" in why
    assert "normal" == json.loads(data)["state"]["strategy"]
    told = json.loads(changes)["changes"]
    assert ["lightweight", "normal"] == [each["after"] for each in told]


def test_a_strategy_that_there_is_not_is_refused(edgectl: Edgectl) -> None:
    """With those that there are."""
    code, _, err = edgectl("strategy", "force", "sporty")

    assert 2 == code
    assert "known are normal, lightweight, throttled" in err
