"""How a daemon's command ends."""

import asyncio
import logging
import os

import pytest

from edged.command import run
from edged.errors import StoreFailed


async def _raises(*errors: Exception) -> None:
    await asyncio.sleep(0)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup("services", errors)


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ((), os.EX_OK),
        ((StoreFailed("cannot write: full"),), os.EX_UNAVAILABLE),
        ((StoreFailed("cannot a"), StoreFailed("cannot b")), os.EX_UNAVAILABLE),
        ((StoreFailed("cannot a"), ValueError("a bug")), os.EX_SOFTWARE),
    ],
)
def test_a_unit_is_told_how_it_ended(
    errors: tuple[Exception, ...], status: int
) -> None:
    """Words for what has words; a bug is one."""
    assert status == run(_raises(*errors))


def test_what_is_known_is_said_with_its_hint(caplog: pytest.LogCaptureFixture) -> None:
    """One line each."""
    with caplog.at_level(logging.CRITICAL):
        run(_raises(StoreFailed("cannot write: full", hint="df -h")))

    assert ["cannot write: full; try: df -h"] == caplog.messages
