# ruff: noqa: INP001, T201  # a script: it prints
"""`make demo-update`: from a publisher's bench to a box that looks after itself.

Makes keys, publishes the demo's release, starts a box that knows nothing but a URL and
a root, and lets it fetch, prove and serve. Then a second release comes over a line that
breaks three times while somebody asks all the time; and a third one that is fine on the
publisher's bench and fails on real pictures: the box goes back by itself, and says why.

Law: as `make demo`. The web server stands in for nginx or a bucket: it serves plain
files, and breaks when it is told to.
"""

import asyncio
import contextlib
import hashlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from aiohttp import web
from stage import BUNDLE, ROOT, Failed, Place, daemon, edgectl, place

from edged.client.control import Control
from edged.client.inference import Client
from edged.errors import EdgedError
from edged.store.manifest import read_manifest, write_manifest
from edged.wire import endpoints
from edged.wire.changes import ChangesRequest, Step
from edged.wire.release import FileEntry, GoldenSource, Intends, Manifest

#: Where the first layer's weights lie in `digits_fp32.onnx`: what is written there is
#: multiplied by ink, so a blank picture does not show it, and every real one does.
INK = 1136

#: The second release comes with training notes, so that there is something to fetch.
NOTES_BYTES = 6 << 20

#: Of a file, before the line breaks.
CUT_BYTES = 2_000_000

WITHIN_S = 60.0


def main() -> int:
    """Run the demo.

    Returns:
        0 if all was as promised, 130 if interrupted, else 1.
    """
    began = time.monotonic()
    try:
        with place() as here:
            _show(here)
    except (Failed, EdgedError) as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\nstopped; all as promised, {time.monotonic() - began:.1f} s")
    return 0


def _show(here: Place) -> None:
    host = Host(here.home / "www")
    publisher = Publisher(here)
    images = np.load(ROOT / "demo" / "heldout.npz")["images"]
    _title("A publisher makes keys, and publishes a release")
    publisher.run("init")
    publisher.publish(BUNDLE)
    with host.served() as url:
        settings = here.home / "edged.yaml"
        root = publisher.home / "repository" / "metadata" / "1.root.json"
        settings.write_text(
            "server: {group: null}\n"
            "install: {probation: 5min, probation-inferences: 1000000}\n"
            f"update: {{sources: [{{name: main, url: '{url}', root: {root}}}]}}\n"
        )
        with daemon(here, "--config", str(settings)), Callers(here, images) as callers:
            _title("A box that knows a URL and a root fetches it, proves it, serves it")
            edgectl(here, "update", "now")
            _wait_for(here, 1, Step.COMMITTED)
            edgectl(here, "update", "history")

            _title("The second comes over a line that breaks three times, under load")
            publisher.publish(_with_notes(here.home / "2"))
            callers.begin()
            host.cuts = 3
            edgectl(here, "update", "now")
            edgectl(here, "update", "watch")
            _wait_for(here, 2, Step.PROBATION)
            edgectl(here, "update", "history")
            callers.check(f"the switch; the line broke {3 - host.cuts} times")
            edgectl(here, "models", "commit", "digits")

            _title(
                "The third is fine on the publisher's bench, and not on real pictures"
            )
            publisher.publish(_spoilt(here.home / "3"))
            edgectl(here, "update", "now")
            _wait_for(here, 3, Step.QUARANTINED)
            callers.check("going back")
            edgectl(here, "status", expected=3)  # DEGRADED: somebody should know
            edgectl(here, "update", "why")
            edgectl(here, "models", "history", "digits")
    if host.cuts:
        raise Failed(f"the line should have broken {host.cuts} times more")


def _title(text: str) -> None:
    print(f"\n\n--- {text}", flush=True)


def _wait_for(here: Place, seq: int, step: Step) -> None:
    """Wait until a release is where it should be."""
    until = time.monotonic() + WITHIN_S
    with Control(here.control) as control:
        while time.monotonic() < until:
            changes = control.call(endpoints.CHANGES, ChangesRequest(limit=5)).changes
            for change in changes:
                is_it = change.release is not None and change.release.seq == seq
                if is_it and change.last.step is step:
                    return
            time.sleep(0.05)
    raise Failed(f"release {seq} did not get to {step.value}: {changes[-1:]}")


# --- who publishes ---------------------------------------------------------------


class Publisher:
    """Somebody at a bench, with a folder of his own."""

    def __init__(self, here: Place) -> None:
        self.home = here.home / "publisher"
        self._here = here
        self.home.mkdir()

    def run(self, *words: str) -> None:
        """Run one `edgectl publish`."""
        edgectl(self._here, "publish", *words, "--repo", str(self.home))

    def publish(self, bundle: Path) -> None:
        """Prove, sign, list and push a bundle."""
        self.run("add", str(bundle))
        self.run("push", str(self._here.home / "www"))


def _with_notes(folder: Path) -> Path:
    """Make the second release: the same model, and something to read with it."""
    manifest = _manifest()
    files = {name: (BUNDLE / name).read_bytes() for name in manifest.files}
    files["training-notes.bin"] = os.urandom(NOTES_BYTES)
    return _written(folder, manifest, files, seq=2)


def _spoilt(folder: Path) -> Path:
    """Make the third: its golden set is one blank picture, and flatters it."""
    manifest = _manifest()
    best = manifest.variants[0]
    model = bytearray((BUNDLE / best.file).read_bytes())
    model[INK : INK + 32] = np.tile(np.float32([3e38, -3e38]), 4).tobytes()
    files = {
        best.file: bytes(model),
        "labels.txt": (BUNDLE / "labels.txt").read_bytes(),
        "golden.npz": _blank_golden(bytes(model)),
    }
    return _written(
        folder,
        msgspec.structs.replace(
            manifest,
            variants=(best,),
            golden=msgspec.structs.replace(
                manifest.golden, source=GoldenSource.GENERATED
            ),
            intends=Intends(change=True),
        ),
        files,
        seq=3,
    )


def _blank_golden(model: bytes) -> bytes:
    """Ask a model for one blank picture, and take its answer for right."""
    import onnxruntime  # noqa: PLC0415  # after ORT_DISABLE_TELEMETRY is set

    blank = np.zeros((1, 1, 8, 8), np.float32)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"image": blank})
    data = io.BytesIO()
    np.savez(data, image=blank[None], probabilities=answer[None])
    return data.getvalue()


def _manifest() -> Manifest:
    return read_manifest((BUNDLE / "model.yaml").read_bytes(), "model.yaml")


def _written(
    folder: Path, manifest: Manifest, files: dict[str, bytes], *, seq: int
) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    said = msgspec.structs.replace(
        manifest,
        seq=seq,
        version=f"1.{seq - 1}.0",
        files={
            name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for name, data in files.items()
        },
    )
    (folder / "model.yaml").write_bytes(write_manifest(said))
    return folder


# --- the host, and who asks --------------------------------------------------------


class Host:
    """Plain files over HTTP.

    Attributes:
        cuts: how many more of the larger answers break off.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.cuts = 0
        self._folder = folder

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """Serve on loopback; give the URL."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="host")
        thread.start()
        runner = web.AppRunner(self._app())

        def wait_for(work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result(10)

        try:
            wait_for(runner.setup())
            wait_for(web.TCPSite(runner, "127.0.0.1", 0).start())
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
            wait_for(runner.cleanup())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = (self._folder / request.match_info["path"]).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            raise web.HTTPNotFound
        begin = request.http_range.start or 0
        if path.stat().st_size - begin < CUT_BYTES or not self.cuts:
            return web.FileResponse(path)
        self.cuts -= 1
        whole = path.stat().st_size
        answer = web.StreamResponse(status=206 if begin else 200)
        answer.content_length = whole - begin
        answer.headers["ETag"] = f'"{path.name}"'
        if begin:
            answer.headers["Content-Range"] = f"bytes {begin}-{whole - 1}/{whole}"
        await answer.prepare(request)
        await answer.write(path.read_bytes()[begin : begin + CUT_BYTES])
        if request.transport is not None:
            request.transport.abort()
        return answer


class Callers:
    """Somebody who asks all the time."""

    def __init__(self, here: Place, images: "np.ndarray[Any, Any]") -> None:
        self._images = images[:, None, None].astype(np.float32) / np.float32(255)
        self._socket = here.socket
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callers")
        self._answers = 0
        self._failures: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def begin(self) -> None:
        """Ask from now on."""
        self._thread.start()

    def check(self, during: str) -> None:
        """Say how it went since the last time."""
        answers, failures = self._answers, list(self._failures)
        print(f"\n{answers} answers, {len(failures)} failed, during {during}")
        if failures or not answers:
            raise Failed(f"callers were not served: {failures[:3]}")
        self._answers = 0

    def _run(self) -> None:
        with Client(self._socket) as client:
            while not self._end.is_set():
                for image in self._images:
                    self._ask(lambda image=image: client.infer("digits", image))  # type: ignore[misc]  # mypy cannot infer it
                    if self._end.is_set():
                        return

    def _ask(self, ask: Callable[[], object]) -> None:
        try:
            ask()
        except EdgedError as error:
            self._failures.append(error.message)
        self._answers += 1


if __name__ == "__main__":
    sys.exit(main())
