"""A struct of which people write what they want otherwise.

Law: as `kinds`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from edged.strictyaml.kinds import Kind, Plain, S, read_all
from edged.strictyaml.place import Place


class Altered(Kind[S]):
    """A struct of which people write what they want otherwise.

    Args:
        base: what is not written stays as it is here.
        kinds: by key, in the order they are shown: the field, and its kind.
    """

    def __init__(self, base: S, kinds: Mapping[str, tuple[str, Kind[Any]]]) -> None:
        self.allowed = f"`key: value` lines of {', '.join(kinds)}"
        self._base = base
        self._fields = {key: field for key, (field, _) in kinds.items()}
        self._kinds = {key: kind for key, (_, kind) in kinds.items()}

    def read(self, place: Place) -> S:
        """Return the struct."""
        entries = place.known_entries(tuple(self._kinds))
        values = read_all((key, at, self._kinds[key]) for key, at in entries.items())
        said = {self._fields[key]: value for key, value in values.items()}
        return msgspec.structs.replace(self._base, **said)

    def write(self, value: S) -> Plain:
        """Return every field: what is not said would be looked up."""
        return {
            key: kind.write(getattr(value, self._fields[key]))
            for key, kind in self._kinds.items()
        }
