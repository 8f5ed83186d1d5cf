"""Settings -> the bounds that rooms take."""

import os

import msgspec

from edged.bounds import connection_limits, region_bounds, registry_limits
from edged.config import Runtime, Settings


def test_every_bound_comes_from_its_setting() -> None:
    """Seconds stay seconds."""
    settings = Settings()

    registry, connection = registry_limits(settings), connection_limits(settings)

    assert registry.queue_length == settings.serve.queue_length
    assert registry.default_timeout_s == settings.serve.default_timeout
    assert registry.batch_window_s == settings.serve.batch_window
    assert connection.max_connections == settings.server.max_connections
    assert connection.drain_timeout_s == settings.server.drain_timeout


def test_threads_are_chosen_by_cores_or_said() -> None:
    """Runs at a time times threads of one never exceed the cores by much."""
    cores = len(os.sched_getaffinity(0))
    said = msgspec.structs.replace(Settings(), runtime=Runtime(threads=cores))

    chosen = registry_limits(Settings())

    assert 1 <= chosen.threads <= max(1, cores - 1)
    assert 1 <= chosen.workers * chosen.threads <= cores
    assert (registry_limits(said).threads, registry_limits(said).workers) == (cores, 1)


def test_shared_memory_is_bounded_by_the_settings_and_the_machine() -> None:
    """A copy is no larger than a body; a peer has half of what all have, at most."""
    server = msgspec.structs.replace(Settings().server, max_body=1000)
    settings = msgspec.structs.replace(Settings(), server=server)

    bounds = region_bounds(settings)

    assert bounds.copied_bytes == 1000
    assert 0 < bounds.region_bytes <= bounds.all_bytes // 2
