"""Where this command looks for the daemon.

Law: the command line, then the environment, then the default. No file is read: the
configuration is asked only when no daemon answers. Paths are plain strings, because
importing pathlib costs `status` a third of a bare interpreter's start.
"""

import argparse
from collections.abc import Mapping

import msgspec

#: `runtime-dir` where nobody sets another; as in `edged/config.py`.
RUNTIME_DIR = "/run/edged"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Sockets and folders of one daemon.

    Attributes:
        timeout_s: None for each endpoint's own default.
        state_dir: None for the configuration's.
        config: None for the usual files.
    """

    control_socket: str
    data_socket: str
    updater_socket: str = f"{RUNTIME_DIR}/updater.sock"
    runtime_dir: str = RUNTIME_DIR
    timeout_s: float | None = None
    state_dir: str | None = None
    config: str | None = None

    @property
    def options(self) -> str:
        """What to type after another command so that it finds the same daemon."""
        if self.control_socket == f"{RUNTIME_DIR}/control.sock":
            return ""
        return f" --socket {self.control_socket}"

    @property
    def snapshot(self) -> str:
        """The last status that the daemon left."""
        return f"{self.runtime_dir}/status.json"


def place(args: argparse.Namespace, env: Mapping[str, str]) -> Place:
    """Find the place that a command line and an environment mean.

    Where the control socket alone is said, the rest lies beside it.
    """
    runtime_dir: str | None = getattr(args, "runtime_dir", None)

    def socket(option: str, variable: str, name: str, beside: str) -> str:
        found = (
            getattr(args, option, None)
            or (runtime_dir and f"{runtime_dir}/{name}")
            or env.get(variable)
            or f"{beside}/{name}"
        )
        return str(found).removeprefix("unix://")

    control = socket("socket", "EDGED_CONTROL_SOCKET", "control.sock", RUNTIME_DIR)
    folder = runtime_dir or control.rpartition("/")[0] or "."
    return Place(
        control_socket=control,
        data_socket=socket("data_socket", "EDGED_SOCKET", "edged.sock", folder),
        # Without an option: it is asked only where the daemon sends one there.
        updater_socket=socket("", "EDGED_UPDATER_SOCKET", "updater.sock", folder),
        runtime_dir=folder,
        timeout_s=getattr(args, "timeout", None),
        state_dir=getattr(args, "state_dir", None),
        config=getattr(args, "config", None),
    )
