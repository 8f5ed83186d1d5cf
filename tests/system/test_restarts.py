"""Restarts under load: callers wait, and none of them ever sees one.

Law: a caller may lose nothing, not even a connection that it has to open anew by
itself: `edged.client` does that, and a caller with a connection for each request is
held by the socket, which is systemd's.
"""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from edged.client import Client
from tests.crash.callers import (
    Array,
    Ask,
    UnixConnection,
    by_client,
    calling,
    differs,
    digits_body,
)
from tests.system.box import Box
from tests.system.package import ROOT

#: How often; `make system` takes 100.
RESTARTS = int(os.environ.get("EDGED_SYSTEM_RESTARTS", "20"))
#: As callers wait by default: a start takes ten seconds beside busy neighbours.
PATIENCE_S = 60.0

pytestmark = pytest.mark.timeout(120 + 10 * RESTARTS)


@contextmanager
def by_new_connections(path: Path, images: Array, answers: Array) -> Iterator[Ask]:
    """Ask in JSON, each time on a connection of its own."""

    def ask(number: int) -> str:
        at = number % len(images)
        with closing(UnixConnection(path, PATIENCE_S)) as connection:
            found = connection.post("/v2/models/digits/infer", digits_body(images[at]))
        return differs(np.array(found["outputs"][0]["data"]), answers[at])

    yield ask


def test_no_request_fails_because_of_a_restart(box: Box) -> None:
    """Every question has its right answer, and nobody was hung up on."""
    images = np.load(ROOT / "demo/heldout.npz")["images"][:50]
    images = np.float32(images[:, None, None]) / 255
    with Client(box.data) as client:
        answers = np.stack(
            [client.infer("digits", {"image": one}).output for one in images]
        )
    took_s, since = [], time.time() + 1

    with calling(
        kept=by_client(box.data, images, answers, PATIENCE_S),
        more=by_client(box.data, images, answers, PATIENCE_S),
        new=by_new_connections(box.data, images, answers),
    ) as callers:
        for _ in range(RESTARTS):
            began = time.monotonic()
            box.run("systemctl", "restart", "edged")
            took_s.append(time.monotonic() - began)
            callers.answered(PATIENCE_S)
            # By hand this often is more than a crash loop's limit.
            box.run("systemctl", "reset-failed", "edged")

    told = callers.told()
    print(f"{RESTARTS} restarts, median {np.median(took_s):.2f} s; {told}")  # noqa: T201  # shown by make system
    assert [] == callers.faults
    assert 0 == sum(caller.hang_ups for caller in callers), told
    assert "0" == box.show("edged", "NRestarts")
    said = box.journal("-u", "edged", "_PID=1", f"--since=@{since:.0f}")
    ended = [one["MESSAGE"] for one in said]
    assert not [line for line in ended if "Failed with result" in line], ended
