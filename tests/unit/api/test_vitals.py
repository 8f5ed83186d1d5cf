"""The status as metrics."""

from msgspec.structs import replace

from edged.api.exposition import render
from edged.api.vitals import vitals
from edged.wire.messages import Level, Phase, Process, Status, Trouble

TOLD = Status(
    level=Level.DEGRADED,
    verdict="",
    phase=Phase.READY,
    at_utc="2026-11-24T07:00:00Z",
    process=Process(
        pid=1,
        version="1",
        started_utc="2026-11-24T05:00:00Z",
        uptime_s=7200.0,
        rss_bytes=5,
        cpu_s=1.5,
    ),
    troubles=(
        Trouble(code="held", text="a"),
        Trouble(code="held", text="b"),
        Trouble(code="stuck", text="c"),
    ),
)


def lines(told: Status) -> list[str]:
    """Return the samples."""
    page = render(vitals(told)).decode()
    return [line for line in page.splitlines() if not line.startswith("#")]


def test_the_verdict_its_troubles_and_the_process_are_counted() -> None:
    """By the codes that `edgectl status --json` has."""
    assert [
        'edged_level{level="ok"} 0',
        'edged_level{level="degraded"} 1',
        'edged_level{level="down"} 0',
        'edged_troubles{code="held"} 2',
        'edged_troubles{code="stuck"} 1',
        "edged_process_start_time_seconds 1795496400",
        "edged_process_resident_memory_bytes 5",
        "edged_process_cpu_seconds_total 1.5",
    ] == lines(TOLD)


def test_without_troubles_there_is_no_family_of_them() -> None:
    """A sum over nothing is nothing: alerts ask for what is there."""
    told = replace(TOLD, troubles=())

    assert not any("edged_troubles" in line for line in lines(told))
