"""What differs between two settings, and what of it a reload can take over.

Law: pure; the daemon decides what to do about it.
"""

import msgspec

from edged.config.settings import SETTINGS, Settings
from edged.strictyaml.kinds import Plain


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One setting that differs.

    Attributes:
        key: dotted, as in the file.
        old: as people write it.
        new: as people write it.
        reloadable: whether it can change at run time; if not, it needs a restart.
    """

    key: str
    old: Plain
    new: Plain
    reloadable: bool


def changes(old: Settings, new: Settings) -> tuple[Change, ...]:
    """Return the settings that differ, in the order of the reference page."""
    return tuple(
        Change(
            key=row.key,
            old=row.shown(old),
            new=row.shown(new),
            reloadable=row.setting.reloadable,
        )
        for row in SETTINGS
        if row.value(old) != row.value(new)
    )
