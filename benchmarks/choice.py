"""What choosing a variant costs a request, in one run: `python benchmarks/choice.py`.

The whole of it, as the registry calls it, beside the run of nothing: of a model with
one variant, of a ladder of three without a deadline, and with one; and learning from a
run, which happens at most once in a millisecond. Bars: 3 us; a fifth of that where
there is nothing to choose.
"""

import os
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from edged.serve.live import Live  # noqa: E402
from edged.serve.request import InferRequest  # noqa: E402
from edged.wire.proofs import Board, Cost, Proof, VariantProof  # noqa: E402
from edged.wire.tensors import Datatype  # noqa: E402
from tests.fakes.models import live_model, signature  # noqa: E402

ROUNDS, TIMES = 15, 5000
BAR_US, FREE_US = 3.0, 0.6

X = {"x": np.zeros((1, 64), "<f4")}


def main() -> int:
    """Measure each, print it beside its bar, return 1 if one is over."""
    one, three = ladder(8.0), ladder(8.0, 4.0, 1.0)
    for live in (one, three):
        live.chooser.learn("8.0", X, 8_000_000)
    late = InferRequest(model="m", inputs=X, deadline_s=time.monotonic() + 3600)
    plain = InferRequest(model="m", inputs=X)

    def near() -> InferRequest:
        return InferRequest(model="m", inputs=X, deadline_s=time.monotonic() + 0.02)

    rows = (
        ("one variant, a deadline", lambda: one.chooser.choose(late), FREE_US),
        ("three, no deadline", lambda: three.chooser.choose(plain), FREE_US),
        ("three, a deadline far off", lambda: three.chooser.choose(late), BAR_US),
        ("three, a near deadline", lambda: three.chooser.choose(near()), BAR_US),
        ("learning", lambda: three.chooser.learn("8.0", X, 8_000_000), None),
    )
    return max([shown(*row) for row in rows])


def shown(name: str, work: Callable[[], object], bar_us: float | None) -> int:
    """Print the shortest of some rounds: noise only adds."""
    taken_us = min(timeit.repeat(work, number=TIMES, repeat=ROUNDS)) / TIMES * 1e6
    beside = "" if bar_us is None else f"   bar {bar_us:.1f}"
    print(f"{name:26} {taken_us:6.2f} us{beside}")
    return int(bar_us is not None and taken_us > bar_us)


def ladder(*walls_ms: float) -> Live:
    """Return a release with a variant of each service time, named by it."""
    variants = tuple(map(str, walls_ms))
    proof = Proof(
        digest="",
        board=Board(runtimes={}, cpu=""),
        at_utc="",
        variants=tuple(
            VariantProof(
                id=str(ms),
                costs=(Cost(threads=1, cpu_ms=ms, busy_ms=ms, wall_ms=ms),),
            )
            for ms in walls_ms
        ),
    )
    of = signature([("x", Datatype.FP32, (1, 64))], [("y", Datatype.FP32, (1, 10))])
    return live_model("m", of, dict, variants=variants, proof=proof)


if __name__ == "__main__":
    sys.exit(main())
