"""A caller that goes away while it is being answered, at aiohttp's door."""

import asyncio

import pytest
from aiohttp import web

from tests.fakes.serving import serving


@pytest.mark.parametrize(
    ("asks", "end"), [(True, "given up"), (False, "done")], ids=["a question", "effect"]
)
async def test_a_question_goes_with_its_caller_and_an_effect_does_not(
    asks: bool,  # noqa: FBT001  # a parameter of the test
    end: str,
) -> None:
    """Nobody waits for the answer; but half an effect would be worse than all of it."""
    began, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    ends: list[str] = []

    async def handler(_: web.Request) -> web.Response:
        began.set()
        try:
            await go_on.wait()
            ends.append("done")
        except asyncio.CancelledError:
            ends.append("given up")
            raise
        finally:
            ended.set()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app, asks=asks) as here:
        _, writer = await asyncio.open_unix_connection(here.path)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await began.wait()
        writer.transport.abort()
        await asyncio.sleep(0.05)
        go_on.set()
        async with asyncio.timeout(5):
            await ended.wait()

    assert ends == [end]
