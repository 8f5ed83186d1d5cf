"""A profile as a terminal and a picture show it."""

import msgspec
import pytest

from edged.cli import profiled
from edged.wire.changes import Which
from edged.wire.profiles import Lately, ModelProfile
from edged.wire.proofs import Board, Cost, Profiled, Proof, VariantProof

RELEASE = Which(version="1.2", seq=3, digest="ab" * 32, folder="3-abababababab")
BOARD = Board(
    runtimes={"onnxruntime": "1.32.0"}, cpu="Cortex-A76, 4 cores, features 0ec709bf"
)


def cost(threads: int, wall_ms: float, **more: object) -> Cost:
    """Make the cost of a profile."""
    figures: dict[str, object] = {
        "cpu_ms": wall_ms * threads,
        "busy_ms": wall_ms,
        "p95_ms": wall_ms * 1.1,
        "p99_ms": wall_ms * 1.5,
        "runs": 497,
        "held_bytes": 100 << 20,
        "joules": 0.0523,
    }
    return Cost(threads=threads, wall_ms=wall_ms, **{**figures, **more})  # type: ignore[arg-type]


PROOF = Proof(
    digest="ab" * 32,
    board=BOARD,
    at_utc="2026-11-24T18:00:00Z",
    profiled=Profiled(at_utc="2026-11-24T19:00:00Z", by="edged"),
    variants=(
        VariantProof(
            id="fp32",
            costs=(cost(3, 12.1), cost(1, 31.4)),
            agreement=1.0,
            meter="package-0",
        ),
        VariantProof(id="int8", costs=(cost(3, 5.25),), agreement=0.985),
        VariantProof(id="tiny", problem="it crashed its trial (SIGSEGV)"),
    ),
)
KNOWN = ModelProfile(
    model="mobilenet",
    release=RELEASE,
    proof=PROOF,
    threads=3,
    lately=(
        Lately(variant="fp32", requests=1204, p50_ms=13.2, p95_ms=20.5, times=1.091),
        Lately(variant="int8", requests=0),
    ),
)


def shown(**changes: object) -> str:
    """Set the profile, its proof changed."""
    proof = msgspec.structs.replace(PROOF, **changes)
    known = msgspec.structs.replace(KNOWN, proof=proof)
    return "\n".join(profiled.lines(known, width=80))


def test_the_tables_fit_a_console() -> None:
    """What was measured, by variant and threads; then live traffic beside it."""
    expected = """\
mobilenet 1.2 (seq 3), measured at 2026-11-24T19:00:00Z for edged
Cortex-A76, 4 cores, onnxruntime 1.32.0
energy: of all that package-0 measures, at rest too

VARIANT  THREADS  P50 ms   P95   P99  CPU ms     MEMORY    mJ  RUNS
fp32          *3    12.1  13.3  18.1    36.3  100.0 MiB  52.3   497
               1    31.4  34.5  47.1    31.4  100.0 MiB  52.3   497
int8          *3    5.25  5.78  7.88    15.8  100.0 MiB  52.3   497

VARIANT  GOLDEN  P50 ms  LIVE  P95 ms  LIVE  ANSWERS  TIMES
fp32     100.0%    12.1  13.2    13.3  20.5     1204   1.09
int8      98.5%    5.25     -    5.78     -        0      -
tiny does not serve: it crashed its trial (SIGSEGV)"""

    assert expected == shown()
    assert all(len(line) <= 80 for line in expected.splitlines())


def test_what_is_not_known_is_a_dash() -> None:
    """As of a trial of an older edged: no percentiles, no meter, no golden answers."""
    first, second = (
        Cost(threads=threads, cpu_ms=1.0, busy_ms=1.0, wall_ms=1.0)
        for threads in (2, 1)
    )
    old = VariantProof(id="fp32", costs=(first, second), held_bytes=1 << 20)

    text = shown(variants=(old,), profiled=None)

    assert "as its trial measured it at 2026-11-24T18:00:00Z" in text
    assert "of fewer than 100 runs the p99 is the longest one" in text
    assert "energy" not in text
    rows = [line.split() for line in text.splitlines() if line.startswith("fp32")]
    assert rows[0] == ["fp32", "2", "1", "-", "-", "1", "1.0", "MiB", "-", "-"]
    assert rows[1] == ["fp32", "-", "-", "13.2", "-", "20.5", "1204", "1.09"]
    other = next(line for line in text.splitlines() if line.startswith(" "))
    assert other.split() == ["1", "1", "-", "-", "1", "-", "-", "-"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {
                "profiled": Profiled(at_utc="then", by="pi", requests=7),
            },
            "the daemon answered 7 requests meanwhile: times are of a busy box",
        ),
        (
            {"variants": (VariantProof(id="fp32", unprofiled="it hung"),)},
            "fp32 was not measured again: it hung",
        ),
        (
            {
                "variants": (
                    VariantProof(
                        id="fp32", costs=(cost(1, 1.0, joules=None),), meter="no meter"
                    ),
                )
            },
            "energy: no meter",
        ),
    ],
)
def test_what_people_must_know_is_said(
    changes: dict[str, object], expected: str
) -> None:
    """In words, above or below the figures."""
    assert expected in shown(**changes)


def test_a_busy_box_is_told() -> None:
    """By the worst of its figures; a tenth is no news."""
    text = shown(variants=(VariantProof(id="a", costs=(cost(1, 1.0, waited=0.62),)),))
    quiet = shown(variants=(VariantProof(id="a", costs=(cost(1, 1.0, waited=0.1),)),))

    assert "others used the cores: up to 62% of the time of an answer was" in text
    assert "others used" not in quiet


def test_one_under_way_is_told() -> None:
    """Beside what is known from before."""
    known = msgspec.structs.replace(KNOWN, doing="int8, 1 thread: 4 of 4")

    lines = profiled.lines(known, width=80)

    assert "being measured: int8, 1 thread: 4 of 4" in lines


def test_nothing_measured_has_no_tables() -> None:
    """But the command that measures."""
    known = msgspec.structs.replace(KNOWN, proof=None)

    lines = profiled.lines(known, width=80)

    assert ["mobilenet 1.2 (seq 3)"] == lines[:1]
    assert lines[1:] == ["nothing is measured yet: edgectl profile mobilenet"]
    assert () == profiled.chart(known).panels


def test_the_picture_has_a_bar_for_each_figure() -> None:
    """Energy only where it was measured; a variant has one colour."""
    chart = profiled.chart(KNOWN)

    assert [3, 3, 3] == [len(panel.bars) for panel in chart.panels]
    first = chart.panels[0].bars[0]
    assert ("fp32, 3 threads", "fp32", 12.1) == (first.label, first.group, first.value)
    assert first.up_to == pytest.approx(18.15)
    assert "fp32, 1 thread" == chart.panels[0].bars[1].label
    assert "Cortex-A76, 4 cores, onnxruntime 1.32.0; edgectl profile" == chart.note
    bare = msgspec.structs.replace(
        PROOF, variants=(VariantProof(id="a", costs=(cost(1, 1.0, joules=None),)),)
    )
    without = msgspec.structs.replace(KNOWN, proof=bare)
    assert 2 == len(profiled.chart(without).panels)
