"""What is told of each run of a release that is being watched.

Law: nobody listens, nothing is measured. Memory that a caller shares is never judged:
whoever writes to it would speak for the model.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from edged.errors import EdgedError
from edged.serve.request import Array

#: The code of a run that ended in something that is no `EdgedError`.
BUG = "bug"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One run that ended.

    Attributes:
        variant: that ran.
        threads: that it had.
        ok: whether it answered.
        code: of the failure, as in `errors`; empty for none.
        finite: False where a float output was not, though every input was.
        input_bytes: of all inputs; a joint run has those of all who are in it.
        busy_ns: CPU time of the thread that ran.
        compute_ns: time of the run, conversions included.
    """

    variant: str
    threads: int = 1
    ok: bool
    code: str
    finite: bool
    input_bytes: int
    busy_ns: int
    compute_ns: int


Observer = Callable[[Observation], None]


class Ear:
    """Who listens to the runs of one release.

    Attributes:
        observer: None for nobody. Read in any thread, set on the loop.
    """

    def __init__(self) -> None:
        self.observer: Observer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, observer: Observer | None) -> None:
        """Tell every run that ends from now on; None for nobody. On the loop."""
        self._loop = asyncio.get_running_loop() if observer is not None else None
        self.observer = observer

    def tell(self, observation: Observation) -> None:
        """Hand a run to who listens, on the loop. Any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # closed: nobody listens any more
                loop.call_soon_threadsafe(self._deliver, self.observer, observation)

    def _deliver(self, observer: Observer | None, observation: Observation) -> None:
        if observer is not None and observer is self.observer:
            observer(observation)


def is_finite(tensors: Mapping[str, Array]) -> bool:
    """Tell whether no float among these is NaN or infinite."""
    return all(
        bool(np.isfinite(array).all())
        for array in tensors.values()
        if array.dtype.kind == "f"
    )


def code_of(error: BaseException) -> str:
    """Return a failure's code, `BUG` for what is no `EdgedError`."""
    return error.code if isinstance(error, EdgedError) else BUG
