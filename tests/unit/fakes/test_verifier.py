"""The twin of who vouches."""

import pytest

from edged.activate.verifier import Verifier, Vouched
from edged.errors import Untrusted
from edged.wire.names import Trust
from tests.fakes.verifier import FakeVerifier


def test_it_says_what_its_table_says_and_remembers_who_asked() -> None:
    """It fits the port, as mypy sees."""
    fake = FakeVerifier()
    fake.sources["main"] = Vouched(trust=Trust.SIGNED)
    port: Verifier = fake

    vouched = port.verify("main", {"1.root.json": b"r"}, b"name: pets")

    assert Vouched(trust=Trust.SIGNED) == vouched
    assert [("main", {"1.root.json": b"r"}, b"name: pets")] == fake.asked


def test_it_trusts_no_other_source() -> None:
    """As the real one."""
    with pytest.raises(Untrusted, match="nobody named it"):
        FakeVerifier().verify("evil", {}, b"")
