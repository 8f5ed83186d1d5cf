"""The daemon, whose threads have in the kernel the names that they have in Python.

Not a fake but a bench: `python -m tests.crash.named_daemon`, with the daemon's own
options. So a single thread can be found, and traced. Python 3.14 does this by itself.
Source: proc_pid_comm(5).
"""

import sys
import threading
from pathlib import Path
from types import FrameType

from edged import daemon

PROGRAM = ("-m", "tests.crash.named_daemon")


def name_it(_: FrameType, __: str, ___: object) -> None:
    """Name the thread that begins, and look at no more of its calls."""
    sys.setprofile(None)
    name = threading.current_thread().name
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)


if __name__ == "__main__":
    threading.setprofile(name_it)
    daemon.command()
