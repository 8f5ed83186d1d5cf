"""`edgectl update` against the real control application with a fake updater."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from edged.api import problems
from edged.api.access import Roles
from edged.api.updates import NoUpdater
from edged.errors import StoreFailed
from edged.wire.updates import (
    Activity,
    Attempt,
    AttemptsRequest,
    HoldRequest,
    Outcome,
    PauseRequest,
    Reason,
    SourceStatus,
    UpdateScope,
    WhyNot,
)
from tests.fakes.agent import COMMITTED, FakeAgent, fake_app
from tests.fakes.daemon import running
from tests.fakes.nginx import nginx
from tests.fakes.publishing import HandClock, House
from tests.fakes.serving import served
from tests.fakes.updater import FakeUpdater

Edgectl = Callable[..., tuple[int, str, str]]

SINCE = "2026-11-24T06:00:00Z"
MAIN = SourceStatus(name="main", kind="tuf", url="https://a.example/edged")
REFUSED = WhyNot(
    reason=Reason.REFUSED,
    source="main",
    text="it answers 3 of 10 golden samples",
    hint="edgectl watch 8",
    model="digits",
    seq=16,
    version="1.6.0",
    since_utc="2126-11-24T06:00:00Z",  # an age of zero, whenever this runs
)
SILENT = WhyNot(
    reason=Reason.UNREACHABLE,
    source="main",
    text="cannot fetch https://a.example/edged: no way to it",
    since_utc="2126-11-24T06:00:00Z",
)


@pytest.fixture
def updater() -> FakeUpdater:
    """Return the updater inside the daemon."""
    fake = FakeUpdater()
    fake.become(sources=(MAIN,))
    return fake


@pytest.fixture
def agent() -> FakeAgent:
    """Return the daemon's inside."""
    return FakeAgent()


@pytest.fixture
def ctl(edgectl: Edgectl, updater: FakeUpdater, agent: FakeAgent) -> Iterator[Edgectl]:
    """Return `edgectl update`, told where the socket is."""

    def app() -> web.Application:
        return fake_app(agent, Roles(), updater)

    with served(app, refuse=problems.control_answer) as path:
        yield lambda *words: edgectl("update", *words, "--socket", path)


def test_alone_it_shows_the_state(ctl: Edgectl) -> None:
    """What it does, and where from."""
    assert (
        0,
        (
            "idle: up to date\n"
            "\n"
            "SOURCE  KIND  HEARD  NEXT  TIMESTAMP  URL\n"
            "main    tuf   never  -             -  https://a.example/edged\n"
        ),
        "",
    ) == ctl()


def test_the_document_is_that_of_the_updater(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """`--json` prints what the schema promises."""
    code, out, _ = ctl("--json")

    assert (0, "edged.update/1", updater.told.revision) == (
        code,
        json.loads(out)["schema"],
        json.loads(out)["revision"],
    )


def test_why_tells_each_reason_with_its_code(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """What, why, since when, what to do."""
    updater.become(reasons=(REFUSED,))

    assert (
        0,
        (
            "digits 1.6.0 (seq 16): refused\n"
            "  it answers 3 of 10 golden samples\n"
            "  for 0 s, from source main\n"
            "  try: edgectl watch 8\n"
        ),
        "",
    ) == ctl("why")


def test_why_of_a_model_tells_of_its_sources_too(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """A source that is not heard may have what is asked for."""
    updater.become(reasons=(REFUSED, SILENT))

    _, out, _ = ctl("why", "faces", "--json")

    told = json.loads(out)
    assert ("edged.update.why/1", ["unreachable"]) == (
        told["schema"],
        [why["reason"] for why in told["reasons"]],
    )


def test_without_a_reason_why_says_what_is_the_case(ctl: Edgectl) -> None:
    """Not nothing."""
    assert (0, "nothing stands against digits: up to date\n", "") == ctl(
        "why", "digits"
    )


def test_history_lists_attempts(ctl: Edgectl, updater: FakeUpdater) -> None:
    """Of one model, as many as are wanted."""
    updater.attempts = (
        Attempt(
            at_utc=SINCE,
            model="digits",
            version="1.5.0",
            seq=15,
            source="main",
            outcome=Outcome.INSTALLED,
            fetched_bytes=1 << 20,
        ),
    )

    code, out, _ = ctl("history", "digits", "--limit", 5)

    assert (
        0,
        "2026-11-24 06:00  digits  1.5.0 (15)  installed  1.0 MiB   0 B   0 s",
        AttemptsRequest(name="digits", limit=1000),
    ) == (code, out.splitlines()[1], updater.asked[-1][1])


def test_history_lists_what_people_brought(
    ctl: Edgectl, updater: FakeUpdater, agent: FakeAgent
) -> None:
    """From sticks, past the updater; what it brought itself is not listed twice."""
    brought = replace(COMMITTED, id=2, source="main")
    agent.told = (COMMITTED, brought, replace(brought, id=3))
    updater.attempts = (
        Attempt(
            at_utc="2026-11-24T06:00:00Z",
            model="digits",
            version="1.3.0",
            seq=13,
            source="main",
            outcome=Outcome.INSTALLED,
            change=3,
        ),
    )
    agent.told += (replace(brought, id=4, release=replace(brought.release, seq=12)),)
    updater.attempts += (replace(updater.attempts[0], seq=12, change=None),)

    _, out, _ = ctl("history")
    _, told, _ = ctl("history", "--json")

    assert [
        "2026-11-24 06:00  digits  1.3.0 (13)  installed      0 B   0 B     0 s",
        "2026-11-24 06:00  digits  1.3.0 (12)  installed      0 B   0 B     0 s",
        "2026-11-24 06:40  digits  1.4.0 (14)  installed   import     -  10 min",
    ] == out.splitlines()[1:]
    assert ["", "", COMMITTED.by] == [one["by"] for one in json.loads(told)["attempts"]]


def test_why_of_a_model_that_nobody_knows_is_an_error(ctl: Edgectl) -> None:
    """A typo must not read as good news."""
    code, out, err = ctl("why", "digist")

    assert (66, "") == (code, out)
    assert "no model digist is installed" in err
    assert "did you mean digits?" in err


def test_history_without_attempts_says_so(ctl: Edgectl) -> None:
    """On stderr: it is no data."""
    assert (0, "", "there was no attempt yet\n") == ctl("history")


@pytest.mark.parametrize(
    ("words", "verb", "request_"),
    [
        (("check",), "check", UpdateScope()),
        (("check", "digits"), "check", UpdateScope(name="digits")),
        (("now", "digits"), "now", UpdateScope(name="digits")),
        (
            ("pause", "--for", "2h", "--why", "a fair"),
            "pause",
            PauseRequest(for_s=7200.0, why="a fair"),
        ),
        (("pause",), "pause", PauseRequest()),
        (("resume", "digits"), "resume", UpdateScope(name="digits")),
        (
            ("hold", "digits", "--until", "2126-12-01T00:00:00Z", "--why", "a fair"),
            "hold",
            HoldRequest(name="digits", until_utc="2126-12-01T00:00:00Z", why="a fair"),
        ),
    ],
)
def test_a_verb_is_a_row_of_the_table(
    ctl: Edgectl,
    updater: FakeUpdater,
    words: tuple[str, ...],
    verb: str,
    request_: object,
) -> None:
    """What was typed arrives, and the state is shown."""
    _, out, _ = ctl(*words)

    assert ((verb, request_), "idle: up to date") == (
        updater.asked[-1][:2],
        out.splitlines()[0],
    )


def test_what_is_taken_can_be_followed(ctl: Edgectl, updater: FakeUpdater) -> None:
    """The next command is named."""
    updater.become(activity=Activity.CHECKING, text="asks main")

    code, _, err = ctl("now")

    assert (0, "  try: edgectl update watch\n") == (code, err)


def test_where_nothing_is_new_there_is_nothing_to_do(ctl: Edgectl) -> None:
    """Exit 11, as for every command."""
    assert 11 == ctl("now")[0]


@pytest.mark.parametrize(
    ("reason", "number"), [(Reason.UNREACHABLE, 75), (Reason.ROLLBACK, 77)]
)
def test_a_source_that_is_not_heard_fails_the_check(
    ctl: Edgectl, updater: FakeUpdater, reason: Reason, number: int
) -> None:
    """75 may work later; 77 is a source that is not to be trusted."""
    updater.become(
        reasons=(WhyNot(reason=reason, source="main", text="x", since_utc=SINCE),)
    )

    assert number == ctl("check")[0]


def test_what_the_updater_refuses_is_told(ctl: Edgectl, updater: FakeUpdater) -> None:
    """With its exit number and its hint."""
    updater.error = StoreFailed("cannot write notes: disk full", hint="df -h")

    assert (74, "", "edgectl: cannot write notes: disk full\n  try: df -h\n") == ctl(
        "pause"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("hold",),
        ("hold", "--until", "yesterday"),
        ("hold", "--until", "2020-01-01"),
        ("pause", "--for", "long"),
    ],
)
def test_a_time_that_is_none_is_a_wrong_command(
    ctl: Edgectl, updater: FakeUpdater, words: tuple[str, ...]
) -> None:
    """Nothing is asked of the updater."""
    code, _, _ = ctl(*words)

    assert (2, []) == (code, updater.asked)


def test_a_box_without_sources_is_told_how_to_get_one(edgectl: Edgectl) -> None:
    """The page is named, and an effect is refused."""
    nobody = NoUpdater(since_utc=SINCE, apart=False)

    def app() -> web.Application:
        return fake_app(FakeAgent(), Roles(), nobody)

    with served(app, refuse=problems.control_answer) as path:
        shown = edgectl("update", "--socket", path)
        code, _, err = edgectl("update", "now", "--socket", path)

    assert (
        0,
        (
            "idle: no sources of updates are configured: releases come by `edgectl "
            "install`\n"
            "  try: docs/how-to/keep-a-box-up-to-date.md\n"
        ),
        "",
    ) == (shown[0], shown[1].replace("edgectl\n  install", "edgectl install"), shown[2])
    assert (1, True) == (code, err.startswith("edgectl: cannot fetch updates: no "))


def test_without_a_daemon_it_says_how_to_start_one(
    edgectl: Edgectl, home: Path
) -> None:
    """As every command does."""
    code, out, err = edgectl("update", "--runtime-dir", home)

    told = f"cannot reach edged at {home}/control.sock: there"
    assert (69, "", True) == (code, out, told in err.replace("\n  ", " "))


def test_a_name_that_nobody_knows_is_doubted(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """A hold on it would hold nothing; it stands, because the model may come."""
    code, _, err = ctl("hold", "digist", "--until", "3d")

    assert (
        0,
        (
            "edgectl: no model digist is installed, and no source is known to offer "
            "one; did\n  you mean digits?\n"
        ),
        "hold",
    ) == (code, err, updater.asked[-1][0])


def test_a_model_that_a_source_offers_is_known(
    ctl: Edgectl, updater: FakeUpdater
) -> None:
    """It need not be installed yet."""
    updater.become(share={"faces": 0.25})

    assert "" == ctl("resume", "faces")[2]


def test_a_real_box_is_brought_up_to_date(
    edgectl: Edgectl, home: Path, tmp_path: Path
) -> None:
    """From a publisher's folder on a web server to a release that serves."""
    house = House(tmp_path / "publisher", clock=HandClock(datetime.now(UTC)))
    house.init(root_keys=1, threshold=1)
    house.add(seq=2)
    config = home / "edged.yaml"

    with nginx(tmp_path / "nginx") as host:
        house.push(host.root / "models")
        url = f"{host.url}/models"
        source = f"name: main, url: '{url}', root: {house.home.first_root}"
        config.write_text(f"update: {{sources: [{{{source}}}]}}\n")
        with running(home, "--config", str(config)) as daemon:
            at = ("--runtime-dir", daemon.runtime)
            asked = edgectl("update", "now", *at)
            watched = edgectl("update", "watch", *at)
            _, history, _ = edgectl("update", "history", *at)
            nothing = edgectl("update", "now", *at)
            why = edgectl("update", "why", *at)

    assert (0, "digits 1.2.0 (seq 2) installed") == (
        watched[0],
        watched[1].splitlines()[-1],
    )
    assert ["digits", "1.2.0", "(2)", "installed"] == history.splitlines()[1].split()[
        2:6
    ]
    assert (0, 11, (0, "nothing stands against any release: up to date\n", "")) == (
        asked[0],
        nothing[0],
        why,
    )
