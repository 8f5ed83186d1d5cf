"""What a publisher is told, as values.

Law: nothing here needs a key, a disk or TUF's code. `schema` has a number, within which
fields are only ever added. Times are RFC 3339 in UTC.
"""

import msgspec

from edged.wire.listing import Stage
from edged.wire.proofs import VariantProof


class Wrote(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was put in place."""

    role: str
    version: int
    expires: str


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A document that lacks signatures.

    Attributes:
        signatures: of those that count, how many it has.
        threshold: how many it needs.
        keys: that may still sign, by the first digits of their ids.
    """

    role: str
    version: int
    signatures: int
    threshold: int
    keys: tuple[str, ...]


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of metadata.

    Attributes:
        wrote: in the order in which it was written.
        waiting: what devices do not see yet.
    """

    wrote: tuple[Wrote, ...] = ()
    waiting: tuple[Waiting, ...] = ()


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One release as it is listed.

    Attributes:
        share: of all boxes that may take it now, 0 to 1.
        starts: when its roll-out begins; stages count from there.
    """

    model: str
    seq: int
    version: str
    size_bytes: int
    issued: str
    starts: str
    rollout: tuple[Stage, ...] = ()
    share: float
    halted: bool = False
    revoked: str = ""
    mandatory_by: str | None = None
    changelog: str = ""


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What `add --json` prints.

    Attributes:
        variants: how each did on this machine.
        new_bytes: of files that no earlier release has.
    """

    schema: str = "edged.published-release/1"
    release: Offered
    variants: tuple[VariantProof, ...]
    new_bytes: int
    settled: Settled


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What the other commands that change something print with `--json`.

    Attributes:
        release: that is offered otherwise now.
        spent: the file of a key that is of no use any more.
    """

    schema: str = "edged.publication/1"
    release: Offered | None = None
    settled: Settled
    spent: str | None = None


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What `push` and `bundle` print with `--json`.

    Attributes:
        files: how many were written.
        size_bytes: of these.
        timestamp: its version: what a device sees by it.
    """

    schema: str = "edged.pushed/1"
    place: str
    files: int
    size_bytes: int
    timestamp: int


class RoleState(msgspec.Struct, frozen=True, kw_only=True):
    """One role's metadata.

    Attributes:
        left_s: seconds until it expires; negative: it has.
    """

    role: str
    version: int
    expires: str
    left_s: int


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What `list --json` prints: what there is in a publisher's folder.

    Attributes:
        waiting: signatures that are missing until devices see the newest.
    """

    schema: str = "edged.published/1"
    releases: tuple[Offered, ...] = ()
    roles: tuple[RoleState, ...] = ()
    waiting: tuple[Waiting, ...] = ()


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a device would not get."""

    path: str
    why: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify --json` prints: what a device would see.

    Attributes:
        files: how many were looked for, each once.
        lacking: those that are not there as they should be.
        resumes: whether a download that was cut can go on; None where it is no server,
            or there was nothing to try it with.
    """

    schema: str = "edged.repository/1"
    place: str
    ok: bool
    releases: tuple[Offered, ...] = ()
    roles: tuple[RoleState, ...] = ()
    files: int = 0
    lacking: tuple[Lacking, ...] = ()
    resumes: bool | None = None
