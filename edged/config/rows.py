"""The page of settings as a table, row by row.

Law: nothing is said here of any single setting; every row is read off
`config.settings`.
"""

from collections.abc import Iterator
from typing import get_args

import msgspec

from edged.config.adapt import Adapt
from edged.config.setting import Setting
from edged.config.settings import (
    Control,
    Install,
    Log,
    Runtime,
    Serve,
    Server,
    Settings,
    Store,
)
from edged.config.update import Update
from edged.strictyaml.kinds import Plain


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One setting by its key.

    Attributes:
        section: field of `Settings` that holds it; None at the top.
        field: its own field.
        default: its value when nobody says anything.
    """

    section: str | None
    field: str
    setting: Setting
    default: object

    @property
    def key(self) -> str:
        """The dotted key, as in the file: `server.head-timeout`."""
        names = (self.section, self.field) if self.section else (self.field,)
        return ".".join(map(kebab, names))

    def value(self, settings: Settings) -> object:
        """Return this setting's value."""
        owner = getattr(settings, self.section) if self.section else settings
        return getattr(owner, self.field)

    def shown(self, settings: Settings) -> Plain:
        """Return this setting's value as people write it."""
        return self.setting.kind.write(self.value(settings))


#: The structs that hold the sections, by field of `Settings`.
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "server": Server,
    "serve": Serve,
    "runtime": Runtime,
    "store": Store,
    "install": Install,
    "update": Update,
    "adapt": Adapt,
    "control": Control,
    "log": Log,
}


def _rows() -> Iterator[Row]:
    defaults = Settings()
    for section, struct in (None, Settings), *SECTIONS.items():
        owner = getattr(defaults, section) if section else defaults
        for field, annotation in struct.__annotations__.items():
            for setting in get_args(annotation)[1:]:
                if isinstance(setting, Setting):
                    yield Row(
                        section=section,
                        field=field,
                        setting=setting,
                        default=getattr(owner, field),
                    )


def kebab(name: str) -> str:
    """Return a field's name as a key: `head_timeout` -> `head-timeout`."""
    return name.replace("_", "-")


#: Every setting, in the order of the page.
SETTINGS: tuple[Row, ...] = tuple(_rows())
