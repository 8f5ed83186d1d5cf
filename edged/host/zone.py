"""The time zone of a clock on the wall beside this box.

Law: read anew each time; what cannot be read is UTC, as for the C library.
Source: /etc/localtime; localtime(5).
"""

import zoneinfo
from datetime import UTC, tzinfo
from pathlib import Path


def zone(name: str | None, root: Path = Path("/")) -> tzinfo:
    """Return a zone of the time zone database, or the box's own.

    Args:
        name: as the settings have it, which were checked; None is the box's own.
        root: what stands for `/`.
    """
    try:
        if name is not None:
            return zoneinfo.ZoneInfo(name)
        with (root / "etc/localtime").open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file, key="local time")
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return UTC
