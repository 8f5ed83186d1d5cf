"""The settings of the updater: where releases come from, and when.

Law: as `config.settings`, of which this is a page. A source that cannot work (no root
for signed metadata, nobody to confirm a hint) is refused here, not at night.
"""

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from edged.config.setting import Setting
from edged.config.values import ACCOUNT, FullPath, TimeZone, Url, Window
from edged.strictyaml.kinds import (
    Choice,
    Duration,
    Flag,
    ListOf,
    Maybe,
    Record,
    Size,
    Text,
    Whole,
)
from edged.wire.release import NAME_PATTERN


class SourceKind(enum.Enum):
    """How a source is asked."""

    TUF = "tuf"  # signed metadata and files, on any static host
    API = "api"  # an HTTP API that says what is new for one device


class SourceTrust(enum.Enum):
    """Why a source is believed."""

    SIGNED = "signed"  # by metadata that leads back to `root`
    SHA256 = "sha256"  # the administrator believes whoever answers at `url`


class Expired(enum.Enum):
    """What is done with metadata that has expired."""

    REFUSE = "refuse"
    ACCEPT = "accept"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One place that releases come from.

    Attributes:
        name: for people, and of its folder among the trusted metadata.
        url: of a `tuf` source, the folder that holds `metadata/`; of an `api`, the part
            before `/models/latest`.
        root: the first root metadata, which everything else leads back to.
        models: that it may bring; empty for all that it lists.
        trust: of an `api` source: whether its word is enough.
        confirm: the `tuf` source that must list what an `api` source names.
        mirrors: other URLs with the same files.
    """

    name: str
    kind: SourceKind = SourceKind.TUF
    url: str
    root: Path | None = None
    models: tuple[str, ...] = ()
    trust: SourceTrust = SourceTrust.SIGNED
    confirm: str | None = None
    mirrors: tuple[str, ...] = ()


_LOOPBACK = re.compile(r"http://(localhost|127\.[0-9.]+|\[::1\])(:|/|$)")

#: It names a folder, too.
SOURCE_NAME = Text(r"[a-z0-9][a-z0-9-]{0,31}", "a name like `main` or `site-2`")

_SOURCE = Record(
    Source,
    {
        "name": SOURCE_NAME,
        "kind": Choice(SourceKind),
        "url": Url(),
        "root": Maybe(FullPath()),
        "models": ListOf(Text(NAME_PATTERN, "a model's name"), high=64),
        "trust": Choice(SourceTrust),
        "confirm": Maybe(SOURCE_NAME),
        "mirrors": ListOf(Url(), high=16),
    },
)


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """Where new releases come from, when they are fetched, and what that may cost."""

    sources: Annotated[
        tuple[Source, ...],
        Setting(
            ListOf(_SOURCE, high=16),
            "Places that releases come from. Without one, nothing is ever fetched.",
        ),
    ] = ()
    apart: Annotated[
        bool,
        Setting(
            Flag(),
            "Leave updates to `edged-updater`, a process of its own: the one that runs"
            " models then needs no network.",
        ),
    ] = False
    user: Annotated[
        str,
        Setting(
            ACCOUNT,
            "User of `edged-updater`; it may install signed releases, and no more.",
            reloadable=True,
        ),
    ] = "edged-updater"
    state_dir: Annotated[
        Path | None,
        Setting(
            Maybe(FullPath()),
            "Holds partial downloads and what the updater trusts; must survive a"
            " reboot. null is `updates/` in `store.state-dir`; `edged-updater` needs"
            " one of its own.",
        ),
    ] = None
    every: Annotated[
        float,
        Setting(
            Duration("1min", "30d"),
            "Time between two looks at a source; the real one varies by a half, so that"
            " a fleet does not come all at once.",
            reloadable=True,
        ),
    ] = 6 * 3600.0
    window: Annotated[
        str | None,
        Setting(
            Maybe(Window()),
            "Time of day in which releases are fetched and activated, `02:00-05:00`;"
            " it may span midnight. A box whose clock is not set waits for three days"
            " at most.",
            reloadable=True,
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        Setting(
            Maybe(TimeZone()),
            "Of `window`; null is this box's own.",
            reloadable=True,
        ),
    ] = None
    min_battery: Annotated[
        int,
        Setting(
            Whole(0, 100),
            "Least charge in percent to fetch with, where the box runs on a battery.",
            reloadable=True,
        ),
    ] = 30
    metered: Annotated[
        bool,
        Setting(
            Flag(),
            "Fetch over networks that cost by the byte, too.",
            reloadable=True,
        ),
    ] = False
    rate: Annotated[
        int | None,
        Setting(
            Maybe(Size("1KiB", "1024GiB")),
            "Most bytes per second that a download may take; null leaves it to the"
            " network.",
            reloadable=True,
        ),
    ] = None
    reserve: Annotated[
        int,
        Setting(
            Size("0B", "1024GiB"),
            "Disk space that an update must leave free.",
            reloadable=True,
        ),
    ] = 256 << 20
    proxy: Annotated[
        str | None,
        Setting(Maybe(Url()), "HTTP proxy on the way to every source."),
    ] = None
    ca_file: Annotated[
        Path | None,
        Setting(
            Maybe(FullPath()),
            "Certificates to trust for TLS, instead of the system's. What a release"
            " may do does not depend on it: that is what signatures are for.",
        ),
    ] = None
    expired: Annotated[
        Expired,
        Setting(
            Choice(Expired),
            "What to do with signed metadata that has expired, when the clock is known"
            " to be right. `accept` gives up protection against a mirror that shows old"
            " metadata, never that against older releases.",
        ),
    ] = Expired.REFUSE
    stop_revoked: Annotated[
        bool,
        Setting(
            Flag(),
            "Unload a live release that its publisher has revoked where there is none"
            " to replace it. By default it serves on, with a warning.",
            reloadable=True,
        ),
    ] = False
    device_id: Annotated[
        str | None,
        Setting(
            Maybe(Text(r"[A-Za-z0-9._:-]{1,128}", "letters, digits and . _ : -")),
            "What the box calls itself when it asks an `api` source, and what decides"
            " its turn in a staged roll-out. null derives it from /etc/machine-id;"
            " boxes with cloned cards need one each.",
        ),
    ] = None


class SourceFault(msgspec.Struct, frozen=True):
    """A source that cannot work: which, what is wrong, what to write."""

    at: int
    message: str
    hint: str = ""


def source_faults(sources: Sequence[Source]) -> Iterator[SourceFault]:
    """Find what a source alone, or beside the others, cannot mean."""
    signed = {one.name: one for one in sources if one.kind is SourceKind.TUF}
    names = [one.name for one in sources]
    for at, one in enumerate(sources):
        if one.name in names[:at]:
            yield SourceFault(at, f"cannot use the name {one.name} for two sources")
        check = _tuf_fault if one.kind is SourceKind.TUF else _api_fault
        if fault := check(at, one, signed):
            yield fault


def _tuf_fault(
    at: int, one: Source, _signed: Mapping[str, Source]
) -> SourceFault | None:
    name = one.name
    if one.root is None:
        return SourceFault(
            at,
            f"cannot trust source {name}: it has no `root`",
            "its publisher hands out `root.json`; copy it to this box and name it",
        )
    if one.trust is not SourceTrust.SIGNED or one.confirm is not None:
        return SourceFault(
            at, f"cannot use `trust` or `confirm` with {name}: it is signed itself"
        )
    return None


def _api_fault(
    at: int, one: Source, signed: Mapping[str, Source]
) -> SourceFault | None:
    name = one.name
    if len(one.models) != 1:
        return SourceFault(
            at,
            f"cannot use source {name}: an API speaks of one model, found "
            f"{len(one.models)}",
            "write `models: [NAME]`, and a source for each model",
        )
    if one.root is not None:
        return SourceFault(at, f"cannot use `root` with {name}: an API is not signed")
    if one.trust is SourceTrust.SIGNED:
        return _hint_fault(at, one, signed)
    if one.url.startswith("http://") and not _LOOPBACK.match(one.url):
        return SourceFault(
            at,
            f"cannot believe source {name} alone: anybody on the way can answer",
            "use https",
        )
    return None


def _hint_fault(
    at: int, one: Source, signed: Mapping[str, Source]
) -> SourceFault | None:
    """Find what keeps a hint from ever being confirmed."""
    name = one.name
    signer = signed.get(one.confirm or "")
    if signer is not None and signer.models and one.models[0] not in signer.models:
        return SourceFault(
            at,
            f"cannot take {one.models[0]} from {name}: {signer.name} confirms it, "
            f"and may bring {', '.join(signer.models)} alone",
            f"add it to the `models` of {signer.name}",
        )
    if signer is not None:
        return None
    return SourceFault(
        at,
        f"cannot trust source {name}: no `tuf` source confirms it",
        "name one under `confirm`, or write `trust: sha256` to believe it alone",
    )
