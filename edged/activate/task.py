"""What a trial's child is asked.

Law: a value that crosses a pipe. It stands apart so that the daemon need not hold what
the child runs on.
"""

import msgspec

from edged.wire.proofs import Effort


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One variant to try.

    Attributes:
        release: folder of the candidate.
        variant: id of the one to try.
        threads: counts to measure it with; the first is what the daemon will use.
        live: folder of the release to compare with; None for none.
        memory_bytes: data that the process may hold.
        effort: how long each figure is measured.
        meters: what stands for `/` where energy is measured, too; None where it is
            not: a counter of joules tells of others' secrets (CVE-2020-8694), so no
            newcomer gets one.
    """

    release: str
    variant: str
    threads: tuple[int, ...]
    memory_bytes: int
    live: str | None = None
    effort: Effort = Effort.TRIAL
    meters: str | None = None
