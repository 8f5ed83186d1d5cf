"""Bytes -> nodes with positions, and the faults found on the way.

Law: never raises for what the bytes say. Refused because they hide what a file
says: duplicate keys (PyYAML keeps the last one silently, pyyaml#41), anchors,
aliases and merge keys (a few lines can stand for gigabytes, pyyaml#235), tags, keys
that are not text, several documents. Bounded by `MAX_BYTES` and `MAX_DEPTH`; built
from the parser's events, so that a deep file is refused before anything recurses
into it.

Import this module only where there is something to read: PyYAML takes 13 ms.
"""

import re
from collections.abc import Iterator

import yaml

from edged.strictyaml.place import (
    Invalid,
    ListNode,
    MapNode,
    Node,
    Place,
    Report,
    ScalarNode,
    joined,
    printable,
)

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16


def read(data: bytes, file: str) -> Place:
    """Read one YAML document.

    Args:
        data: UTF-8 text of at most `MAX_BYTES`.
        file: the name that faults carry.

    Returns:
        The top of the document; its `report` has the faults so far. An empty
        document is a scalar that `is_null`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report = Report(file, data[: error.start].decode("utf-8-sig", "replace"))
        at = _position(data[: error.start].decode("utf-8-sig", "replace"))
        report.add(at, "", "cannot read the text: it is not UTF-8")
        return Place(report, Node(0, 0))
    report = Report(file, text)
    if len(data) > MAX_BYTES:
        report.add(
            None,
            "",
            f"cannot read the file, found {len(data)} bytes, allowed {MAX_BYTES}",
        )
        return Place(report, Node(0, 0))
    if bad := _NOT_YAML.search(text):
        at = _position(text[: bad.start()])
        report.add(at, "", f"cannot read the character U+{ord(bad[0]):04X}")
        return Place(report, Node(0, 0))
    try:
        return Place(report, _compose(text, report))
    except Invalid:
        return Place(report, Node(0, 0))


#: Characters that YAML 1.1 does not allow anywhere (section 5.1), and the byte
#: order mark in the middle of a text.
_NOT_YAML = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def _position(before: str) -> Node:
    lines = f"{before}.".splitlines()
    return Node(len(lines) - 1, len(lines[-1]) - 1)


_Loader = yaml.CSafeLoader | yaml.SafeLoader


def _compose(text: str, report: Report) -> Node:
    # libyaml: 0.4 ms for a manifest of thirty variants; the Python parser: 5 ms.
    loader: _Loader = (
        yaml.CSafeLoader(text) if yaml.__with_libyaml__ else yaml.SafeLoader(text)
    )
    try:
        return _Composer(_events(loader), report).document()
    except yaml.MarkedYAMLError as error:
        at = _at(error.problem_mark or error.context_mark)
        why = ", ".join(part for part in (error.context, error.problem) if part)
        report.add(at, "", f"cannot read the YAML: {printable(why)}", _tab_hint(why))
    finally:
        loader.dispose()
    raise Invalid


def _tab_hint(why: str) -> str:
    return "indent with spaces, not tabs" if "cannot start any token" in why else ""


def _events(loader: _Loader) -> Iterator[yaml.Event]:
    while (event := loader.get_event()) is not None:
        yield event


class _Composer:
    """Events -> nodes; recursion is bounded by `MAX_DEPTH`."""

    def __init__(self, events: Iterator[yaml.Event], report: Report) -> None:
        self._events = events
        self._report = report

    def document(self) -> Node:
        """Return the top node of the only document."""
        top: Node = ScalarNode(0, 0, "", plain=True)
        documents = 0
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if documents:
                message = "cannot read a second document, allowed one in a file"
                self._report.add(_place(event), "", message)
                break
            documents += 1
            top = self._node(next(self._events), "", 0)
        return top

    def _node(self, event: yaml.Event, key: str, depth: int) -> Node:
        place = _place(event)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self._report.add(place, key, _NO_ALIAS)  # an alias: nothing else is left
            return place
        if event.anchor is not None:
            self._report.add(place, key, _NO_ALIAS)
        if event.tag is not None:
            self._report.add(place, key, "cannot use a tag, allowed plain values")
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(
                place.line, place.column, event.value, plain=not event.style
            )
        if depth == MAX_DEPTH:
            self._report.add(place, key, f"cannot nest deeper than {MAX_DEPTH} levels")
            raise Invalid
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(place, key, depth + 1)
        return self._map(place, key, depth + 1)

    def _list(self, place: Node, key: str, depth: int) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{key}[{len(items)}]", depth))
        return ListNode(place.line, place.column, tuple(items))

    def _map(self, place: Node, key: str, depth: int) -> MapNode:
        keys: dict[str, Node] = {}
        values: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name_node = self._node(event, key, depth)
            name = self._key(name_node, key)
            below = joined(key, name) if name is not None else key
            value = self._node(next(self._events), below, depth)
            if name is None:
                continue
            if name in keys:
                first = f"cannot say a key twice, first in line {keys[name].line + 1}"
                self._report.add(name_node, below, first)
                continue
            keys[name], values[name] = name_node, value
        return MapNode(place.line, place.column, keys, values)

    def _key(self, node: Node, key: str) -> str | None:
        match node:
            case ScalarNode(text="<<", plain=True):
                self._report.add(node, key, _NO_ALIAS)
            case ScalarNode(text=text, plain=True) if _NOT_A_KEY.fullmatch(text):
                message = f"cannot use the key {text or 'nothing'}, allowed text"
                self._report.add(node, key, message, f'write "{text}": if it is a name')
            case ScalarNode(text=text):
                return text
            case ListNode() | MapNode():
                self._report.add(node, key, "cannot use a list or map as a key")
        return None


_NO_ALIAS = "cannot use anchors, aliases or merge keys, allowed each value written out"

#: Plain keys that YAML 1.2 reads as numbers, booleans or null.
_NOT_A_KEY = re.compile(
    r"|~|null|Null|NULL|true|True|TRUE|false|False|FALSE"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+"
)


def _place(event: yaml.Event) -> Node:
    return _at(event.start_mark)


def _at(mark: "yaml.error.Mark | yaml._yaml.Mark | None") -> Node:
    return Node(mark.line, mark.column) if mark else Node(-1, -1)
