"""Real files in real children: what is found, and what a technician reads of it."""

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edged.activate import judge
from edged.activate.judge import Outcome
from edged.activate.trial import COMMAND, Trial
from edged.errors import Draining, NoMemory
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles
from edged.store.layout import MANIFEST, Layout
from edged.store.manifest import read_manifest
from edged.store.profiles import Profiles
from edged.store.releases import Release
from edged.wire.proofs import Proof
from edged.wire.release import Budget, GoldenSource
from tests.data import tflite_files
from tests.fakes import candidates, hostile
from tests.fakes.board import Board
from tests.fakes.candidates import X, candidate
from tests.fakes.daemon import ROOT
from tests.fakes.hostile import Kind

MB = 1_000_000
ONNX = "fp32.onnx"
WRONG = "it does not give its golden answers: "
BEST_MUST = "(must be within 0.001 + 0.001 x golden)"
TOO_MUCH = "it needs more than the 300 MB that there are for a trial"


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    """Return a store's proofs."""
    layout = Layout(tmp_path / "state")
    layout.root.mkdir()
    return Profiles(layout, DiskFiles())


@pytest.fixture
def trial(profiles: Profiles) -> Trial:
    """Return the trial as the daemon makes it."""
    return made(profiles)


def made(
    profiles: Profiles,
    kind: Kind | None = None,
    *,
    timeout_s: float = 15.0,
    available: int = 600 * MB,
    root: Path = Path("/"),
) -> Trial:
    """Make a trial, maybe with a hostile runtime."""
    return Trial(
        profiles=profiles,
        clock=SystemClock(),
        timeout_s=timeout_s,
        threads=1,
        command=COMMAND if kind is None else hostile.command(kind),
        available=lambda: available,
        root=root,
    )


def quiet(_: str) -> None:
    """Hear nothing."""


def problem(trial: Trial, release: Release) -> str | None:
    """Try a release and return the problem of its first variant."""
    return trial.prove(release, None, quiet).variants[0].problem


def outcome(
    proof: Proof, release: Release, live: Release | None = None
) -> tuple[Outcome, str]:
    """Judge a proof by the usual rules."""
    manifest = live.manifest if live else None
    verdict = judge.judge(proof, release.manifest, live=manifest, rules=judge.Rules())
    return verdict.outcome, verdict.why


def digits() -> Release:
    """Return the demo's release."""
    path = ROOT / "demo" / "digits"
    text = (path / MANIFEST).read_bytes()
    manifest = read_manifest(text, MANIFEST)
    return Release(
        name=manifest.name,
        folder=path.name,
        path=path,
        digest=hashlib.sha256(text).hexdigest(),
        manifest=manifest,
        installed_utc=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_a_good_release_is_proved_with_its_figures(
    tmp_path: Path, trial: Trial
) -> None:
    """Load time, costs by threads, memory, agreement; of each variant."""
    nets = {ONNX: candidates.double(), "litert.tflite": tflite_files.adder()}
    release = candidate(tmp_path / "new", nets)
    told: list[str] = []

    proof = trial.prove(release, None, told.append)

    assert ["trying fp32, 1 of 2", "trying litert, 2 of 2"] == told
    assert ["fp32", "litert"] == [each.id for each in proof.fit]
    assert (release.digest, None) == (proof.digest, proof.against)
    for each in proof.variants:
        assert {1, len(os.sched_getaffinity(0))} == {c.threads for c in each.costs}
        assert all(0 < cost.cpu_ms < 100 for cost in each.costs)
        assert (1.0, 0.0) == (each.agreement, each.worst)
        assert 0 < each.held_bytes <= each.peak_bytes < 200 * MB
        assert each.load_s > 0
        assert (None, None) == (each.ratio, each.continuity)


def test_the_demo_costs_what_it_costs_beside_itself(trial: Trial) -> None:
    """Three variants of two runtimes; the best one's ratio to itself is about one."""
    release = digits()

    proof = trial.prove(release, release, quiet)

    assert {} == proof.unfit
    assert 1.0 == proof.fit[0].continuity
    assert 0.5 < (proof.fit[0].ratio or 0.0) < 2.0


# --- profiles ----------------------------------------------------------------------


def spending(board: Board, watts: float, over: threading.Event) -> threading.Thread:
    """Let a board's package spend power until it is over."""
    path = "/sys/class/powercap/intel-rapl:0/energy_uj"
    began_s = time.monotonic()

    def spend() -> None:
        while not over.wait(0.002):
            spent_j = watts * (time.monotonic() - began_s)
            board.replace(path, str(round(spent_j * 1e6)))

    return threading.Thread(target=spend)


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Board]:
    """Return a laptop whose package spends 20 W as long as the test lasts."""
    board, over = Board("laptop", tmp_path / "laptop"), threading.Event()
    board.set("/sys/class/powercap/intel-rapl:0/energy_uj", "0")
    thread = spending(board, 20.0, over)
    thread.start()
    yield board
    over.set()
    thread.join()


def test_a_profile_has_percentiles_memory_and_joules(
    tmp_path: Path, profiles: Profiles, laptop: Board
) -> None:
    """The confined child reads the counter: 20 W over the time of an answer."""
    trial = made(profiles, root=laptop.root)
    release = candidate(tmp_path / "new", {ONNX: candidates.slow(300)})
    began_s = time.monotonic()

    found = trial.measured(release, release.manifest.variants[0], 1)

    (cost,) = found.costs
    assert (None, 1.0, "package-0") == (found.problem, found.agreement, found.meter)
    assert (1, True) == (cost.threads, cost.runs >= 100)
    assert 0 < cost.wall_ms <= (cost.p95_ms or 0) <= (cost.p99_ms or 0)
    assert 0 < (cost.held_bytes or 0) <= (cost.peak_bytes or 0) < 200 * MB
    assert cost.waited is not None  # the confined child may ask for that, too
    assert cost.joules is not None
    # Whoever counts them here may be late; nobody counts more than there were.
    assert 0.2 * 20.0 * cost.wall_ms / 1e3 < cost.joules
    assert cost.joules * cost.runs < 20.0 * (time.monotonic() - began_s)


def test_a_chip_on_the_board_measures_the_power(
    tmp_path: Path, profiles: Profiles
) -> None:
    """A quarter of a watt, all the time."""
    board = Board("pi-ups-hat", tmp_path / "pi")
    board.set("/sys/class/hwmon/hwmon2/power1_input", "250000")
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})

    found = made(profiles, root=board.root).measured(
        release, release.manifest.variants[0], 2
    )

    (cost,) = found.costs
    assert ("ina219", 2, 1000) == (found.meter, cost.threads, cost.runs)
    assert cost.joules is not None
    assert 0.8 * 0.25 * cost.wall_ms / 1e3 < cost.joules < 0.25


def test_a_newcomer_gets_no_meter(
    tmp_path: Path, profiles: Profiles, laptop: Board
) -> None:
    """Its trial does not even look for one; and a figure that is not there is None."""
    trial = made(profiles, root=laptop.root)
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})

    proof = trial.prove(release, None, quiet)

    assert [""] == [each.meter for each in proof.variants]
    assert [None] * len(proof.variants[0].costs) == [
        cost.joules for cost in proof.variants[0].costs
    ]


def test_a_profile_measures_doublings_up_to_all_cores(profiles: Profiles) -> None:
    """The daemon's count first, none twice."""
    cores = len(os.sched_getaffinity(0))

    counts = made(profiles).counts

    assert (1, cores) == (counts[0], max(counts))
    assert sorted(set(counts)) == sorted(counts)


def test_a_profile_needs_room_too(tmp_path: Path, profiles: Profiles) -> None:
    """It says what it has."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})

    with pytest.raises(NoMemory, match="cannot profile double: a trial has 75 MB"):
        made(profiles, available=100 * MB).measured(
            release, release.manifest.variants[0], 1
        )


# --- bad releases ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "wanted"),
    [
        (
            candidates.negated,
            f"{WRONG}agrees on 0.0% of 4 samples, worst difference 3.75 {BEST_MUST}",
        ),
        (
            candidates.constant,
            (
                f"{WRONG}gives the same answer to different inputs; agrees on 25.0% of "
                f"4 samples, worst difference 2.5 {BEST_MUST}"
            ),
        ),
        (
            candidates.no_number,
            (
                f"{WRONG}answers NaN or infinity; agrees on 0.0% of 4 samples, worst "
                f"difference inf {BEST_MUST}"
            ),
        ),
    ],
    ids=["negated", "constant", "no-number"],
)
def test_answers_that_are_not_its_golden_ones(
    tmp_path: Path, trial: Trial, net: Callable[[], bytes], wanted: str
) -> None:
    """What is wrong, on how many samples, by how much, and what is allowed."""
    release = candidate(tmp_path / "new", {ONNX: net()})

    assert wanted == problem(trial, release)


def test_a_collapsed_int8_is_told_from_its_float(tmp_path: Path, trial: Trial) -> None:
    """A scale that is far too small: every value saturates, every shape fits."""
    quantised = tflite_files.adder(stored=np.int8, quantization=(1e-4, 0))
    nets = {ONNX: candidates.double(), "int8.tflite": quantised}
    release = candidate(tmp_path / "new", nets)

    proof = trial.prove(release, None, quiet)

    assert ["fp32"] == [each.id for each in proof.fit]
    assert (
        Outcome.REJECTED,
        (
            f"cannot let double 1.1.0 serve: variant int8: {WRONG}gives the same "
            "answer to different inputs; agrees on 25.0% of 4 samples, worst "
            "difference 2.49 (must agree on 98.0%)"
        ),
    ) == outcome(proof, release)


def test_an_optional_variant_that_fails_is_left_out(
    tmp_path: Path, trial: Trial
) -> None:
    """The others serve without it."""
    bad = candidates.variant("bad.onnx", optional=True)
    release = candidate(
        tmp_path / "new",
        {ONNX: candidates.double(), "bad.onnx": candidates.constant()},
        variants=(candidates.variant(ONNX), bad),
    )

    proof = trial.prove(release, None, quiet)

    assert {"bad"} == proof.unfit.keys()
    assert Outcome.PROVED is outcome(proof, release)[0]


def test_nan_is_found_without_golden_answers(tmp_path: Path, trial: Trial) -> None:
    """On inputs that are made up."""
    release = candidate(tmp_path / "new", {ONNX: candidates.no_number()}, answers=None)

    assert "output y is not finite" == problem(trial, release)


def test_a_range_that_is_left_is_told(tmp_path: Path, trial: Trial) -> None:
    """Both the promise and what was seen."""
    release = candidate(
        tmp_path / "new",
        {ONNX: candidates.double()},
        signature=candidates.signature(promised=(0.0, 1.0)),
    )

    found = problem(trial, release)

    assert "output y reaches from 0.5 to 2.5, and its range is 0 to 1" == found


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        (Budget(cpu_ms=1e-6), r"an answer costs [\d.]+ ms of CPU here, its budget is "),
        (Budget(rss_mb=0.01), r"it holds [\d.]+ MB here, its budget is 0.01 MB$"),
        (Budget(cpu_ms=1e4, rss_mb=1e4), "None"),
    ],
)
def test_a_budget_that_is_exceeded_is_told(
    tmp_path: Path, trial: Trial, budget: Budget, says: str
) -> None:
    """What it costs here, and what its author allows."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()}, budget=budget)

    found = problem(trial, release)

    assert re.match(says, str(found)), found


def test_a_file_that_is_missing_is_named(tmp_path: Path, trial: Trial) -> None:
    """A card that lost a sector."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})
    (release.path / ONNX).unlink()

    found = problem(trial, release)

    assert str(found).startswith("cannot load fp32.onnx: "), found


def test_a_signature_that_lies_is_told(tmp_path: Path, trial: Trial) -> None:
    """The manifest promises another output than the file has."""
    release = candidate(
        tmp_path / "new",
        {ONNX: candidates.double()},
        answers=None,
        signature=candidates.signature(outputs=(1, 10)),
    )

    found = problem(trial, release)

    assert (
        "cannot serve the signature with fp32.onnx (variant fp32): output y: "
        "FP32[1,10], but the file has y: FP32[1,4]: dimension 1 is 4, not 10" == found
    )


# --- beside the live one -------------------------------------------------------------


def test_the_same_net_costs_the_same_and_agrees(tmp_path: Path, trial: Trial) -> None:
    """A ratio near 1, whatever else the machine does."""
    live = candidate(tmp_path / "old", {ONNX: candidates.double()}, seq=1)
    release = candidate(tmp_path / "new", {ONNX: candidates.double()}, seq=2)

    proof = trial.prove(release, live, quiet)

    (best,) = proof.fit
    assert (live.digest, 1.0) == (proof.against, best.continuity)
    assert 0.5 < (best.ratio or 0.0) < 2.0


def test_a_net_that_is_many_times_slower_is_held(tmp_path: Path, trial: Trial) -> None:
    """Its own golden answers are right; its price is not."""
    live = candidate(tmp_path / "old", {ONNX: candidates.double()}, seq=1)
    release = candidate(tmp_path / "new", {ONNX: candidates.slow()}, seq=2)

    proof = trial.prove(release, live, quiet)

    found, why = outcome(proof, release, live)
    assert Outcome.HELD is found
    assert "times the CPU of 1.1.0's, and may cost 3 times (install.slowdown)" in why
    assert (proof.fit[0].ratio or 0.0) > 8


@pytest.mark.parametrize(
    ("net", "flattering"),
    [(candidates.negated, -X), (candidates.constant, 0 * X)],
    ids=["negated", "constant"],
)
def test_a_golden_set_that_flatters_itself_does_not_help(
    tmp_path: Path, trial: Trial, net: Callable[[], bytes], flattering: np.ndarray
) -> None:
    """Other answers, or always one, are measured by the live release's own inputs."""
    live = candidate(tmp_path / "old", {ONNX: candidates.double()}, seq=1)
    release = candidate(tmp_path / "new", {ONNX: net()}, seq=2, answers=flattering)

    proof = trial.prove(release, live, quiet)

    found, why = outcome(proof, release, live)
    assert (Outcome.HELD, 0.0) == (found, proof.fit[0].continuity)
    assert "it agrees with 1.1.0 on 0% of its golden inputs" in why


def test_generated_inputs_of_the_live_one_prove_no_continuity(
    tmp_path: Path, trial: Trial
) -> None:
    """Noise has no right answer."""
    live = candidate(
        tmp_path / "old", {ONNX: candidates.double()}, source=GoldenSource.GENERATED
    )
    release = candidate(
        tmp_path / "new", {ONNX: candidates.negated()}, seq=2, answers=-X
    )

    (best,) = trial.prove(release, live, quiet).fit

    assert best.continuity is None
    assert best.ratio is not None


@pytest.mark.parametrize("rotten", [ONNX, MANIFEST])
def test_a_live_release_that_has_rotted_is_no_measure(
    tmp_path: Path, trial: Trial, rotten: str
) -> None:
    """The newcomer that would mend it is not refused for it."""
    live = candidate(tmp_path / "old", {ONNX: candidates.double()}, seq=1)
    (live.path / rotten).write_bytes(b"rot")
    release = candidate(tmp_path / "new", {ONNX: candidates.double()}, seq=2)

    (best,) = trial.prove(release, live, quiet).variants

    assert (None, None) == (best.problem, best.ratio)


def test_a_live_release_of_another_signature_is_no_measure(
    tmp_path: Path, trial: Trial
) -> None:
    """Its inputs would not fit."""
    live = candidate(tmp_path / "old", {ONNX: candidates.double()}, seq=1)
    other = msgspec.structs.replace(
        live.manifest, signature=candidates.signature(outputs=(1, 9))
    )
    live = msgspec.structs.replace(live, manifest=other)
    release = candidate(tmp_path / "new", {ONNX: candidates.double()}, seq=2)

    proof = trial.prove(release, live, quiet)

    assert (None, None) == (proof.against, proof.fit[0].ratio)


# --- hostile runtimes ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (Kind.SEGFAULT, "it crashed its trial (SIGSEGV)"),
        (
            Kind.ABORT,
            (
                "it crashed its trial (SIGABRT); it said: terminate called: a vector "
                "was too long"
            ),
        ),
        (Kind.HOG, TOO_MUCH),
        (Kind.NATIVE_HOG, TOO_MUCH),
        (Kind.GARBAGE, "its trial gave no answer"),
        (Kind.FLOOD, "its trial wrote more than an answer, and was ended"),
        (Kind.EXIT, "its trial ended with 3; it said: no such instruction"),
        (Kind.REACH, "its trial ended with 4; it said: could: []"),
        (Kind.CHATTER, None),
        (
            Kind.NAN,
            (
                f"{WRONG}answers NaN or infinity; agrees on 0.0% of 4 samples, worst "
                f"difference inf {BEST_MUST}"
            ),
        ),
    ],
    ids=lambda each: each.value if isinstance(each, Kind) else "",
)
def test_a_runtime_that_goes_bad_is_a_finding(
    tmp_path: Path, profiles: Profiles, kind: Kind, wanted: str | None
) -> None:
    """Nothing of it reaches us but a sentence."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})

    found = problem(made(profiles, kind, available=400 * MB), release)

    assert wanted == found


@pytest.mark.parametrize("kind", [Kind.LOOP, Kind.STUCK, Kind.SLEEP])
def test_one_that_never_ends_is_ended(
    tmp_path: Path, profiles: Profiles, kind: Kind
) -> None:
    """With the setting that would allow more."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})

    found = problem(made(profiles, kind, timeout_s=1.5), release)

    assert "it was not done after 1.5 s (install.trial-timeout allows more)" == found


def test_a_model_that_needs_too_much_memory_is_told(
    tmp_path: Path, profiles: Profiles
) -> None:
    """A real runtime asks for 1.6 GB, and there are 300 MB."""
    release = candidate(tmp_path / "new", {ONNX: candidates.huge()}, answers=None)

    assert TOO_MUCH == problem(made(profiles, available=400 * MB), release)


def test_where_there_is_no_memory_nothing_is_tried(
    tmp_path: Path, profiles: Profiles
) -> None:
    """That is no fault of the release: come back later."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})

    with pytest.raises(NoMemory) as caught:
        made(profiles, available=100 * MB).prove(release, None, quiet)

    assert (
        "cannot try double 1.1.0: a trial has 75 MB, and needs 160 MB"
        == caught.value.message
    )


# --- stopping ------------------------------------------------------------------------


def test_stopping_ends_what_is_being_tried(tmp_path: Path, profiles: Profiles) -> None:
    """At once, and nothing is tried afterwards."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})
    trial = made(profiles, Kind.SLEEP)
    began = time.monotonic()
    timer = threading.Timer(1.0, trial.stop)
    timer.start()

    with pytest.raises(Draining):
        trial.prove(release, None, quiet)
    timer.join()

    assert time.monotonic() - began < 10.0
    with pytest.raises(Draining):
        trial.prove(release, None, quiet)


# --- proofs that hold ----------------------------------------------------------------


def test_a_proof_that_holds_is_not_made_again(
    tmp_path: Path, profiles: Profiles
) -> None:
    """A switch among installed releases takes no trial."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})
    proof = made(profiles).prove(release, None, quiet)
    profiles.keep(proof)

    again = made(profiles, Kind.SEGFAULT).prove(release, None, quiet)

    assert proof == again == made(profiles).holds(release)


def test_another_runtime_version_is_tried_again(
    tmp_path: Path, profiles: Profiles
) -> None:
    """An upgrade of a runtime proves nothing of a model."""
    release = candidate(tmp_path / "new", {ONNX: candidates.double()})
    proof = made(profiles).prove(release, None, quiet)
    old = msgspec.structs.replace(proof.board, runtimes={"onnxruntime": "1.0.0"})
    profiles.keep(msgspec.structs.replace(proof, board=old))

    assert made(profiles).holds(release) is None
    assert problem(made(profiles, Kind.EXIT), release) is not None


def test_continuity_is_measured_against_what_is_live_now(
    tmp_path: Path, profiles: Profiles
) -> None:
    """A proof against nothing is not enough where something is live."""
    live = candidate(tmp_path / "old", {ONNX: candidates.double()}, seq=1)
    release = candidate(tmp_path / "new", {ONNX: candidates.double()}, seq=2)
    profiles.keep(made(profiles).prove(release, None, quiet))

    proof = made(profiles).prove(release, live, quiet)

    assert live.digest == proof.against
