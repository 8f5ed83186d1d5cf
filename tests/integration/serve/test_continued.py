"""A request in a sequence: where it runs."""

import pytest

from edged.errors import UnknownVariant, UnknownVersion
from edged.serve.continued import seat_in
from edged.serve.request import InferRequest, Sequence
from tests.fakes.box import Box


async def test_it_runs_where_the_sequence_began_or_not_at_all(box: Box) -> None:
    """Version and rung may be named, if they are the right ones."""
    await box.ask(model="totals", sequence=Sequence(id="a", start=True))
    sequences = box.registry._models["totals"].sequences
    place = sequences.find(Sequence(id="a"), None)
    assert place is not None

    def seat(**insists: str) -> object:
        return seat_in(place, InferRequest(model="totals", inputs={}, **insists)).rung

    assert seat() is seat(version="1.1") is seat(variant="fp32") is place.rung
    with pytest.raises(UnknownVersion, match=r"began in 1\.1"):
        seat(version="2")
    with pytest.raises(UnknownVariant, match="began in fp32"):
        seat(variant="int8")
