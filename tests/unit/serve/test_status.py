"""The verdict."""

import pytest
from msgspec.structs import replace

from edged.serve.status import status
from edged.wire.messages import (
    Level,
    ModelPhase,
    ModelStatus,
    Phase,
    Process,
    Trouble,
    VariantStatus,
)

PROCESS = Process(
    pid=1, version="0", started_utc="", uptime_s=0, rss_bytes=0, cpu_s=0.0
)
READY = ModelStatus(name="digits", phase=ModelPhase.READY, version="1.4.0", seq=14)
FAILED = ModelStatus(
    name="faces",
    phase=ModelPhase.FAILED,
    problem=Trouble(code="bad-model", text="cannot load faces: it is truncated"),
)
ASLEEP = ModelStatus(name="faces", phase=ModelPhase.ASLEEP, version="2.0", seq=2)
UNLOADED = ModelStatus(name="noise", phase=ModelPhase.UNLOADED)


@pytest.mark.parametrize(
    ("phase", "models", "level", "verdict"),
    [
        (Phase.READY, [READY], Level.OK, "digits 1.4.0 is ready"),
        (Phase.READY, [ASLEEP], Level.OK, "faces 2.0 is ready, asleep"),
        (Phase.READY, [READY, ASLEEP], Level.OK, "2 of 2 models ready, 1 asleep"),
        (Phase.READY, [READY, UNLOADED], Level.OK, "1 of 2 models ready"),
        (
            Phase.READY,
            [READY, FAILED],
            Level.DEGRADED,
            "1 of 2 models ready; cannot load faces: it is truncated",
        ),
        (
            Phase.READY,
            [FAILED],
            Level.DOWN,
            "no model answers: cannot load faces: it is truncated",
        ),
        (Phase.READY, [UNLOADED], Level.DOWN, "no model answers: noise is unloaded"),
        (Phase.READY, [], Level.DEGRADED, "serving, but no model is installed"),
        (Phase.STARTING, [UNLOADED], Level.DEGRADED, "starting, 0 of 1 models ready"),
        (Phase.STOPPED, [READY], Level.DOWN, "stopped, as it was asked to"),
        (
            Phase.DRAINING,
            [READY],
            Level.DEGRADED,
            "stopping: finishing what is under way",
        ),
    ],
)
def test_the_verdict_says_the_worst_first(
    phase: Phase, models: list[ModelStatus], level: Level, verdict: str
) -> None:
    """A person reads this line and no other."""
    judged = status(phase=phase, at_utc="now", process=PROCESS, models=models)

    assert (judged.level, judged.verdict) == (level, verdict)


def test_troubles_of_models_and_of_the_box_stand_together() -> None:
    """Whatever is wrong is in one list."""
    box = Trouble(code="store-failed", text="cannot write")

    judged = status(
        phase=Phase.READY,
        at_utc="now",
        process=PROCESS,
        models=[READY, FAILED],
        troubles=[box],
    )

    empty = status(
        phase=Phase.READY, at_utc="now", process=PROCESS, models=[], troubles=[box]
    )
    assert empty.verdict == "cannot write"
    assert judged.troubles == (box, FAILED.problem)
    assert judged.level is Level.DEGRADED


HOT = Trouble(code="strategy-throttled", text="hot (82 C): throttled")


@pytest.mark.parametrize(
    ("models", "level", "verdict"),
    [
        (
            [READY],
            Level.DEGRADED,
            "digits 1.4.0 is ready; hot (82 C): throttled",
        ),
        (
            [READY, FAILED],
            Level.DEGRADED,
            (
                "1 of 2 models ready; hot (82 C): throttled; cannot load faces: it is "
                "truncated"
            ),
        ),
        ([FAILED], Level.DOWN, "no model answers: cannot load faces: it is truncated"),
    ],
)
def test_what_holds_a_box_back_stands_in_the_verdict(
    models: list[ModelStatus], level: Level, verdict: str
) -> None:
    """Before other troubles; but it is never why no model answers."""
    judged = status(
        phase=Phase.READY,
        at_utc="now",
        process=PROCESS,
        models=models,
        conditions=[HOT],
    )

    assert (level, verdict) == (judged.level, judged.verdict)
    assert HOT == judged.troubles[-1]


def test_a_box_that_is_short_says_who_answers() -> None:
    """Where that is not the best; of several models, how many."""
    rungs = (
        VariantStatus(id="gone", backend="onnx", loaded=False),
        VariantStatus(id="fp32", backend="onnx", loaded=True),
        VariantStatus(id="int8", backend="onnx", loaded=True),
    )
    best = replace(READY, variants=rungs, chosen="fp32")
    less = replace(best, chosen="int8")

    verdicts = [
        status(
            phase=Phase.READY,
            at_utc="now",
            process=PROCESS,
            models=models,
            conditions=[HOT],
        ).verdict
        for models in ([best], [less], [best, less])
    ]

    assert [
        f"digits 1.4.0 is ready; {HOT.text}",
        f"digits 1.4.0 is ready; {HOT.text}, int8",
        f"2 of 2 models ready; {HOT.text}, 1 of 2 models answer with less",
    ] == verdicts


@pytest.mark.parametrize(
    ("threads", "most", "told"),
    [
        (2, 4, ", int8, 2 of 4 threads"),
        (4, 4, ", int8"),
        (None, 4, ", int8"),
        (2, None, ", int8"),
    ],
)
def test_a_box_that_is_short_says_with_how_many_threads(
    threads: int | None, most: int | None, told: str
) -> None:
    """Of the variant that answers, and of a box with one model."""
    rungs = (
        VariantStatus(
            id="fp32", backend="onnx", loaded=True, threads=1, most_threads=4
        ),
        VariantStatus(
            id="int8", backend="onnx", loaded=True, threads=threads, most_threads=most
        ),
    )
    one = replace(READY, variants=rungs, chosen="int8")

    verdicts = [
        status(
            phase=Phase.READY,
            at_utc="now",
            process=PROCESS,
            models=models,
            conditions=[HOT],
        ).verdict
        for models in ([one], [one, one])
    ]

    assert [
        f"digits 1.4.0 is ready; {HOT.text}{told}",
        f"2 of 2 models ready; {HOT.text}, 2 of 2 models answer with less",
    ] == verdicts
