"""`publish.yaml`: how long the signatures of each role hold.

Law: read key by key; every fault at once, with its line. Raises nothing but BadConfig.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from edged.errors import BadConfig
from edged.strictyaml import document, emit
from edged.strictyaml.kinds import Duration, Record, Whole
from edged.strictyaml.place import Invalid

_DAY = 86400.0

#: The least that leaves a publisher time to notice.
_LEAST, _MOST = "1h", "3650d"


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """How long metadata is good, in seconds, by role.

    A box whose clock is right refuses what is older: so long a mirror can keep news
    from it, and so long nobody may forget to run `renew`.
    """

    root: float = 365 * _DAY
    targets: float = 180 * _DAY
    snapshot: float = 30 * _DAY
    timestamp: float = 7 * _DAY

    def of(self, role: str, now: datetime) -> datetime:
        """Return when metadata of a role that is signed now ends."""
        seconds: float = getattr(self, role)
        return now + timedelta(seconds=seconds)


class PublishSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a publisher can set."""

    format: int = 1
    expiry: Expiry = Expiry()


_SPAN = Duration(_LEAST, _MOST)
_EXPIRY = {"root": _SPAN, "targets": _SPAN, "snapshot": _SPAN, "timestamp": _SPAN}
_SETTINGS = Record(
    PublishSettings,
    {
        "format": Whole(1, 1),
        "expiry": Record(Expiry, _EXPIRY, spoken=tuple(_EXPIRY)),
    },
    spoken=("format", "expiry"),
)


def read_settings(data: bytes, source: str) -> PublishSettings:
    """Read `publish.yaml`.

    Raises:
        BadConfig: the message lists every fault.
    """
    top = document.read(data, source)
    try:
        return _SETTINGS.read(top)
    except Invalid:
        raise BadConfig(
            f"cannot use {source}: {top.report.text()}",
            problems=top.report.in_order(),
        ) from None


def write_settings(settings: PublishSettings) -> bytes:
    """Return the YAML that reads back as these settings."""
    written = _SETTINGS.write(settings)
    assert isinstance(written, dict)  # noqa: S101  # a record is keys and values
    return emit.document(written).encode()


def chosen(expiry: Mapping[str, float]) -> PublishSettings:
    """Return settings with other expiries, in seconds by role.

    Raises:
        BadConfig: a role or a time cannot be.
    """
    unknown = sorted(expiry.keys() - _EXPIRY.keys())
    if unknown:
        raise BadConfig(
            f"cannot set the expiry of {unknown[0]!r}: roles are {', '.join(_EXPIRY)}",
            hint="edgectl publish init --expiry timestamp=3d",
        )
    settings = PublishSettings(expiry=replace(Expiry(), **expiry))
    return read_settings(write_settings(settings), "publish.yaml")
