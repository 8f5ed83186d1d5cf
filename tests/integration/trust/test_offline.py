"""Releases that are handed in with their documents."""

import pytest

from edged.config.update import Expired
from edged.errors import Untrusted
from edged.trust.listings import Signed
from edged.trust.offline import verify
from tests.fakes.tuf_repository import TufRepository
from tests.integration.trust.conftest import Box

MANIFEST = b"name: digits\nseq: 3\n"


def judged(
    box: Box,
    documents: dict[str, bytes],
    *,
    manifest: bytes = MANIFEST,
    seq: int = 3,
    expired: Expired = Expired.REFUSE,
) -> Signed | str:
    """Return the release, or the name of what it is refused for."""
    try:
        return verify(
            documents,
            box.repository(expired=expired),
            manifest=manifest,
            model="digits",
            seq=seq,
        )
    except Untrusted as error:
        return str(error.fields["reason"])


def test_a_release_with_its_documents_is_believed(
    box: Box, host: TufRepository
) -> None:
    """By a box that has no network."""
    signed = judged(box, host.documents())

    assert isinstance(signed, Signed)
    assert ("digits", 3) == (signed.listing.model, signed.listing.seq)


def test_what_the_documents_prove_is_kept(box: Box, host: TufRepository) -> None:
    """The next ones must not be older."""
    old = host.documents()
    host.add("digits", 4)
    del host.targets.targets["models/digits/3/model.yaml"]
    host.publish()

    judged(box, host.documents(), manifest=b"name: digits\nseq: 4\n", seq=4)

    assert "rollback" == judged(box, old)


def test_an_older_stick_is_good_while_its_release_is(
    box: Box, host: TufRepository
) -> None:
    """The box knows newer documents, and they list the release, too."""
    old = host.documents()
    host.add("digits", 4)
    host.publish()
    box.repository().refresh(host.fetch)

    assert isinstance(judged(box, old), Signed)


def test_a_stick_from_before_a_change_of_keys_is_told_as_that(
    box: Box, host: TufRepository
) -> None:
    """It is refused as before, by the same name; most likely it is only old."""
    old = host.documents()
    host.rotate("timestamp")
    host.publish("root", "timestamp")
    judged(box, host.documents())

    with pytest.raises(Untrusted) as refused:
        verify(old, box.repository(), manifest=MANIFEST, model="digits", seq=3)

    assert "bad-signature" == refused.value.fields["reason"]
    assert "before its publisher changed his keys" in refused.value.message
    assert "root 1, and this box trusts root 2" in refused.value.message
    assert "publish bundle" in refused.value.hint


def test_an_older_stick_does_not_bring_a_revoked_release(
    box: Box, host: TufRepository
) -> None:
    """What the box knows decides."""
    old = host.documents()
    host.add("digits", 3, revoked="it answers nonsense")
    host.publish()
    box.repository().refresh(host.fetch)

    assert "revoked" == judged(box, old)


def test_an_older_stick_counts_no_more_when_all_has_expired(
    box: Box, host: TufRepository
) -> None:
    """What the box knows must still hold."""
    old = host.documents()
    host.publish()
    box.repository().refresh(host.fetch)
    box.dial.now = box.dial.now.replace(year=2028)

    assert "freeze" == judged(box, old)


def test_an_expired_stick_is_the_administrators_choice(
    box: Box, host: TufRepository
) -> None:
    """Refused by default."""
    box.dial.now = box.dial.now.replace(year=2028)

    assert "freeze" == judged(box, host.documents())
    assert isinstance(judged(box, host.documents(), expired=Expired.ACCEPT), Signed)


@pytest.mark.parametrize(
    ("manifest", "seq", "reason"),
    [
        (MANIFEST + b" ", 3, "wrong-hash"),
        (b"", 3, "wrong-hash"),
        (MANIFEST.replace(b"3", b"9"), 3, "wrong-hash"),
        (MANIFEST, 4, "not-offered"),
    ],
)
def test_a_release_that_is_not_the_one_signed_is_refused(
    box: Box, host: TufRepository, manifest: bytes, seq: int, reason: str
) -> None:
    """An arbitrary file in a good envelope."""
    assert reason == judged(box, host.documents(), manifest=manifest, seq=seq)


def test_a_manifest_of_another_length_than_signed_is_refused(
    box: Box, host: TufRepository
) -> None:
    """Though its hash is right: one of the two is a lie."""
    host.targets.targets["models/digits/3/model.yaml"].length += 1
    host.publish()

    assert "wrong-hash" == judged(box, host.documents())


@pytest.mark.parametrize(
    "name", ["timestamp.json", "2.snapshot.json", "2.targets.json"]
)
def test_a_release_without_a_document_is_refused(
    box: Box, host: TufRepository, name: str
) -> None:
    """It was made without its signatures."""
    documents = host.documents()
    del documents[name]

    assert "bad-metadata" == judged(box, documents)


def test_another_publishers_documents_are_refused(
    box: Box, host: TufRepository
) -> None:
    """They lead to another root."""
    other = TufRepository(host.now)
    other.add("digits", 3)
    other.publish()

    assert "bad-signature" == judged(box, other.documents())


def test_documents_follow_many_roots(box: Box, host: TufRepository) -> None:
    """A box from long ago takes a new release, if all roots are there."""
    for _ in range(5):
        host.rotate("timestamp")
        host.publish("root", "timestamp")

    assert isinstance(judged(box, host.documents()), Signed)
