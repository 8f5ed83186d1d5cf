"""Inputs lent to a real daemon."""

import socket

import numpy as np
import pytest

from edged.cli import asker
from edged.cli.loan import Loan, lend
from edged.client import calls
from edged.client.transport import Transport
from edged.errors import UnknownRegion
from edged.wire.oip import SharedTensor
from tests.fakes.daemon import Daemon

X = np.linspace(0, 1, 64, dtype="<f4").reshape(1, 1, 8, 8)


def _infer(box: Daemon, loan: Loan) -> np.ndarray:
    transport = Transport(str(box.data))
    call = calls.infer("digits", {"image": loan.inputs["image"]}, timeout_s=5.0)
    try:
        return calls.read_infer(transport.call(call, timeout_s=5.0)).output
    finally:
        transport.close()


def test_the_daemon_reads_what_is_lent(box: Daemon) -> None:
    """The same answer as to the body's bytes."""
    with box.client() as client:
        expected = client.infer("digits", X).output

    loan = lend(asker.unix(str(box.data)), {"image": X})
    found = _infer(box, loan)
    loan.close()

    np.testing.assert_array_equal(expected, found)


def test_a_loan_ends(box: Daemon) -> None:
    """With its connection, when no other of this process is left."""
    loan = lend(asker.unix(str(box.data)), {"image": X})

    loan.close()

    with pytest.raises(UnknownRegion):
        _infer(box, loan)


def test_a_loan_that_was_forgotten_is_made_again(box: Daemon) -> None:
    """As when the daemon has hung up on an idle connection."""
    loan = lend(asker.unix(str(box.data)), {"image": X})
    loan._line.sock.shutdown(socket.SHUT_RDWR)

    loan.renew()
    found = _infer(box, loan)
    loan.close()

    assert (1, 10) == found.shape


def test_each_input_is_aligned_and_texts_stay(box: Daemon) -> None:
    """One region for all; what is no number travels in the body."""
    texts = np.array([b"a", b"b"], object)
    inputs = {"a": X[..., :3], "t": texts, "b": X.astype("f8")}

    loan = lend(asker.unix(str(box.data)), inputs)
    loan.close()

    a, b = loan.inputs["a"], loan.inputs["b"]
    assert isinstance(a, SharedTensor)
    assert isinstance(b, SharedTensor)
    assert ((0, 96), (128, 512), True) == (
        (a.place.offset, a.place.size),
        (b.place.offset, b.place.size),
        loan.inputs["t"] is texts,
    )
