"""May this release replace what is live, and does it fit this box.

Law: pure. The box and the live release are parameters.
"""

from collections.abc import Sequence

from edged.errors import BadBundle, Downgrade, SignatureChanged, UnknownVersion
from edged.store.releases import Release
from edged.wire.messages import UseRequest
from edged.wire.needs import meets
from edged.wire.release import Manifest, Signature, differences


def check_box(manifest: Manifest, *, arch: str, edged: str) -> None:
    """Check `needs` against this box.

    Args:
        manifest: of the candidate.
        arch: as `uname -m` says.
        edged: this edged's version.

    Raises:
        BadBundle: the release is for another CPU, or for a newer edged.
    """
    needs = manifest.needs
    what = f"{manifest.name} {manifest.version}"
    if needs.arch and arch not in needs.arch:
        raise BadBundle(
            f"cannot install {what}: it is for {', '.join(needs.arch)}, this box is "
            f"{arch}",
            hint="ask its publisher for a release for this CPU",
        )
    if needs.edged is not None and not meets(edged, needs.edged):
        raise BadBundle(
            f"cannot install {what}: it needs edged {needs.edged}, this is {edged}",
            hint="install that version of edged first",
        )


def check_replaces(
    candidate: Manifest,
    live: Manifest | None,
    *,
    new_signature: bool,
    downgrade: bool,
) -> None:
    """Check that callers and the sequence of releases survive the change.

    Raises:
        SignatureChanged: callers would see other inputs or outputs, and nobody said
            that they know; each difference is spelled out.
        Downgrade: the candidate's `seq` is not higher, and nobody asked for that.
    """
    if live is None:
        return
    changes = changes_for_callers(live.signature, candidate.signature)
    if changes and not new_signature:
        raise SignatureChanged(
            f"cannot replace {live.name} {live.version} by {candidate.version}: its "
            f"signature differs: {'; '.join(changes)}",
            hint="if every caller knows, add --new-signature",
            differences=changes,
        )
    if candidate.seq <= live.seq and not downgrade:
        what = (
            "the older" if candidate.seq < live.seq else "another release of the same"
        )
        raise Downgrade(
            f"cannot replace {live.name} seq {live.seq} by {what} seq {candidate.seq}",
            hint="give it a higher `seq:`, or add --downgrade if that is wanted",
        )


def changes_for_callers(old: Signature, new: Signature) -> list[str]:
    """Spell out every difference that a caller could notice; empty when none."""
    return [] if old.specs() == new.specs() else differences(old, new)


def choose(
    installed: Sequence[Release], request: UseRequest, live: Release | None
) -> Release:
    """Return the release of that seq; of several, the newest that is not live.

    Raises:
        UnknownVersion: none has it; the message says which there are.
    """
    found = [r for r in installed if r.manifest.seq == request.seq]
    if not found:
        have = ", ".join(str(r.manifest.seq) for r in installed) or "none"
        raise UnknownVersion(
            f"cannot use seq {request.seq} of {request.name}: installed are {have}",
            hint=f"edgectl models show {request.name}",
        )
    others = [r for r in found if live is None or r.folder != live.folder]
    return max(others or found, key=lambda r: r.installed_utc)
