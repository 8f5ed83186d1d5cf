"""What a large JSON request costs, against the standard json module, in one run.

150,528 floats of 17 digits (an image of 224 x 224 x 3), to an FP32 array.
Bar: at most a quarter of what `json.loads` alone needs.

    python benchmarks/json_codec.py
"""

import json
import random
import sys
import time
from collections.abc import Callable

import numpy as np

from edged.wire import oip

NUMBERS = 150_528
SHAPE = [1, 3, 224, 224]
ROUNDS = 15
BAR = 0.25


def best_ms(work: Callable[[], object]) -> float:
    """Return the shortest of some rounds, in milliseconds: noise only adds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


def document(data: object) -> bytes:
    """Return an infer request with this data."""
    tensor = {"name": "x", "shape": SHAPE, "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


def ratio(name: str, body: bytes) -> float:
    """Measure one form of the data, print a line, return the ratio to json."""

    def by_json() -> object:
        return json.loads(body)

    def by_json_to_array() -> object:
        return np.array(json.loads(body)["inputs"][0]["data"], np.float32)

    def by_edged() -> object:
        return oip.read_request(memoryview(body), None).inputs["x"]

    standard, whole, ours = map(best_ms, (by_json, by_json_to_array, by_edged))
    print(
        f"{name:7} {len(body):9} bytes   json {standard:6.1f} ms"
        f"   json to FP32 {whole:6.1f} ms   edged {ours:5.1f} ms"
        f"   edged / json {ours / standard:.3f}"
    )
    return ours / standard


def main() -> int:
    """Measure flat and nested data; fail over the bar."""
    generator = random.Random(1)
    numbers = [generator.random() for _ in range(NUMBERS)]
    nested = np.array(numbers).reshape(SHAPE).tolist()
    worst = max(
        ratio("flat", document(numbers)),
        ratio("nested", document(nested)),
    )
    print(f"worst {worst:.3f}, bar {BAR}")
    return int(worst > BAR)


if __name__ == "__main__":
    sys.exit(main())
