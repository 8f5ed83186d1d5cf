"""The host in memory is what python-tuf takes for one."""

from datetime import UTC, datetime

import pytest
from tuf.api.metadata import Metadata

from edged.errors import NotFetched
from edged.wire.listing import CHUNK_BYTES
from tests.fakes.tuf_repository import ROLES, TufRepository, chunked

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def documents(host: TufRepository) -> dict[str, Metadata]:  # type: ignore[type-arg]  # of any role
    """Return the newest document of each role."""
    return {
        role: Metadata.from_bytes(
            host.files[
                "metadata/timestamp.json"
                if role == "timestamp"
                else f"metadata/{getattr(host, role).version}.{role}.json"
            ]
        )
        for role in ROLES
    }


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_signed_by_the_root(role: str) -> None:
    """At every edition, with new keys, too."""
    host = TufRepository(NOW)
    host.rotate(role)
    host.publish(*ROLES)
    papers = documents(host)

    papers["root"].verify_delegate(role, papers[role])

    assert 2 == papers[role].signed.version


def test_a_file_that_is_not_there_is_told() -> None:
    """As a host would."""
    with pytest.raises(NotFetched):
        list(TufRepository(NOW).fetch("metadata/9.root.json", 1))


def test_a_file_is_indexed_in_pieces() -> None:
    """The last one shorter."""
    assert 2 == len(chunked(bytes(CHUNK_BYTES + 1)).chunks)
