"""A data socket with one model, `echo`, that answers its inputs as y0, y1, and so on.

For tests of clients; it speaks by the daemon's own codec.
"""

import msgspec
from aiohttp import web

from edged.errors import DeadlineExceeded, UnknownModel
from edged.wire import oip

#: A request of this priority is refused as too late.
BUSY = 99

METADATA = {
    "name": "echo",
    "versions": ["1"],
    "platform": "fake",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}],
    "outputs": [{"name": "y0", "datatype": "FP32", "shape": [-1, 3]}],
}


class Seen:
    """What the fake was asked.

    Attributes:
        asked: infer requests, in order.
        metadata: how often metadata was asked for.
        ready: what it answers to `ready`.
    """

    def __init__(self) -> None:
        self.asked: list[oip.Asked] = []
        self.metadata = 0
        self.ready = True


def echo_app(seen: Seen) -> web.Application:
    """Return the application; what it is asked goes into `seen`."""

    async def infer(request: web.Request) -> web.Response:
        if request.match_info["model"] != "echo":
            raise UnknownModel("cannot find it", hint="look at the index")
        body = memoryview(await request.read())
        header = request.headers.get(oip.JSON_LENGTH_HEADER)
        asked = oip.read_request(body, oip.read_json_length(header, len(body)))
        seen.asked.append(asked)
        if asked.options.priority == BUSY:
            raise DeadlineExceeded("cannot: too late", retry_after_s=2.0)
        outputs = [
            oip.Output(name=f"y{number}", tensor=array, binary=True)
            for number, array in enumerate(asked.inputs.values())
        ]
        explained: dict[str, oip.Parameter] = {
            "edged_variant": asked.options.edged_variant or "only",
            "edged_queue_us": 1,
            "edged_compute_us": 2,
        }
        encoded = oip.write_response(
            model="echo",
            version="1",
            id=None,
            outputs=outputs,
            parameters=explained if asked.options.edged_explain else None,
        )
        headers = {"Content-Type": encoded.content_type}
        if encoded.json_bytes is not None:
            headers[oip.JSON_LENGTH_HEADER] = str(encoded.json_bytes)
        return web.Response(body=b"".join(encoded.buffers), headers=headers)

    async def metadata(_request: web.Request) -> web.Response:
        seen.metadata += 1
        return _json(METADATA)

    async def ready(_request: web.Request) -> web.Response:
        return _json({"ready": seen.ready}, 200 if seen.ready else 400)

    async def index(_request: web.Request) -> web.Response:
        return _json([{"name": "echo", "version": "1", "state": "READY", "reason": ""}])

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v2/models/{model}/infer", infer)
    app.router.add_post("/v2/models/{model}/versions/{version}/infer", infer)
    app.router.add_get("/v2/models/{model}", metadata)
    app.router.add_get("/v2/models/{model}/ready", ready)
    app.router.add_get("/v2/health/ready", ready)
    app.router.add_post("/v2/repository/index", index)
    return app


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
