"""The control application behind its door: decoding, errors, streams."""

import asyncio
import json
import os
import pwd
from collections.abc import AsyncIterator

import msgspec
import pytest

from edged.api import problems
from edged.api.access import Roles
from edged.api.routes import MAX_JSON_BYTES
from edged.errors import QueueFull
from edged.wire.changes import ChangeRequest
from edged.wire.messages import InstallRequest, ModelName, UseRequest
from tests.fakes.agent import FakeAgent, fake_app
from tests.fakes.serving import Answered, Served, parse, serving


@pytest.fixture
def agent() -> FakeAgent:
    """Return the agent behind the door."""
    return FakeAgent()


@pytest.fixture
async def here(agent: FakeAgent) -> AsyncIterator[Served]:
    """Serve the control application."""
    app = fake_app(agent, Roles())
    async with serving(app, refuse=problems.control_answer) as served:
        yield served


async def ask(here: Served, line: str, body: bytes = b"") -> Answered:
    """Send one request."""
    head = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    length = f"Content-Length: {len(body)}\r\n\r\n" if body else "\r\n"
    return parse(await here.ask((head + length).encode() + body))


def problem(answer: Answered) -> tuple[int, str, str]:
    """Return status, code and text."""
    told = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["status"] == answer.status
    return answer.status, told["code"], told["detail"]


async def test_the_path_fills_the_request(agent: FakeAgent, here: Served) -> None:
    """And the body the rest of it."""
    answer = await ask(here, "POST /v1/models/digits/use", b'{"seq": 14}')

    assert (200, [UseRequest(name="digits", seq=14)]) == (answer.status, agent.asked)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"name": "digits"}'])
async def test_a_body_may_be_empty_or_say_the_same(
    agent: FakeAgent, here: Served, body: bytes
) -> None:
    """As curl sends none."""
    answer = await ask(here, "POST /v1/models/digits/load", body)

    assert (200, [ModelName(name="digits")]) == (answer.status, agent.asked)


@pytest.mark.parametrize(
    ("line", "body", "said"),
    [
        ("POST /v1/models/digits/load", b'{"nmae": "x"}', "nmae"),
        ("POST /v1/models/digits/load", b'{"name": "other"}', "other"),
        ("POST /v1/models/digits/use", b'{"seq": "14"}', "seq"),
        ("POST /v1/models/digits/use", b"{}", "seq"),
        ("POST /v1/models/digits/load", b"[1]", "object"),
        ("POST /v1/models/digits/load", b"{", "JSON"),
        ("POST /v1/models/digits/load", b"[" * 50_000, "JSON"),
        ("POST /v1/models/digits/load", b"\xff\xfe", "JSON"),
        ("POST /v1/models/digits/load", b'{"name": "\xff"}', "JSON"),
        ("GET /v1/status?verbose=1", b"", "verbose"),
        ("POST /v1/install?downgrade=perhaps", b"x", "downgrade"),
        ("POST /v1/install?name=a&name=b", b"x", "name"),
        ("GET /v1/models/..", b"", "name"),
        ("GET /v1/models/%2e%2e", b"", "name"),
        ("GET /v1/models/..%2fetc", b"", "name"),
        ("GET /v1/models/a%0a", b"", "name"),
        ("POST /v1/install?name=../x", b"x", "name"),
    ],
)
async def test_a_request_that_does_not_hold_is_refused_by_name(
    agent: FakeAgent, here: Served, line: str, body: bytes, said: str
) -> None:
    """The agent never sees it."""
    answer = await ask(here, line, body)

    status, code, text = problem(answer)
    assert status in {400, 404}
    assert code in {"invalid-request", "unknown-endpoint"}
    assert said in text
    assert [] == agent.asked


async def test_a_body_over_the_limit_is_not_read(
    agent: FakeAgent, here: Served
) -> None:
    """Control requests are a few names."""
    answer = await ask(here, "POST /v1/models/x/load", b" " * (MAX_JSON_BYTES + 1))

    assert (413, "too-large") == problem(answer)[:2]
    assert [] == agent.asked


async def test_the_agents_error_is_told_as_it_is(
    agent: FakeAgent, here: Served
) -> None:
    """Code, text, hint, and when to come again."""
    agent.error = QueueFull("cannot: full", hint="wait", retry_after_s=3)

    answer = await ask(here, "POST /v1/models/digits/load")

    assert (503, "queue-full", "cannot: full") == problem(answer)
    assert "3" == answer.headers["retry-after"]


async def test_a_bug_in_a_handler_is_a_problem_with_an_id(
    agent: FakeAgent, here: Served
) -> None:
    """Not a traceback."""
    agent.error = ZeroDivisionError("secret")

    answer = await ask(here, "POST /v1/models/digits/load")

    assert (500, "error") == problem(answer)[:2]
    assert b"secret" not in answer.body
    assert json.loads(answer.body)["fields"]["request_id"]


async def test_an_install_is_handed_down_as_it_comes(
    agent: FakeAgent, here: Served
) -> None:
    """The agent has the first piece long before the last is sent."""
    reader, writer = await asyncio.open_unix_connection(here.path)
    writer.write(b"POST /v1/install?name=digits&new_signature=true HTTP/1.1\r\n")
    writer.write(b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n")

    writer.write(b"5\r\nfirst\r\n")
    async with asyncio.timeout(2):
        while not agent.chunks:  # noqa: ASYNC110  # the fake has no event
            await asyncio.sleep(0.005)
    early = list(agent.chunks)
    writer.write(b"4\r\nlast\r\n0\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert ([5], [5, 4]) == (early, agent.chunks)
    assert head.startswith(b"HTTP/1.1 200")
    assert [InstallRequest(name="digits", new_signature=True)] == agent.asked


async def test_reads_answer_without_the_agent(agent: FakeAgent, here: Served) -> None:
    """A hung change does not take `status` with it."""
    answers = [
        await ask(here, f"GET /v1/{it}") for it in ("status", "models", "config")
    ]

    schemas = [msgspec.json.decode(answer.body)["schema"] for answer in answers]
    assert ["edged.status/1", "edged.models/1", "edged.config/1"] == schemas
    assert [] == agent.asked


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("POST /v1/models/digits/pin", b'{"why": "a fair"}'),
        ("POST /v1/models/digits/quarantine", b'{"seq": 14}'),
        ("POST /v1/install?wait=false", b"x"),
    ],
)
async def test_an_effect_is_told_who_wants_it(
    agent: FakeAgent, here: Served, line: str, body: bytes
) -> None:
    """By the kernel's word: user, uid and pid, for the journal."""
    await ask(here, line, body)

    user = pwd.getpwuid(os.getuid()).pw_name
    assert [f"{user} (uid {os.getuid()}, pid {os.getpid()})"] == agent.by


async def test_a_change_is_asked_for_by_its_number(
    agent: FakeAgent, here: Served
) -> None:
    """The path has the number, the query what is known of it."""
    answer = await ask(here, "GET /v1/changes/1?steps=2&doing=x&wait_s=0.5")
    missing = await ask(here, "GET /v1/changes/2")

    assert (200, 1) == (answer.status, json.loads(answer.body)["id"])
    assert (404, "unknown-change") == problem(missing)[:2]
    assert ChangeRequest(id=1, steps=2, doing="x", wait_s=0.5) == agent.asked[0]


async def test_a_wait_for_news_is_bounded(agent: FakeAgent, here: Served) -> None:
    """Nobody holds a connection for longer than half a minute by it."""
    answer = await ask(here, "GET /v1/changes/1?wait_s=31")

    assert (400, "invalid-request") == problem(answer)[:2]
    assert [] == agent.asked
