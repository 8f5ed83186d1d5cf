"""What differs between two settings, and what of it a reload can take over.

Law: pure; the daemon decides what to do about it.
"""

import msgspec

from edged.config.load import Loaded
from edged.config.rows import SETTINGS
from edged.config.settings import Settings
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


def reloaded(force: Loaded, new: Loaded) -> Loaded:
    """Return what is in force after a reload: what can change at run time is new.

    Args:
        force: what was in force until now.
        new: what the files say now.
    """
    settings = force.settings
    takes = {row.key for row in SETTINGS if row.setting.reloadable}
    for row in SETTINGS:
        if row.key not in takes:
            continue
        value = {row.field: row.value(new.settings)}
        if row.section is None:
            settings = msgspec.structs.replace(settings, **value)
            continue
        section = msgspec.structs.replace(getattr(settings, row.section), **value)
        settings = msgspec.structs.replace(settings, **{row.section: section})
    rows = {row.key: row for row in new.effective if row.key in takes}
    effective = tuple(rows.get(row.key, row) for row in force.effective)
    return Loaded(settings=settings, effective=effective, files=new.files)
