"""The trial's program: one variant, in a process that is thrown away.

Law: what is trusted is imported first, then the process confines itself, then it
touches the candidate. It ends when whoever started it is gone. Its answer is one JSON
on what was its standard output; whatever a runtime prints goes to standard error.
"""

import os
import sys
import sysconfig
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is imported

import msgspec

from edged.activate.task import Task
from edged.errors import EdgedError
from edged.host import gauge, spawn
from edged.host.confine import confine
from edged.runtime import backends, measure
from edged.store.layout import MANIFEST
from edged.store.manifest import read_manifest
from edged.wire.proofs import VariantProof
from edged.wire.release import Manifest, Variant


def main() -> int:
    """Read a task, answer it."""
    answer = _private_stdout()
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    spawn.tie()
    _import_runtimes()
    folders = [Path(each) for each in (task.release, task.live) if each]
    meters = None if task.meters is None else Path(task.meters)
    may_read = gauge.readable(meters) if meters else []
    confine([*folders, *may_read, *_needed()], memory_bytes=task.memory_bytes)
    os.write(answer, msgspec.json.encode(_proof(task, meters)))
    return 0


def _proof(task: Task, meters: Path | None) -> VariantProof:
    try:
        return measure.measure(
            _subject(task.release, task.variant),
            threads=task.threads,
            beside=_beside(task.live) if task.live else None,
            effort=task.effort,
            gauge=gauge.Gauge(meters) if meters else None,
        )
    except EdgedError as error:
        return VariantProof(id=task.variant, problem=error.message)
    except MemoryError:
        limit = task.memory_bytes / 1e6
        text = f"it needs more than the {limit:.0f} MB that there are for a trial"
        return VariantProof(id=task.variant, problem=text)


def _beside(folder: str) -> measure.Subject | None:
    """Describe the live release; None where its folder has gone bad."""
    try:
        return _subject(folder, None)
    except (EdgedError, OSError):
        return None


def _subject(folder: str, variant: str | None) -> measure.Subject:
    path = Path(folder)
    manifest = read_manifest((path / MANIFEST).read_bytes(), str(path / MANIFEST))
    return measure.Subject(
        path=path, manifest=manifest, variant=_chosen(manifest, variant)
    )


def _chosen(manifest: Manifest, variant: str | None) -> Variant:
    return next(v for v in manifest.variants if variant in (None, v.id))


def _private_stdout() -> int:
    """Keep standard output for the answer; what others print goes to stderr."""
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def _import_runtimes() -> None:
    """Import what can be had, from wherever the dynamic linker finds its parts."""
    for backend in backends.SUFFIXES.values():
        backends.warm(backend)


def _needed() -> list[Path]:
    """Return what Python and the runtimes read while they run."""
    own = {Path(path) for path in sys.path if path}
    return [
        *own,
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sysconfig.get_path("stdlib")),
        Path("/usr"),
        Path("/lib"),
        Path("/proc/self"),
        Path("/proc/cpuinfo"),
        Path("/proc/meminfo"),
        Path("/sys/devices/system"),
        Path("/dev/null"),
        Path("/dev/urandom"),
    ]


if __name__ == "__main__":
    sys.exit(main())
