"""What the journal says of models.

Law: one line for each change, none for a question; fields `EDGED_MODEL` and
`EDGED_CODE` find them again (see `log`).
"""

import logging

from edged.errors import EdgedError
from edged.store.releases import Release

_log = logging.getLogger(__name__)


def log_live(release: Release, what: str) -> None:
    """Record that a release answers now."""
    manifest = release.manifest
    _log.info(
        "%s %s (seq %d) %s",
        release.name,
        manifest.version,
        manifest.seq,
        what,
        extra=about(release.name),
    )


def unnoted(release: Release, failed: EdgedError) -> EdgedError:
    """Say that a release serves, and that the journal does not know it yet."""
    return type(failed)(
        f"cannot write down that {release.name} {release.manifest.version} serves, "
        f"which it does: {failed.message}",
        hint="; then ".join(filter(None, (failed.hint, "install it once more"))),
        **failed.fields,
    )


def about(name: str, code: str | None = None) -> dict[str, str]:
    """Return the journal fields of a record about a model."""
    return {"edged_model": name, **({"edged_code": code} if code else {})}
