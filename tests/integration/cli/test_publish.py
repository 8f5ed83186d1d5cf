"""`edgectl publish`, as a person types it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.daemon import DEMO
from tests.fakes.publishing import small_bundle

Edgectl = Callable[..., tuple[int, str, str]]
Publish = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Return the publisher's folder."""
    return tmp_path / "repo"


@pytest.fixture
def publish(edgectl: Edgectl, repo: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Return a function that runs a command in the publisher's folder."""
    monkeypatch.delenv("EDGED_KEY_PASSPHRASE", raising=False)

    def run(verb: str, *words: object) -> tuple[int, str, str]:
        return edgectl("publish", verb, *words, "--repo", repo)

    assert 0 == run("init")[0]
    return run


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


def test_from_a_bundle_to_a_web_server(
    publish: Publish, bundle: Path, tmp_path: Path, repo: Path
) -> None:
    """Add, push, look."""
    added = publish("add", bundle, "--rollout", "1%@0h,100%@24h")
    pushed = publish("push", tmp_path / "www")
    seen = publish("verify", tmp_path / "www")

    assert (0, 0, 0) == (added[0], pushed[0], seen[0])
    assert "digits 1.1.0 is release 1" in added[1]
    assert "offered for 1%@0h,100%@24h" in added[1]
    assert "shows timestamp 2: 10 files were new" in pushed[1]
    assert "6 of 6 files are there" in seen[1]
    assert not [*(repo / "work").iterdir()]


def test_an_offer_changes_by_a_word(publish: Publish, bundle: Path) -> None:
    """Each is a new version."""
    publish("add", bundle, "--mandatory-by", "30d", "--changelog", "sees sevens")

    said = [
        publish("halt", "digits", 1),
        publish("resume", "digits", 1),
        publish("roll-out", "digits", 1, "5%@0h", "--starts", "2099-01-01T00:00:00Z"),
        publish("revoke", "digits", 1, "--why", "it sees ghosts"),
    ]

    assert [0] * 4 == [code for code, _, _ in said]
    assert "is halted: nobody new takes it" in said[0][1]
    assert "is for all boxes from" in said[1][1]
    assert "is for 5%@0h from 2099-01-01T00:00:00Z" in " ".join(said[2][1].split())
    assert "is revoked: it sees ghosts" in said[3][1]
    assert all("timestamp " in out for _, out, _ in said)


def test_a_bundle_that_answers_wrong_is_refused(
    publish: Publish, tmp_path: Path
) -> None:
    """With what is wrong, and no listing."""
    spoilt = small_bundle(tmp_path / "spoilt", spoilt=True)

    code, _, err = publish("add", spoilt)

    assert 65 == code
    assert "does not give its golden answers" in " ".join(err.split())
    assert "no release is listed" in publish("list")[1]


def test_a_bare_model_needs_a_name(publish: Publish) -> None:
    """The hint has one that would do; what it is worth is told."""
    bare = DEMO / "digits_fp32.onnx"

    without = publish("add", bare)
    named = publish("add", bare, "--name", "faces", "--as-version", "2026.1")

    assert 2 == without[0]
    assert f"edgectl publish add {bare} --name digits_fp32" in without[2]
    assert "faces 2026.1 is release 1" in named[1]


def test_a_release_without_golden_answers_is_pointed_at(
    publish: Publish, tmp_path: Path
) -> None:
    """It is published, as its author wants."""
    bundle = small_bundle(tmp_path / "bundle")
    text = (bundle / "model.yaml").read_text()
    (bundle / "model.yaml").write_text(
        "".join(
            line
            for line in text.splitlines(keepends=True)
            if not line.startswith(("golden:", "  golden.npz:"))
        )
    )
    (bundle / "golden.npz").unlink()

    code, _, err = publish("add", bundle)

    assert (0, True) == (code, "it has no golden set" in err)


def test_scripts_read_one_document(
    publish: Publish, bundle: Path, tmp_path: Path
) -> None:
    """With a schema, of every verb."""
    publish("add", bundle)

    documents = [
        json.loads(publish(*words, "--json")[1])
        for words in (
            ("list",),
            ("renew",),
            ("halt", "digits", 1),
            ("push", tmp_path / "www"),
            ("verify", tmp_path / "www"),
            ("bundle", "digits", 1, tmp_path / "out.tar"),
            ("add", small_bundle(tmp_path / "two", seq=2)),
        )
    ]

    assert [
        "edged.published/1",
        "edged.publication/1",
        "edged.publication/1",
        "edged.pushed/1",
        "edged.repository/1",
        "edged.pushed/1",
        "edged.published-release/1",
    ] == [document["schema"] for document in documents]
    assert "digits" == documents[0]["releases"][0]["model"]
    assert documents[4]["ok"] is True


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


def test_a_release_fits_on_a_stick(
    publish: Publish, bundle: Path, tmp_path: Path
) -> None:
    """And it is said how a box takes it."""
    publish("add", bundle)

    code, out, err = publish("bundle", "digits", 1, tmp_path / "out.tar")

    assert (0, True) == (code, (tmp_path / "out.tar").exists())
    assert "10 files" in out
    assert f"edgectl update import {tmp_path}/out.tar" in err


def test_a_place_that_lacks_a_file_fails(
    publish: Publish, bundle: Path, tmp_path: Path
) -> None:
    """For a monitor."""
    publish("add", bundle)
    publish("push", tmp_path / "www")
    min((tmp_path / "www/blobs").iterdir()).unlink()

    code, out, _ = publish("verify", tmp_path / "www")

    said = " ".join(out.split())
    assert (1, True, True) == (code, "5 of 6 files" in said, ": not found" in said)
