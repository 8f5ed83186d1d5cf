"""Settings -> the bounds that rooms take.

Law: pure but for the machine's cores and memory; rooms know no settings, settings
know no rooms.
"""

import os

from edged.activate import judge, probation
from edged.activate.agent import Rules
from edged.api.connection import Limits as ConnectionLimits
from edged.config import Settings
from edged.host.process import memory_bytes
from edged.runtime.threads import choose
from edged.serve.reception import Limits
from edged.serve.regions import Bounds, bounds_for


def registry_limits(settings: Settings) -> Limits:
    """Return the registry's: queues, deadlines, sequences, threads."""
    cores = len(os.sched_getaffinity(0))
    threads = choose(settings.runtime.threads, cores)
    return Limits(
        queue_length=settings.serve.queue_length,
        default_timeout_s=settings.serve.default_timeout,
        max_sequences=settings.serve.max_sequences,
        sequence_idle_s=settings.serve.sequence_idle,
        threads=threads,
        workers=max(1, cores // threads),
        batch_window_s=settings.serve.batch_window,
        batch_max=settings.serve.batch_max,
    )


def activation_rules(settings: Settings) -> Rules:
    """Return what a new release must prove, and while it is new."""
    install = settings.install
    return Rules(
        trial=judge.Rules(agreement=install.agreement, slowdown=install.slowdown),
        probation=probation.Rules(
            duration_s=install.probation,
            inferences=install.probation_inferences,
            error_share=install.error_share,
            slowdown=install.slowdown,
        ),
        signed=install.require_signed,
        threads=registry_limits(settings).threads,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return each connection's: how many, and how long each stage may take."""
    server = settings.server
    return ConnectionLimits(
        max_connections=server.max_connections,
        head_timeout_s=server.head_timeout,
        body_timeout_s=server.body_timeout,
        keep_alive_s=server.keep_alive,
        drain_timeout_s=server.drain_timeout,
    )


def region_bounds(settings: Settings) -> Bounds:
    """Return how much memory callers may share."""
    return bounds_for(memory_bytes(), copied_bytes=settings.server.max_body)
