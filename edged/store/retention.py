"""Which releases may go.

Law: pure. What is live, and what one would go back to, never goes.
"""

from collections.abc import Iterable

from edged.store.releases import Release


def expendable(
    installed: Iterable[Release],
    *,
    live: str | None,
    previous: str | None,
    keep: int,
) -> list[Release]:
    """Return the releases to delete, oldest first.

    Args:
        installed: one model's releases, in any order.
        live: the live one's folder.
        previous: the folder that a rollback would make live.
        keep: how many of the others stay, newest `seq` first; 0 keeps none.
    """
    others = sorted(
        (r for r in installed if r.folder not in (live, previous)),
        key=lambda release: (release.manifest.seq, release.folder),
    )
    return others[: max(0, len(others) - keep)]
