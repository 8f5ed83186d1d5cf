"""Registrations, whatever is in them."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.api.regions import read_registration
from edged.errors import BadRegion, EdgedError, InvalidRequest
from edged.host.shm import Named
from edged.wire.oip_regions import Registration


def test_a_registration_is_read() -> None:
    """The offset may be left out; unknown keys are passed over."""
    body = b'{"key": "/k", "byte_size": 64, "device": 3}'

    assert Registration(key="/k", offset=0, byte_size=64) == read_registration(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"key": "k"}',
        b'{"byte_size": 1}',
        b'{"key": 5, "byte_size": 1}',
        b'{"key": "k", "byte_size": 0}',
        b'{"key": "k", "byte_size": -1}',
        b'{"key": "k", "byte_size": 1.5}',
        b'{"key": "k", "byte_size": 1, "offset": -1}',
        b'{"key": "\xff", "byte_size": 1}',
        b'{"key": "\\ud800", "byte_size": 1}',
        b"[" * 5000,
    ],
)
def test_what_is_no_registration_is_told(body: bytes) -> None:
    """As the caller's mistake."""
    with pytest.raises(InvalidRequest, match="cannot read the registration"):
        read_registration(body)


@given(
    st.binary()
    | st.builds(
        lambda key, size, offset: msgspec.json.encode(
            {"key": key, "byte_size": size, "offset": offset}
        ),
        st.text(),
        st.integers(),
        st.integers(),
    )
)
def test_nothing_but_a_refusal_comes_out(body: bytes) -> None:
    """Of any bytes."""
    with suppress(EdgedError):
        read_registration(body)


@given(st.text())
def test_no_key_opens_what_is_not_the_callers(key: str) -> None:
    """Whatever it says, there is no such object of user 2^31."""
    with pytest.raises(BadRegion):
        Named(key, uid=2**31)
