"""Whether a version of edged keeps the bounds that a release names."""

import pytest

from edged.wire.needs import meets


@pytest.mark.parametrize(
    ("bounds", "met"),
    [
        ("", True),
        (">=0.1", True),
        (">=0.2", True),
        (">=0.2.0,<1", True),
        (">= 0.3", False),
        (">=0.1, <0.2", False),
        ("==0.2", True),
        ("!=0.2.0", False),
        ("<=0.2.0", True),
        (">0.2", False),
        ("<0.10", True),
    ],
)
def test_every_bound_counts(bounds: str, met: bool) -> None:  # noqa: FBT001  # a case
    """A version is numbers, not letters; those that it leaves out are zeros."""
    assert met is meets("0.2.0", bounds)


def test_three_numbers_count() -> None:
    """What a packager puts behind them does not."""
    assert meets("0.2.0.7", "==0.2.0")


@pytest.mark.parametrize("bounds", ["~=0.1", "0.1", ">=", ">=0.1;", ",", ">=0.1,"])
def test_what_cannot_be_read_is_not_met(bounds: str) -> None:
    """Whoever wrote it knows more than this edged does."""
    assert not meets("0.2.0", bounds)
