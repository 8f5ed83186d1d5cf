"""`edgectl publish`, as a person types it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.daemon import DEMO, ROOT
from tests.fakes.publishing import small_bundle

Edgectl = Callable[..., tuple[int, str, str]]
Publish = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle."""
    return small_bundle(tmp_path / "bundle", seq=1)


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


def test_help_does_not_wait_for_tuf() -> None:
    """Half a second on a small machine."""
    script = (
        "import sys\nfrom edged.cli.main import main\n"
        "code = main(['publish', 'add', '--help'])\n"
        "sys.exit(code or 'tuf' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False
    )

    assert 0 == done.returncode, done.stderr
