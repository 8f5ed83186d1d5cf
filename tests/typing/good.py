"""What type checkers must accept: the public clients and the endpoint table."""

from collections.abc import AsyncIterator
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

from edged.api.access import granted
from edged.api.routes import Routes
from edged.client import AsyncClient, Client, Control, ModelIndex, ModelMetadata, Result
from edged.wire import endpoints
from edged.wire.messages import Changed, InstallRequest, ModelName, Nothing, Status

IMAGE = np.zeros((1, 1, 8, 8), dtype=np.float32)


def blocking() -> None:
    """Three lines, and what they give."""
    with Client("/run/edged/edged.sock", timeout_s=2) as client:
        result = client.infer("digits", IMAGE, timeout_s=0.5, variant="int8")
        client.infer("digits", {"image": IMAGE}, outputs=["scores"], explain=True)
        assert_type(result, Result)
        assert_type(result.output, npt.NDArray[Any])
        assert_type(result["scores"], npt.NDArray[Any])
        assert_type(client.metadata("digits"), ModelMetadata)
        assert_type(client.ready(), bool)
        assert_type(client.models(), tuple[ModelIndex, ...])


async def asynchronous() -> None:
    """The same, awaited."""
    async with AsyncClient() as client:
        assert_type(await client.infer("digits", IMAGE, priority=1), Result)
        assert_type(await client.metadata("digits"), ModelMetadata)


def control() -> None:
    """An answer has its row's type."""
    with Control() as client:
        assert_type(client.call(endpoints.STATUS, Nothing()), Status)
        assert_type(client.call(endpoints.LOAD, ModelName(name="digits")), Changed)


async def load(request: ModelName) -> Changed:
    """Take what the row takes and answer what it answers."""
    return Changed(name=request.name, changed=True, text="")


async def install(
    chunks: AsyncIterator[bytes], request: InstallRequest, by: str
) -> Changed:
    """Take a stream, too, and hear who sends it."""
    raise NotImplementedError(chunks, request, by)


def bind(routes: Routes) -> None:
    """A handler of the row's types fits."""
    routes.bind(endpoints.LOAD, load)
    routes.bind_stream(endpoints.INSTALL, install, granted)
