"""Which host to ask first."""

from edged.update.mirrors import Mirrors
from edged.wire.updates import Reason
from tests.fakes.clock import Hours

A, B, C = "http://a/x", "http://b:81/x", "http://c/x"


def test_the_order_is_as_written() -> None:
    """While nothing is known."""
    assert [C, A, B] == Mirrors(Hours()).ranked([C, A, B])


def test_who_failed_comes_later() -> None:
    """By how often, and wrong bytes count more than anything."""
    mirrors = Mirrors(Hours())
    mirrors.blame(A, Reason.WRONG_HASH)
    for _ in range(3):
        mirrors.blame(B, Reason.CUT)

    assert [C, B, A] == mirrors.ranked([A, B, C])


def test_a_host_answers_for_all_its_files() -> None:
    """It is the host that is remembered."""
    mirrors = Mirrors(Hours())
    mirrors.blame(A, Reason.CUT)

    assert [B, "http://a/y"] == mirrors.ranked(["http://a/y", B])


def test_success_forgives() -> None:
    """So does time."""
    clock = Hours()
    mirrors = Mirrors(clock)
    mirrors.blame(A, Reason.CUT)
    mirrors.blame(B, Reason.WRONG_HASH)

    mirrors.praise(A)
    praised = mirrors.ranked([B, A])
    clock.now += 3600
    later = mirrors.ranked([B, A])

    assert [A, B] == praised
    assert [B, A] == later
