"""The updater's rows, and what stands where no updater is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from edged.api.access import Roles
from edged.api.updates import APART, NO_SOURCES, NoUpdater, updates_app
from edged.errors import Conflict
from edged.wire import endpoints
from edged.wire.updates import (
    Activity,
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)
from tests.fakes.updater import FakeUpdater

SINCE = "2026-11-24T06:00:00Z"


@pytest.mark.parametrize(
    ("apart", "text"), [(True, APART), (False, NO_SOURCES)], ids=["apart", "none"]
)
async def test_who_has_no_updater_says_what_is_the_case(
    *, apart: bool, text: str
) -> None:
    """A read is always answered, so that a technician is never left alone."""
    nobody = NoUpdater(since_utc=SINCE, apart=apart)

    told = await nobody.update(UpdateRequest())
    attempts = (await nobody.history(AttemptsRequest())).attempts

    assert (Activity.IDLE, text, SINCE, apart, ()) == (
        told.activity,
        told.text,
        told.since_utc,
        told.apart,
        attempts,
    )


async def test_who_waits_for_news_of_nobody_waits() -> None:
    """Otherwise a client that follows would ask as fast as it can."""
    nobody = NoUpdater(since_utc=SINCE, apart=False)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await nobody.update(UpdateRequest(known=0, wait_s=30))


Effect = Callable[[NoUpdater], Awaitable[UpdateStatus]]


@pytest.mark.parametrize(
    ("effect", "what"),
    [
        (lambda nobody: nobody.check(UpdateScope(), ""), "cannot ask for updates: "),
        (lambda nobody: nobody.now(UpdateScope(), ""), "cannot fetch updates: "),
        (lambda nobody: nobody.pause(PauseRequest(), ""), "cannot pause updates: "),
        (lambda nobody: nobody.resume(UpdateScope(), ""), "cannot resume updates: "),
        (
            lambda nobody: nobody.hold(HoldRequest(until_utc=SINCE), ""),
            "cannot hold updates: ",
        ),
    ],
)
@pytest.mark.parametrize(
    ("apart", "text", "hint"),
    [(True, APART, "edgectl update"), (False, NO_SOURCES, "update.sources")],
    ids=["apart", "none"],
)
async def test_an_effect_on_nobody_is_refused(
    *, effect: Effect, what: str, apart: bool, text: str, hint: str
) -> None:
    """Nothing would come of it; a client learns whether to ask elsewhere."""
    nobody = NoUpdater(since_utc=SINCE, apart=apart)

    with pytest.raises(Conflict) as caught:
        await effect(nobody)

    assert (what + text, True, apart) == (
        caught.value.message,
        hint in caught.value.hint,
        caught.value.fields["apart"],
    )


def test_a_socket_of_its_own_has_the_updaters_rows_alone() -> None:
    """Nothing else of the daemon is there to be called."""
    app = updates_app(FakeUpdater(), Roles())

    bound = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    }
    assert {(row.method, row.path) for row in endpoints.UPDATES} == bound
