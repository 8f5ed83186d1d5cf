"""What type checkers must refuse: each line marked `E:` with the error's code."""

from edged.api.access import granted
from edged.api.routes import Routes
from edged.client import Client, Control
from edged.wire import endpoints
from edged.wire.messages import Changed, ModelName, Models, Nothing, Status


async def wrong_answer(request: ModelName) -> Models:
    """Answer something else."""
    raise NotImplementedError(request)


async def wrong_request(request: Nothing) -> Changed:
    """Take something else."""
    raise NotImplementedError(request)


def blocking(request: ModelName) -> Changed:
    """Is not awaitable."""
    raise NotImplementedError(request)


async def no_stream(request: ModelName) -> Changed:
    """Take no stream."""
    raise NotImplementedError(request)


def bind(routes: Routes) -> None:
    """No handler of other types fits."""
    routes.bind(endpoints.LOAD, wrong_answer)  # E: arg-type
    routes.bind(endpoints.LOAD, wrong_request)  # E: arg-type
    routes.bind(endpoints.LOAD, blocking)  # E: arg-type
    routes.bind_stream(endpoints.INSTALL, no_stream, granted)  # E: arg-type


def call(control: Control) -> None:
    """No other request, and no other answer."""
    control.call(endpoints.LOAD, Nothing())  # E: misc
    status: Status = control.call(endpoints.MODELS, Nothing())  # E: assignment
    del status


def infer(client: Client) -> None:
    """No option that is not one, and no other types."""
    client.infer("digits", {"x": [1]})  # E: dict-item
    client.infer("digits", {}, varaint="int8")  # E: call-arg
    client.infer("digits", {}, priority="high")  # E: arg-type
    client.ready(5)  # E: arg-type
