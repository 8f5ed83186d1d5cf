"""Values as text that Prometheus reads."""

from edged.api.exposition import Family, Sample, render
from tests.fakes.scraper import parse


def test_labels_are_escaped() -> None:
    """Backslash, quote and newline cannot break a line."""
    odd = 'a\\b"c\nd'
    family = Family("f", "gauge", "Help.", [Sample({"l": odd}, 1.5)])

    found = parse(render([family]))

    assert found.value("f", l='a\\\\b\\"c\\nd') == 1.5


def test_families_without_samples_are_left_out() -> None:
    """A name without a line would be noise."""
    assert render([Family("f", "gauge", "Help.", [])]) == b""
