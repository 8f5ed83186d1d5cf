"""A publisher's folder, a clock that is moved by hand, and bundles that are small.

The demo's best variant alone, so that a proof takes a moment. Everything is real.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from edged.host.files import DiskFiles, Files
from edged.publish.documents import Added, Changed
from edged.publish.home import Home
from edged.publish.publisher import Plan, Publisher
from edged.publish.push import Pusher
from edged.publish.settings import PublishSettings
from edged.runtime import golden
from edged.store.manifest import read_manifest, write_manifest
from edged.wire.release import FileEntry
from tests.fakes.daemon import DEMO

#: A time that no release of edged is as old as: `trust.clock.WRITTEN` is before it.
BEGIN = datetime(2030, 3, 1, 12, 0, tzinfo=UTC)


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self._now = now

    def monotonic(self) -> float:
        """Return seconds since the epoch: they stand as well."""
        return self._now.timestamp()

    def utc(self) -> datetime:
        """Return the date that was set."""
        return self._now

    def later(self, **span: float) -> datetime:
        """Move on, by `timedelta`'s words."""
        self._now += timedelta(**span)
        return self._now


class House:
    """One publisher with its own keys, set up on request."""

    def __init__(
        self,
        root: Path,
        *,
        files: Files | None = None,
        keys: Path | None = None,
        clock: HandClock | None = None,
        passphrase: str | None = None,
    ) -> None:
        self.root = root
        self.clock = clock or HandClock()
        self.files = files or DiskFiles()
        self.home = Home(root, keys=keys)
        self.asked: list[str] = []
        self._passphrase = passphrase
        self.publisher = Publisher(
            self.home, files=self.files, clock=self.clock, passphrase=self._say
        )

    def init(self, *, root_keys: int = 3, threshold: int = 2) -> Changed:
        """Set the folder up."""
        return self.publisher.init(
            PublishSettings(),
            root_keys=root_keys,
            threshold=threshold,
            passphrase=self._passphrase,
        )

    def add(self, *, seq: int = 1, plan: Plan | None = None) -> Added:
        """Publish a release of the demo."""
        bundle = small_bundle(self.root.parent / f"bundle-{seq}", seq=seq)
        return self.publisher.add(bundle, plan or Plan(), tell=silent)

    def add_bundle(self, path: Path) -> Added:
        """Publish a bundle, for all boxes at once."""
        return self.publisher.add(path, Plan(), tell=silent)

    def push(self, into: Path) -> int:
        """Push; return how many files were new."""
        return Pusher(self.home, self.files, self.clock).push(into, silent).files

    def again(self, *, files: Files | None = None) -> "House":
        """Return the publisher that the next command makes: it knows no key yet."""
        return House(
            self.root,
            files=files,
            keys=self.home.keys,
            clock=self.clock,
            passphrase=self._passphrase,
        )

    def _say(self, question: str) -> str | None:
        self.asked.append(question)
        return self._passphrase


def silent(_: str) -> None:
    """Hear what is being done, and say nothing."""


def small_bundle(folder: Path, *, seq: int = 1, spoilt: bool = False) -> Path:
    """Make a bundle of the demo's best variant.

    Args:
        folder: where; made if it is not there.
        seq: its number; the model card differs by it, all else is the same.
        spoilt: the golden answers are those of other samples.
    """
    folder.mkdir(exist_ok=True)
    manifest = read_manifest((DEMO / "model.yaml").read_bytes(), "model.yaml")
    best = manifest.variants[0]
    data = {
        name: (DEMO / name).read_bytes()
        for name in (best.file, "labels.txt", "golden.npz")
    }
    data["MODEL_CARD.md"] = f"release {seq}\n".encode()
    if spoilt:
        known = golden.read(DEMO / "golden.npz", manifest.signature)
        others = {name: np.roll(a, 1, axis=0) for name, a in known.outputs.items()}
        data["golden.npz"] = golden.write(replace(known, outputs=others))
    for name, content in data.items():
        (folder / name).write_bytes(content)
    said = replace(
        manifest,
        seq=seq,
        version=f"1.{seq}.0",
        variants=(best,),
        files={
            name: FileEntry(
                sha256=hashlib.sha256(content).hexdigest(), size=len(content)
            )
            for name, content in data.items()
        },
    )
    (folder / "model.yaml").write_bytes(write_manifest(said))
    return folder


def states(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
