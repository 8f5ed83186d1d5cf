"""What is wrong with metadata, by the names of attacks.

Law: the names are those of the TUF specification, clause 1.5.2, because what a person
does next depends on them; not every cause is an attacker. Foreign exceptions end here.
"""

from datetime import datetime

import msgspec
from tuf.api import exceptions

from edged.errors import Untrusted
from edged.trust.documents import role_of, version_in
from edged.wire.updates import Reason
from edged.wire.words import utc_text


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at when metadata was refused.

    Attributes:
        name: of the document that came last.
        data: its bytes.
        snapshot: the version that the timestamp names; None before one was verified.
        expired: the role that has expired first on the way, and when.
        folder: where what is trusted lies, for people.
    """

    name: str
    data: bytes
    snapshot: int | None = None
    expired: tuple[str, datetime] | None = None
    folder: str


def named(exc: Exception, scene: Scene) -> Untrusted:
    """Return what a foreign refusal means."""
    reason = _reason(exc, scene)
    if reason is Reason.FREEZE:
        return frozen(*(scene.expired or (scene.name, None)))
    if reason is Reason.ROLLBACK:
        return rolled_back(scene.name, str(exc), scene.folder)
    text, hint = _WORDS[reason]
    return Untrusted(
        f"cannot trust {scene.name}: {text} ({exc})", hint=hint, reason=reason.value
    )


def rolled_back(name: str, detail: str, folder: str) -> Untrusted:
    """Say that something older was shown than what was trusted before."""
    return Untrusted(
        f"cannot trust {name}: it is older than what was trusted before ({detail})",
        hint="an old copy of the repository, or an attack: ask its publisher. Where he"
        f" began anew on purpose: `rm -r {folder}`",
        reason=Reason.ROLLBACK.value,
    )


def frozen(role: str, expires: datetime | None) -> Untrusted:
    """Say that metadata has expired and nothing newer is shown."""
    when = f" at {utc_text(expires)}" if expires else ""
    return Untrusted(
        f"cannot trust {role}: it expired{when}, and nothing newer is there",
        hint="its publisher renews it by `edgectl publish renew`; look at `date`, too."
        " `update.expired: accept` takes it as it is",
        reason=Reason.FREEZE.value,
    )


_WORDS = {
    Reason.MIX_AND_MATCH: (
        "it is not the one that belongs to the rest",
        "a mirror that is half copied, or an attack: try again, then ask the publisher",
    ),
    Reason.BAD_SIGNATURE: (
        "too few of the right keys have signed it",
        "the publisher's keys changed without a new root, or an attack: ask him",
    ),
    Reason.ENDLESS_METADATA: (
        "it is longer than it may be",
        "look at what answers at the source's URL",
    ),
    Reason.BAD_METADATA: (
        "it is no metadata that edged understands",
        "look at what answers at the source's URL",
    ),
}


def _reason(exc: Exception, scene: Scene) -> Reason:
    match exc:
        case exceptions.ExpiredMetadataError():
            return Reason.FREEZE
        case exceptions.UnsignedMetadataError():
            return Reason.BAD_SIGNATURE
        case exceptions.LengthOrHashMismatchError():
            return Reason.MIX_AND_MATCH
        case exceptions.DownloadLengthMismatchError():
            return Reason.ENDLESS_METADATA
        case exceptions.BadVersionNumberError():
            return _version_reason(scene)
        case _:
            return Reason.BAD_METADATA


def _version_reason(scene: Scene) -> Reason:
    found = version_in(scene.data)
    match role_of(scene.name):
        case "root":
            asked = int(scene.name.partition(".")[0])
            is_older = found is not None and found < asked
            return Reason.ROLLBACK if is_older else Reason.BAD_METADATA
        case "timestamp":
            return Reason.ROLLBACK
        case "snapshot" if found == scene.snapshot:
            return Reason.ROLLBACK  # of targets, which it names
        case _:
            return Reason.MIX_AND_MATCH
