"""How dear a variant the box bears without getting too hot."""

import math

import msgspec

from edged.adapt.thermal import Fit
from edged.serve.bearing import LOOK_S, Bearing
from edged.serve.conditions import QUIET

CPU_S = (0.040, 0.010)
#: At rest 40 C; one busy core of four heats it by 15 C, all by 60.
FIT = Fit(tau_s=100.0, rise_c=60.0, idle_c=40.0)


def asked(  # noqa: PLR0913  # by name
    bearing: Bearing,
    *,
    temp_c: float | None,
    seconds: int,
    rate: int,
    fit: Fit | None = FIT,
    others: float = 0.0,
    begins: int = 0,
) -> float:
    """Let it look once a second while the dearest answers; return what is borne."""
    regime = msgspec.structs.replace(QUIET, fit=fit, temp_c=temp_c, limit_c=80.0)
    for second in range(begins, begins + seconds):
        now_s = second * LOOK_S
        bearing.count(now_s, runs=(second * rate, 0), cpu_s=CPU_S, slowdown=1.0)
        bearing.look(
            now_s, regime=regime, cpu_s=CPU_S, slowdown=1.0, cores=4, others=others
        )
    return bearing.bearable_s


def test_a_box_far_from_its_limit_bears_all() -> None:
    """A limit far ahead is not a limit now."""
    assert math.inf == asked(Bearing(), temp_c=60.0, seconds=60, rate=100)


def test_a_box_near_its_limit_bears_what_brings_it_below() -> None:
    """Four cores at 79 C: the small one would let it settle at 55 C."""
    bearing = Bearing()

    borne_s = asked(bearing, temp_c=79.0, seconds=60, rate=100)

    assert 0.010 == borne_s
    assert math.isclose(4.0, bearing.used, rel_tol=0.05)


def test_who_asks_for_little_heats_little() -> None:
    """A hot box that cools at this rate keeps its best variant."""
    assert math.inf == asked(Bearing(), temp_c=77.0, seconds=60, rate=1)


def test_what_others_run_counts() -> None:
    """As if it ran it, too."""
    assert 0.010 == asked(Bearing(), temp_c=78.0, seconds=60, rate=20, others=3.0)
    assert math.inf == asked(Bearing(), temp_c=78.0, seconds=60, rate=20)


def test_without_a_temperature_all_is_borne() -> None:
    """Also where one was known until now, or nothing is understood yet."""
    bearing = Bearing()

    assert 0.010 == asked(bearing, temp_c=79.0, seconds=60, rate=100)
    assert math.inf == asked(bearing, temp_c=None, seconds=1, rate=100, begins=60)
    assert math.inf == asked(Bearing(), temp_c=79.0, seconds=60, rate=100, fit=None)


def test_a_ladder_that_changes_is_counted_anew() -> None:
    """A rung that comes or goes is no run."""
    bearing = Bearing()
    bearing.count(0.0, runs=(10, 10), cpu_s=CPU_S, slowdown=1.0)

    bearing.count(1.0, runs=(500,), cpu_s=CPU_S[:1], slowdown=1.0)

    assert 0.0 == bearing.used
    assert "0.00 cores, ceiling 0" == repr(bearing)
