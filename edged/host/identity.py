"""What this box is called where updates are asked for, and its place in a roll-out.

Law: read anew each time; the machine's own id never leaves this module. Whoever learns
the device's id cannot tell the machine's, or that of another application: see
machine-id(5), which asks for just that.
"""

import hashlib
import hmac
import re
from pathlib import Path

#: Names the application; another value would give every box another place.
_APPLICATION = b"edged device id, 1"

#: The first that has one counts; the second is where it was before systemd.
_SOURCES = ("etc/machine-id", "var/lib/dbus/machine-id")

_MACHINE_ID = re.compile(rb"[0-9a-f]{32}")

_HEX_DIGITS = 32


def device_id(chosen: str | None, root: Path = Path("/")) -> str:
    """Return what the box calls itself: 32 hex digits, or what was chosen.

    Source: /etc/machine-id; machine-id(5). Cards that were cloned share one: such
    boxes need an id each, in the settings.

    Args:
        chosen: `update.device-id` of the settings.
        root: what stands for `/`.

    Returns:
        Nothing where the machine has no id yet, as on a card that was never started.
    """
    if chosen is not None:
        return chosen
    machine = next(filter(None, (_read(root / source) for source in _SOURCES)), None)
    if machine is None:
        return ""
    told = hmac.digest(machine, _APPLICATION, hashlib.sha256)
    return told.hex()[:_HEX_DIGITS]


def _read(path: Path) -> bytes | None:
    """Return a machine's id; None for none, and for `uninitialized`."""
    try:
        with path.open("rb") as file:
            text = file.read(_HEX_DIGITS + 1).strip()
    except OSError:
        return None
    return text if _MACHINE_ID.fullmatch(text) and text.strip(b"0") else None
