"""Whether the disk can take a release."""

import msgspec
import pytest

from edged.update.space import Fits, Volume, space
from edged.wire.listing import Chunked

MIB = 1 << 20
DISK = Volume(name="/var/lib/edged", device=1, free_bytes=100 * MIB)


def chunked(letter: str, size: int) -> Chunked:
    """Return a file whose chunks do not matter here."""
    return Chunked(sha256=letter * 64, size=size, chunks=())


def disk(**what: object) -> Volume:
    """Return the disk with other parts."""
    return msgspec.structs.replace(DISK, **what)


LARGE, SMALL = chunked("a", 30 * MIB), chunked("b", 10 * MIB)


@pytest.mark.parametrize(
    ("free", "collectable", "fits", "short"),
    [
        (90, 0, Fits.YES, 0),
        (89, 0, Fits.NO, 1),
        (89, 1, Fits.COLLECTED, 0),
        (50, 39, Fits.NO, 1),
        (50, 40, Fits.COLLECTED, 0),
    ],
)
def test_a_release_needs_room_twice_and_the_reserve(
    free: int, collectable: int, fits: Fits, short: int
) -> None:
    """40 MiB to fetch, 40 to install, 10 to stay free."""
    here = disk(free_bytes=free * MIB, collectable_bytes=collectable * MIB)

    plan = space(
        [LARGE, SMALL],
        had=set(),
        kept={},
        updater=here,
        daemon=msgspec.structs.replace(here, collectable_bytes=0),
        reserve_bytes=10 * MIB,
    )

    assert (fits, short * MIB) == (plan.fits, plan.short_bytes)
    assert (40 * MIB, 0) == (plan.fetch_bytes, plan.kept_bytes)
    assert (fits is not Fits.YES) == bool(plan.collect)
    assert (fits is Fits.NO) == bool(plan.hint)


def test_what_the_daemon_has_needs_no_room() -> None:
    """It is linked; a file under two names is one."""
    plan = space(
        [LARGE, SMALL, SMALL],
        had={LARGE.sha256},
        kept={},
        updater=disk(free_bytes=20 * MIB),
        daemon=disk(free_bytes=20 * MIB),
        reserve_bytes=0,
    )

    assert (Fits.YES, 10 * MIB) == (plan.fits, plan.fetch_bytes)


def test_what_was_begun_has_its_room() -> None:
    """Its whole file was allocated then; only the rest comes over the network."""
    plan = space(
        [LARGE],
        had=set(),
        kept={LARGE.sha256: 20 * MIB},
        updater=disk(free_bytes=30 * MIB),
        daemon=disk(free_bytes=30 * MIB),
        reserve_bytes=0,
    )

    assert (Fits.YES, 10 * MIB, 20 * MIB) == (
        plan.fits,
        plan.fetch_bytes,
        plan.kept_bytes,
    )


@pytest.mark.parametrize(
    ("updater", "daemon", "fits", "collect"),
    [
        (40, 40, Fits.YES, ()),
        (39, 40, Fits.NO, ("/srv/updates",)),
        (40, 39, Fits.COLLECTED, ("/var/lib/edged",)),
        (0, 0, Fits.NO, ("/srv/updates", "/var/lib/edged")),
    ],
)
def test_each_file_system_has_its_own_part(
    updater: int, daemon: int, fits: Fits, collect: tuple[str, ...]
) -> None:
    """30 MiB and the reserve on either; what can go on one does not help the other."""
    plan = space(
        [LARGE],
        had=set(),
        kept={},
        updater=Volume(name="/srv/updates", device=2, free_bytes=updater * MIB),
        daemon=disk(free_bytes=daemon * MIB, collectable_bytes=2 * MIB),
        reserve_bytes=10 * MIB,
    )

    assert (fits, collect) == (plan.fits, plan.collect)
    assert max(40 - updater, 38 - daemon, 0) * MIB == plan.short_bytes


def test_a_small_file_takes_a_block() -> None:
    """Ten thousand of them would otherwise surprise us."""
    plan = space(
        [chunked("c", 1), chunked("d", 4096), chunked("e", 0)],
        had=set(),
        kept={},
        updater=disk(free_bytes=16383),
        daemon=disk(free_bytes=16383),
        reserve_bytes=0,
    )

    assert (Fits.NO, 1) == (plan.fits, plan.short_bytes)


def test_the_text_has_every_figure() -> None:
    """A person can add them up."""
    plan = space(
        [LARGE],
        had=set(),
        kept={},
        updater=disk(collectable_bytes=MIB, free_bytes=60 * MIB),
        daemon=disk(collectable_bytes=2 * MIB, free_bytes=60 * MIB),
        reserve_bytes=10 * MIB,
    )

    assert plan.text == (
        "it needs 70.0 MiB at /var/lib/edged (30.0 MiB to fetch, 30.0 MiB to install, "
        "10.0 MiB to stay free), 60.0 MiB are free and 3.0 MiB more can be freed"
    )
    assert plan.hint == (
        "make room: `edgectl models remove NAME` for a model nobody needs; "
        "`df -h /var/lib/edged` shows the space"
    )


def test_the_text_of_two_file_systems_has_two_parts() -> None:
    """Each with what it is for."""
    plan = space(
        [SMALL],
        had=set(),
        kept={},
        updater=Volume(name="/srv/updates", device=2, free_bytes=MIB),
        daemon=DISK,
        reserve_bytes=0,
    )

    assert plan.text == (
        "it needs 10.0 MiB at /srv/updates (10.0 MiB to fetch, 0 B to stay free), "
        "1.0 MiB are free; it needs 10.0 MiB at /var/lib/edged (10.0 MiB to install, "
        "0 B to stay free), 100.0 MiB are free"
    )
    assert "df -h /srv/updates" in plan.hint


def test_what_can_go_is_told_only_where_it_must() -> None:
    """What just fits leaves it alone."""
    exact = disk(free_bytes=20 * MIB, collectable_bytes=MIB)

    plan = space(
        [SMALL], had=set(), kept={}, updater=exact, daemon=exact, reserve_bytes=0
    )

    assert Fits.YES is plan.fits
    assert plan.text.endswith("20.0 MiB are free")


def test_nothing_missing_needs_the_reserve_alone() -> None:
    """A release of files that are all here."""
    plan = space(
        [LARGE],
        had={LARGE.sha256},
        kept={},
        updater=DISK,
        daemon=DISK,
        reserve_bytes=101 * MIB,
    )

    assert (Fits.NO, MIB, 0) == (plan.fits, plan.short_bytes, plan.fetch_bytes)
