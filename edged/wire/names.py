"""What requests, releases and changes of all kinds are said with.

Law: no struct of another page; this one stands below all messages.
"""

import enum
from typing import Annotated

import msgspec

from edged.wire.release import NAME_PATTERN

#: A model's name in a request. It becomes a folder name further down, so nothing
#: that could lead out of a folder may pass here.
Name = Annotated[str, msgspec.Meta(pattern=rf"\A(?:{NAME_PATTERN})\Z")]

#: A source of updates, as in the settings; it names a folder, too.
SourceName = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,31}\Z")]


class Trust(enum.Enum):
    """Why a release may run."""

    LOCAL = "local"  # installed by root or an administrator, unsigned
    SIGNED = "signed"  # its publisher signed it, back to a root that this box holds
    SHA256 = "sha256"  # from a source that the administrator believes
