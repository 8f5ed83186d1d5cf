"""Requests and answers of the control socket.

Law: answers are tolerant (a newer daemon may say more), requests are strict
(an unknown field is an error). Quantities carry their unit in the name; times are
RFC 3339 in UTC. Every answer that `edgectl --json` prints carries its schema,
which only ever grows within its number.
"""

import enum

import msgspec

from edged.wire.changes import Change
from edged.wire.names import Name, SourceName, Trust
from edged.wire.release import Manifest, Signature


class Level(enum.Enum):
    """The verdict, worst last."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


class Phase(enum.Enum):
    """Where the daemon is in its life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"  # the last word of the snapshot


class ModelPhase(enum.Enum):
    """Where one model is."""

    LOADING = "loading"
    READY = "ready"
    ASLEEP = "asleep"  # ready, and not in memory until somebody asks
    UNLOADED = "unloaded"  # a person asked for it
    FAILED = "failed"  # could not be loaded; `problem` says why


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and what to do: also the body of an error answer.

    RFC 9457 fields plus `code`, `hint` and `fields`.
    """

    title: str
    status: int = 0
    detail: str = ""
    type: str = "about:blank"
    code: str = "error"
    hint: str = ""
    retry_after_s: float | None = None
    fields: dict[str, object] = {}


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A standing problem in `status`: what, since when it is known, what to do."""

    code: str
    text: str
    hint: str = ""
    model: str | None = None


class Standing(enum.Enum):
    """What is thought of an installed release."""

    NEW = "new"  # it never served
    PROBATION = "probation"
    COMMITTED = "committed"
    HELD = "held"
    QUARANTINED = "quarantined"


class ReleaseRef(msgspec.Struct, frozen=True, kw_only=True):
    """One installed release."""

    version: str
    seq: int
    digest: str  # sha256 of model.yaml, hex
    folder: str  # `<seq>-<digest12>`
    live: bool = False
    previous: bool = False
    size_bytes: int = 0
    installed_utc: str | None = None
    trust: Trust = Trust.LOCAL
    standing: Standing = Standing.NEW
    revoked: str = ""  # why its publisher revoked it; empty if he did not


class VariantStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of the live ladder.

    Attributes:
        threads: of one run; None where it is not loaded.
        most_threads: of one run where no strategy caps them; None from a daemon of old.
        cost_ms: CPU time of an answer on a quiet box; None where nothing tells.
        share: of the model's answers that it gave; None before any.
        passed_over: why it is not chosen now by who wishes nothing; empty where it may
            be.
    """

    id: str
    backend: str
    loaded: bool
    placement: str | None = None  # "loop" or "thread": where its runs happen
    threads: int | None = None
    most_threads: int | None = None
    accuracy: float | None = None
    cost_ms: float | None = None
    requests: int = 0
    share: float | None = None
    passed_over: str = ""
    p50_ms: float | None = None  # compute time; None before the first request
    p95_ms: float | None = None
    problem: str | None = None


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One model in a line.

    Attributes:
        chosen: the variant that answers who has no deadline and wishes nothing.
        change: that is under way, in probation or held; None for none.
        inflight: requests that wait or run; of these, `waiting` do not run yet.
    """

    name: str
    phase: ModelPhase
    version: str | None = None
    seq: int | None = None
    since_utc: str | None = None
    requests: int = 0
    failures: int = 0
    inflight: int = 0
    waiting: int = 0
    variants: tuple[VariantStatus, ...] = ()
    chosen: str | None = None
    problem: Trouble | None = None
    change: Change | None = None


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's process."""

    pid: int
    version: str
    started_utc: str
    uptime_s: float
    rss_bytes: int
    cpu_s: float
    sockets: tuple[str, ...] = ()
    state_dir: str = ""
    command: tuple[str, ...] = ()  # how it was started
    runtimes: dict[str, str] = {}  # version by name, of those that are imported


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on one screen; also the snapshot in the runtime directory."""

    schema: str = "edged.status/1"
    level: Level
    verdict: str  # one line in words, without the level
    phase: Phase
    at_utc: str
    process: Process
    models: tuple[ModelStatus, ...] = ()
    troubles: tuple[Trouble, ...] = ()


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request without content."""


class ModelName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request about one model; `name` is the path parameter."""

    name: Name


class UseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make another installed release live."""

    name: Name
    seq: int
    new_signature: bool = False


# What is left out says nothing: an older daemon knows no newer field.
class InstallRequest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """The query of an install; its body is a tar stream.

    The tar holds a bundle (`model.yaml` and its files), or one bare `.onnx` or
    `.tflite` file and, if there is one, `golden.npz`: then `name` is needed and
    the daemon writes the manifest.

    Attributes:
        new_signature: the callers know that inputs or outputs change.
        downgrade: an older `seq` than the live one is wanted.
        wait: answer when the release serves, or does not. False: as soon as it is
            received, with the number of its change.
        unattended: nobody waits for it; while the strategy allows no trial it is
            refused, and may be sent again.
        source: whose release it is. A signed one has its metadata in `signed/` of the
            tar, and may leave out files that this box has.
    """

    name: Name | None = None
    new_signature: bool = False
    downgrade: bool = False
    wait: bool = True
    unattended: bool = False
    source: SourceName | None = None


class HearRequest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """The query that goes with signed metadata; its body is a tar of `signed/` alone.

    Attributes:
        source: whose metadata it is.
        alone: whoever brings it knows no release to replace the live one.
    """

    name: Name
    source: SourceName
    alone: bool = False


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """All models."""

    schema: str = "edged.models/1"
    models: tuple[ModelStatus, ...] = ()


class ModelDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one model.

    Attributes:
        pinned: who wants it to stay as it is, and why; empty for nobody.
    """

    schema: str = "edged.model/1"
    status: ModelStatus
    releases: tuple[ReleaseRef, ...] = ()
    manifest: Manifest | None = None  # of the live release
    trust: Trust = Trust.LOCAL
    pinned: str = ""


class FileSums(msgspec.Struct, frozen=True, kw_only=True):
    """Installed files by what is in them: sha256, hex, sorted."""

    schema: str = "edged.files/1"
    sha256: tuple[str, ...] = ()


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The result of hashing a model's installed releases again."""

    schema: str = "edged.verify/1"
    name: str
    ok: bool
    files: int
    size_bytes: int
    faults: tuple[Trouble, ...] = ()


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an effect on one model.

    Attributes:
        changed: False when there was nothing to do.
        text: what happened, in words.
        live: the release that answers now, if any.
        signature: what it takes and gives, so that an installer can tell.
        change: its number in the journal; None where nothing was to be done.
    """

    schema: str = "edged.changed/1"
    name: str
    changed: bool
    text: str
    live: ReleaseRef | None = None
    signature: Signature | None = None
    warnings: tuple[str, ...] = ()
    change: int | None = None


class ConfigValue(msgspec.Struct, frozen=True, kw_only=True):
    """One effective setting."""

    key: str  # dotted, kebab-case as in the file
    value: object
    origin: str  # `file:line`, `default` or `command line`


class ConfigView(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force."""

    schema: str = "edged.config/1"
    values: tuple[ConfigValue, ...] = ()
    files: tuple[str, ...] = ()  # that were read, weakest first
