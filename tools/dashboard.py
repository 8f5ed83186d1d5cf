"""Write observability/grafana.json: a dashboard of the metrics that there are.

Law: a panel is one row of `ROWS`; where it stands follows from the order. Whatever is
asked for exists in `/metrics` of a running daemon: a test looks. Run it after a change
of the metrics: `python -m tools.dashboard`; a test fails while the file is stale.
Source: Grafana's documentation, Dashboard JSON model.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parent.parent / "observability" / "grafana.json"

Json = dict[str, object]

#: Units of the grid: a screen is 24 wide.
_SCREEN = 24
_HEIGHT = 7
_SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_BOX = '{instance=~"$instance"}'
_MODEL = '{instance=~"$instance",model=~"$model"}'
_PER_BOX = "{{instance}}"
_CHANGES = f"sum by (instance) (increase(edged_strategy_changes_total{_BOX}[1h]))"


class Panel(NamedTuple):
    """One picture.

    Attributes:
        title: what it shows.
        unit: of the values, as Grafana names it.
        asks: PromQL, each with the name of its lines.
        about: what to make of it, for who hovers over its title.
        kind: of picture.
        width: of 24.
    """

    title: str
    unit: str
    asks: tuple[tuple[str, str], ...]
    about: str
    kind: str = "timeseries"
    width: int = 8


class Group(NamedTuple):
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def _rate(name: str, by: str, match: str = _MODEL) -> str:
    return f"sum by ({by}) (rate({name}{match}[$__rate_interval]))"


def _quantile(share: float, name: str) -> str:
    inner = f"sum by (model, le) (rate({name}_bucket{_MODEL}[$__rate_interval]))"
    return f"histogram_quantile({share}, {inner})"


def _quantiles(title: str, name: str, about: str) -> Panel:
    asks = tuple(
        (_quantile(share, name), f"{{{{model}}}} {label}")
        for share, label in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    )
    return Panel(title, "s", asks, about)


ROWS = (
    Group(
        "Boxes",
        (
            Panel(
                "Verdict",
                "short",
                ((f"edged_level{_BOX} == 1", "{{instance}} {{level}}"),),
                "What `edgectl status` says on each box: ok, degraded or down.",
                kind="stat",
            ),
            Panel(
                "Troubles by code",
                "short",
                ((f"edged_troubles{_BOX}", "{{instance}} {{code}}"),),
                "Standing problems; each code is explained in problems.md.",
            ),
            Panel(
                "State",
                "short",
                (
                    (f"edged_state{_BOX} == 1", "{{instance}} {{state}}"),
                    (f"edged_ready{_BOX}", "{{instance}} answers"),
                ),
                "Where the daemon is in its life, and whether models answer.",
            ),
            Panel(
                "Uptime",
                "s",
                ((f"time() - edged_process_start_time_seconds{_BOX}", _PER_BOX),),
                "It falls to nothing when the daemon is restarted.",
            ),
            Panel(
                "Memory",
                "bytes",
                (
                    (f"edged_process_resident_memory_bytes{_BOX}", _PER_BOX),
                    (f"edged_shared_memory_bytes{_BOX}", "{{instance}} shared"),
                ),
                "Resident memory of the daemon, and what callers share with it.",
            ),
            Panel(
                "Processor",
                "percentunit",
                (
                    (
                        _rate("edged_process_cpu_seconds_total", "instance", _BOX),
                        _PER_BOX,
                    ),
                ),
                "Share of one core; runs of models are most of it.",
            ),
        ),
    ),
    Group(
        "Adaptation",
        (
            Panel(
                "Strategy",
                "short",
                (
                    (f"edged_strategy{_BOX} == 1", "{{instance}} {{strategy}}"),
                    (f"edged_strategy_forced{_BOX} == 1", "{{instance}} by a person"),
                ),
                "What each box allows itself; `edgectl why` has the figures.",
            ),
            Panel(
                "Headroom",
                "short",
                ((f"edged_headroom{_BOX}", "{{instance}} {{axis}}"),),
                "1 is comfortable, 0 the limit; what is not known is not there.",
            ),
            Panel(
                "Changes of strategy",
                "short",
                ((_CHANGES, _PER_BOX),),
                "In an hour. A box that changes more than a dozen times has no air, or"
                " a weak supply.",
            ),
            Panel(
                "Temperature",
                "celsius",
                (
                    (f"edged_temperature_celsius{_BOX}", _PER_BOX),
                    (f"edged_temperature_limit_celsius{_BOX}", "{{instance}} limit"),
                ),
                "Of what is nearest to its limit.",
                width=12,
            ),
            Panel(
                "Battery",
                "percent",
                ((f"edged_battery_percent{_BOX}", _PER_BOX),),
                "Charge, in steps of five.",
                width=12,
            ),
        ),
    ),
    Group(
        "Requests",
        (
            Panel(
                "Answers",
                "reqps",
                ((_rate("edged_requests_total", "model, code"), "{{model}} {{code}}"),),
                "Requests that were let in, by how they ended.",
            ),
            Panel(
                "Refusals",
                "reqps",
                (
                    (
                        _rate("edged_rejected_total", "model, reason"),
                        "{{model}} {{reason}}",
                    ),
                ),
                "Requests that were not let in. A few in a burst are the queue's "
                "work; many are more work than the box has time for.",
            ),
            Panel(
                "Under way",
                "short",
                ((f"edged_inflight{_MODEL}", "{{instance}} {{model}}"),),
                "Let in and not yet answered.",
            ),
            _quantiles(
                "Whole time", "edged_request_seconds", "From admission to the answer."
            ),
            _quantiles("Waiting", "edged_queue_seconds", "In the queue alone."),
            _quantiles("Running", "edged_infer_seconds", "The run, conversions too."),
        ),
    ),
    Group(
        "Models",
        (
            Panel(
                "Live releases",
                "short",
                ((f"edged_model_info{_MODEL}", "{{instance}} {{model}} {{version}}"),),
                "Which release answers on which box.",
            ),
            Panel(
                "Ready",
                "short",
                ((f"edged_model_ready{_MODEL}", "{{instance}} {{model}}"),),
                "0 is a model that is loading, was unloaded or does not load.",
            ),
            Panel(
                "Asleep",
                "short",
                ((f"edged_model_asleep{_MODEL}", "{{instance}} {{model}}"),),
                "1 is a model that nobody asks: ready, and out of memory.",
            ),
            Panel(
                "Answers by variant",
                "reqps",
                (
                    (
                        _rate("edged_variant_requests_total", "model, variant"),
                        "{{model}} {{variant}}",
                    ),
                ),
                "Which rung of the ladder answers.",
            ),
            Panel(
                "Loads and switches",
                "short",
                (
                    (
                        f"increase(edged_model_loads_total{_BOX}[$__rate_interval])",
                        "{{instance}} load {{result}}",
                    ),
                    (
                        f"increase(edged_swap_total{_BOX}[$__rate_interval])",
                        "{{instance}} switch {{result}}",
                    ),
                ),
                "Releases that were loaded, and that took another's place.",
            ),
            Panel(
                "Versions of edged",
                "short",
                (("count by (version) (edged_build_info)", "{{version}}"),),
                "How many boxes run which version.",
            ),
            Panel(
                "Shared memory",
                "short",
                ((f"edged_shared_memory_regions{_BOX}", _PER_BOX),),
                "Regions that callers have registered.",
            ),
        ),
    ),
    Group(
        "Updates",
        (
            Panel(
                "What the updater does",
                "short",
                ((f"edged_update_activity{_BOX} == 1", "{{instance}} {{activity}}"),),
                "Absent where the updater runs apart or there is no source.",
            ),
            Panel(
                "Why not",
                "short",
                ((f"edged_update_reasons{_BOX}", "{{instance}} {{reason}}"),),
                "Releases not taken and sources not heard, by code; see problems.md.",
            ),
            Panel(
                "Download",
                "bytes",
                ((f"edged_update_transfer_bytes{_BOX}", "{{instance}} {{part}}"),),
                "Absent while nothing is fetched.",
            ),
            Panel(
                "Since a source was heard",
                "s",
                (
                    (
                        f"edged_update_source_age_seconds{_BOX}",
                        "{{instance}} {{source}}",
                    ),
                ),
                "A source that answered as it should, however little there was new.",
            ),
        ),
    ),
)


def dashboard() -> Json:
    """Return the whole of it."""
    return {
        "title": "edged",
        "uid": "edged",
        "description": "On-device inference: boxes, requests, models, updates.",
        "tags": ["edged"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), *map(_choice, ("instance", "model"))]},
        "panels": list(_panels()),
    }


def page() -> str:
    """Return the file."""
    return json.dumps(dashboard(), indent=2) + "\n"


def asked() -> list[str]:
    """Return every query of the dashboard."""
    return [ask for group in ROWS for panel in group.panels for ask, _ in panel.asks]


def _panels() -> Iterator[Json]:
    number, top = 0, 0
    for group in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": group.title,
            "gridPos": {"x": 0, "y": top, "w": _SCREEN, "h": 1},
        }
        top, left = top + 1, 0
        for panel in group.panels:
            number += 1
            if left + panel.width > _SCREEN:
                top, left = top + _HEIGHT, 0
            place = {"x": left, "y": top, "w": panel.width, "h": _HEIGHT}
            yield _panel(number, panel, place)
            left += panel.width
        top += _HEIGHT


def _panel(number: int, panel: Panel, place: dict[str, int]) -> Json:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + nth),
                "datasource": _SOURCE,
                "expr": ask,
                "legendFormat": legend,
            }
            for nth, (ask, legend) in enumerate(panel.asks)
        ],
        **({"options": {"textMode": "name"}} if panel.kind == "stat" else {}),
    }


def _datasource() -> Json:
    return {"name": "datasource", "type": "datasource", "query": "prometheus"}


def _choice(label: str) -> Json:
    metric = {"instance": "edged_up", "model": "edged_model_ready"}[label]
    return {
        "name": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": f"label_values({metric}, {label})",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


if __name__ == "__main__":
    PAGE.write_text(page())
