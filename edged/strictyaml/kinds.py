"""What may stand under a key: nodes -> values, and values -> what people write.

Law: a kind reads all of what it is given before it gives up, so that every fault
comes at once; it says what it allows in one phrase, which errors and the reference
page share; `read` of what `write` returned is the same value.
"""

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from edged.strictyaml.place import Invalid, Place, ScalarNode, nearest

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)
S = TypeVar("S", bound=msgspec.Struct)

#: What YAML text can say, for `emit`.
Plain = None | bool | int | float | str | list["Plain"] | Mapping[str, "Plain"]

_YAML_11 = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "n": "false",
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"[-+]?([0-9]{1,40}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?")


class Kind(Generic[T]):
    """One kind of value; `allowed` completes the sentence "allowed …"."""

    allowed: str

    def read(self, place: Place) -> T:
        """Return the value.

        Raises:
            Invalid: it does not hold; the place's report says why.
        """
        raise NotImplementedError

    def write(self, value: T) -> Plain:
        """Return what a person would write for this value."""
        raise NotImplementedError


class Text(Kind[str]):
    """Text that matches a pattern; plain numbers and words are text too."""

    def __init__(self, pattern: str, allowed: str) -> None:
        self.allowed = allowed
        self._pattern = re.compile(pattern)

    def read(self, place: Place) -> str:
        """Return the text as written, `1.10` with its zero."""
        text = place.scalar("read text", self.allowed).text
        if not self.matches(text):
            place.refuse("use this text", self.allowed)
        return text

    def matches(self, text: str) -> bool:
        """Tell whether this text is allowed."""
        return self._pattern.fullmatch(text) is not None

    def write(self, value: str) -> Plain:
        """Return the text."""
        return value


class Whole(Kind[int]):
    """A whole number in decimal digits, bounds included."""

    def __init__(self, low: int, high: int) -> None:
        self.allowed = f"a whole number from {low} to {high}"
        self._low, self._high = low, high

    def read(self, place: Place) -> int:
        """Return the number; octal, `0x`, `1_000` and `1:20` are refused."""
        scalar = place.scalar("read a whole number", self.allowed)
        if not scalar.plain or not _INTEGER.fullmatch(scalar.text):
            place.refuse("read a whole number", self.allowed, _number_hint(scalar))
        value = int(scalar.text)
        if not self._low <= value <= self._high:
            place.refuse("use this number", self.allowed)
        return value

    def write(self, value: int) -> Plain:
        """Return the number."""
        return value


class Number(Kind[float]):
    """A finite number, bounds included."""

    def __init__(self, low: float, high: float, allowed: str = "") -> None:
        self.allowed = allowed or f"a number from {low:g} to {high:g}"
        self._low, self._high = low, high

    def read(self, place: Place) -> float:
        """Return the number."""
        scalar = place.scalar("read a number", self.allowed)
        if not scalar.plain or not _NUMBER.fullmatch(scalar.text):
            place.refuse("read a number", self.allowed, _number_hint(scalar))
        value = float(scalar.text)
        if not self._low <= value <= self._high:
            place.refuse("use this number", self.allowed)
        return value

    def write(self, value: float) -> Plain:
        """Return the number."""
        return value


class Flag(Kind[bool]):
    """`true` or `false`, and none of YAML 1.1's other words for them."""

    allowed = "true or false"

    def read(self, place: Place) -> bool:
        """Return the flag."""
        scalar = place.scalar("read a yes or no", self.allowed)
        if not scalar.plain or scalar.text not in {"true", "false"}:
            word = _YAML_11.get(scalar.text.lower(), scalar.text.lower())
            hint = f"write {word}" if word in {"true", "false"} else ""
            place.refuse("read a yes or no", self.allowed, hint)
        return scalar.text == "true"

    def write(self, value: bool) -> Plain:  # noqa: FBT001  # the value itself
        """Return the flag."""
        return value


class Choice(Kind[E]):
    """One of an enum's values, which are words."""

    def __init__(self, choices: type[E]) -> None:
        self._by_text: dict[str, E] = {choice.value: choice for choice in choices}
        self.allowed = ", ".join(self._by_text)

    def read(self, place: Place) -> E:
        """Return the member."""
        text = place.scalar("read a word", self.allowed).text
        if text not in self._by_text:
            hint = "" if place.report.full else nearest(text, tuple(self._by_text))
            place.refuse("use this word", self.allowed, hint)
        return self._by_text[text]

    def write(self, value: E) -> Plain:
        """Return the member's word."""
        return str(value.value)


class _Quantity(Kind[T]):
    """A whole number with its unit; counted in the smallest unit."""

    _name: str
    _like: str
    _units: Mapping[str, int]  # smallest first

    def __init__(self, low: str, high: str) -> None:
        self.allowed = f"{self._name} from {low} to {high}, like {self._like}"
        self._low, self._high = self._count(low), self._count(high)

    def _count(self, text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,15})([A-Za-z]+)", text)
        if match is None or match[2] not in self._units:
            raise ValueError(text)
        return int(match[1]) * self._units[match[2]]

    def _read(self, place: Place) -> int:
        text = place.scalar(f"read {self._name}", self.allowed).text
        try:
            count = self._count(text)
        except ValueError:
            bare = bool(re.fullmatch(r"[0-9]{1,15}", text))
            why = "say the unit" if bare else "whole numbers and a unit"
            hint = f"{why}: {', '.join(self._units)}"
            place.refuse(f"read {self._name}", self.allowed, hint)
        if not self._low <= count <= self._high:
            place.refuse(f"use this {self._name.split()[-1]}", self.allowed)
        return count

    def _text(self, count: int) -> str:
        for unit, size in reversed(tuple(self._units.items())):
            if count and count % size == 0:
                return f"{count // size}{unit}"
        return f"0{next(iter(self._units))}"


class Duration(_Quantity[float]):
    """A duration with its unit, in seconds once read."""

    _name, _like = "a duration", "30s"
    _units: Mapping[str, int] = {
        "ms": 1,
        "s": 1000,
        "min": 60_000,
        "h": 3_600_000,
        "d": 86_400_000,
    }

    def read(self, place: Place) -> float:
        """Return seconds."""
        return self._read(place) / 1000

    def write(self, value: float) -> Plain:
        """Return the duration in the largest unit that is exact to a millisecond."""
        return self._text(round(value * 1000))


class Size(_Quantity[int]):
    """A size in binary units, in bytes once read."""

    _name, _like = "a size", "64MiB"
    _units: Mapping[str, int] = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

    def read(self, place: Place) -> int:
        """Return bytes."""
        return self._read(place)

    def write(self, value: int) -> Plain:
        """Return the size in the largest unit that is exact."""
        return self._text(value)


class Maybe(Kind[T | None]):
    """A value, or `null` for none."""

    def __init__(self, kind: Kind[T]) -> None:
        self.allowed = f"{kind.allowed}, or null"
        self._kind = kind

    def read(self, place: Place) -> T | None:
        """Return the value, None for `null`."""
        if isinstance(place.node, ScalarNode) and place.node.is_null:
            return None
        return self._kind.read(place)

    def write(self, value: T | None) -> Plain:
        """Return the value."""
        return None if value is None else self._kind.write(value)


class ListOf(Kind[tuple[T, ...]]):
    """A list of one kind, `low` to `high` items long."""

    def __init__(self, kind: Kind[T], *, low: int = 0, high: int = 1024) -> None:
        length = f"{low}" if low == high else f"{low} to {high}"
        self.allowed = f"a list of {length}, each {kind.allowed}"
        self._kind = kind
        self._low, self._high = low, high

    def read(self, place: Place) -> tuple[T, ...]:
        """Return all items."""
        items = place.items("read a list", self.allowed)
        if not self._low <= len(items) <= self._high:
            found = f"found {len(items)} items"
            place.note(f"cannot use this list, {found}, allowed {self.allowed}")
            raise Invalid
        return tuple(read_all((item.key, item, self._kind) for item in items).values())

    def write(self, value: tuple[T, ...]) -> Plain:
        """Return the items."""
        return [self._kind.write(item) for item in value]


class MapOf(Kind[dict[str, T]]):
    """Values of one kind by keys that match a pattern."""

    def __init__(self, key: Text, kind: Kind[T], *, high: int = 1024) -> None:
        self.allowed = f"up to {high} lines `key: value`"
        self._key = key
        self._kind = kind
        self._high = high

    def read(self, place: Place) -> dict[str, T]:
        """Return all entries."""
        entries = place.entries()
        if len(entries) > self._high:
            found = f"found {len(entries)} keys"
            place.note(f"cannot use this map, {found}, allowed {self._high}")
            raise Invalid
        for key in entries:
            if not self._key.matches(key):
                allowed = f"cannot use this key, allowed {self._key.allowed}"
                place.key_place(key).note(allowed)
        values = read_all((key, at, self._kind) for key, at in entries.items())
        if not all(map(self._key.matches, values)):
            raise Invalid
        return values

    def write(self, value: dict[str, T]) -> Plain:
        """Return the entries."""
        return {key: self._kind.write(item) for key, item in value.items()}


class Record(Kind[S]):
    """A struct, a kind for each field that people write, in the order they write.

    A field of the struct with a default may be left out.

    Args:
        struct: what is made.
        kinds: by field name, which is the key.
        spoken: fields that `write` shows although they have their default.
    """

    def __init__(
        self,
        struct: type[S],
        kinds: Mapping[str, Kind[Any]],
        *,
        spoken: Sequence[str] = (),
    ) -> None:
        self.allowed = "`key: value` lines"
        self._struct = struct
        self._kinds = kinds
        self._spoken = frozenset(spoken)
        fields = {field.name: field for field in msgspec.structs.fields(struct)}
        self._required = tuple(name for name in kinds if fields[name].required)
        self._defaults = {name: _default(fields[name]) for name in kinds}

    def read(self, place: Place) -> S:
        """Return the struct."""
        entries = place.known_entries(tuple(self._kinds))
        missing = [name for name in self._required if not place.has(name)]
        for name in missing:
            place.note(f"cannot do without the key '{name}'")
        values = read_all((name, at, self._kinds[name]) for name, at in entries.items())
        if missing:
            raise Invalid
        return self._struct(**values)

    def write(self, value: S) -> Plain:
        """Return the fields that do not have their default, in order."""
        return {
            name: kind.write(said)
            for name, kind in self._kinds.items()
            if (said := getattr(value, name)) != self._defaults[name]
            or name in self._spoken
        }


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def read_all(rows: Iterable[tuple[str, Place, Kind[T]]]) -> dict[str, T]:
    """Read every row before giving up on any."""
    values: dict[str, T] = {}
    good = True
    for key, place, kind in rows:
        try:
            values[key] = kind.read(place)
        except Invalid:
            good = False
    if not good:
        raise Invalid
    return values


def _number_hint(scalar: ScalarNode) -> str:
    if not scalar.plain and _NUMBER.fullmatch(scalar.text):
        return "write it without quotes"
    if re.fullmatch(r"[-+]?0[0-9]+", scalar.text):
        return "a leading zero would be octal for some readers"
    return ""
