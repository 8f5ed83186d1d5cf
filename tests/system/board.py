"""A computer with as little memory as a small board's, and a kernel of its own.

Law: an emulated x86 machine; it boots from a copy of a root folder, does what it is
told, says what came of it, and is gone. Where a container's limits are the host's,
here systemd's are the kernel's: MemoryMax=, the OOM killer, pressure.

Source: qemu-system(1). The kernel is Debian's for clouds; its drivers for the disk are
modules, so there is a first file system of a few of them and busybox.
"""

import gzip
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tests.system.images import CACHE, only_one

KERNEL = "linux-image-cloud-amd64"
#: In the order in which they need each other.
MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev"),
    *("virtio_pci", "virtio_blk"),
)
LIFE_S = 900.0
DISK = "1500M"
INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs d /dev
/bin/busybox mount -t proc p /proc
/bin/busybox mount -t sysfs s /sys
for name in {" ".join(MODULES)}; do /bin/busybox insmod /lib/$name.ko; done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /mnt
exec /bin/busybox switch_root /mnt /sbin/init
"""
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /srv/steps
ExecStopPost=/bin/systemctl poweroff --no-block
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
"""
#: A line of the serial console ends with a carriage return, too.
STEP = re.compile(r"^<<(\S+)\r?\n(.*?)^>>(\d+)\r?$", re.MULTILINE | re.DOTALL)


class Said(msgspec.Struct, frozen=True):
    """What came of one step: its output of both kinds, and its status."""

    text: str
    status: int


def needs() -> str:
    """Return why there can be no such computer here; empty where there can."""
    for tool in ("qemu-system-x86_64", "busybox", "cpio", "mke2fs", "apt-get"):
        if shutil.which(tool) is None:
            return f"emulating a small board needs {tool}"
    return ""


def disk(root: Path, to: Path) -> Path:
    """Make a disk of a root folder; `root` is left alone, `to` is an empty folder."""
    image = to / "disk.img"
    command = ["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(image), DISK]
    subprocess.run(command, check=True)
    return image


def prepare(root: Path, steps: Mapping[str, str]) -> None:
    """Have the computer that boots from `root` do `steps`, lines of shell, in order."""
    # By a file, so that nobody takes the console for a person's.
    lines = [
        f"({text}) >/run/said 2>&1; status=$?\n"
        f"echo '<<{name}'; cat /run/said; echo; echo \">>$status\"\n"
        for name, text in steps.items()
    ]
    (root / "srv/steps").write_text("".join(lines))
    units = root / "etc/systemd/system"
    (units / "steps.service").write_text(UNIT)
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "steps.service").symlink_to("/etc/systemd/system/steps.service")


def boot(image: Path, memory_mb: int) -> dict[str, Said]:
    """Boot from a disk with so much memory; return what each step said."""
    kernel, first = _kernel(), image.with_name("first.gz")
    first.write_bytes(_first(kernel))
    console = image.with_name("console.log")
    command = [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-M", "q35"),
        *("-cpu", "max", "-smp", "2", "-m", str(memory_mb), "-nodefaults"),
        *("-no-user-config", "-display", "none", "-no-reboot"),
        *("-serial", f"file:{console}", "-initrd", str(first)),
        *("-kernel", str(next(kernel.glob("boot/vmlinuz-*")))),
        *("-append", "console=ttyS0 quiet panic=-1 rw systemd.show_status=0"),
        *("-drive", f"file={image},format=raw,if=virtio,cache=unsafe"),
    ]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=LIFE_S, check=True)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the board did not end:\n{console.read_text()[-4000:]}")
    told = console.read_text(errors="replace")
    found = {
        name: Said(text.replace("\r", ""), int(status))
        for name, text, status in STEP.findall(told)
    }
    assert found, told[-4000:]
    return found


def _kernel() -> Path:
    """Return a folder with Debian's kernel and its modules; brought once."""
    with only_one(CACHE / "kernel.lock"):
        known = subprocess.run(
            ["apt-cache", "depends", KERNEL], capture_output=True, text=True, check=True
        )
        name = next(
            word
            for word in known.stdout.split()
            if word.startswith("linux-image-") and word != KERNEL
        )
        folder = CACHE / name
        if not folder.is_dir():
            unfinished = folder.with_suffix(".part")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            subprocess.run(
                ["apt-get", "download", "-qq", name], cwd=unfinished, check=True
            )
            (package,) = unfinished.glob("*.deb")
            command = ["dpkg-deb", "-x", str(package), str(unfinished)]
            subprocess.run(command, check=True)
            package.unlink()
            unfinished.rename(folder)
    return folder


def _first(kernel: Path) -> bytes:
    """Return the first file system: busybox, and what it takes to find the disk."""
    tree = kernel / "first"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("bin", "dev", "lib", "mnt", "proc", "sys"):
        (tree / name).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, tree / "bin/busybox")
    for name in MODULES:
        (module,) = kernel.glob(f"lib/modules/*/kernel/**/{name}.ko")
        shutil.copy(module, tree / "lib")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"],
        cwd=tree,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    return gzip.compress(packed.stdout, 1)
