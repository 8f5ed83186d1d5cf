"""What the board is called.

Law: as `sysfs`. Its makers' blanks are no name, and no serial number is read.
Source: /proc/device-tree/model (ends with a zero byte),
Documentation/devicetree/usage-model.rst; /sys/class/dmi/id/*,
Documentation/ABI/testing/sysfs-firmware-dmi-tables; /proc/cpuinfo, proc(5).
"""

from edged.host.sysfs import Sysfs

_DMI = "/sys/class/dmi/id"

#: What is left of a form that nobody filled in.
_BLANKS = (
    "to be filled",
    "default string",
    "system manufacturer",
    "system product name",
    "system version",
    "not applicable",
    "not specified",
    "o.e.m",
    "none",
    "unknown",
    "n/a",
)


def board(sysfs: Sysfs) -> str:
    """Return the board's name; empty where its firmware gives none."""
    model = sysfs.word("/proc/device-tree/model")
    if model:
        return model
    vendor, product = (
        named(sysfs.word(f"{_DMI}/{key}")) for key in ("sys_vendor", "product_name")
    )
    if not product:
        vendor, product = (
            named(sysfs.word(f"{_DMI}/{key}")) for key in ("board_vendor", "board_name")
        )
    if product.lower().startswith(vendor.lower()):
        return product
    return f"{vendor} {product}".strip() if product else ""


def cpu(sysfs: Sysfs) -> str:
    """Return the processor's name; empty where the kernel gives none.

    Arm kernels give numbers, which a board's name says better.
    """
    raw = sysfs.table("/proc/cpuinfo")
    return parse_cpu(raw) if isinstance(raw, bytes) else ""


def named(text: str) -> str:
    """Return a name, or nothing for a blank."""
    lower = text.lower()
    return "" if any(lower.startswith(blank) for blank in _BLANKS) else text


def parse_cpu(raw: bytes) -> str:
    """Return the first `model name` of /proc/cpuinfo."""
    for line in raw.decode("ascii", "replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return "".join(c for c in value.strip() if c.isprintable())
    return ""
