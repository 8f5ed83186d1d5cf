# ruff: noqa: INP001, S603, T201  # a script: it starts our programs and prints
"""`make demo`: the daemon, the demo release, every held-out image, the figures.

Starts edged on an empty store, installs `demo/digits`, sends the 510 held-out images
through the data socket to each variant in turn, compares accuracy with what the
manifest says, shows `edgectl status`, and stops the daemon with SIGTERM.

Law: it talks to the daemon only as any app and any technician do; it leaves nothing
behind; it fails if anything is not as promised.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edged.client.control import Control
from edged.client.inference import Client
from edged.errors import EdgedError, NoDaemon
from edged.store.manifest import read_manifest
from edged.wire.endpoints import STATUS
from edged.wire.messages import Nothing, Phase
from edged.wire.release import Manifest, Variant

Array = npt.NDArray[Any]

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "demo" / "digits"
PICTURE = ROOT / "demo" / "images" / "digit_3_large.png"

#: Where the store stands while the demo runs.
HOME = ROOT / ".demo"

#: One image of 510: runtimes and CPUs may round so far apart.
ACCURACY_SLACK = 0.002

#: A slow board imports its runtimes from an SD card.
START_S, STOP_S = 60.0, 30.0


class Failed(Exception):
    """The demo did not show what it should."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one daemon lives: its store, its sockets, its log."""

    state: Path
    runtime: Path
    log: Path

    @property
    def socket(self) -> str:
        """The data socket."""
        return str(self.runtime / "edged.sock")


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one variant did with all held-out images, one caller at a time."""

    id: str
    promised: float
    accuracy: float
    p50_ms: float
    p95_ms: float
    per_second: float


def main() -> int:
    """Run the demo.

    Returns:
        0 if all was as promised, 130 if interrupted, else 1.
    """
    began = time.monotonic()
    try:
        with _place() as place, _daemon(place):
            _show(place)
    except (Failed, EdgedError) as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\nstopped; all as promised, {time.monotonic() - began:.1f} s")
    return 0


def _show(place: Place) -> None:
    manifest = _manifest()
    held_out = np.load(ROOT / "demo" / "heldout.npz")
    images = held_out["images"][:, None, None].astype(np.float32) / np.float32(255)
    _edgectl(place, "install", str(BUNDLE.relative_to(ROOT)))
    _edgectl(place, "infer", manifest.name, str(PICTURE.relative_to(ROOT)))
    print(f"\n{len(images)} held-out images through {place.socket}, one at a time:\n")
    print(f"{'variant':<12} {'accuracy':>9} {'p50':>9} {'p95':>9} {'rate':>9}")
    with Client(place.socket) as client:
        found = [
            _measured(client, manifest.name, variant, images, held_out["labels"])
            for variant in manifest.variants
        ]
    _edgectl(place, "status")
    wrong = [f for f in found if abs(f.accuracy - f.promised) > ACCURACY_SLACK]
    if wrong:
        raise Failed(
            "; ".join(
                f"{f.id} reached {f.accuracy:.2%}, promised were {f.promised:.2%}"
                for f in wrong
            )
        )


def _measured(
    client: Client, model: str, variant: Variant, images: Array, labels: Array
) -> Figures:
    """Send every image to one variant, and print the row."""
    right, took_s = 0, []
    for image, label in zip(images, labels, strict=True):
        began = time.perf_counter()
        answer = client.infer(model, {"image": image}, variant=variant.id, explain=True)
        took_s.append(time.perf_counter() - began)
        if answer.explained is None or answer.explained.variant != variant.id:
            raise Failed(f"{variant.id} was asked, {answer.explained} answered")
        right += int(answer.output.argmax() == label)
    p50_s, p95_s = np.percentile(took_s, (50, 95))
    figures = Figures(
        id=variant.id,
        promised=variant.accuracy or 0.0,
        accuracy=right / len(labels),
        p50_ms=float(p50_s) * 1e3,
        p95_ms=float(p95_s) * 1e3,
        per_second=len(took_s) / sum(took_s),
    )
    print(
        f"{figures.id:<12} {figures.accuracy:>9.2%} {figures.p50_ms:>6.2f} ms "
        f"{figures.p95_ms:>6.2f} ms {figures.per_second:>7.0f}/s"
    )
    return figures


def _manifest() -> Manifest:
    path = BUNDLE / "model.yaml"
    return read_manifest(path.read_bytes(), str(path.relative_to(ROOT)))


# --- the daemon and its tool -------------------------------------------------


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    """Make an empty store, and a runtime folder: sockets need a short path."""
    HOME.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="demo-", dir=HOME) as home,
        tempfile.TemporaryDirectory(prefix="edged-", dir="/tmp") as runtime,
    ):
        yield Place(
            state=Path(home) / "state", runtime=Path(runtime), log=Path(home) / "log"
        )


@contextlib.contextmanager
def _daemon(place: Place) -> Iterator[None]:
    """Run edged, wait until it answers; stop it, and see that it stops well.

    Raises:
        Failed: it did not start, or did not stop by itself with 0.
    """
    words = ["--state-dir", str(place.state), "--runtime-dir", str(place.runtime)]
    with place.log.open("wb") as log:
        process = subprocess.Popen(_program("edged", *words), cwd=ROOT, stderr=log)
    try:
        _await_ready(process, place)
        yield
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired as exc:
        raise Failed(f"edged did not stop within {STOP_S:.0f} s of SIGTERM") from exc
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if code != 0:
        raise Failed(f"edged ended with {code}: {_last_words(place)}")


def _await_ready(process: "subprocess.Popen[bytes]", place: Place) -> None:
    control = Control(str(place.runtime / "control.sock"))
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Failed(f"edged ended at once: {_last_words(place)}")
        with contextlib.suppress(NoDaemon):
            if control.call(STATUS, Nothing()).phase is Phase.READY:
                return
        time.sleep(0.02)
    raise Failed(f"edged did not answer within {START_S:.0f} s: {_last_words(place)}")


def _last_words(place: Place) -> str:
    return place.log.read_text(errors="replace")[-2000:].strip() or "it said nothing"


def _edgectl(place: Place, *words: str) -> None:
    """Run one command as a person would, its text going to the same terminal."""
    print(f"\n$ edgectl {' '.join(words)}", flush=True)
    command = _program("edgectl", *words, "--runtime-dir", str(place.runtime))
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code != 0:
        raise Failed(f"edgectl {words[0]} ended with {code}")


def _program(name: str, *words: str) -> list[str]:
    """Return the command line of a program that stands beside this Python."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Failed(f"cannot find {name}: run `make setup`")
    return [found, *words]


if __name__ == "__main__":
    sys.exit(main())
