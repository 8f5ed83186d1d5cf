"""Private keys on the real disk."""

import stat
from pathlib import Path

import pytest

from edged.errors import BadConfig, NotPermitted
from edged.publish.keys import KeyRing, short


class Asked:
    """Answers with a passphrase, and counts."""

    def __init__(self, said: str | None) -> None:
        self.said = said
        self.times = 0

    def __call__(self, question: str) -> str | None:
        """Return it."""
        assert question.startswith("passphrase of ")
        self.times += 1
        return self.said


def nobody(_: str) -> str | None:
    """Return nothing: there is no terminal."""
    return None


def test_a_key_signs_what_its_public_half_verifies(tmp_path: Path) -> None:
    """Also after it was read from its file."""
    key = KeyRing(tmp_path, nobody).make("targets", None)

    (signer,) = KeyRing(tmp_path, nobody).signers([key])
    key.verify_signature(signer.sign(b"said"), b"said")

    assert key.keyid == signer.public_key.keyid


def test_its_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """And is called by what it is for."""
    key = KeyRing(tmp_path / "keys", nobody).make("root", None)

    (path,) = (tmp_path / "keys").iterdir()
    assert (f"root-{short(key)}.pem", 0o600, 0o700) == (
        path.name,
        stat.S_IMODE(path.stat().st_mode),
        stat.S_IMODE(path.parent.stat().st_mode),
    )


def test_a_passphrase_encrypts_it_and_is_asked_for_once(tmp_path: Path) -> None:
    """However many keys there are."""
    ring = KeyRing(tmp_path, nobody)
    keys = [ring.make("root", "a long one") for _ in range(2)]
    asked = Asked("a long one")

    signers = list(KeyRing(tmp_path, asked).signers(keys))

    assert all(b"ENCRYPTED" in path.read_bytes() for path in tmp_path.iterdir())
    assert (2, 1) == (len(signers), asked.times)


def test_nobody_is_asked_for_a_key_that_is_not_needed(tmp_path: Path) -> None:
    """A nightly job has the passphrase of its own key, or needs none."""
    ring = KeyRing(tmp_path, nobody)
    ring.make("root", "secret")
    online = ring.make("online", None)
    asked = Asked(None)

    assert 1 == len(list(KeyRing(tmp_path, asked).signers([online])))
    assert 0 == asked.times


@pytest.mark.parametrize(
    ("said", "why"),
    [("another", "its passphrase is another"), (None, "it has a passphrase")],
)
def test_a_wrong_or_missing_passphrase_is_told(
    tmp_path: Path, said: str | None, why: str
) -> None:
    """With what to do."""
    key = KeyRing(tmp_path, nobody).make("root", "secret")

    with pytest.raises(NotPermitted, match=why) as caught:
        list(KeyRing(tmp_path, Asked(said)).signers([key]))

    assert "EDGED_KEY_PASSPHRASE" in caught.value.hint


def test_a_key_that_is_elsewhere_is_passed_over(tmp_path: Path) -> None:
    """It is in a safe, and may sign there."""
    away = KeyRing(tmp_path / "safe", nobody).make("root", None)
    here = KeyRing(tmp_path / "keys", nobody).make("root", None)

    ring = KeyRing(tmp_path / "keys", nobody)

    assert [here.keyid] == [s.public_key.keyid for s in ring.signers([away, here])]
    assert ring.path(away) is None


@pytest.mark.parametrize("other", [True, False])
def test_a_file_that_is_not_the_key_is_refused(tmp_path: Path, other: bool) -> None:  # noqa: FBT001  # a parameter
    """Garbage, or somebody else's key under this name."""
    ring = KeyRing(tmp_path, nobody)
    key = ring.make("root", None)
    path = ring.path(key)
    assert path is not None
    other_ring = KeyRing(tmp_path / "other", nobody)
    fresh = other_ring.path(other_ring.make("root", None))
    assert fresh is not None
    path.write_bytes(fresh.read_bytes() if other else b"-----BEGIN")

    with pytest.raises(BadConfig, match="cannot use the key"):
        list(KeyRing(tmp_path, nobody).signers([key]))
