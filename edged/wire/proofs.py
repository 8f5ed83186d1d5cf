"""What a box measured of a release, before it served and whenever it is asked again.

Law: figures of one box, one runtime version and one CPU; a proof says which, and is
worth nothing elsewhere. CPU time is of the whole process, whoever ran beside it.
"""

import enum

import msgspec


class Effort(enum.Enum):
    """How long one figure is measured."""

    TRIAL = "trial"  # somebody waits for a newcomer to serve
    PROFILE = "profile"  # enough runs for a p99


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer costs with so many threads.

    Attributes:
        threads: of one run.
        cpu_ms: CPU time of all threads, median.
        busy_ms: CPU time of the calling thread alone, median: what a run can be
            compared by while it serves.
        wall_ms: median of the time that it takes; what ran beside it lengthens it.
        p95_ms: of that time; None in proofs of old.
        p99_ms: the same; of fewer than a hundred runs the longest one.
        runs: that these figures are of.
        held_bytes: memory that a process holds which runs the variant so alone; None
            where it ran with other counts of threads, too.
        peak_bytes: the most that it held.
        waited: share of the time in which its threads could have run that they waited
            for a core, because others used them; None where the kernel does not say.
        joules: energy of all that the meter feeds, over the time of an answer; None
            where nothing measures it.
    """

    threads: int
    cpu_ms: float
    busy_ms: float
    wall_ms: float
    p95_ms: float | None = None
    p99_ms: float | None = None
    runs: int = 0
    held_bytes: int | None = None
    peak_bytes: int | None = None
    waited: float | None = None
    joules: float | None = None


class VariantProof(msgspec.Struct, frozen=True, kw_only=True):
    """One variant, tried alone in a process of its own.

    Attributes:
        problem: why it may not serve; None where it may.
        load_s: time to load it.
        costs: by threads; the first count is what the daemon runs it with.
        held_bytes: memory that it holds once it has answered.
        peak_bytes: the most that it held while it was loaded and asked.
        agreement: share of its own golden samples on which it agrees; None without.
        worst: largest difference to a golden answer.
        ratio: its CPU time over that of the live release's best variant, each answer
            beside one of the other's; None where nothing was live.
        continuity: share of the live release's golden samples on which it agrees;
            None where those are generated, or nothing was live.
        meter: what measured joules, or why nothing did; empty where nobody asked.
        unprofiled: why its last profile failed, so that the figures are older ones;
            None where it did not.
    """

    id: str
    problem: str | None = None
    load_s: float = 0.0
    costs: tuple[Cost, ...] = ()
    held_bytes: int = 0
    peak_bytes: int = 0
    agreement: float | None = None
    worst: float | None = None
    ratio: float | None = None
    continuity: float | None = None
    meter: str = ""
    unprofiled: str | None = None


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof depends on, beside the release itself.

    Attributes:
        runtimes: version of each runtime that the release needs, by package.
        cpu: model, features and number of cores, as one text.
    """

    runtimes: dict[str, str]
    cpu: str


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """When costs of a proof were measured anew, with the runs that percentiles need.

    Attributes:
        by: who wanted it; `edged` for a box that was idle.
        requests: that the daemon answered meanwhile; 0 for a quiet box.
    """

    at_utc: str
    by: str
    requests: int = 0


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A release on this box.

    Attributes:
        digest: sha256 of its `model.yaml`.
        against: digest of the release that was live; None where none was.
        variants: in the manifest's order.
        profiled: of its latest profile; None where only a trial measured it.
    """

    digest: str
    board: Board
    at_utc: str
    against: str | None = None
    variants: tuple[VariantProof, ...]
    profiled: Profiled | None = None

    @property
    def fit(self) -> tuple[VariantProof, ...]:
        """The variants that may serve, best first."""
        return tuple(v for v in self.variants if v.problem is None)

    @property
    def unfit(self) -> dict[str, str]:
        """Why the others may not, by id."""
        return {v.id: v.problem for v in self.variants if v.problem is not None}
