"""What the protocol says about shared memory regions.

Law: values as they cross the data socket; unknown keys are passed over.
Source: triton server, docs/protocol/extension_shared_memory.md.
"""

from typing import Annotated

import msgspec

from edged.wire.oip_document import Natural

#: The key of a region whose memory came as a file descriptor beside the request.
FD_KEY = "fd:0"


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """POST v2/systemsharedmemory/region/R/register.

    Attributes:
        key: a POSIX shared memory object's name, or `FD_KEY`.
        offset: where in the object the region begins, in bytes.
    """

    key: str
    offset: Natural = 0
    byte_size: Annotated[int, msgspec.Meta(ge=1)]


class RegionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One row of GET v2/systemsharedmemory/status."""

    name: str
    key: str
    offset: int
    byte_size: int
