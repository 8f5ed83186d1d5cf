"""Updates in words."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from edged.cli.output import WIDTH
from edged.cli.updating import (
    headline,
    page,
    percent,
    progress_text,
    status_lines,
    troubles,
    why_lines,
)
from edged.wire.messages import (
    Level,
    ModelPhase,
    ModelStatus,
    Phase,
    Process,
    Status,
    Trouble,
)
from edged.wire.updates import (
    Activity,
    Reason,
    SourceStatus,
    Transfer,
    UpdateStatus,
    WhyNot,
)

AT = "2026-11-24T07:00:00Z"
IDLE = UpdateStatus(activity=Activity.IDLE, text="up to date", since_utc=AT)
FETCHING = UpdateStatus(
    activity=Activity.DOWNLOADING,
    text="digits 1.5.0 (seq 15): fetches 27.0 MiB",
    since_utc=AT,
    model="digits",
    seq=15,
    version="1.5.0",
    transfer=Transfer(
        total_bytes=27 << 20,
        done_bytes=12 << 20,
        kept_bytes=3 << 20,
        rate_bytes_s=1.25 * (1 << 20),
        cuts=2,
    ),
)
WINDOW = WhyNot(
    reason=Reason.WINDOW,
    source="main",
    text="releases are taken from 02:00 to 05:00 (Europe/Vienna)",
    hint="edgectl update now digits",
    model="digits",
    seq=15,
    version="1.5.0",
    since_utc="2026-11-24T04:00:00Z",
    until_utc="2026-11-25T01:00:00Z",
)
FREEZE = WhyNot(
    reason=Reason.FREEZE,
    source="main",
    text="its timestamp expired on 2026-11-10",
    since_utc="2026-11-10T07:00:00Z",
)
DIGITS = ModelStatus(name="digits", phase=ModelPhase.READY, version="1.4.0", seq=14)
STATUS = Status(
    level=Level.OK,
    verdict="digits 1.4.0 is ready",
    phase=Phase.READY,
    at_utc=AT,
    process=Process(
        pid=1, version="0", started_utc=AT, uptime_s=1.0, rss_bytes=1, cpu_s=1.0
    ),
    models=(DIGITS,),
)
LEFT_AT_14 = replace(WINDOW, reason=Reason.REVOKED, seq=14, version="1.4.0")
MAIN = SourceStatus(
    name="main",
    kind="tuf",
    url="https://a.example/m",
    checked_utc="2026-11-24T05:00:00Z",
    next_utc="2026-11-24T10:10:00Z",
    versions={"timestamp": 12},
)


def test_every_reason_is_explained() -> None:
    """Who reads a code finds it in the pages."""
    docs = Path(__file__).resolve().parents[3] / "docs"
    pages = [docs / "how-to/keep-a-box-up-to-date.md", docs / "reference/updates.md"]

    told = "".join(page.read_text() for page in pages)

    assert [] == [r.value for r in Reason if f"`{r.value}`" not in told]


# --- for `status` -------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        IDLE,
        replace(IDLE, activity=Activity.CHECKING, text="asks main"),
        replace(IDLE, reasons=(replace(WINDOW, reason=Reason.NOT_YET),)),
    ],
    ids=["idle", "checking", "its turn comes"],
)
def test_what_is_as_it_should_be_is_not_told(told: UpdateStatus) -> None:
    """`status` is for what a person wants to know in a hurry."""
    assert [] == status_lines(told, at_utc=AT, width=WIDTH)


def test_a_release_on_its_way_is_told_with_its_figures() -> None:
    """How far, how fast, how long, what was kept."""
    assert """\
- update: digits 1.5.0 (seq 15): 44 % of 27.0 MiB, 1.2 MiB/s, 12 s left, 3.0 MiB
  kept from before, 2 cuts""" == "\n".join(
        status_lines(FETCHING, at_utc=AT, width=WIDTH)
    )


def test_a_held_release_is_told_with_its_reason() -> None:
    """The code, the words, since when, until when, what to do."""
    told = replace(
        FETCHING, activity=Activity.HELD, transfer=None, text="x", reasons=(WINDOW,)
    )

    assert [
        "- update: digits 1.5.0 (seq 15): releases are taken from 02:00 to 05:00",
        "  (Europe/Vienna) (window for 3 h; again in 18 h)",
        "  try: edgectl update now digits",
    ] == status_lines(told, at_utc=AT, width=WIDTH)


def test_a_pause_is_told_with_its_end() -> None:
    """Nobody forgets it."""
    told = replace(
        IDLE,
        activity=Activity.PAUSED,
        text="paused by pi (uid 1000, pid 812): a trade fair",
        until_utc="2026-11-24T09:00:00Z",
    )

    assert [
        "- update: paused by pi (uid 1000, pid 812): a trade fair; goes on in 2 h",
        "  try: edgectl update resume",
    ] == status_lines(told, at_utc=AT, width=WIDTH)


def test_a_hold_without_a_known_reason_is_told_by_its_text() -> None:
    """An updater of another version may know more than it says."""
    told = replace(IDLE, activity=Activity.HELD, text="held")

    assert ["- update: held", "  try: edgectl update why"] == status_lines(
        told, at_utc=AT, width=WIDTH
    )


def test_a_back_off_is_told_with_reason_and_age() -> None:
    """What does not get through, since when, when it is tried again."""
    why = WhyNot(
        reason=Reason.UNREACHABLE,
        source="main",
        text="cannot fetch https://a.example/: no way to it",
        since_utc="2026-11-24T05:00:00Z",
        until_utc="2026-11-24T07:03:00Z",
    )
    told = replace(IDLE, activity=Activity.BACK_OFF, text="x", reasons=(why,))

    assert [
        "- update: source main: cannot fetch https://a.example/: no way to it",
        "  (unreachable for 2 h; again in 3 min)",
        "  try: edgectl update why",
    ] == status_lines(told, at_utc=AT, width=WIDTH)


def test_an_idle_updater_tells_what_a_person_should_see() -> None:
    """The first reason that is not quiet, and how many more there are."""
    refused = replace(WINDOW, reason=Reason.REFUSED, text="it failed", until_utc=None)
    quiet = replace(WINDOW, reason=Reason.UP_TO_DATE)
    told = replace(IDLE, reasons=(quiet, refused, FREEZE))

    assert [
        "- update: digits 1.5.0 (seq 15): it failed (refused for 3 h) (and 1 more)",
        "  try: edgectl update why",
    ] == status_lines(told, at_utc=AT, width=WIDTH)


def test_a_live_release_that_was_revoked_is_trouble() -> None:
    """Its publisher says that it must not run."""
    told = replace(IDLE, reasons=(LEFT_AT_14,))

    (found,) = troubles(told, STATUS, at_utc=AT)

    assert ("revoked", "digits", LEFT_AT_14.text, "edgectl update now digits") == (
        found.code,
        found.model,
        found.text,
        found.hint,
    )


def test_what_the_daemon_says_itself_is_not_said_twice() -> None:
    """It has heard of it, and has its own words."""
    told = replace(IDLE, reasons=(LEFT_AT_14,))
    known = Trouble(code="revoked", text="must not run", model="digits")

    assert () == troubles(told, replace(STATUS, troubles=(known,)), at_utc=AT)


def test_a_release_that_was_revoked_elsewhere_is_none() -> None:
    """It does not run here."""
    told = replace(IDLE, reasons=(replace(LEFT_AT_14, seq=15),))

    assert () == troubles(told, STATUS, at_utc=AT)


@pytest.mark.parametrize(
    ("checked", "count"),
    [(None, 1), ("2026-11-16T07:00:00Z", 1), ("2026-11-18T07:00:00Z", 0)],
    ids=["never heard", "over a week ago", "this week"],
)
def test_metadata_that_does_not_hold_for_a_week_is_trouble(
    checked: str | None, count: int
) -> None:
    """By then a publisher has repaired a mistake; an attacker has not."""
    source = replace(MAIN, checked_utc=checked)
    told = replace(IDLE, reasons=(FREEZE,), sources=(source,))

    found = troubles(told, STATUS, at_utc=AT)

    assert ["freeze"] * count == [one.code for one in found]


def test_a_network_that_is_away_is_no_trouble() -> None:
    """A box may stand where there is none."""
    away = replace(FREEZE, reason=Reason.UNREACHABLE)

    assert () == troubles(replace(IDLE, reasons=(away,)), STATUS, at_utc=AT)


def test_a_box_that_waits_says_for_what_it_waits() -> None:
    """Not the first reason that there is: one of an older release stands, too."""
    turn = replace(WINDOW, reason=Reason.NOT_YET, text="its turn comes later")
    told = replace(
        IDLE,
        activity=Activity.HELD,
        text=f"digits 1.5.0: {turn.text}",
        reasons=(LEFT_AT_14, turn),
    )

    (line, *_) = status_lines(told, at_utc=AT, width=WIDTH)

    assert "its turn comes later" in line


# --- the updater's page -------------------------------------------------------


def test_the_page_tells_what_people_want() -> None:
    """Before the reasons that follow from it."""
    told = replace(IDLE, wishes=("pets is held by ann until 2030",), reasons=(WINDOW,))

    lines = page(told, at_utc=AT, width=WIDTH)

    wish, window = (
        next(at for at, line in enumerate(lines) if word in line)
        for word in ("- pets is held", "02:00")
    )
    assert wish < window


def test_the_page_tells_state_reasons_and_sources() -> None:
    """All of it in 80 columns."""
    told = replace(FETCHING, reasons=(WINDOW,), sources=(MAIN,), clock="behind")

    lines = page(told, at_utc=AT, width=WIDTH)

    assert """\
downloading: digits 1.5.0 (seq 15): 44 % of 27.0 MiB, 1.2 MiB/s, 12 s left, 3.0
  MiB kept from before, 2 cuts
- digits 1.5.0 (seq 15): releases are taken from 02:00 to 05:00 (Europe/Vienna)
  (window for 3 h; again in 18 h)
  try: edgectl update now digits
- the clock of this box is behind; signed metadata could be older than it should

SOURCE  KIND  HEARD    NEXT           TIMESTAMP  URL
main    tuf   2 h ago  in 3 h 10 min         12  https://a.example/m""" == "\n".join(
        lines
    )


def test_a_box_without_sources_is_told_where_to_read() -> None:
    """The page that shows how to write one."""
    assert ["idle: up to date", "  try: docs/how-to/keep-a-box-up-to-date.md"] == page(
        IDLE, at_utc=AT, width=WIDTH
    )


def test_a_source_that_was_never_heard_is_said_to_be() -> None:
    """And one that is not asked by itself has no next turn."""
    silent = replace(MAIN, checked_utc=None, next_utc=None, versions={})
    told = replace(IDLE, sources=(silent,))

    assert ["main", "tuf", "never", "-", "-", MAIN.url] == page(
        told, at_utc=AT, width=WIDTH
    )[-1].split()


def test_a_state_is_not_said_twice() -> None:
    """`paused: paused by pi` would be."""
    told = replace(IDLE, activity=Activity.PAUSED, text="paused by pi")

    assert "paused by pi" == headline(told, AT)


def test_a_download_that_stands_says_so() -> None:
    """No time is promised then."""
    transfer = Transfer(total_bytes=100, done_bytes=50)

    assert "digits 1.5.0 (seq 15): 50 % of 100 B, nothing arrives" == progress_text(
        replace(FETCHING, transfer=transfer)
    )


def test_a_download_that_gives_way_says_why() -> None:
    """Nobody takes it for a bad network."""
    told = replace(FETCHING, text="digits: fetches 27.0 MiB; waits: the box is hot")

    assert progress_text(told).endswith(", waits: the box is hot")


@pytest.mark.parametrize(
    ("done", "total", "expected"), [(0, 0, 100), (999, 1000, 99), (5, 4, 100)]
)
def test_a_percentage_does_not_lie(done: int, total: int, expected: int) -> None:
    """A hundred is only what is all there."""
    assert expected == percent(Transfer(total_bytes=total, done_bytes=done))


# --- reasons and attempts -----------------------------------------------------


def test_a_reason_is_told_with_all_that_is_known() -> None:
    """The code that does not change, the words, the age, what to do."""
    assert [
        "digits 1.5.0 (seq 15): window",
        "  releases are taken from 02:00 to 05:00 (Europe/Vienna)",
        "  for 3 h, from source main, looked at again in 18 h",
        "  try: edgectl update now digits",
    ] == why_lines(WINDOW, at_utc=AT, width=WIDTH)


def test_a_reason_of_a_source_names_the_source() -> None:
    """It hides every release there could be."""
    assert [
        "source main: freeze",
        "  its timestamp expired on 2026-11-10",
        "  for 14 d",
    ] == why_lines(FREEZE, at_utc=AT, width=WIDTH)


def test_a_reason_of_the_updater_itself_names_no_source() -> None:
    """Its disk is full, as an example."""
    own = replace(FREEZE, source="", reason=Reason.STORE_FAILED, text="disk full")

    assert ["the updater: store-failed", "  disk full", "  for 14 d"] == why_lines(
        own, at_utc=AT, width=WIDTH
    )
