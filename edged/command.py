"""How the command of a daemon begins and ends, whichever daemon it is.

Law: an exit status tells a unit what to do. 78 (EX_CONFIG): the configuration does not
hold, and `RestartPreventExitStatus=78` keeps a typo from becoming a restart loop. 69
(EX_UNAVAILABLE): something that is told in words. 70 (EX_SOFTWARE): a bug.
"""

import asyncio
import faulthandler
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from edged.errors import EdgedError
from edged.wire.notices import Notice

logger = logging.getLogger("edged")


def launch(main: Callable[[], int]) -> None:
    """Be a console script: leave with the status that `main` returns.

    Who is ended by the watchdog's SIGABRT, or by a fault in native code, leaves the
    stack of every thread on stderr, which is the journal.
    """
    faulthandler.enable()
    leave(main())


def run(life: Coroutine[Any, Any, None]) -> int:
    """Run a daemon to its end; return its exit status."""
    try:
        asyncio.run(life)
    except EdgedError as error:
        _complain(error)
        return os.EX_UNAVAILABLE
    except BaseExceptionGroup as group:
        known = [error for error in group.exceptions if isinstance(error, EdgedError)]
        for one in known:
            _complain(one)
        if len(known) < len(group.exceptions):
            logger.critical(
                "a service failed",
                exc_info=group,
                extra={"edged_code": Notice.BUG.value},
            )
            return os.EX_SOFTWARE
        return os.EX_UNAVAILABLE
    logger.info("stopped")
    return os.EX_OK


def leave(status: int) -> None:
    """End this process at once.

    A run that hangs in native code cannot be interrupted, and joining its thread
    would hang the exit with it; the kernel takes everything back at once.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def say(text: str) -> None:
    """Tell a person something, before there is a log."""
    print(text, file=sys.stderr)  # noqa: T201  # see above


def _complain(error: EdgedError) -> None:
    hint = f"; try: {error.hint}" if error.hint else ""
    logger.critical("%s%s", error.message, hint, extra={"edged_code": error.code})
