"""The sources of the settings, as who vouches for a release."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from edged.activate.verifier import Verifier, Vouched
from edged.config.update import Expired, Source, SourceKind, SourceTrust, Update
from edged.errors import BadBundle, StoreFailed, Unsigned, Untrusted
from edged.host.files import DiskFiles
from edged.vouching import Vouching
from edged.wire.names import Trust
from tests.fakes.bundles import bundle_files
from tests.fakes.tuf_repository import TufRepository


def manifest(name: str = "pets", seq: int = 1) -> bytes:
    """Return a release's `model.yaml`."""
    return bundle_files(name, seq)["model.yaml"]


@pytest.fixture
def host() -> TufRepository:
    """Return a publisher with one release."""
    made = TufRepository(datetime.now(UTC))
    made.add("pets", 1, manifest=manifest())
    made.publish()
    return made


@pytest.fixture
def update(tmp_path: Path, host: TufRepository) -> Update:
    """Return settings with a source of each kind."""
    root = tmp_path / "root.json"
    root.write_bytes(host.first_root)
    return Update(
        sources=(
            Source(name="main", url="https://a.example", root=root),
            Source(
                name="hint",
                kind=SourceKind.API,
                url="https://b.example",
                models=("pets",),
                confirm="main",
            ),
            Source(
                name="believed",
                kind=SourceKind.API,
                url="https://c.example",
                models=("pets",),
                trust=SourceTrust.SHA256,
            ),
        )
    )


@pytest.fixture
def vouching(tmp_path: Path, update: Update) -> Vouching:
    """Return who vouches, by these settings."""
    return Vouching(update, folder=tmp_path / "trust", files=DiskFiles())


def reason(
    vouching: Verifier,
    documents: Mapping[str, bytes],
    data: bytes | None = None,
    source: str = "main",
) -> object:
    """Return why a release is not trusted."""
    with pytest.raises(Untrusted) as caught:
        vouching.verify(source, documents, manifest() if data is None else data)
    return caught.value.fields["reason"]


def test_a_signed_release_is_vouched_for(
    vouching: Vouching, host: TufRepository, tmp_path: Path
) -> None:
    """What was proved is kept, in a folder of this source."""
    vouched = vouching.verify("main", host.documents(), manifest())

    assert Vouched(trust=Trust.SIGNED) == vouched
    assert {"timestamp.json", "2.targets.json"} <= {
        path.name for path in (tmp_path / "trust/main").iterdir()
    }


@pytest.mark.parametrize("source", ["main", "hint"])
def test_what_came_without_signatures_is_unsigned(
    vouching: Vouching, source: str, tmp_path: Path
) -> None:
    """Also where an API only hints at what another has signed."""
    with pytest.raises(Unsigned, match=f"source {source} signs its releases"):
        vouching.verify(source, {}, manifest())

    assert not (tmp_path / "trust").exists()


def test_a_hint_is_confirmed_by_its_signer(
    vouching: Vouching, host: TufRepository
) -> None:
    """And stays within the models that the hint is for."""
    vouched = vouching.verify("hint", host.documents(), manifest())

    assert Vouched(trust=Trust.SIGNED, models=("pets",)) == vouched


def test_a_source_that_is_believed_needs_no_signature(vouching: Vouching) -> None:
    """The administrator said so; it is recorded as what it is."""
    vouched = vouching.verify("believed", {}, b"")

    assert Vouched(trust=Trust.SHA256, models=("pets",)) == vouched


def test_a_source_that_nobody_named_is_not_trusted(
    vouching: Vouching, host: TufRepository
) -> None:
    """Whatever came along; the message says who is."""
    with pytest.raises(Untrusted, match="main, hint, believed alone") as caught:
        vouching.verify("evil", host.documents(), manifest())

    assert "no-root" == caught.value.fields["reason"]


def test_without_sources_none_is_trusted(tmp_path: Path) -> None:
    """The default."""
    vouching = Vouching(Update(), folder=tmp_path / "trust", files=DiskFiles())

    assert "no-root" == reason(vouching, {})


def test_another_manifest_is_not_the_one_that_was_signed(
    vouching: Vouching, host: TufRepository
) -> None:
    """One byte is enough; so is a number that was never signed."""
    assert "wrong-hash" == reason(vouching, host.documents(), manifest() + b"\n")
    assert "not-offered" == reason(vouching, host.documents(), manifest(seq=2))
    assert "not-offered" == reason(vouching, host.documents(), manifest("wolves"))


def test_a_signed_release_has_a_manifest(
    vouching: Vouching, host: TufRepository
) -> None:
    """A bare model cannot be one."""
    with pytest.raises(BadBundle, match=r"has its model\.yaml"):
        vouching.verify("main", host.documents(), b"")


def test_a_revoked_release_is_refused_in_its_publishers_words(
    vouching: Vouching, host: TufRepository
) -> None:
    """For good: the documents from before it was revoked prove nothing any more."""
    before = host.documents()
    vouching.verify("main", before, manifest())
    host.add("pets", 1, manifest=manifest(), revoked="confuses cats and dogs")
    host.publish()

    with pytest.raises(Untrusted, match="confuses cats and dogs") as caught:
        vouching.verify("main", host.documents(), manifest())

    assert "revoked" == caught.value.fields["reason"]
    assert "revoked" == reason(vouching, before)


def test_what_is_revoked_of_the_model_is_told(
    vouching: Vouching, host: TufRepository
) -> None:
    """By the digests that releases have; other models do not matter."""
    host.add("pets", 2, manifest=manifest(seq=2), revoked="too slow")
    host.add("wolves", 2, manifest=manifest("wolves", 2), revoked="howls")
    host.publish()

    vouched = vouching.verify("main", host.documents(), manifest())

    digest = host.targets.targets["models/pets/2/model.yaml"].hashes["sha256"]
    assert frozenset({digest}) == vouched.revoked


def test_older_documents_bring_back_nothing(
    vouching: Vouching, host: TufRepository
) -> None:
    """A release that its publisher took away stays away."""
    before = host.documents()
    del host.targets.targets["models/pets/1/model.yaml"]
    host.add("pets", 2, manifest=manifest(seq=2))
    host.publish()
    vouching.verify("main", host.documents(), manifest(seq=2))

    assert "rollback" == reason(vouching, before)


def test_another_publisher_is_not_believed(
    vouching: Vouching, host: TufRepository
) -> None:
    """His root does not lead back to the one that lies on this box."""
    other = TufRepository(host.now)
    other.add("pets", 1, manifest=manifest())
    other.publish()

    assert "bad-signature" == reason(vouching, other.documents())


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json"])
def test_a_document_that_is_missing_is_told(
    vouching: Vouching, host: TufRepository, name: str
) -> None:
    """It was left out on the way."""
    documents = {n: data for n, data in host.documents().items() if n != name}

    assert "bad-metadata" == reason(vouching, documents)


def test_documents_that_nobody_needs_change_nothing(
    vouching: Vouching, host: TufRepository, tmp_path: Path
) -> None:
    """They are not kept either."""
    documents = {**host.documents(), "notes.json": b"junk", "9.root.json": b"{"}

    vouched = vouching.verify("main", documents, manifest())

    assert Trust.SIGNED is vouched.trust
    kept = {path.name for path in (tmp_path / "trust/main").iterdir()}
    assert set() == kept & {"notes.json", "9.root.json"}


def test_expired_metadata_is_taken_where_the_settings_say_so(
    vouching: Vouching, update: Update, tmp_path: Path
) -> None:
    """It expired before this edged was written: no clock is needed to tell."""
    old = TufRepository(datetime(2026, 1, 1, tzinfo=UTC))
    old.add("pets", 1, manifest=manifest())
    old.publish()
    (tmp_path / "root.json").write_bytes(old.first_root)
    lenient = Vouching(
        msgspec.structs.replace(update, expired=Expired.ACCEPT),
        folder=tmp_path / "other",
        files=DiskFiles(),
    )

    assert "freeze" == reason(vouching, old.documents())
    assert Trust.SIGNED is lenient.verify("main", old.documents(), manifest()).trust


def test_a_root_that_cannot_be_read_is_told(
    vouching: Vouching, host: TufRepository, tmp_path: Path
) -> None:
    """It is missing, far too large, or no root."""
    root = tmp_path / "root.json"

    root.unlink()
    assert "no-root" == reason(vouching, host.documents())
    root.write_bytes(bytes(600_000))
    assert "no-root" == reason(vouching, host.documents())
    root.write_bytes(b"{}")
    assert "no-root" == reason(vouching, host.documents())


def test_a_disk_that_refuses_is_told(
    vouching: Vouching, host: TufRepository, tmp_path: Path
) -> None:
    """What is proved cannot be kept: then nobody acts on it."""
    (tmp_path / "trust").write_text("a file is in the way")

    with pytest.raises(StoreFailed):
        vouching.verify("main", host.documents(), manifest())


def test_signatures_cost_nothing_until_they_are_needed() -> None:
    """A daemon without signed releases does not hold what reads them."""
    code = "import sys, edged.vouching; print({'tuf', 'cryptography'} & {*sys.modules})"

    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "set()\n" == said.stdout
