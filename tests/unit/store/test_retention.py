"""Which releases may go."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edged.store.releases import Release
from edged.store.retention import expendable
from tests.fakes.bundles import manifest_for


def _release(seq: int, digit: str = "a") -> Release:
    folder = f"{seq}-{digit * 12}"
    return Release(
        name="pets",
        folder=folder,
        path=Path("/s/models/pets/releases") / folder,
        digest=digit * 64,
        manifest=manifest_for({"model.onnx": b""}, name="pets", seq=seq),
        installed_utc=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("live", "previous", "keep", "gone"),
    [
        (5, 4, 0, [1, 2, 3]),
        (5, 4, 1, [1, 2]),
        (5, 4, 3, []),
        (5, 4, 4, []),
        (5, 4, 9, []),
        (1, 5, 1, [2, 3]),
        (3, None, 2, [1, 2]),
        (None, None, 0, [1, 2, 3, 4, 5]),
    ],
)
def test_live_previous_and_the_newest_others_stay(
    live: int | None, previous: int | None, keep: int, gone: list[int]
) -> None:
    """In whatever order the releases are listed, the oldest goes first."""
    installed = [_release(seq) for seq in (3, 1, 5, 2, 4)]

    found = expendable(
        installed,
        live=_release(live).folder if live else None,
        previous=_release(previous).folder if previous else None,
        keep=keep,
    )

    assert gone == [release.manifest.seq for release in found]


def test_two_releases_of_one_seq_are_two() -> None:
    """The folder tells them apart, not the number."""
    live, other = _release(1, "a"), _release(1, "b")

    found = expendable([live, other], live=live.folder, previous=None, keep=0)

    assert [other.folder] == [release.folder for release in found]
