"""The fakes around a publisher."""

from datetime import timedelta
from pathlib import Path

import pytest

from edged.store.manifest import read_manifest
from tests.fakes.publishing import BEGIN, HandClock, House, small_bundle, states


def test_the_clock_stands_until_it_is_moved() -> None:
    """By the words of `timedelta`."""
    clock = HandClock()

    before, after = clock.utc(), clock.later(days=2)

    assert (BEGIN, BEGIN + timedelta(days=2), after) == (before, after, clock.utc())
    assert clock.monotonic() == after.timestamp()


@pytest.mark.parametrize("seq", [1, 7])
def test_a_small_bundle_is_what_its_manifest_says(tmp_path: Path, seq: int) -> None:
    """Its number is the one asked for."""
    folder = small_bundle(tmp_path / "b", seq=seq)

    manifest = read_manifest((folder / "model.yaml").read_bytes(), "model.yaml")
    assert (seq, {*manifest.files, "model.yaml"}) == (
        manifest.seq,
        {*states(folder)},
    )


def test_a_house_remembers_what_it_was_asked(tmp_path: Path) -> None:
    """Keys in the clear ask nothing."""
    house = House(tmp_path / "house")
    house.init()

    assert [] == house.asked
