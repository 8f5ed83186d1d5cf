"""Wrong clocks: a box is never locked out, and never less than safe from rollback."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from edged.config.update import Expired
from edged.errors import Untrusted
from edged.trust import floor
from edged.trust.listings import Trusted
from tests.fakes.tuf_repository import TufRepository
from tests.integration.trust.conftest import NOW, Box

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
DAY = timedelta(days=1)


def refused(box: Box, host: TufRepository, expired: Expired = Expired.REFUSE) -> str:
    """Refresh; return the name of what it is refused for."""
    with pytest.raises(Untrusted) as caught:
        box.repository(expired=expired).refresh(host.fetch)
    return str(caught.value.fields["reason"])


def refreshed(box: Box, host: TufRepository) -> Trusted:
    """Refresh, as a process does that has just begun."""
    return box.repository().refresh(host.fetch)


def keep(box: Box, at: datetime) -> None:
    """Leave the time that systemd-timesyncd kept."""
    path = box.root / "var/lib/systemd/timesync/clock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.mark.parametrize("shows", [EPOCH, NOW + YEAR], ids=["1970", "a year ahead"])
def test_a_clock_that_nobody_set_locks_nobody_out(
    box: Box, host: TufRepository, shows: datetime
) -> None:
    """On the first day, and on a later one."""
    box.dial.now, box.is_set = shows, False

    first = refreshed(box, host)
    host.now += 5 * DAY
    host.publish()
    later = refreshed(box, host)

    assert [False, False] == [first.expired, later.expired]
    assert 3 == later.versions["timestamp"]


@pytest.mark.parametrize("is_set", [True, False], ids=["set", "unset"])
@pytest.mark.parametrize(
    "shows",
    [lambda _: EPOCH, lambda _: NOW + YEAR, lambda n: EPOCH if n % 2 else NOW + YEAR],
    ids=["1970", "a year ahead", "jumping"],
)
@pytest.mark.parametrize("expired", list(Expired))
def test_no_clock_makes_anything_older_acceptable(
    box: Box,
    host: TufRepository,
    shows: Callable[[int], datetime],
    expired: Expired,
    *,
    is_set: bool,
) -> None:
    """Nor does the administrator, who takes what has expired."""
    refreshed(box, host)
    old = host.files["metadata/timestamp.json"]
    host.publish()
    refreshed(box, host)
    host.files["metadata/timestamp.json"] = old

    names = []
    for n in range(4):
        box.dial.now, box.is_set = shows(n), is_set
        names.append(refused(box, host, expired))

    assert {"rollback"} >= set(names) - {"freeze"}
    assert expired is Expired.REFUSE or {"rollback"} == set(names)


def test_a_clock_that_goes_back_does_not_unfreeze(
    box: Box, host: TufRepository
) -> None:
    """What was seen of time is kept: a mirror cannot show old metadata again."""
    refreshed(box, host)
    host.now = box.dial.now = NOW + 30 * DAY
    host.publish()
    refreshed(box, host)
    box.dial.now = EPOCH
    box.is_set = False

    host.timestamp.version += 1
    host.timestamp.expires = NOW + 20 * DAY
    host.sign("timestamp")

    assert "freeze" == refused(box, host)


def test_a_set_clock_that_goes_back_is_behind_and_harmless(
    box: Box, host: TufRepository
) -> None:
    """The floor is the time then."""
    refreshed(box, host)
    box.dial.now = EPOCH

    trusted = refreshed(box, host)

    assert ("behind", NOW, False) == (trusted.clock, trusted.at, trusted.expired)


def test_a_set_clock_a_year_ahead_is_forgotten_when_it_is_right_again(
    box: Box, host: TufRepository
) -> None:
    """It cannot be told from a mirror that shows old metadata; it leaves no trace."""
    box.dial.now = NOW + YEAR
    names = [refused(box, host) for _ in range(2)]
    box.dial.now = NOW

    trusted = refreshed(box, host)

    assert (["freeze", "freeze"], "right", NOW) == (names, trusted.clock, trusted.at)


def test_what_an_administrator_takes_though_it_expired_is_no_word_on_the_time(
    box: Box, host: TufRepository
) -> None:
    """Or one wrong day would be remembered."""
    box.dial.now = NOW + YEAR
    box.repository(expired=Expired.ACCEPT).refresh(host.fetch)
    box.dial.now = NOW

    trusted = refreshed(box, host)

    assert (NOW, False) == (trusted.at, trusted.expired)


def test_no_clock_can_push_time_beyond_what_was_signed(
    box: Box, host: TufRepository
) -> None:
    """Six days ahead is remembered, and the next edition still outlives it."""
    box.dial.now = NOW + 6 * DAY
    refreshed(box, host)
    box.dial.now, host.now = NOW + DAY, NOW + DAY
    host.publish()

    trusted = refreshed(box, host)

    assert ("behind", NOW + 6 * DAY, False) == (
        trusted.clock,
        trusted.at,
        trusted.expired,
    )


def test_a_box_that_was_off_for_months_comes_back(
    box: Box, host: TufRepository
) -> None:
    """Its own metadata has expired; what it trusts is still told, and renewed."""
    refreshed(box, host)
    host.now = box.dial.now = NOW + 80 * DAY
    host.publish()

    before = box.repository().trusted()
    after = refreshed(box, host)

    assert before is not None
    assert (True, False) == (before.expired, after.expired)


def test_the_time_of_issue_counts_where_no_clock_is_set(
    box: Box, host: TufRepository
) -> None:
    """So a box without a clock of its own knows that a release's day has come."""
    box.dial.now, box.is_set = EPOCH, False

    trusted = refreshed(box, host)

    assert (NOW, "behind") == (trusted.at, trusted.clock)
    assert NOW == box.repository().reference().utc


def test_a_publishers_clock_a_year_ahead_ends_with_new_keys(
    box: Box, host: TufRepository
) -> None:
    """His time of issue went into the floor; a root that takes the key away ends it.

    At the second look: the first still holds against the old floor, and learns the
    root.
    """
    host.now = NOW + YEAR / 2
    host.publish()
    ahead = refreshed(box, host)
    host.now = NOW
    host.publish()
    names = [refused(box, host)]
    host.rotate("timestamp")
    host.rotate("snapshot")
    host.publish("root", "targets", "snapshot", "timestamp")
    names.append(refused(box, host))

    trusted = refreshed(box, host)

    assert (NOW + YEAR / 2, NOW) == (ahead.at, trusted.at)
    assert ["freeze", "freeze"] == names


def test_a_publishers_clock_ahead_of_his_own_metadata_is_a_slip(
    box: Box, host: TufRepository
) -> None:
    """Renewed with a wrong clock, around targets that hold for less: no lock."""
    host.now = NOW + YEAR / 2
    host.publish("snapshot", "timestamp")
    ahead = refreshed(box, host)
    host.now = NOW
    host.publish("snapshot", "timestamp")

    trusted = refreshed(box, host)

    assert (NOW, NOW) == (ahead.at, trusted.at)


def test_the_kept_time_of_the_system_refuses_what_has_expired(
    box: Box, host: TufRepository
) -> None:
    """It is the last that a set clock showed."""
    box.dial.now, box.is_set = EPOCH, False
    keep(box, NOW + 10 * DAY)

    assert "freeze" == refused(box, host)


def test_a_good_time_is_written_down_seldom(box: Box, host: TufRepository) -> None:
    """Flash wears."""
    refreshed(box, host)
    box.dial.now += timedelta(hours=1)
    refreshed(box, host)
    early = floor.read(box.folder)
    box.dial.now += timedelta(hours=6)
    refreshed(box, host)
    late = floor.read(box.folder)

    assert early is not None
    assert late is not None
    assert (NOW, NOW + timedelta(hours=7)) == (early.seen, late.seen)
