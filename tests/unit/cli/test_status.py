"""The screen of `edgectl status`."""

import pytest
from msgspec.structs import replace

from edged.cli.status import layout, merged, process_lines
from edged.wire.changes import Step, StepTaken
from edged.wire.messages import Level, ModelPhase, Status, Trouble
from edged.wire.updates import Activity, Reason, UpdateStatus, WhyNot
from tests.fakes.agent import COMMITTED


def test_a_healthy_box_fits_a_screen(healthy: Status) -> None:
    """Verdict, models, process; a blank line between them."""
    assert layout(healthy, width=80, height=24) == [
        "OK: 1 model ready, serving for 3 h 12 min",
        "",
        "MODEL   VERSION  STATE  REQUESTS  FAIL  VARIANT  p50 ms   p95",
        "digits  1.4.0    ready     12034     0  fp32       0.21  12.3",
        "                                        int8          -     -",
        "",
        "edged 0.1.0, pid 812, 74.0 MiB resident, 0.4 % CPU on average,",
        "  onnxruntime 1.32.0",
        "at /run/edged/edged.sock, /run/edged/control.sock",
    ]


def test_a_trouble_stands_under_the_verdict(healthy: Status) -> None:
    """What is wrong comes before what is fine, with the next step."""
    trouble = Trouble(
        code="bad-model", text="cannot load int8", hint="edgectl models show digits"
    )
    sick = replace(
        healthy, level=Level.DEGRADED, verdict="digits is slow", troubles=(trouble,)
    )

    assert layout(sick, width=80, height=24)[:4] == [
        "DEGRADED: digits is slow",
        "- cannot load int8",
        "  try: edgectl models show digits",
        "",
    ]


def test_what_the_verdict_tells_is_not_told_again(healthy: Status) -> None:
    """Its next step still is."""
    trouble = Trouble(code="x", text="cannot load int8", hint="look")
    sick = replace(healthy, verdict="1 ready; cannot load int8", troubles=(trouble,))

    assert layout(sick, width=80, height=24)[:3] == [
        "OK: 1 ready; cannot load int8",
        "  try: look",
        "",
    ]


def test_an_open_change_is_told_though_all_is_well(healthy: Status) -> None:
    """A release in probation is no fault."""
    (digits,) = healthy.models
    open_one = replace(
        COMMITTED,
        steps=(StepTaken(step=Step.PROBATION, at_utc=""),),
        doing="7 min and 40 answers",
    )
    watched = replace(healthy, models=(replace(digits, change=open_one),))

    assert layout(watched, width=80, height=24)[:3] == [
        "OK: 1 model ready, serving for 3 h 12 min",
        "- digits 1.4.0 (seq 14) is in probation: 7 min and 40 answers",
        "",
    ]


@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_any_number_of_models_and_troubles_fits(healthy: Status, count: int) -> None:
    """24 lines of 80 columns, one of them for the prompt."""
    trouble = Trouble(code="x", text=f"cannot load a model {'very ' * 20}", hint="look")
    troubles = tuple(replace(trouble, text=f"{i} {trouble.text}") for i in range(count))
    full = replace(healthy, models=healthy.models * count, troubles=troubles)

    lines = layout(full, width=80, height=24)

    assert (True, True) == (len(lines) <= 23, max(map(len, lines)) <= 80)


def test_troubles_that_do_not_fit_are_counted(healthy: Status) -> None:
    """Nothing is left out silently."""
    troubles = tuple(Trouble(code="x", text=f"cannot {i}") for i in range(12))

    lines = layout(replace(healthy, troubles=troubles), width=80, height=24)

    assert "… and 3 more: edgectl status | more" in lines


def test_models_that_do_not_fit_are_listed_elsewhere(healthy: Status) -> None:
    """Where all that is left is of models, the command is theirs."""
    troubles = tuple(
        Trouble(code="x", text=f"cannot {i}", model="m") for i in range(12)
    )

    lines = layout(replace(healthy, troubles=troubles), width=80, height=24)

    assert "… and 3 more: edgectl models list" in lines


def test_a_file_has_no_height(healthy: Status) -> None:
    """What goes into a pipe is whole."""
    models = tuple(replace(healthy.models[0], name=f"m{i}") for i in range(40))
    troubles = tuple(Trouble(code="x", text=f"cannot {i}") for i in range(12))
    full = replace(healthy, models=models, troubles=troubles)

    lines = layout(full, width=80, height=None)

    assert (12, 40, []) == (
        sum(line.startswith("- cannot") for line in lines),
        sum(line.startswith("m") for line in lines),
        [line for line in lines if "more" in line],
    )


def test_what_has_failed_is_on_the_screen(healthy: Status) -> None:
    """However many healthy models there are."""
    models = [replace(healthy.models[0], name=f"m{i}") for i in range(40)]
    models.append(replace(models[0], name="zoo", phase=ModelPhase.FAILED))

    lines = layout(replace(healthy, models=tuple(models)), width=80, height=24)

    assert "zoo" == lines[3].split()[0]


def test_who_unloaded_is_reminded(healthy: Status) -> None:
    """With the command that undoes it; it is no trouble."""
    away = replace(healthy.models[0], phase=ModelPhase.UNLOADED)
    models = tuple(replace(away, name=f"m{i}") for i in range(6))

    lines = layout(replace(healthy, models=models), width=80, height=24)

    assert [
        "unloaded on request: m0, m1, m2, m3, 2 more",
        "  try: edgectl models load m0",
    ] == lines[1:3]


def test_a_process_of_this_moment_has_no_rate(healthy: Status) -> None:
    """An uptime of zero divides nothing."""
    new = replace(healthy.process, uptime_s=0.0, sockets=(), runtimes={})

    assert process_lines(new, width=80) == [
        "edged 0.1.0, pid 812, 74.0 MiB resident, 0.0 % CPU on average"
    ]


# --- with what the updater tells ----------------------------------------------

REVOKED = WhyNot(
    reason=Reason.REVOKED,
    source="main",
    text="digits 1.4.0 (seq 14) is live, and its publisher has revoked it: it sees "
    "ghosts",
    hint="edgectl models rollback digits",
    model="digits",
    seq=14,
    version="1.4.0",
    since_utc="2026-11-24T06:00:00Z",
)
IDLE = UpdateStatus(
    activity=Activity.IDLE, text="up to date", since_utc="2026-11-24T06:00:00Z"
)


def test_an_updater_that_is_content_changes_nothing(healthy: Status) -> None:
    """Neither the verdict nor a line."""
    full = merged(healthy, IDLE)

    assert (healthy.level, healthy.verdict, healthy.troubles) == (
        full.level,
        full.verdict,
        full.troubles,
    )
    assert layout(healthy, width=80, height=24) == layout(
        full, update=IDLE, width=80, height=24
    )


def test_a_live_release_that_was_revoked_degrades_the_box(healthy: Status) -> None:
    """It serves on, and nobody can overlook it."""
    full = merged(healthy, replace(IDLE, reasons=(REVOKED,)))

    lines = layout(full, update=full.update, width=72, height=24)

    assert (Level.DEGRADED, ["revoked"]) == (
        full.level,
        [trouble.code for trouble in full.troubles],
    )
    assert [
        "DEGRADED: 1 model ready, serving for 3 h 12 min; digits 1.4.0 (seq 14)",
        "  is live, and its publisher has revoked it: it sees ghosts",
        "  try: edgectl models rollback digits",
        "",
    ] == lines[:4]


def test_what_is_trouble_is_not_told_twice(healthy: Status) -> None:
    """A screen has 24 lines."""
    freeze = replace(
        REVOKED,
        reason=Reason.FREEZE,
        model=None,
        text="its timestamp has expired",
        since_utc="2026-11-01T06:00:00Z",
    )
    told = replace(IDLE, activity=Activity.BACK_OFF, reasons=(freeze,))
    full = merged(healthy, told)

    lines = layout(full, update=told, width=80, height=24)

    assert 1 == " ".join(lines).count("its timestamp has expired")


def test_a_verdict_that_is_worse_stays(healthy: Status) -> None:
    """What the daemon says of itself comes first."""
    down = replace(healthy, level=Level.DOWN, verdict="no model answers")

    full = merged(down, replace(IDLE, reasons=(REVOKED,)))

    assert (Level.DOWN, "no model answers") == (full.level, full.verdict)


def test_a_pause_stands_in_a_line(healthy: Status) -> None:
    """The box is fine, and somebody should know."""
    paused = replace(IDLE, activity=Activity.PAUSED, text="paused by pi")
    full = merged(healthy, paused)

    lines = layout(full, update=paused, width=80, height=24)

    assert (Level.OK, ["- update: paused by pi", "  try: edgectl update resume"]) == (
        full.level,
        lines[1:3],
    )
