"""Every row bound once, and to a handler of its kind."""

from collections.abc import AsyncIterator

import pytest

from edged.api.access import Roles
from edged.api.routes import Routes
from edged.wire import endpoints
from edged.wire.messages import (
    Changed,
    ModelName,
    Models,
    Nothing,
)
from tests.fakes.agent import FakeAgent, fake_app


async def models(_request: Nothing) -> Models:
    """Answer nothing much."""
    return Models()


async def load(request: ModelName) -> Changed:
    """Never called."""
    raise NotImplementedError(request)


def test_the_control_app_binds_the_whole_table() -> None:
    """Each row by its method and path."""
    app = fake_app(FakeAgent(), Roles())

    bound = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    }
    assert {(row.method, row.path) for row in endpoints.TABLE} == bound


def test_an_unbound_row_stops_the_start() -> None:
    """A daemon that lacks an endpoint does not come up."""
    routes = Routes(Roles(), endpoints.TABLE)
    routes.bind(endpoints.MODELS, models)

    with pytest.raises(AssertionError, match="/v1/install"):
        routes.app()


def test_a_row_bound_twice_stops_the_start() -> None:
    """One of the two would never be called."""
    routes = Routes(Roles(), endpoints.TABLE)
    routes.bind(endpoints.MODELS, models)

    with pytest.raises(AssertionError, match="bound twice"):
        routes.bind(endpoints.MODELS, models)


def test_a_stream_is_not_bound_to_a_handler_without_one() -> None:
    """The types alone cannot tell a tar from JSON."""
    routes = Routes(Roles(), endpoints.TABLE)

    with pytest.raises(AssertionError, match="another body"):
        routes.bind_stream(endpoints.LOAD, _streaming_load, lambda asked, _: asked)


async def _streaming_load(
    chunks: AsyncIterator[bytes], request: ModelName, by: str
) -> Changed:
    raise NotImplementedError(chunks, request, by)
