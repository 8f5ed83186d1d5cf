"""Whether the disk can take a release, before its first byte comes.

Law: pure. A release needs room twice: the updater keeps what it fetches until the
daemon has its own copy, on an inode that nobody else may write. What the daemon has
already, from any release, it links, and needs no room for.
"""

import enum
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from edged.wire.listing import Chunked
from edged.wire.words import size_text

#: A file takes whole blocks; most file systems use blocks of this size.
_BLOCK = 4096


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A file system, as one of the two users of it finds it.

    Attributes:
        name: its path, for people.
        device: tells it from others.
        free_bytes: for who is not root.
        collectable_bytes: what lies there and nobody needs: partial files of other
            releases, installed releases that may go.
    """

    name: str
    device: int
    free_bytes: int
    collectable_bytes: int = 0


class Fits(enum.Enum):
    """Whether there is room."""

    YES = "yes"
    COLLECTED = "collected"  # once what nobody needs is gone
    NO = "no"


class SpacePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a release needs on the disk, and what is there.

    Attributes:
        fetch_bytes: that are to come over the network.
        kept_bytes: of the missing files, what is here from before.
        short_bytes: how much too little there is; 0 where it fits.
        collect: file systems on which room must be made first.
        text: all of it in words, a clause that stands after a colon.
        hint: what a person may do where it does not fit.
    """

    fits: Fits
    fetch_bytes: int
    kept_bytes: int
    short_bytes: int
    collect: tuple[str, ...]
    text: str
    hint: str = ""


def space(
    files: Iterable[Chunked],
    *,
    had: AbstractSet[str],
    kept: Mapping[str, int],
    updater: Volume,
    daemon: Volume,
    reserve_bytes: int,
) -> SpacePlan:
    """Plan the room for a release.

    Args:
        files: of the release, under whatever names.
        had: sha256 of what the daemon has.
        kept: bytes that were fetched and checked before, by sha256. Their files were
            given their whole room then.
        updater: where partial files are.
        daemon: where the store is; may be the same file system.
        reserve_bytes: that must stay free on both.
    """
    by_digest = {file.sha256: file for file in files if file.sha256 not in had}
    missing = by_digest.values()
    whole = sum(_blocks(file.size) for file in missing)
    fresh = sum(_blocks(file.size) for file in missing if file.sha256 not in kept)
    kept_bytes = sum(kept.get(file.sha256, 0) for file in missing)
    needs = _needs(updater, daemon, fresh, whole, reserve_bytes)
    short = {v.name: max(0, n.bytes - v.free_bytes) for v, n in needs}
    lacking = [max(0, n.bytes - v.free_bytes - v.collectable_bytes) for v, n in needs]
    fits = (
        Fits.NO if any(lacking) else Fits.COLLECTED if any(short.values()) else Fits.YES
    )
    worst, _ = max(needs, key=lambda pair: pair[1].bytes - pair[0].free_bytes)
    return SpacePlan(
        fits=fits,
        fetch_bytes=sum(file.size for file in missing) - kept_bytes,
        kept_bytes=kept_bytes,
        short_bytes=max(lacking),
        collect=tuple(name for name, missing_here in short.items() if missing_here),
        text="; ".join(_text(volume, need) for volume, need in needs),
        hint=""
        if fits is not Fits.NO
        else "make room: `edgectl models remove NAME` for a model nobody needs; "
        f"`df -h {worst.name}` shows the space",
    )


class _Need(msgspec.Struct, frozen=True, kw_only=True):
    bytes: int
    parts: str


def _needs(
    updater: Volume, daemon: Volume, fresh: int, whole: int, reserve: int
) -> list[tuple[Volume, _Need]]:
    """Return what each file system must have free, and for what."""
    fetched, copied = f"{size_text(fresh)} to fetch", f"{size_text(whole)} to install"
    rest = f"{size_text(reserve)} to stay free"
    if updater.device == daemon.device:
        both = msgspec.structs.replace(
            daemon,
            collectable_bytes=updater.collectable_bytes + daemon.collectable_bytes,
        )
        need = _Need(
            bytes=fresh + whole + reserve, parts=f"{fetched}, {copied}, {rest}"
        )
        return [(both, need)]
    return [
        (updater, _Need(bytes=fresh + reserve, parts=f"{fetched}, {rest}")),
        (daemon, _Need(bytes=whole + reserve, parts=f"{copied}, {rest}")),
    ]


def _text(volume: Volume, need: _Need) -> str:
    text = (
        f"it needs {size_text(need.bytes)} at {volume.name} ({need.parts}), "
        f"{size_text(volume.free_bytes)} are free"
    )
    if need.bytes > volume.free_bytes and volume.collectable_bytes:
        text += f" and {size_text(volume.collectable_bytes)} more can be freed"
    return text


def _blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
