"""Write config/edged.schema.json, by which editors check and complete edged.yaml.

It says less than edged itself, and nothing else: `edged --check-config` has the last
word. Run it after a change of edged/config/settings.py:
`python -m tools.editor_schema`; a test fails while the file is stale.
"""

import json
from pathlib import Path
from typing import Any

from edged.config.rows import SECTIONS, SETTINGS, Row, kebab
from edged.config.settings import Settings
from edged.strictyaml.altered import Altered
from edged.strictyaml.kinds import (
    Choice,
    Flag,
    Kind,
    ListOf,
    Maybe,
    Number,
    Record,
    Whole,
)

PAGE = Path(__file__).resolve().parent.parent / "config" / "edged.schema.json"

Schema = dict[str, object]


def schema() -> Schema:
    """Return the schema of a whole configuration file."""
    top = {kebab(row.field): _setting(row) for row in SETTINGS if row.section is None}
    for section, struct in SECTIONS.items():
        rows = [row for row in SETTINGS if row.section == section]
        top[kebab(section)] = {
            "type": ["object", "null"],
            "description": (struct.__doc__ or "").splitlines()[0],
            "additionalProperties": False,
            "properties": {kebab(row.field): _setting(row) for row in rows},
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "edged.yaml",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": top,
    }


def page() -> str:
    """Return the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _setting(row: Row) -> Schema:
    setting = row.setting
    return {
        "description": f"{setting.doc} Allowed: {setting.kind.allowed}.",
        "default": setting.written or row.shown(Settings()),
        **_kind(setting.kind),
    }


def _kind(kind: Kind[Any]) -> Schema:  # noqa: PLR0911  # a table, one row a kind
    """Describe one kind; what has no form of its own in JSON is text."""
    match kind:
        case Maybe():
            return {"anyOf": [_kind(kind._kind), {"type": "null"}]}  # noqa: SLF001  # a kind tells people its range, and nobody else
        case ListOf():
            return {
                "type": "array",
                "minItems": kind._low,  # noqa: SLF001
                "maxItems": kind._high,  # noqa: SLF001
                "items": _kind(kind._kind),  # noqa: SLF001
            }
        case Record():
            return {
                "type": "object",
                "additionalProperties": False,
                "required": list(kind._required),  # noqa: SLF001
                "properties": {
                    name: _kind(inner)
                    for name, inner in kind._kinds.items()  # noqa: SLF001
                },
            }
        case Altered():
            return {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    key: _kind(inner)
                    for key, inner in kind._kinds.items()  # noqa: SLF001
                },
            }
        case Flag():
            return {"type": "boolean"}
        case Choice():
            return {"enum": list(kind._by_text)}  # noqa: SLF001
        case Whole() | Number():
            name = "integer" if isinstance(kind, Whole) else "number"
            return {"type": name, "minimum": kind._low, "maximum": kind._high}  # noqa: SLF001
        case _:
            # A mode is a number to YAML where it has no quotes.
            return {"type": ["string", "integer"]}


if __name__ == "__main__":
    PAGE.write_text(page())
