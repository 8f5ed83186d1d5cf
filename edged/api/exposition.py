"""Prometheus' text format 0.0.4, written by hand.

Law: values to text; nothing is counted here, and nothing is asked.
Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from collections.abc import Iterable, Iterator

import msgspec

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]


class Sample(msgspec.Struct, frozen=True):
    """One line: `suffix` follows the family's name."""

    labels: Labels
    value: float
    suffix: str = ""


class Family(msgspec.Struct, frozen=True):
    """All samples of one name."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


def render(families: Iterable[Family]) -> bytes:
    """Write families out; one without samples is left out."""
    return "".join(
        line for family in families if family.samples for line in _lines(family)
    ).encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for sample in family.samples:
        labels = ",".join(f'{k}="{_escaped(v)}"' for k, v in sample.labels.items())
        braces = f"{{{labels}}}" if labels else ""
        yield f"{family.name}{sample.suffix}{braces} {_number(sample.value)}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def gauge(name: str, text: str, samples: list[Sample]) -> Family:
    """Make a family of values that rise and fall."""
    return Family(name, "gauge", text, samples)


def counter(name: str, text: str, samples: list[Sample]) -> Family:
    """Make a family of values that only rise; its name ends in `_total`."""
    return Family(name, "counter", text, samples)
