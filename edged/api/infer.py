"""`POST /v2/models/M[/versions/V]/infer`: a body becomes a request, an answer a body.

Law: what can be refused by its head is refused before the body is read. Tensors are
views of the body; answers are the tensors' own memory. A compressed body is worked on
in a thread of its own; answers are compressed only for a caller that asks for exactly
one known encoding, and nothing but answers to infer ever is.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aiohttp import web

from edged.api import body as bodies
from edged.api import translate
from edged.api.access import peer_of
from edged.errors import EdgedError
from edged.host.clock import Clock
from edged.host.peer import Peer
from edged.serve.lending import Loan, borrow
from edged.serve.live import Live
from edged.serve.regions import Regions
from edged.serve.registry import Registry
from edged.wire import oip

T = TypeVar("T")

#: Up to here an answer is joined and sent at once: a copy is cheaper than a write.
JOIN_BYTES = 64 * 1024


class Infer:
    """The handler of the infer route.

    Args:
        registry: who answers.
        regions: memory that callers share.
        clock: for deadlines.
        max_body: in bytes, for models whose inputs have no fixed size.
    """

    def __init__(
        self, registry: Registry, regions: Regions, clock: Clock, *, max_body: int
    ) -> None:
        self._registry = registry
        self._regions = regions
        self._clock = clock
        self._max_body = max_body
        self._codec = ThreadPoolExecutor(1, thread_name_prefix="codec")

    def close(self) -> None:
        """Let go of the thread; no call may follow."""
        self._codec.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one infer request."""
        arrived_s = self._clock.monotonic()
        version = request.match_info.get("version")
        name = request.match_info["model"]
        with self._registry.pinned(name, version) as pin:
            live = pin.live
            try:
                body, json_bytes = await self._read(request, live)
                read_s = self._clock.monotonic()
                asked = translate.read(body, json_bytes, live)
                who = peer_of(request)
                loan = self._borrow(who, asked, live)
                told = translate.to_request(
                    asked,
                    loan,
                    model=live.name,
                    version=version,
                    arrived_s=arrived_s,
                    turn=None if who is None else who.key,
                )
            except EdgedError as error:
                live.stats.refused(error.code)
                raise
            ready_s = self._clock.monotonic()
            answer = await self._registry.infer(told, pin)
        ran_s = self._clock.monotonic()
        loan.place(answer.outputs)
        encoded = translate.write(answer, asked, self._registry.conditions)
        live.stats.compute_input.add(int((ready_s - read_s) * 1e9))
        live.stats.compute_output.add(int((self._clock.monotonic() - ran_s) * 1e9))
        return await self._send(request, encoded)

    # --- reading -----------------------------------------------------------------

    async def _read(
        self, request: web.Request, live: Live
    ) -> tuple[memoryview, int | None]:
        """Return the uncompressed body, and where its JSON ends."""
        what = f"a request to {live.name}"
        header = request.headers.get(oip.JSON_LENGTH_HEADER)
        limit = bodies.body_limit(
            live.signature, self._max_body, json_only=header is None
        )
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        json_bytes = None
        if encoding == "identity" and request.content_length is not None:
            json_bytes = oip.read_json_length(header, request.content_length)
        body = await bodies.read_body(
            request, limit=limit, aligned_at=json_bytes or 0, what=what
        )
        if encoding != "identity":
            body = await self._in_thread(
                lambda: bodies.inflate(body, encoding, limit=limit, what=what)
            )
        return body, oip.read_json_length(header, len(body))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._codec, work)

    def _borrow(self, who: Peer | None, asked: oip.Asked, live: Live) -> Loan:
        return borrow(
            self._regions,
            who,
            live,
            inputs=asked.inputs,
            shared=asked.shared,
            wanted=asked.outputs or (),
        )

    # --- writing -----------------------------------------------------------------

    async def _send(
        self, request: web.Request, encoded: oip.Encoded
    ) -> web.StreamResponse:
        headers = {"Content-Type": encoded.content_type}
        if encoded.json_bytes is not None:
            headers[oip.JSON_LENGTH_HEADER] = str(encoded.json_bytes)
        encoding = bodies.answer_encoding(request.headers.get("Accept-Encoding", ""))
        if encoding is not None:
            headers["Content-Encoding"] = encoding
            body = await self._in_thread(
                lambda: bodies.deflate(encoded.buffers, encoding)
            )
            return web.Response(body=body, headers=headers)
        if encoded.content_length <= JOIN_BYTES:
            return web.Response(body=b"".join(encoded.buffers), headers=headers)
        response = web.StreamResponse(headers=headers)
        response.content_length = encoded.content_length
        await response.prepare(request)
        for buffer in encoded.buffers:
            await response.write(buffer)
        await response.write_eof()
        return response
