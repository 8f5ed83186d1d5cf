"""How many threads one inference gets."""

import pytest

from edged.runtime import threads


@pytest.mark.parametrize(
    ("setting", "cores", "expected"),
    [(0, 1, 1), (0, 2, 1), (0, 4, 3), (0, 64, 4), (6, 2, 6)],
)
def test_a_core_is_left_to_the_callers(setting: int, cores: int, expected: int) -> None:
    """Never none, never more than help; what somebody set stands."""
    assert expected == threads.choose(setting, cores)
