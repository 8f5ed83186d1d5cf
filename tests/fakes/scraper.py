"""Prometheus' side of a page of metrics: a strict parser of the text format."""

import re

import msgspec

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")


class Parsed(msgspec.Struct):
    """What a scraper sees."""

    kinds: dict[str, str] = {}
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def value(self, name: str, **labels: str) -> float:
        """Return one sample's value."""
        return self.samples[name, frozenset(labels.items())]

    def all(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return every sample of one name."""
        return {labels: v for (n, labels), v in self.samples.items() if n == name}


def parse(page: bytes) -> Parsed:
    """Parse text format 0.0.4; refuse what Prometheus would only tolerate.

    HELP, then TYPE, then samples of that family and no other; no sample twice; a
    final newline; counters end in `_total`; histograms are cumulative and complete.
    """
    text = page.decode()
    assert text.endswith("\n")
    found, family = Parsed(kinds={}, samples={}), ""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            family = re.fullmatch(rf"# HELP ({NAME}) \S[^\n]*", line)[1]  # type: ignore[index]
            kind = re.fullmatch(
                rf"# TYPE {family} (counter|gauge|histogram)", next(lines)
            )
            assert kind is not None
            assert family not in found.kinds
            found.kinds[family] = kind[1]
            assert (kind[1] == "counter") == family.endswith("_total")
            continue
        match = SAMPLE.fullmatch(line)
        assert match is not None, line
        name, labels = match[1], frozenset(re.findall(LABEL, match[2] or ""))
        suffixes = ("_bucket", "_sum", "_count")
        allowed = {family}
        if found.kinds[family] == "histogram":
            allowed = {family + suffix for suffix in suffixes}
        assert name in allowed, line
        assert (name, labels) not in found.samples
        found.samples[name, labels] = float(match[match.lastindex or 0])
    check_histograms(found)
    return found


def check_histograms(found: Parsed) -> None:
    """Check buckets against each other and against the count."""
    for family in (name for name, kind in found.kinds.items() if kind == "histogram"):
        for labels, count in found.all(f"{family}_count").items():
            assert labels in found.all(f"{family}_sum")
            buckets = {}
            for each, value in found.all(f"{family}_bucket").items():
                if labels < each:
                    buckets[float(dict(each)["le"])] = value
            ordered = [buckets[bound] for bound in sorted(buckets)]
            assert ordered == sorted(ordered)
            assert buckets[float("inf")] == count
