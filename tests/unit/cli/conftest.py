"""Values that several tests of the command line look at."""

import pytest

from edged.wire.messages import (
    Level,
    ModelPhase,
    ModelStatus,
    Phase,
    Process,
    Status,
    VariantStatus,
)


@pytest.fixture
def digits() -> ModelStatus:
    """Return a model that serves with a ladder of two."""
    return ModelStatus(
        name="digits",
        phase=ModelPhase.READY,
        version="1.4.0",
        seq=14,
        requests=12034,
        variants=(
            VariantStatus(
                id="fp32", backend="onnx", loaded=True, p50_ms=0.214, p95_ms=12.34
            ),
            VariantStatus(id="int8", backend="litert", loaded=True),
        ),
    )


@pytest.fixture
def healthy(digits: ModelStatus) -> Status:
    """Return the status of a box that is fine."""
    return Status(
        level=Level.OK,
        verdict="1 model ready, serving for 3 h 12 min",
        phase=Phase.READY,
        at_utc="2026-11-24T07:00:00Z",
        process=Process(
            pid=812,
            version="0.1.0",
            started_utc="2026-11-24T03:48:00Z",
            uptime_s=11520.0,
            rss_bytes=77_600_000,
            cpu_s=46.0,
            sockets=("/run/edged/edged.sock", "/run/edged/control.sock"),
            runtimes={"onnxruntime": "1.32.0"},
        ),
        models=(digits,),
    )
