"""What Prometheus, node_exporter and Grafana are given, against a running daemon."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from edged.api.adapting import adaptation
from edged.api.exposition import render
from edged.api.update_metrics import updates
from edged.client import Control
from edged.wire.adapt import (
    Adaptation,
    Caps,
    Permits,
    Strategy,
    StrategyState,
)
from edged.wire.endpoints import UPDATE_CHECK
from edged.wire.messages import Level
from edged.wire.updates import (
    Activity,
    Reason,
    Transfer,
    UpdateScope,
    UpdateStatus,
)
from edged.wire.words import read_utc
from tests.fakes.daemon import ROOT, Daemon, running, short_home
from tests.fakes.nginx import nginx
from tools import dashboard
from tools.completions import commands as commands_of_edgectl

FOLDER = ROOT / "observability"
ALERTS = FOLDER / "alerts.yaml"
UNIT = ROOT / "systemd" / "edged-metrics.service"
PROTOCOL = ROOT / "docs" / "reference" / "protocol.md"
NODE = "/var/lib/prometheus/node-exporter"
SUFFIXES = ("_bucket", "_sum", "_count")
IMAGE = np.zeros((1, 1, 8, 8), np.float32)
#: Its deadline is a microsecond.
TOO_LATE = {
    "parameters": {"timeout": 1},
    "inputs": [
        {"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": [0] * 64}
    ],
}

# Its one box has a host and a whole life behind it before the first test begins.
pytestmark = pytest.mark.timeout(120)

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="no promtool: apt install prometheus"
)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Return a daemon to which everything has happened that is counted.

    It answers, refuses, has a trouble, and a source that answers and offers what this
    box may not take.
    """
    far = datetime.now(UTC) + timedelta(hours=12)
    with (
        nginx(tmp_path_factory.mktemp("host")) as host,
        short_home() as home,
    ):
        settings = home / "edged.yaml"
        settings.write_text(
            "server: {group: null}\n"
            "update:\n"
            f"  window: {far:%H:%M}-{far + timedelta(minutes=1):%H:%M}\n"
            "  time-zone: UTC\n"
            f"  sources: [{{name: main, kind: api, url: '{host.url}', models: [m],"
            " trust: sha256}]\n"
        )
        (host.root / "models").mkdir()
        (host.root / "models" / "latest").write_text(
            '{"has_update": true, "version": "2", "download_url": "/files/m.tar",'
            f' "size_bytes": 9, "sha256": "{"0" * 64}"}}'
        )
        with running(home, "--config", str(settings)) as daemon:
            daemon.install()
            daemon.install()
            with daemon.client() as client:
                client.infer("digits", IMAGE)
            curl(daemon, "/v2/models/digits/infer", "--json", json.dumps(TOO_LATE))
            with Control(daemon.control) as control:
                control.call(UPDATE_CHECK, UpdateScope())
            settings.write_text("sevrer: {}\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(daemon, "edged_troubles", "edged_update_source_age_seconds")
            yield daemon


def page(daemon: Daemon) -> str:
    """Return /metrics as a stock client gets it."""
    return curl(daemon, "/metrics", "--fail")


def curl(daemon: Daemon, path: str, *options: str) -> str:
    """Ask at the data socket; return the answer's body."""
    command = ["curl", "-sS", "--unix-socket", str(daemon.data), *options]
    command.append(f"http://localhost{path}")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def wait_for(daemon: Daemon, *names: str) -> None:
    """Wait until all of these are counted."""
    until = time.monotonic() + 60
    while not all(f"# TYPE {name} " in page(daemon) for name in names):
        assert time.monotonic() < until, page(daemon)
        time.sleep(0.05)


def families(text: str) -> set[str]:
    """Return the names in a page."""
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def named(query: str) -> set[str]:
    """Return the families that a query asks for."""
    names = set(re.findall(r"\bedged_[a-z_]+", re.sub(r'"[^"]*"', "", query)))
    ends = "|".join(SUFFIXES)
    return {re.sub(rf"({ends})$", "", name) for name in names}


def alerts() -> list[dict[str, str]]:
    """Return every rule."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


def while_fetching() -> str:
    """Return what is counted of a download alone."""
    told = UpdateStatus(
        activity=Activity.DOWNLOADING,
        text="",
        since_utc="",
        transfer=Transfer(total_bytes=2, done_bytes=1),
    )
    now = read_utc("2026-11-24T07:00:00Z")
    assert now is not None
    return render(updates(told, now)).decode()


def while_sensing() -> str:
    """Return what is counted of a box that has sensors and a battery."""
    told = Adaptation(
        state=StrategyState(
            strategy=Strategy.NORMAL, because="", since_utc="", own=Strategy.NORMAL
        ),
        caps=Caps(),
        permits=Permits(errands=(), strategy="normal", battery_pct=95.0),
        temp_c=50.0,
        limit_c=80.0,
    )
    return render(adaptation(told, {})).decode()


def test_the_dashboard_is_fresh() -> None:
    """`python -m tools.dashboard` writes it."""
    assert dashboard.page() == dashboard.PAGE.read_text()


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    """Grafana would push them about."""
    panels = json.loads(dashboard.page())["panels"]
    cells: list[tuple[int, int]] = []
    for panel in panels:
        at = panel["gridPos"]
        cells += [
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]

    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
    assert len(panels) == len({panel["id"] for panel in panels})


def test_what_is_asked_for_is_counted_by_a_running_daemon(box: Daemon) -> None:
    """Every metric of the dashboard and of the alerts."""
    counted = families(page(box)) | families(while_sensing())
    asked = {name for query in dashboard.asked() for name in named(query)}
    asked |= {name for rule in alerts() for name in named(rule["expr"])}

    assert {"edged_update_transfer_bytes"} == asked - counted
    assert "edged_update_transfer_bytes" in families(while_fetching())


def test_what_is_counted_is_shown(box: Daemon) -> None:
    """`edged_up` says nothing that the scrape does not say."""
    shown = {name for query in dashboard.asked() for name in named(query)}

    counted = families(page(box)) | families(while_sensing())
    assert {"edged_up"} == counted - shown


def test_what_is_counted_is_on_the_page(box: Daemon) -> None:
    """docs/reference/protocol.md says what each metric is."""
    rows = re.findall(r"^\| (`edged_.*?) \|", PROTOCOL.read_text(), re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    counted = families(page(box)) | families(while_sensing())
    assert told == counted | families(while_fetching())


def test_alerts_know_reasons_and_levels_that_exist() -> None:
    """A label's value that nobody writes would never fire."""
    words = {
        label: {
            value
            for rule in alerts()
            for found in re.findall(rf'\b{label}=~?"([^"]*)"', rule["expr"])
            for value in found.split("|")
        }
        for label in ("reason", "level", "strategy")
    }

    assert words["reason"] <= {reason.value for reason in Reason}
    assert words["level"] <= {level.value for level in Level}
    assert words["strategy"] <= {strategy.value for strategy in Strategy}
    assert all(words.values())


def test_alerts_say_what_to_type() -> None:
    """Commands of edgectl that exist."""
    paths = {" ".join(command.words) for command in commands_of_edgectl()}
    typed = re.findall(r"`edgectl ([^`]*?)(?: \{\{[^`]*)?`", ALERTS.read_text())

    assert len(typed) > 5
    assert set() == {*typed} - paths


@needs_promtool
@pytest.mark.parametrize("verb", ["check", "test"])
def test_the_alerts_hold(verb: str) -> None:
    """By Prometheus' own tool: they parse, and fire when they should."""
    file = ALERTS if verb == "check" else FOLDER / "alerts_test.yaml"
    done = subprocess.run(
        ["promtool", verb, "rules", file.name],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_has_nothing_against_the_page(box: Daemon) -> None:
    """Names, types and helps are as Prometheus wants them."""
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=page(box),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def commands(box: Daemon, folder: Path) -> list[list[str]]:
    """Return what the unit starts, on this box's socket and folder."""
    lines = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    here = [
        line.replace("/run/edged/edged.sock", str(box.data)).replace(NODE, str(folder))
        for line in lines
    ]
    return [shlex.split(line) for line in here]


def test_the_textfile_is_whole_and_takes_the_old_ones_place(
    box: Daemon, tmp_path: Path
) -> None:
    """Written beside it under a name that node_exporter does not read."""
    target = tmp_path / "edged.prom"
    target.write_text("old\n")
    old = target.stat().st_ino
    fetch, move = commands(box, tmp_path)

    subprocess.run(fetch, check=True)
    between, names = target.read_text(), {path.name for path in tmp_path.iterdir()}
    subprocess.run(move, check=True)

    assert ("old\n", {"edged.prom", "edged.prom.new"}) == (between, names)
    assert "edged_up 1\n" in target.read_text()
    assert target.read_text().endswith("\n")
    assert old != target.stat().st_ino
    assert [target] == list(tmp_path.iterdir())


def test_a_daemon_that_does_not_answer_leaves_the_old_file(tmp_path: Path) -> None:
    """Its age is what tells."""
    (tmp_path / "edged.prom").write_text("old\n")
    line = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)[0]
    fetch = line.replace("/run/edged/edged.sock", str(tmp_path / "none"))

    done = subprocess.run(
        shlex.split(fetch.replace(NODE, str(tmp_path))),
        check=False,
        capture_output=True,
    )

    assert done.returncode != 0
    assert ["edged.prom"] == [path.name for path in tmp_path.iterdir()]


def test_the_updaters_unit_does_the_same_for_its_socket() -> None:
    """Names aside, what is done and what is allowed are one text."""
    ours, its = UNIT.read_text(), UNIT.with_name("edged-updater-metrics.service")
    renamed = (
        ours.replace("/run/edged/edged.sock", "/run/edged/updater.sock")
        .replace("edged.prom", "edged-updater.prom")
        .partition("[Service]")[2]
    )

    assert renamed == its.read_text().partition("[Service]")[2]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_the_units_hold(tmp_path: Path) -> None:
    """By systemd's own tool, beside the units whose metrics they write."""
    for path in (ROOT / "systemd").glob("*-metrics.*"):
        shutil.copy(path, tmp_path)
    for name in ("edged", "edged-updater"):
        unit = tmp_path / f"{name}.service"
        unit.write_text("[Service]\nExecStart=/bin/true\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stdout + done.stderr)
