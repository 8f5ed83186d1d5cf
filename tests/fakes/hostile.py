"""The trial's program with a runtime that is out to do harm.

The same module, but for `backends.load`; run as `python -m tests.fakes.hostile KIND`.
What it does is what a model file could do that found a hole in a runtime.
"""

import ctypes
import enum
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from edged.activate import child
from edged.runtime import backends
from edged.runtime.base import NOWHERE, Array, Loaded, Tensors
from edged.wire.release import BackendName

_sound = backends.load


class Kind(enum.Enum):
    """What it does when it is asked to load a model."""

    SEGFAULT = "segfault"
    ABORT = "abort"
    LOOP = "loop"  # in Python
    STUCK = "stuck"  # in C, with Python's lock held
    SLEEP = "sleep"
    HOG = "hog"  # until Python says that there is no more
    NATIVE_HOG = "native-hog"  # until C++ does
    CHATTER = "chatter"  # prints garbage, and is fine
    GARBAGE = "garbage"  # writes garbage as its answer
    FLOOD = "flood"  # writes without end
    EXIT = "exit"  # with 3, and a reason
    NAN = "nan"  # answers that are no numbers
    REACH = "reach"  # tries what it may not, and says what it could


def command(kind: Kind) -> tuple[str, ...]:
    """Return what runs the program with a runtime of this kind."""
    return (sys.executable, "-P", "-m", __name__, kind.value)


def _segfault() -> None:
    ctypes.string_at(0)


def _abort() -> None:
    os.write(2, b"terminate called: a vector was too long\n")
    os.abort()


def _loop() -> None:
    while True:
        pass


def _stuck() -> None:
    ctypes.PyDLL(None).sleep(3600)


def _sleep() -> None:
    time.sleep(3600)


def _hog() -> None:
    held = [bytearray(50_000_000)]
    while True:
        held.append(bytearray(50_000_000))


def _native_hog() -> None:
    malloc = ctypes.CDLL(None).malloc
    malloc.restype = ctypes.c_void_p
    while malloc(ctypes.c_size_t(50_000_000)):
        pass
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def _chatter() -> None:
    os.write(1, b"\x00\xff garbage {}\n" * 100)
    sys.stdout.write("[]\n")


def _garbage() -> None:
    _write_everywhere(b"\x00\xff garbage {}\n")
    os._exit(0)


def _flood() -> None:
    while True:
        _write_everywhere(b"x" * 4096)


def _exit() -> None:
    os.write(2, b"line one\nno such instruction\n")
    os._exit(3)


def _write_everywhere(data: bytes) -> None:
    for fd in range(3, 16):
        with suppress(OSError):
            os.write(fd, data)


def _reach() -> None:
    """Say which of three harms could be done; see `host.confine` for all."""
    done = []
    with suppress(OSError):
        os.kill(os.getppid(), 0)
        done.append("signal")
    with suppress(OSError):
        os.posix_spawn("/bin/true", ["true"], {})
        done.append("spawn")
    with suppress(OSError):
        Path("/tmp/edged-was-here").write_text("")  # noqa: S108  # must not work
        done.append("write")
    os.write(2, f"could: {done}\n".encode())
    os._exit(4)


class _Rotten:
    """A runtime whose answers are no numbers."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.inputs = loaded.inputs
        self.outputs = loaded.outputs
        self.quantization = loaded.quantization
        self.stateful = loaded.stateful
        self.concurrent = loaded.concurrent

    def run(
        self, feeds: Tensors, wanted: tuple[str, ...], into: Tensors = NOWHERE
    ) -> dict[str, Array]:
        """Answer NaN."""
        answers = self._loaded.run(feeds, wanted, into)
        return {name: array * float("nan") for name, array in answers.items()}

    def reset(self) -> None:
        """Forget."""
        self._loaded.reset()

    def close(self) -> None:
        """Let go."""
        self._loaded.close()


_HARMS = {
    Kind.SEGFAULT: _segfault,
    Kind.ABORT: _abort,
    Kind.LOOP: _loop,
    Kind.STUCK: _stuck,
    Kind.SLEEP: _sleep,
    Kind.HOG: _hog,
    Kind.NATIVE_HOG: _native_hog,
    Kind.CHATTER: _chatter,
    Kind.GARBAGE: _garbage,
    Kind.FLOOD: _flood,
    Kind.EXIT: _exit,
    Kind.REACH: _reach,
}


def _load(kind: Kind, backend: BackendName, path: Path, threads: int) -> Loaded:
    if kind in _HARMS:
        _HARMS[kind]()
    loaded = _sound(backend, path, threads=threads)
    return _Rotten(loaded) if kind is Kind.NAN else loaded


def main(kind: Kind) -> int:
    """Be the trial's program."""

    def load(backend: BackendName, path: Path, *, threads: int) -> Loaded:
        return _load(kind, backend, path, threads)

    backends.load = load
    return child.main()


if __name__ == "__main__":
    sys.exit(main(Kind(sys.argv[1])))
