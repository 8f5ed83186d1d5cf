"""What a field of the settings says about itself."""

from typing import Any

import msgspec

from edged.strictyaml.kinds import Kind


class Setting(msgspec.Struct, frozen=True):
    """What a field's annotation says about it.

    Attributes:
        kind: what may be written, with its range.
        doc: what it is for and why the default is what it is.
        reloadable: whether SIGHUP can change it; all others need a restart.
        written: the default as people write it, where that is not its value.
    """

    kind: Kind[Any]
    doc: str
    reloadable: bool = False
    written: str | None = None
