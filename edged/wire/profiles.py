"""What a model costs on this box: as it was measured, and as it answers of late.

Law: as `wire.messages`.
"""

from typing import Annotated

import msgspec

from edged.wire.changes import Which
from edged.wire.messages import Trouble
from edged.wire.names import Name
from edged.wire.proofs import Proof


class ProfileRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A model's profile.

    Attributes:
        doing: what the caller knows of a profile under way: answer when it is another,
            or after `wait_s`.
    """

    name: Name
    doing: str = ""
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0.0


class Lately(msgspec.Struct, frozen=True, kw_only=True):
    """What live traffic says of a variant: its last 512 runs, whatever else ran then.

    Attributes:
        requests: since it was loaded.
        times: its median over the measured one, with the daemon's threads; None where
            too few requests came to say so.
    """

    variant: str
    requests: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    times: float | None = None


class ModelProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A model's live release on this box.

    Attributes:
        proof: its figures; `proof.profiled` says when they were measured with more
            runs than a trial has. None where it has none for this CPU and runtime.
        threads: of a run in the daemon.
        lately: of the variants that are loaded, best first.
        made: profiles of this model since the daemon started.
        doing: what is being measured at this moment; empty for nothing.
        problem: why the last profile that was wanted was not made.
    """

    schema: str = "edged.profile/1"
    model: str
    release: Which
    proof: Proof | None = None
    threads: int
    lately: tuple[Lately, ...] = ()
    made: int = 0
    doing: str = ""
    problem: Trouble | None = None
