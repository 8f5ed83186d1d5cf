"""The settings of adaptation: what each strategy allows.

Law: as `config.settings`, of which this is a page. Which strategy holds is no setting:
the box decides, or a person for a while.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from edged.config.setting import Setting
from edged.strictyaml.altered import Altered
from edged.strictyaml.kinds import (
    Choice,
    Duration,
    Flag,
    Kind,
    ListOf,
    Number,
    Whole,
)
from edged.wire.adapt import Caps, Errand, Strategy

_KINDS: dict[str, tuple[str, Kind[Any]]] = {
    "cost": ("cost", Number(0, 1)),
    "threads": ("threads", Number(0, 1)),
    "duty": ("duty", Number(0.05, 1)),
    "batch-window": ("batch_window_s", Duration("0ms", "1s")),
    "queue": ("queue", Whole(1, 4096)),
    "priority-only": ("priority_only", Flag()),
    "updates": ("updates", ListOf(Choice(Errand), high=3)),
    "period": ("period_s", Duration("500ms", "1min")),
    "idle-unload": ("idle_unload_s", Duration("0ms", "30d")),
}

_NORMAL = Caps()

#: Half the variants' cost and half the threads; nothing is fetched.
_LIGHTWEIGHT = Caps(
    cost=0.5,
    threads=0.5,
    duty=0.7,
    batch_window_s=0.01,
    queue=32,
    updates=(Errand.CHECK,),
    period_s=5.0,
    idle_unload_s=120.0,
)

#: The forecast takes care of variants; a trial would only heat.
_THROTTLED = Caps(
    threads=0.5,
    duty=0.8,
    batch_window_s=0.01,
    queue=16,
    updates=(Errand.CHECK, Errand.DOWNLOAD),
    period_s=1.0,
    idle_unload_s=600.0,
)

_CRITICAL = Caps(
    cost=0.0,
    threads=0.0,
    duty=0.5,
    batch_window_s=0.01,
    queue=4,
    priority_only=True,
    updates=(),
    period_s=1.0,
    idle_unload_s=0.0,
)


class Adapt(msgspec.Struct, frozen=True, kw_only=True):
    """What each strategy allows; write what you want otherwise, key by key."""

    normal: Annotated[
        Caps,
        Setting(
            Altered(_NORMAL, _KINDS),
            "While nothing is short. Shares from 0 to 1: `cost`, of the dearest"
            " variant's CPU time that an answer may cost; `threads`, of the best"
            " number of threads; `duty`, of the time that a model may run, as far as"
            " nobody is late for it. `batch-window` (up to 1s) and `queue` (1 to 4096):"
            " how long and how many requests may wait; with `priority-only`, urgent"
            " ones alone. `updates`:"
            " which of check, download and trial may be done. `period` (500ms to"
            " 1min): between two looks at the sensors. `idle-unload` (up to 30d): a"
            " model that nobody asks sleeps after it, its memory free, until somebody"
            " does; less than 5s counts as 5s, or it would load all the time.",
            reloadable=True,
        ),
    ] = _NORMAL
    lightweight: Annotated[
        Caps,
        Setting(
            Altered(_LIGHTWEIGHT, _KINDS),
            "While the battery must last.",
            reloadable=True,
        ),
    ] = _LIGHTWEIGHT
    throttled: Annotated[
        Caps,
        Setting(
            Altered(_THROTTLED, _KINDS),
            "While the box is hot, or about to be.",
            reloadable=True,
        ),
    ] = _THROTTLED
    critical: Annotated[
        Caps,
        Setting(
            Altered(_CRITICAL, _KINDS),
            "While it is about to fail: by heat, an empty battery, a weak supply or"
            " too little memory.",
            reloadable=True,
        ),
    ] = _CRITICAL

    @property
    def table(self) -> Mapping[Strategy, Caps]:
        """The caps of every strategy, most able first."""
        return MappingProxyType({s: getattr(self, s.value) for s in Strategy})
