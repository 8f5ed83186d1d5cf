"""Every kind of harm has its name, and is asked for by it."""

import pytest

from tests.fakes import hostile
from tests.fakes.hostile import Kind


@pytest.mark.parametrize("kind", Kind)
def test_a_command_names_its_kind(kind: Kind) -> None:
    """The last word of the command is the kind that its program reads."""
    *_, module, word = hostile.command(kind)

    assert ("tests.fakes.hostile", kind) == (module, Kind(word))


def test_every_kind_does_something() -> None:
    """All but one are done at the load; NaN is in the answers."""
    assert set(Kind) - {Kind.NAN} == hostile._HARMS.keys()
