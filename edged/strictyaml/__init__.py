"""YAML that people write: a strict subset, every fault at once and in its place.

Reading order: `place` (a node, its key, its faults), `document` (bytes -> nodes),
`kinds` (nodes -> values, by a table of what is allowed), `emit` (values -> text
that reads back the same).

Law: what a scalar means is decided by the key it stands under, never by its look:
`no` under a text is the text "no", `1.10` under a version keeps its zero, and a
number is only what the table says is a number. So no YAML 1.1 surprise exists.
"""
