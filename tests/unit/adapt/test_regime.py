"""Who reads a regime is woken for what would make it decide otherwise."""

from typing import Any

import msgspec
import pytest

from edged.adapt.regime import Regime
from edged.adapt.strategy import TABLE
from edged.adapt.thermal import Fit
from edged.wire.adapt import Axis, Headroom, Strategy

FIT = Fit(tau_s=140.0, rise_c=35.0, idle_c=40.0)


def memory(value: float | None) -> Headroom:
    """Return a headroom of memory."""
    return Headroom(axis=Axis.MEMORY, value=value)


BEFORE = Regime(
    strategy=Strategy.NORMAL,
    because="nothing is short",
    since_s=1.0,
    caps=TABLE[Strategy.NORMAL],
    table=TABLE,
    fit=FIT,
    temp_c=60.0,
    limit_c=80.0,
    memory=memory(0.9),
)


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (False, {}),
        (False, {"because": "other words"}),
        (False, {"temp_c": 60.4}),
        (True, {"temp_c": 60.5}),
        (True, {"temp_c": None}),
        (False, {"memory": memory(0.86)}),
        (True, {"memory": memory(0.85)}),
        (True, {"memory": memory(None)}),
        (True, {"limit_c": 85.0}),
        (True, {"strategy": Strategy.CRITICAL}),
        (True, {"by": "root"}),
        (True, {"since_s": 2.0}),
        (True, {"table": {}}),
        (True, {"fit": None}),
        (False, {"fit": Fit(tau_s=150.0, rise_c=35.5, idle_c=40.4)}),
        (True, {"fit": Fit(tau_s=160.0, rise_c=35.0, idle_c=40.0)}),
        (True, {"fit": Fit(tau_s=120.0, rise_c=35.0, idle_c=40.0)}),
        (True, {"fit": Fit(tau_s=140.0, rise_c=36.0, idle_c=40.0)}),
        (True, {"fit": Fit(tau_s=140.0, rise_c=34.0, idle_c=41.0)}),
    ],
)
def test_what_matters_is_what_would_be_decided_otherwise(
    *, expected: bool, changes: dict[str, Any]
) -> None:
    """Neither the last digit of a temperature, nor other words."""
    now = msgspec.structs.replace(BEFORE, **changes)

    assert expected == now.matters(BEFORE)


def test_what_stays_unknown_is_no_change() -> None:
    """A box without sensors wakes nobody."""
    blind = msgspec.structs.replace(BEFORE, temp_c=None, fit=None, memory=memory(None))

    assert not blind.matters(blind)
