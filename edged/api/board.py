"""The daemon about itself: the page behind `edgectl status`, the snapshot, systemd.

Law: it looks and tells; nothing changes by looking. Call on the loop only.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from edged import __version__
from edged.host.clock import Clock
from edged.host.process import Self
from edged.runtime import backends
from edged.serve.registry import Registry
from edged.serve.status import status
from edged.watch import Watch
from edged.wire.changes import Change
from edged.wire.messages import (
    Level,
    ModelStatus,
    Phase,
    Process,
    Status,
    Trouble,
)
from edged.wire.notices import Notice

#: A run that takes longer than this many default deadlines is stuck, not slow.
STUCK_DEADLINES = 2


class Board:
    """Makes `Status` from the owners' words.

    Args:
        registry: the models.
        phase: of the daemon.
        troubles: standing problems that are no model's, asked each time.
        conditions: what keeps the box from doing what it could, asked each time.
        open_change: of a model by its name, asked each time.
        setback: the newest change of a model if edged itself went back from it.
        default_timeout_s: what tells a slow run from a stuck one.
        state_dir: where the releases are.
    """

    def __init__(  # noqa: PLR0913  # every owner's word, each by its name
        self,
        *,
        registry: Registry,
        phase: Watch[Phase],
        clock: Clock,
        troubles: Callable[[], Sequence[Trouble]],
        conditions: Callable[[], Sequence[Trouble]],
        open_change: Callable[[str], Change | None],
        setback: Callable[[str], Change | None],
        default_timeout_s: float,
        state_dir: Path,
    ) -> None:
        self._state_dir = state_dir
        self._registry = registry
        self._phase = phase
        self._clock = clock
        self._troubles, self._conditions = troubles, conditions
        self._open_change = open_change
        self._setback = setback
        self.default_timeout_s = default_timeout_s
        self._process = Self()
        self._started = clock.utc()
        self._started_s = clock.monotonic()
        self.sockets: tuple[str, ...] = ()

    def status(self) -> Status:
        """Tell everything."""
        return status(
            phase=self._phase.value,
            at_utc=_text(self._clock.utc()),
            process=self._describe_process(),
            models=self.models(),
            troubles=(*self._troubles(), *self._setbacks(), *self._stuck()),
            conditions=self._conditions(),
        )

    def models(self) -> tuple[ModelStatus, ...]:
        """Tell each model in a line, with the change that is under way."""
        return tuple(
            replace(model, change=self._open_change(model.name))
            for model in self._registry.statuses()
        )

    @property
    def started_utc(self) -> str:
        """When the daemon began."""
        return _text(self._started)

    @property
    def beats(self) -> bool:
        """Whether every owner still moves: the watchdog's question."""
        return not self._stuck()

    @property
    def restart_hint(self) -> str:
        """What a person types to start us anew, however we were started."""
        return self._process.restart_hint()

    def _setbacks(self) -> tuple[Trouble, ...]:
        """Tell what was bad here, until somebody changes that model again."""
        found = (self._setback(model.name) for model in self._registry.statuses())
        return tuple(
            Trouble(
                code=change.last.code,
                text=f"{change.model} {change.release.version} "
                f"(seq {change.release.seq}) was taken back: {change.last.why}",
                hint=f"edgectl models history {change.model}",
                model=change.model,
            )
            for change in found
            if change is not None and change.release is not None
        )

    def _stuck(self) -> tuple[Trouble, ...]:
        running_s = self._registry.running_s()
        if running_s < STUCK_DEADLINES * self.default_timeout_s:
            return ()
        return (
            Trouble(
                code=Notice.STUCK.value,
                text=f"cannot finish an inference: it has been running for "
                f"{running_s:.0f} s",
                hint=self.restart_hint,
            ),
        )

    def _describe_process(self) -> Process:
        usage = self._process.usage()
        return Process(
            pid=self._process.pid,
            version=__version__,
            started_utc=self.started_utc,
            uptime_s=round(self._clock.monotonic() - self._started_s, 3),
            rss_bytes=usage.rss_bytes,
            cpu_s=usage.cpu_s,
            sockets=self.sockets,
            state_dir=str(self._state_dir),
            command=self._process.command,
            runtimes=backends.versions(),
        )


def line(told: Status) -> str:
    """Return the verdict with its level, as every place shows it."""
    return (
        told.verdict if told.level is Level.OK else f"{told.level.name}: {told.verdict}"
    )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
