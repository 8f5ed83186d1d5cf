"""A place in a file: the node that stands there, its key and where faults go.

Law: a fault names file, line, column and key, quotes the line, and is safe on a
terminal whatever the file holds. At most `MAX_FAULTS` are kept for one file.
"""

from collections.abc import Sequence
from typing import NoReturn

import msgspec

#: A person repairs a few faults and tries again; more is a wrong file.
MAX_FAULTS = 50

_EXCERPT_COLUMNS = 76
_FOUND_CHARS = 40


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong in one place.

    Attributes:
        file: as the reader named it; a path, or "command line".
        line: from 1; 0 where the source has no lines.
        column: from 1; 0 where the source has no lines.
        key: dotted path from the top, `variants[1].file`; empty for the whole file.
        message: `cannot …, found …, allowed …`.
        hint: what to write instead; may be empty.
        excerpt: the source line and, below it, a caret; may be empty.
    """

    file: str
    line: int = 0
    column: int = 0
    key: str = ""
    message: str
    hint: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = ": ".join(part for part in (where, self.key, self.message) if part)
        hint = f" ({self.hint})" if self.hint else ""
        return "\n".join(part for part in (text + hint, self.excerpt) if part)


class Invalid(Exception):
    """A fault has been noted and this value cannot be used; never leaves the room."""


class Node(msgspec.Struct, frozen=True):
    """A place in the file (line and column from 0); alone: content already refused."""

    line: int
    column: int


class ScalarNode(Node, frozen=True):
    """Text; `plain` when it stands without quotes."""

    text: str
    plain: bool

    @property
    def is_null(self) -> bool:
        """Whether nothing is said: empty, `null` or `~`."""
        return self.plain and self.text in {"", "~", "null", "Null", "NULL"}


class ListNode(Node, frozen=True):
    """A sequence."""

    items: tuple[Node, ...]


class MapNode(Node, frozen=True):
    """A mapping; `keys` are the places of the keys."""

    keys: dict[str, Node]
    values: dict[str, Node]


class Report:
    """The faults of one file, with the lines that its excerpts quote.

    Holds at most `MAX_FAULTS`; `dropped` counts the rest.
    """

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.dropped = 0
        self._lines = text.splitlines()

    def __repr__(self) -> str:
        return f"{self.file}: {len(self.faults) + self.dropped} faults"

    @property
    def full(self) -> bool:
        """Whether further faults are only counted."""
        return len(self.faults) >= MAX_FAULTS

    def text(self) -> str:
        """Return all faults for people, the number first."""
        return listing(self.in_order(), dropped=self.dropped)

    def in_order(self) -> list[Fault]:
        """Return the faults from the top of the file down."""
        return sorted(self.faults, key=lambda fault: (fault.line, fault.column))

    def add(self, node: Node | None, key: str, message: str, hint: str = "") -> None:
        """Note one fault at a node, or without a place."""
        if self.full:
            self.dropped += 1
        elif node is None or node.line < 0:
            self.faults.append(
                Fault(file=self.file, key=shown(key, 120), message=message, hint=hint)
            )
        else:
            self.faults.append(
                Fault(
                    file=self.file,
                    line=node.line + 1,
                    column=node.column + 1,
                    key=shown(key, 120),
                    message=message,
                    hint=hint,
                    excerpt=self._excerpt(node.line, node.column),
                )
            )

    def _excerpt(self, line: int, column: int) -> str:
        if line >= len(self._lines):
            return ""
        start = max(0, column - _EXCERPT_COLUMNS + 16)
        quoted = self._lines[line][start : start + _EXCERPT_COLUMNS].expandtabs(1)
        return f"    {printable(quoted.rstrip())}\n    {' ' * (column - start)}^"


class Place:
    """A node, its key and the report that its faults go to."""

    __slots__ = ("key", "node", "report")

    def __init__(self, report: Report, node: Node, key: str = "") -> None:
        self.report = report
        self.node = node
        self.key = key

    def __repr__(self) -> str:
        return f"{self.report.file}:{self.node.line + 1}: {self.key}"

    @property
    def found(self) -> str:
        """What stands here, as an error text names it."""
        match self.node:
            case ScalarNode() as scalar if scalar.is_null:
                return "nothing"
            case ScalarNode(text=text, plain=True):
                return shown(text)
            case ScalarNode(text=text):
                return f'"{shown(text)}"'
            case ListNode():
                return "a list"
            case _:
                return "keys and values"

    def note(self, message: str, hint: str = "") -> None:
        """Add a fault and go on."""
        self.report.add(self.node, self.key, message, hint)

    def refuse(self, purpose: str, allowed: str, hint: str = "") -> NoReturn:
        """Add a fault that says what was found, and give this value up.

        Raises:
            Invalid: always.
        """
        if type(self.node) is not Node:
            self.note(f"cannot {purpose}, found {self.found}, allowed {allowed}", hint)
        raise Invalid

    def scalar(self, purpose: str, allowed: str) -> ScalarNode:
        """Return the scalar that stands here.

        Raises:
            Invalid: a list, a mapping or nothing stands here.
        """
        if isinstance(self.node, ScalarNode) and not self.node.is_null:
            return self.node
        return self.refuse(purpose, allowed)

    def items(self, purpose: str, allowed: str) -> "list[Place]":
        """Return the places of a list.

        Raises:
            Invalid: it is not a list.
        """
        if not isinstance(self.node, ListNode):
            self.refuse(purpose, allowed)
        return [
            Place(self.report, item, f"{self.key}[{index}]")
            for index, item in enumerate(self.node.items)
        ]

    def entries(self) -> "dict[str, Place]":
        """Return the places of a mapping's values by key.

        Raises:
            Invalid: it is not a mapping.
        """
        if not isinstance(self.node, MapNode):
            self.refuse("read keys and values", "`key: value` lines")
        return {
            key: Place(self.report, value, joined(self.key, key))
            for key, value in self.node.values.items()
        }

    def has(self, key: str) -> bool:
        """Tell whether a mapping stands here and has this key."""
        return isinstance(self.node, MapNode) and key in self.node.values

    def key_place(self, key: str) -> "Place":
        """Return the place of a key itself, for a fault about its name."""
        assert isinstance(self.node, MapNode)  # noqa: S101  # the caller read its entries
        return Place(self.report, self.node.keys[key], joined(self.key, key))

    def known_entries(self, known: Sequence[str]) -> "dict[str, Place]":
        """Return the entries with these keys; each other key is a fault.

        Raises:
            Invalid: it is not a mapping.
        """
        entries = self.entries()
        for key in [key for key in entries if key not in known]:
            hint = "" if self.report.full else nearest(key, known)
            allowed = f"cannot use this key, allowed {', '.join(known)}"
            self.key_place(key).note(allowed, hint)
            del entries[key]
        return entries

    def at(self, *path: str | int) -> "Place":
        """Return the place below; the last one that exists, keyed as asked."""
        node, key = self.node, self.key
        for step in path:
            key = f"{key}[{step}]" if isinstance(step, int) else joined(key, step)
            if isinstance(node, MapNode) and isinstance(step, str):
                node = node.values.get(step, node)
            elif isinstance(node, ListNode) and isinstance(step, int):
                node = node.items[step]
        return Place(self.report, node, key)


def listing(faults: Sequence[Fault], *, dropped: int = 0) -> str:
    """Return faults for people: their number, then each in its place."""
    count = len(faults) + dropped
    lines = [f"{count} problem{'s' if count > 1 else ''}", *map(str, faults)]
    return "\n".join([*lines, f"and {dropped} more"] if dropped else lines)


def joined(key: str, name: str) -> str:
    """Return the dotted path of a name below a key."""
    return f"{key}.{name}" if key else name


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint that names the most similar known name, or nothing."""
    import difflib  # noqa: PLC0415  # 3 ms, paid only where there is a fault

    match difflib.get_close_matches(name[:64], known, n=1, cutoff=0.6):
        case [close]:
            return f"did you mean '{close}'?"
        case _:
            return ""


def shown(text: str, limit: int = _FOUND_CHARS) -> str:
    """Return text from a file as one line that is safe on a terminal."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return printable(short)


def printable(text: str) -> str:
    """Replace what a terminal would obey rather than print."""
    return "".join(char if char.isprintable() else "·" for char in text)
