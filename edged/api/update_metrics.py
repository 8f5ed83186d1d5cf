"""What the updater tells, as metrics: on the daemon's page, or at a socket of its own.

Law: label sets are bounded: reasons and activities by their tables, sources by the
settings. It loads nothing that only a daemon with models needs.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from aiohttp import web

from edged.api.exposition import CONTENT_TYPE, Family, Sample, gauge, render
from edged.api.updates import Updater
from edged.host.clock import Clock
from edged.wire.updates import Activity, UpdateRequest, UpdateStatus
from edged.wire.words import read_utc


class UpdateMetrics:
    """The handler of the metrics route of an updater apart."""

    def __init__(self, updater: Updater, clock: Clock) -> None:
        self._updater, self._clock = updater, clock

    async def answer(self, _request: web.Request) -> web.Response:
        """GET /metrics."""
        told = await self._updater.update(UpdateRequest())
        body = render(updates(told, self._clock.utc()))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


def updates(told: UpdateStatus, now: datetime) -> Iterator[Family]:
    """Count what the updater tells.

    Args:
        told: by the updater.
        now: with a time zone.
    """
    yield gauge(
        "edged_update_activity",
        "1 for what the updater does.",
        [
            Sample({"activity": each.value}, int(each is told.activity))
            for each in Activity
        ],
    )
    yield gauge(
        "edged_update_reasons",
        "Releases not taken and sources not heard, by reason.",
        [
            Sample({"reason": reason.value}, count)
            for reason, count in Counter(why.reason for why in told.reasons).items()
        ],
    )
    transfer = told.transfer
    parts = (
        {}
        if transfer is None
        else {
            "total": transfer.total_bytes,
            "done": transfer.done_bytes,
            "kept": transfer.kept_bytes,
            "fetched": transfer.done_bytes - transfer.kept_bytes,
        }
    )
    yield gauge(
        "edged_update_transfer_bytes",
        "The download under way: all of it, what is here, what needed no network.",
        [Sample({"part": part}, count) for part, count in parts.items()],
    )
    yield gauge(
        "edged_update_source_age_seconds",
        "Time since a source last answered as it should; absent for never.",
        [
            Sample({"source": source.name}, (now - at).total_seconds())
            for source in told.sources
            if (at := read_utc(source.checked_utc or ""))
        ],
    )
