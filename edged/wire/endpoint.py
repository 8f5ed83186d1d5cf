"""What a row of the control API is: `wire.endpoints` has the rows.

Law: values; whoever binds or calls a row finds its types here.
"""

import enum
from typing import Generic, NamedTuple, TypeVar

import msgspec

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)


class Access(enum.Enum):
    """Who may call; each may do what the ones before may."""

    READ = "read"  # everybody who can connect
    DELIVER = "deliver"  # the updater: it may bring in what its sources vouch for
    ADMIN = "admin"  # those who may change the box


class Body(enum.Enum):
    """What the request's body is."""

    NONE = "none"  # GET: fields beyond the path go into the query
    JSON = "json"
    TAR = "tar"  # a streamed tar; the fields go into the query


# Not a Struct: msgspec cannot hold types as field values of a generic. Not a dataclass:
# that module brings `inspect`, a tenth of what `edgectl status` needs to start.
class Endpoint(NamedTuple, Generic[Q, A]):
    """One row. `{name}` in the path is the request's field of that name."""

    method: str
    path: str
    request: type[Q]
    answer: type[A]
    access: Access
    body: Body
    summary: str
    timeout_s: float = 10.0  # the client's default deadline
