# ruff: noqa: INP001, T201  # a script: it prints
"""`make demo`: the daemon, the demo release, every held-out image, the figures.

Starts edged on an empty store, installs `demo/digits`, sends the 510 held-out images
through the data socket to each variant in turn, compares accuracy with what the
manifest says, shows `edgectl status`, and stops the daemon with SIGTERM.

Law: it talks to the daemon only as any app and any technician do; it leaves nothing
behind; it fails if anything is not as promised.
"""

import sys
import time
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from stage import BUNDLE, ROOT, Failed, Place, daemon, edgectl, place

from edged.client.inference import Client
from edged.errors import EdgedError
from edged.store.manifest import read_manifest
from edged.wire.release import Manifest, Variant

Array = npt.NDArray[Any]

PICTURE = ROOT / "demo" / "images" / "digit_3_large.png"

#: One image of 510: runtimes and CPUs may round so far apart.
ACCURACY_SLACK = 0.002


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
        with place() as here, daemon(here):
            _show(here)
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
    edgectl(place, "install", str(BUNDLE.relative_to(ROOT)))
    edgectl(place, "infer", manifest.name, str(PICTURE.relative_to(ROOT)))
    print(f"\n{len(images)} held-out images through {place.socket}, one at a time:\n")
    print(f"{'variant':<12} {'accuracy':>9} {'p50':>9} {'p95':>9} {'rate':>9}")
    with Client(place.socket) as client:
        found = [
            _measured(client, manifest.name, variant, images, held_out["labels"])
            for variant in manifest.variants
        ]
    edgectl(place, "status")
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


if __name__ == "__main__":
    sys.exit(main())
