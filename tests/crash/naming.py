"""Threads that have in the kernel the names that they have in Python.

So a single thread can be found, and traced. Python 3.14 does this by itself.
Source: proc_pid_comm(5).
"""

import sys
import threading
from pathlib import Path
from types import FrameType


def name_threads() -> None:
    """Name every thread that begins from now on."""
    threading.setprofile(_name_it)


def _name_it(_: FrameType, __: str, ___: object) -> None:
    """Name the thread that begins, and look at no more of its calls."""
    sys.setprofile(None)
    name = threading.current_thread().name
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)
