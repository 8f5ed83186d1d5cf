"""Callers who ask without a pause, know the answer, and ask again when hung up on.

Law: an answer is right or wrong, never skipped. The one thing that a caller may see
beside a right answer is a connection that ends; then it asks the same again. All else,
a refused connection, an error's answer, a deadline that passes, is a failure.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edged.client import Client
from edged.errors import EdgedError

Array = np.ndarray[Any, np.dtype[Any]]

#: Asks a question, known by its number; returns what is wrong with the answer.
Ask = Callable[[int], str]

#: Of one question. The daemon may be killed and started more than once meanwhile.
PATIENCE_S = 15.0

#: A probability's last digits differ between machines, classes by far more.
TOLERANCE = 1e-5


class Caller(threading.Thread):
    """One of them, with a connection of its own.

    Attributes:
        answers: right ones.
        hang_ups: how often its connection ended before the answer.
        faults: wrong answers, and failures that are no hang-up.
    """

    def __init__(self, name: str, ask: Ask) -> None:
        super().__init__(name=name, daemon=True)
        self.answers = 0
        self.hang_ups = 0
        self.faults: list[str] = []
        self._ask = ask
        self._over = threading.Event()

    def run(self) -> None:
        """Ask one question after the other, each until it is answered."""
        number = 0
        while not self._over.is_set():
            try:
                fault = self._ask(number)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is counted
                if is_hang_up(error):
                    self.hang_ups += 1
                    continue
                fault = repr(error)
            if fault:
                self.faults.append(f"question {number}: {fault}")
            else:
                self.answers += 1
            number += 1

    def end(self) -> None:
        """Let it ask no more; return when its last answer is there."""
        self._over.set()
        self.join(2 * PATIENCE_S)


class Callers(list[Caller]):
    """Several at once."""

    def answered(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until each has had two more answers, so one to a question asked since.

        Raises:
            AssertionError: one was not served in time.
        """
        wanted = [caller.answers + 2 for caller in self]
        end = time.monotonic() + patience_s
        while any(c.answers < n for c, n in zip(self, wanted, strict=True)):
            assert time.monotonic() < end, f"somebody is not served: {self.told()}"
            time.sleep(0.005)

    def told(self) -> str:
        """Say what became of everybody, for people."""
        return "; ".join(
            f"{c.name}: {c.answers} answers, {c.hang_ups} hang-ups, {c.faults[:3]}"
            for c in self
        )

    @property
    def faults(self) -> list[str]:
        """What nobody may see."""
        return [f"{c.name}, {fault}" for c in self for fault in c.faults]


@contextmanager
def calling(**ways: AbstractContextManager[Ask]) -> Iterator[Callers]:
    """Let callers ask, each in its way; in the end each has its last answer."""
    with ExitStack() as stack:
        callers = Callers(Caller(n, stack.enter_context(ways[n])) for n in ways)
        for caller in callers:
            caller.start()
            stack.callback(caller.end)
        yield callers


def is_hang_up(error: Exception) -> bool:
    """Tell whether a connection ended. One that nobody takes is another matter."""
    if isinstance(error, EdgedError):
        return error.fields.get("cause") == "hung-up"
    ends = (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)
    return isinstance(error, ends)


# --- ways to ask -------------------------------------------------------------------


@contextmanager
def by_client(
    path: Path, images: Array, answers: Array, patience_s: float = PATIENCE_S
) -> Iterator[Ask]:
    """Ask the demo's model in binary, as the client does: by the express door."""

    def ask(number: int) -> str:
        at = number % len(images)
        found = client.infer("digits", {"image": images[at]}).output
        return differs(found, answers[at])

    with Client(path, timeout_s=patience_s) as client:
        yield ask


@contextmanager
def by_json(path: Path, images: Array, answers: Array) -> Iterator[Ask]:
    """Ask the demo's model in JSON, with Python's own HTTP client."""

    def ask(number: int) -> str:
        at = number % len(images)
        found = connection.post("/v2/models/digits/infer", digits_body(images[at]))
        return differs(np.array(found["outputs"][0]["data"]), answers[at])

    with closing(UnixConnection(path)) as connection:
        yield ask


@contextmanager
def by_memory(path: Path, shape: tuple[int, ...]) -> Iterator[Ask]:
    """Ask `large`, which is `y = x + x`, in memory shared with the daemon."""

    def ask(number: int) -> str:
        x.fill(number)
        x.flat[:: 1 + number % 7] = -number
        found = client.infer("large", {"x": x}).output
        return "" if np.array_equal(found, x + x) else f"not twice {x.flat[:8]}"

    with Client(path, timeout_s=PATIENCE_S) as client:
        x = client.empty(shape)  # each life of the daemon has to be told of it
        yield ask


def digits_body(image: Array) -> dict[str, object]:
    """Return an OIP request of the demo's model."""
    data = image.ravel().tolist()
    tensor = {"name": "image", "datatype": "FP32", "shape": image.shape, "data": data}
    return {"inputs": [tensor]}


def differs(found: Array, expected: Array) -> str:
    """Say how an answer differs from the expected one; empty if it does not."""
    if np.allclose(found.ravel(), expected.ravel(), rtol=0, atol=TOLERANCE):
        return ""
    return f"{found.ravel().tolist()} is not {expected.ravel().tolist()}"


class UnixConnection(http.client.HTTPConnection):
    """The standard library's client, on a Unix socket; connects anew when it must."""

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        super().__init__("edged", timeout=patience_s)
        self._path = str(path)

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def post(self, target: str, said: object) -> Any:
        """Send JSON, return JSON."""
        return self._exchange("POST", target, json.dumps(said).encode())

    def get(self, target: str) -> Any:
        """Return JSON."""
        return self._exchange("GET", target, None)

    def _exchange(self, method: str, target: str, body: bytes | None) -> Any:
        try:
            self.request(method, target, body)
            answer = self.getresponse()
            data = answer.read()
        except BaseException:
            self.close()
            raise
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status}: {data.decode()}")
        return json.loads(data)
