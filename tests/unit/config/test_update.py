"""Sources that cannot work are refused when they are written."""

from pathlib import Path

import pytest

from edged.config.update import Source, SourceKind, SourceTrust, source_faults

ROOT = Path("/etc/edged/root.json")


def tuf(name: str = "main", **fields: object) -> Source:
    """Return a signed source."""
    given = {"name": name, "url": "http://h/e", "root": ROOT, **fields}
    return Source(**given)  # type: ignore[arg-type]  # a test says what it wants


def api(**fields: object) -> Source:
    """Return an API whose hints `main` confirms."""
    given: dict[str, object] = {
        "name": "hints",
        "kind": SourceKind.API,
        "url": "https://h",
        "models": ("digits",),
        "confirm": "main",
    }
    return Source(**(given | fields))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "sources",
    [
        (),
        (tuf(),),
        (tuf(), tuf("second"), api()),
        (api(confirm=None, trust=SourceTrust.SHA256),),
        (api(confirm=None, trust=SourceTrust.SHA256, url="http://127.0.0.1:8"),),
    ],
)
def test_sources_that_can_work_are_let_through(sources: tuple[Source, ...]) -> None:
    """There is nothing to say about them."""
    assert [] == list(source_faults(sources))


@pytest.mark.parametrize(
    ("sources", "at", "word"),
    [
        ((tuf(), tuf()), 1, "two sources"),
        ((tuf(root=None),), 0, "no `root`"),
        ((tuf(trust=SourceTrust.SHA256),), 0, "signed itself"),
        ((tuf(confirm="main"),), 0, "signed itself"),
        ((tuf(), api(models=())), 1, "one model"),
        ((tuf(), api(models=("a", "b"))), 1, "one model"),
        ((tuf(), api(root=ROOT)), 1, "`root`"),
        ((tuf(), api(confirm=None)), 1, "confirms"),
        ((api(),), 0, "confirms"),
        ((tuf(models=("faces",)), api()), 1, "may bring faces alone"),
        ((api(confirm="hints"),), 0, "confirms"),
        ((api(trust=SourceTrust.SHA256, url="http://h"),), 0, "on the way"),
        ((api(trust=SourceTrust.SHA256, url="http://127.0.0.1.evil.org"),), 0, "way"),
    ],
)
def test_a_source_that_cannot_work_is_named(
    sources: tuple[Source, ...], at: int, word: str
) -> None:
    """The fault says which, and why."""
    (fault,) = source_faults(sources)

    assert at == fault.at
    assert word in fault.message
