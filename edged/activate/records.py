"""What the journal says of models.

Law: one line for each change, none for a question; fields `EDGED_MODEL` and
`EDGED_CODE` find them again (see `log`).
"""

import logging

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


def about(name: str, code: str | None = None) -> dict[str, str]:
    """Return the journal fields of a record about a model."""
    return {"edged_model": name, **({"edged_code": code} if code else {})}
