"""`edgectl publish`: who signs, as a person types it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.publishing import small_bundle

Edgectl = Callable[..., tuple[int, str, str]]
Publish = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle."""
    return small_bundle(tmp_path / "bundle", seq=1)


def test_init_says_what_boxes_need_and_what_goes_into_a_safe(
    edgectl: Edgectl, tmp_path: Path
) -> None:
    """And that the keys have no passphrase."""
    code, out, err = edgectl("publish", "init", "--repo", tmp_path / "x")

    assert 0 == code
    assert f"boxes need {tmp_path}/x/repository/metadata/1.root.json" in out
    assert f"put offline: {tmp_path}/x/keys/root-*.pem" in out
    assert "EDGED_KEY_PASSPHRASE is not set" in err
    assert "try: edgectl publish add BUNDLE" in err


def test_keys_can_be_encrypted(
    edgectl: Edgectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, by one passphrase; without it nothing is signed."""
    monkeypatch.setenv("EDGED_KEY_PASSPHRASE", "correct horse")
    edgectl("publish", "init", "--repo", tmp_path / "x")

    good = edgectl("publish", "renew", "--repo", tmp_path / "x")
    monkeypatch.delenv("EDGED_KEY_PASSPHRASE")
    bad = edgectl("publish", "renew", "--repo", tmp_path / "x")

    assert (0, 77) == (good[0], bad[0])
    assert all(
        b"ENCRYPTED" in path.read_bytes() for path in (tmp_path / "x/keys").iterdir()
    )


def test_expiries_can_be_chosen(edgectl: Edgectl, tmp_path: Path) -> None:
    """And stand in a file."""
    code, _, _ = edgectl(
        "publish", "init", "--repo", tmp_path / "x", "--expiry", "timestamp=3d"
    )

    assert 0 == code
    assert "timestamp: 3d" in (tmp_path / "x/publish.yaml").read_text()


@pytest.mark.parametrize("said", ["timestamp", "timestamp=3", "clock=3d"])
def test_an_expiry_that_is_none_is_refused(
    edgectl: Edgectl, tmp_path: Path, said: str
) -> None:
    """Before a key is made."""
    code, _, err = edgectl(
        "publish", "init", "--repo", tmp_path / "x", "--expiry", said
    )

    assert code in {2, 65, 78}
    assert err.startswith("edgectl: cannot ")
    assert not (tmp_path / "x").exists()


def test_a_change_that_waits_says_who_must_sign(
    publish: Publish, bundle: Path, repo: Path, tmp_path: Path
) -> None:
    """The key is in a safe; there `sign` ends it."""
    (targets,) = (repo / "keys").glob("targets-*")
    safe = tmp_path / "safe"
    safe.mkdir()
    shutil.move(targets, safe / targets.name)

    _, _, waits = publish("add", bundle)
    listed = publish("list")
    signed = publish("sign", "targets", "--keys", safe)
    renewed = publish("renew")

    said = "targets 2 waits: it has 0 of 1 signatures"
    assert (True, True) == (said in waits, said in listed[2])
    assert "edgectl publish sign targets --keys DIR" in waits
    assert (0, 0) == (signed[0], renewed[0])
    assert "1.1.0" in publish("list")[1]
    assert "waits" not in publish("list")[2]


def test_a_renewal_that_signs_nothing_fails(publish: Publish, repo: Path) -> None:
    """So that the job's owner hears of it before boxes do."""
    (online,) = (repo / "keys").glob("online-*")
    online.unlink()

    code, _, err = publish("renew")

    assert (1, True) == (code, "timestamp 2 waits" in err)


def test_a_key_is_replaced(publish: Publish, repo: Path) -> None:
    """And the old one is named; of several it must be said which."""
    one = publish("rotate", "targets")
    unclear = publish("rotate", "root")
    root = min((repo / "keys").glob("root-*")).stem[-8:]
    named = publish("rotate", "root", "--key", root)

    assert (0, 65, 0) == (one[0], unclear[0], named[0])
    assert "no use any more:" in one[1]
    assert f"root-{root}.pem" in named[1]
    assert "edgectl publish rotate root --key " in unclear[2]


def test_a_renewal_without_a_timestamp_fails(
    publish: Publish, bundle: Path, repo: Path, tmp_path: Path
) -> None:
    """Though something else was signed."""
    (online,) = (repo / "keys").glob("online-*")
    shutil.move(online, tmp_path / online.name)
    publish("add", bundle)

    code, out, err = publish("renew")

    assert (1, True) == (code, "snapshot 2 waits" in err), out


def test_a_role_that_expires_soon_is_told(edgectl: Edgectl, tmp_path: Path) -> None:
    """Days before; somebody must go to a safe."""
    at = ("--repo", tmp_path / "x")
    edgectl("publish", "init", *at, "--expiry", "root=20d")
    for path in (tmp_path / "x/keys").glob("root-*"):
        path.unlink()

    code, _, err = edgectl("publish", "renew", *at)

    assert (0, True) == (code, "root expires in 19 d 23 h" in err)
    assert "edgectl publish sign root" in err
