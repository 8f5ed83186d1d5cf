"""Nothing that waits runs on the event loop."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
from blockbuster import BlockBuster, blockbuster_ctx

from edged import config
from edged.client import AsyncClient, Control
from edged.daemon import Daemon
from edged.store.bundle import pack
from edged.wire.endpoints import INSTALL, REMOVE, ROLLBACK, STATUS, VERIFY
from edged.wire.messages import InstallRequest, ModelName, Nothing
from tests.fakes.box import bundle
from tests.fakes.bundles import in_pieces, tar_of
from tests.fakes.daemon import DEMO

#: What may touch a disk there: start and end, and a snapshot of 2 KiB on tmpfs.
ALLOWED = {
    "edged/daemon.py": {"run", "_doors"},
    "edged/api/pulse.py": {"tell"},
    "edged/api/door.py": {"_withdraw"},
    "edged/host/listen.py": {"close"},
    "edged/host/process.py": {"__init__", "usage"},
}


async def test_no_request_and_no_change_blocks_the_loop(home: Path) -> None:
    """Installs, answers, a rollback, a removal, a drain: all wait elsewhere."""
    loaded = config.read(
        overrides={
            "store.state-dir": str(home / "s"),
            "runtime-dir": str(home / "r"),
        }
    )

    def effects() -> None:
        with Control(home / "r" / "control.sock") as control:
            control.call(INSTALL, InstallRequest(), body=pack(DEMO))
            for seq in (1, 2):
                stream = in_pieces(tar_of(bundle(seq=seq)))
                control.call(INSTALL, InstallRequest(), body=stream)
            for row in (ROLLBACK, VERIFY, REMOVE):
                control.call(row, ModelName(name="sums"))
            control.call(STATUS, Nothing())

    async def drive() -> None:
        while not (home / "r" / "edged.sock").exists():  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, effects)
        async with AsyncClient(home / "r" / "edged.sock") as client:
            for variant in ("fp32", "int8-litert"):
                x = np.zeros((1, 1, 8, 8), "<f4")
                await client.infer("digits", {"image": x}, variant=variant)
        os.kill(os.getpid(), signal.SIGTERM)

    with blockbuster_ctx("edged") as watched:
        _allow(watched)
        async with asyncio.TaskGroup() as group:
            group.create_task(Daemon(loaded, lambda: loaded).run())
            group.create_task(drive())


def _allow(watched: BlockBuster) -> None:
    for function in watched.functions.values():
        for file, names in ALLOWED.items():
            function.can_block_in(file, names)
