"""A board's files in the place of the kernel's, for one process.

A mount namespace of its own: files of a board are bound over /sys/class and what else
sensors are read from, so a look goes through /sys and /proc as it does on a box.
Nothing outside the namespace changes.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes.board import Board

#: $1 is the board. An overlay adds the classes that this kernel lacks; what changes
#: while somebody looks is bound, as an overlay may not show it.
_MOUNTS = """
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1/classes:/sys/class" /sys/class
for class in power_supply thermal hwmon powercap; do
  mount --bind "$1/sys/class/$class" "/sys/class/$class"
done
mount --bind "$1/sys/devices/system/cpu/cpufreq" /sys/devices/system/cpu/cpufreq
mount --bind "$1/proc/meminfo" /proc/meminfo
shift
exec "$@"
"""


def laptop_with_a_weak_supply(root: Path) -> Board:
    """Return a laptop that has the supply's alarm of a Raspberry Pi, too."""
    board = Board("laptop", root)
    board.set("/sys/class/hwmon/hwmon3/name", "rpi_volt")
    board.set("/sys/class/hwmon/hwmon3/in0_lcrit_alarm", "0")
    return board


def as_kernel(board: Board) -> tuple[str, ...]:
    """Return what a command is put behind to find the board in place of the kernel.

    Skips the test where no namespace can be made.
    """
    if os.geteuid() != 0:
        pytest.skip("a mount namespace needs root")
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed (util-linux)")
    for name in ("power_supply", "thermal", "hwmon", "powercap"):
        (board.root / "classes" / name).mkdir(parents=True, exist_ok=True)
    behind = ("unshare", "-m", "sh", "-c", _MOUNTS, "sh", str(board.root))
    tried = subprocess.run(
        [*behind, "true"], check=False, capture_output=True, text=True
    )
    if tried.returncode:
        pytest.skip(f"cannot mount here: {tried.stderr.strip()}")
    return behind
