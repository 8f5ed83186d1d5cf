"""What the updater tells, as metrics."""

from datetime import UTC, datetime

from msgspec.structs import replace

from edged.api.exposition import render
from edged.api.update_metrics import updates
from edged.wire.updates import (
    Activity,
    Reason,
    SourceStatus,
    Transfer,
    UpdateStatus,
    WhyNot,
)
from tests.fakes.scraper import parse


def test_an_updater_is_counted() -> None:
    """What it does, why not, how far, and when a source was last heard."""
    why = WhyNot(reason=Reason.WINDOW, source="main", text="", since_utc="")
    told = UpdateStatus(
        activity=Activity.DOWNLOADING,
        text="",
        since_utc="",
        transfer=Transfer(total_bytes=100, done_bytes=60, kept_bytes=20),
        reasons=(why, why, replace(why, reason=Reason.NO_SPACE)),
        sources=(
            SourceStatus(
                name="main",
                kind="tuf",
                url="https://a.example",
                checked_utc="2026-11-24T05:00:00Z",
            ),
            SourceStatus(name="spare", kind="tuf", url="https://b.example"),
        ),
    )
    now = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)

    found = parse(render(updates(told, now)))

    activities = found.all("edged_update_activity")
    assert (len(Activity), 1.0) == (len(activities), sum(activities.values()))
    assert 1.0 == found.value("edged_update_activity", activity="downloading")
    assert 2.0 == found.value("edged_update_reasons", reason="window")
    assert [100.0, 60.0, 20.0, 40.0] == [
        found.value("edged_update_transfer_bytes", part=part)
        for part in ("total", "done", "kept", "fetched")
    ]
    assert {frozenset({("source", "main")}): 7200.0} == found.all(
        "edged_update_source_age_seconds"
    )


def test_an_updater_at_rest_counts_no_download() -> None:
    """There is nothing of which to say how far it is."""
    idle = UpdateStatus(activity=Activity.IDLE, text="", since_utc="")
    now = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)

    found = parse(render(updates(idle, now)))

    assert {"edged_update_activity"} == found.kinds.keys()
