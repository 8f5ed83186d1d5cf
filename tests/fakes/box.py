"""A box in a folder: the real store, registry and agent, without sockets.

Not a fake but a bench: every part is the real one; only the disk may be a recording
twin, and the models are tiny real files.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edged.activate import judge, probation
from edged.activate.agent import Agent, Rules
from edged.activate.history import History
from edged.activate.intake import Intake
from edged.activate.recall import Recall
from edged.activate.upkeep import Upkeep
from edged.activate.window import Window
from edged.activate.workshop import Workshop
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles, Files
from edged.serve.conditions import QUIET
from edged.serve.reception import Limits
from edged.serve.registry import Registry
from edged.serve.request import InferRequest, Sequence
from edged.store.bundle import Limits as BundleLimits
from edged.store.journal import Journal
from edged.store.layout import Layout
from edged.store.links import Links
from edged.store.manifest import write_manifest
from edged.store.profiles import Profiles
from edged.store.releases import Releases
from edged.watch import Owned
from edged.wire.changes import Step, Wish
from edged.wire.messages import (
    Changed,
    HearRequest,
    InstallRequest,
    ModelName,
    UseRequest,
)
from edged.wire.release import (
    BackendName,
    FileEntry,
    Input,
    Manifest,
    Output,
    Signature,
    StateMode,
    Variant,
)
from edged.wire.tensors import Datatype
from tests.data import onnx_files, tflite_files
from tests.fakes.bundles import tar_of
from tests.fakes.trial import Believer
from tests.fakes.verifier import FakeVerifier

if TYPE_CHECKING:
    from edged.serve.live import Live

LIMITS = Limits(
    queue_length=64,
    default_timeout_s=10.0,
    max_sequences=2,
    sequence_idle_s=60.0,
    threads=1,
)
#: Who changes things in tests.
BY = "tester"

RULES = Rules(
    trial=judge.Rules(),
    probation=probation.Rules(
        duration_s=0.0, inferences=0, error_share=0.05, slowdown=3.0
    ),
)
ONES = np.ones((1, 4), "<f4")


def bundle(
    model: bytes | None = None,
    *,
    name: str = "sums",
    seq: int = 1,
    file: str = "model.onnx",
    backend: BackendName = BackendName.ONNX,
    extra: Mapping[str, bytes] | None = None,
    **changes: Any,
) -> dict[str, bytes]:
    """Return a bundle's files, by default `y = x + x` over [1, 4].

    `changes` replace fields of its manifest, `extra` adds files to it.
    """
    files = {
        file: onnx_files.adder(dims=(1, 4)) if model is None else model,
        **(extra or {}),
    }
    plain = Manifest(
        name=name,
        version=f"1.{seq}",
        seq=seq,
        signature=Signature(
            inputs=(Input(name="x", datatype=Datatype.FP32, shape=(1, 4)),),
            outputs=(Output(name="y", datatype=Datatype.FP32, shape=(1, 4)),),
        ),
        variants=(Variant(id="fp32", backend=backend, file=file),),
        files={
            key: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for key, data in files.items()
        },
    )
    manifest = msgspec.structs.replace(plain, **changes)
    return {"model.yaml": write_manifest(manifest), **files}


class Box:
    """One daemon's inside."""

    def __init__(
        self,
        root: Path,
        *,
        files: Files | None = None,
        limits: Limits = LIMITS,
        rules: Rules = RULES,
        boot: str = "boot",
    ) -> None:
        self.layout = Layout(root)
        self.files = files or DiskFiles()
        self.releases = Releases(self.layout, self.files)
        self.links = Links(self.layout, self.files)
        self.registry = Registry(limits, SystemClock())
        self.verifier = FakeVerifier()
        profiles = Profiles(self.layout, self.files)
        self.trial = Believer(profiles)
        self.history = History(Journal(self.layout, self.files), SystemClock())
        self.regime = Owned(QUIET)
        self.shop: Workshop[Live] = Workshop(
            releases=self.releases,
            links=self.links,
            intake=Intake(
                self.releases,
                layout=self.layout,
                files=self.files,
                limits=BundleLimits(),
                verifier=self.verifier,
            ),
            history=self.history,
            profiles=profiles,
            trial=self.trial,
            swapper=self.registry,
            regime=self.regime.watch,
            keep_releases=3,
        )
        self.agent: Agent[Live] = Agent(self.shop, rules, boot=lambda: boot)
        self.recall: Recall[Live] = Recall(self.shop, self.agent.ward, self.verifier)
        self.upkeep: Upkeep[Live] = Upkeep(self.agent)
        self.window: Window[Live] = Window(self.shop, self.agent.ward)
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let the agent live, as its supervisor does; return when it is ready."""
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._life = loop.create_task(self.agent.run(ready.set))
        await ready.wait()

    async def use(self, seq: int, name: str = "sums", **request: Any) -> Changed:
        """Make an installed release live."""
        return await self.agent.use(UseRequest(name=name, seq=seq, **request), BY)

    async def rollback(self, name: str = "sums") -> Changed:
        """Go back."""
        return await self.agent.rollback(ModelName(name=name), BY)

    async def load(self, name: str = "sums") -> Changed:
        """Load what is live."""
        return await self.upkeep.load(ModelName(name=name), BY)

    async def unload(self, name: str = "sums") -> Changed:
        """Give its memory back."""
        return await self.upkeep.unload(ModelName(name=name), BY)

    async def remove(self, name: str = "sums") -> Changed:
        """Remove it."""
        return await self.upkeep.remove(ModelName(name=name), BY)

    def steps(self, name: str = "sums") -> list[tuple[Wish, list[Step]]]:
        """Return what the journal says of a model: each change's steps."""
        return [
            (change.wish, [taken.step for taken in change.steps])
            for change in self.history.changes(name, 1000)
        ]

    async def install(self, files: Mapping[str, bytes], **request: Any) -> Changed:
        """Stream a bundle in, in small pieces."""
        return await self.agent.install(
            in_async_pieces(tar_of(files)), InstallRequest(**request), BY
        )

    async def hear(self, *, alone: bool = False, name: str = "sums") -> Changed:
        """Bring signed metadata of the source `main`; see `FakeVerifier`."""
        return await self.recall.hear(
            in_async_pieces(tar_of({"signed/timestamp.json": b"{}"})),
            HearRequest(name=name, source="main", alone=alone),
            BY,
        )

    async def ask(
        self,
        x: np.ndarray = ONES,
        *,
        model: str = "sums",
        sequence: Sequence | None = None,
        **request: Any,
    ) -> list[float]:
        """Infer and return `y` as a flat list."""
        answer = await self.registry.infer(
            InferRequest(model=model, inputs={"x": x}, sequence=sequence, **request)
        )
        return answer.outputs["y"].ravel().tolist()

    def live_folder(self, name: str = "sums") -> str | None:
        """Return what `current` points at."""
        return self.links.current(name)

    def folders(self, name: str = "sums") -> list[str]:
        """Return every installed release's folder."""
        return sorted(path.name for path in self.layout.releases(name).iterdir())

    def leftovers(self) -> list[str]:
        """Return what lies in `incoming/`."""
        return sorted(path.name for path in self.layout.incoming.iterdir())

    def close(self) -> None:
        """End every thread."""
        for name in self.registry.names():
            self.agent.ward.forget(name)
            self.registry.forget(name)
        if self._life is not None:
            self._life.cancel()
        self.shop.close()


async def in_async_pieces(data: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    """Cut bytes as an HTTP body arrives."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def totals(seq: int = 1) -> dict[str, bytes]:
    """Return a bundle of a model with state: `total += x; y = total`."""
    return bundle(
        tflite_files.accumulator(),
        name="totals",
        seq=seq,
        file="model.tflite",
        backend=BackendName.LITERT,
        state=StateMode.SEQUENCE,
    )
