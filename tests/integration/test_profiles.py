"""Profiles of real models by a real daemon, in real confined children."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edged.client import Control
from edged.wire.adapt import ForceRequest, Strategy
from edged.wire.changes import EDGED
from edged.wire.endpoints import PROFILE, PROFILE_NOW, STRATEGY_AUTO, STRATEGY_FORCE
from edged.wire.messages import ModelName, Nothing
from edged.wire.profiles import ModelProfile, ProfileRequest
from edged.wire.proofs import VariantProof
from tests.fakes import eager_daemon
from tests.fakes.daemon import DEMO, Daemon, running, short_home

#: Processes of the lowest priority, on a machine where others work.
pytestmark = pytest.mark.timeout(240)

MOBILENET = "mobilenet-ladder/mobilenet_v2_1.0_224_fp32.onnx"


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """Return a daemon that profiles by itself, soon."""
    with short_home() as home, running(home, program=eager_daemon.PROGRAM) as made:
        yield made


def profile(daemon: Daemon, name: str = "digits") -> ModelProfile:
    """Ask for what is known."""
    with Control(daemon.control) as control:
        return control.call(PROFILE, ProfileRequest(name=name))


def until(
    daemon: Daemon, holds: Callable[[ModelProfile], object], name: str = "digits"
) -> ModelProfile:
    """Poll a model's profile until something holds."""
    end_s = time.monotonic() + 200
    found = profile(daemon, name)
    while not holds(found):
        assert time.monotonic() < end_s, found
        time.sleep(0.1)
        found = profile(daemon, name)
    return found


def measured(found: ModelProfile) -> list[VariantProof]:
    """Return variants whose figures are new: others may use this machine the more."""
    variants = found.proof.fit if found.proof else ()
    reasons = [each.unprofiled or "others used" for each in variants]
    assert all(reason.startswith("others used") for reason in reasons)
    return [each for each in variants if each.unprofiled is None]


def test_an_idle_daemon_profiles_what_was_installed(daemon: Daemon) -> None:
    """Not while its strategy is another than normal."""
    with Control(daemon.control) as control:
        control.call(STRATEGY_FORCE, ForceRequest(strategy=Strategy.LIGHTWEIGHT))
    daemon.install(DEMO)
    time.sleep(3)
    forced = profile(daemon)
    with Control(daemon.control) as control:
        control.call(STRATEGY_AUTO, Nothing())

    found = until(daemon, lambda found: found.made)

    assert (0, "") == (forced.made, forced.doing)
    assert found.proof is not None
    assert found.proof.profiled is not None
    assert EDGED == found.proof.profiled.by
    assert ["fp32", "int8", "int8-litert"] == [v.id for v in found.proof.fit]
    for variant in measured(found):
        assert 1.0 == variant.agreement
        assert variant.costs[0].threads == found.threads
        assert {1} <= {cost.threads for cost in variant.costs}
        for cost in variant.costs:
            assert cost.runs > 10
            assert cost.wall_ms <= (cost.p95_ms or 0) <= (cost.p99_ms or 0)
            assert 0 < (cost.held_bytes or 0) <= (cost.peak_bytes or 0)


def test_requests_are_answered_while_one_is_made(daemon: Daemon) -> None:
    """By the live model, and the profile says how many there were."""
    daemon.install(DEMO)
    with Control(daemon.control) as control:
        control.call(PROFILE_NOW, ModelName(name="digits"))
    image = np.zeros((1, 1, 8, 8), "<f4")
    sent = 0
    with daemon.client() as client:
        while profile(daemon).doing:
            client.infer("digits", image)
            sent += 1

    found = profile(daemon)

    assert found.problem is None
    assert found.proof is not None
    assert found.proof.profiled is not None
    assert 0 < found.proof.profiled.requests <= sent
    assert [sent, 0, 0] == [each.requests for each in found.lately]


def test_a_large_model_has_its_memory_and_its_threads(
    daemon: Daemon, models: Path, tmp_path: Path
) -> None:
    """MobileNetV2: 14 MB in a file, several times that in a process."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mobilenet.onnx").symlink_to(models / MOBILENET)
    daemon.install(tmp_path / "m" / "mobilenet.onnx", name="mobilenet")
    with Control(daemon.control) as control:
        control.call(PROFILE_NOW, ModelName(name="mobilenet"))

    found = until(daemon, lambda found: not found.doing, "mobilenet")

    assert found.problem is None
    assert found.proof is not None
    for cost in (cost for variant in measured(found) for cost in variant.costs):
        assert 20e6 < (cost.held_bytes or 0) < 300e6
        assert 0.1 < cost.cpu_ms
