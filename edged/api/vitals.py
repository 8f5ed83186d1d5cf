"""The status as metrics: the verdict, standing problems by code, the process.

Law: the same words as `edgectl status`, from the same value, so that an alert and a
technician speak of the same thing. Names begin with `edged_` where Prometheus would say
`process_`: a file that node_exporter reads may not repeat a name of its own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from edged.api.exposition import Family, Sample
from edged.wire.messages import Level, Status, Trouble
from edged.wire.words import read_utc


def vitals(told: Status) -> Iterator[Family]:
    """Count what the status tells."""
    yield Family(
        "edged_level",
        "gauge",
        "1 for the verdict of edgectl status.",
        [Sample({"level": each.value}, int(each is told.level)) for each in Level],
    )
    yield standing(told.troubles)
    started = read_utc(told.process.started_utc)
    yield Family(
        "edged_process_start_time_seconds",
        "gauge",
        "When the daemon began, in seconds since 1970.",
        [Sample({}, started.timestamp())] if started else [],
    )
    yield Family(
        "edged_process_resident_memory_bytes",
        "gauge",
        "Memory of the daemon, resident.",
        [Sample({}, told.process.rss_bytes)],
    )
    yield Family(
        "edged_process_cpu_seconds_total",
        "counter",
        "Processor time of the daemon, user and system.",
        [Sample({}, told.process.cpu_s)],
    )


def standing(troubles: Iterable[Trouble]) -> Family:
    """Count what is wrong, as `edgectl status` tells it."""
    codes = Counter(trouble.code for trouble in troubles)
    return Family(
        "edged_troubles",
        "gauge",
        "Standing problems in the status, by code.",
        [Sample({"code": code}, count) for code, count in sorted(codes.items())],
    )
