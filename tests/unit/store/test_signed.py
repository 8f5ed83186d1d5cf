"""What is signed about a release, on its way to the daemon."""

import io
import tarfile
from pathlib import Path

import pytest

from edged.errors import BadBundle, NoInput
from edged.store.signed import MAX_BYTES, MAX_DOCUMENTS, Documents, pack_signed


def _members(data: bytes) -> list[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [
            (member.name, file.read())
            for member in archive
            if (file := archive.extractfile(member))
        ]


def test_documents_come_first_then_the_manifest_then_files(tmp_path: Path) -> None:
    """So that what must not come in is refused before its bytes are sent."""
    (tmp_path / "part").write_bytes(b"weights")
    (tmp_path / "words").write_bytes(b"cat")

    stream = pack_signed(
        {"timestamp.json": b"t", "1.root.json": b"r"},
        b"name: pets",
        {"model.onnx": tmp_path / "part", "labels.txt": tmp_path / "words"},
    )

    assert [
        ("signed/1.root.json", b"r"),
        ("signed/timestamp.json", b"t"),
        ("model.yaml", b"name: pets"),
        ("labels.txt", b"cat"),
        ("model.onnx", b"weights"),
    ] == _members(b"".join(stream))


def test_what_the_daemon_has_is_left_out() -> None:
    """A release whose files are all there is its manifest alone."""
    stream = pack_signed({"timestamp.json": b"t"}, b"name: pets", {})

    names = [name for name, _ in _members(b"".join(stream))]
    assert ["signed/timestamp.json", "model.yaml"] == names


def test_a_missing_file_is_told_before_the_first_byte(tmp_path: Path) -> None:
    """The part may have been swept meanwhile."""
    with pytest.raises(NoInput, match="no such file"):
        pack_signed({}, b"", {"model.onnx": tmp_path / "nowhere"})


@pytest.mark.parametrize("name", ["..", "a/b", ".hidden", "", "x" * 101, "a\n"])
def test_names_are_plain(name: str) -> None:
    """Of documents and of files: they come from a publisher."""
    with pytest.raises(BadBundle, match="is no document's"):
        pack_signed({name: b""}, b"", {})
    with pytest.raises(BadBundle, match="cannot take bundle: the name"):
        pack_signed({}, b"", {name: Path("/dev/null")})


def test_the_longest_name_of_a_document_fits_into_a_header() -> None:
    """With its folder."""
    name = "x" * 92

    data = b"".join(pack_signed({name: b"t"}, b"", {}))

    assert f"signed/{name}" == _members(data)[0][0]
    with pytest.raises(BadBundle, match="is no document's"):
        pack_signed({name + "x": b"t"}, b"", {})


def test_too_many_documents_are_refused() -> None:
    """One more than the bound."""
    documents = Documents()
    for at in range(MAX_DOCUMENTS):
        documents.admit(f"{at}.root.json", 1)
        documents.keep(f"{at}.root.json", b"r")

    with pytest.raises(BadBundle, match="more than 260 documents"):
        documents.admit("timestamp.json", 1)


def test_documents_are_bounded_together() -> None:
    """All that fits is kept, and not a byte more is let in."""
    documents = Documents()
    documents.admit("1.root.json", MAX_BYTES - 1)
    documents.keep("1.root.json", bytes(MAX_BYTES - 1))

    documents.admit("timestamp.json", 1)
    with pytest.raises(BadBundle, match="more than 8388608 bytes"):
        documents.admit("timestamp.json", 2)


def test_a_document_comes_once() -> None:
    """Two readers could take different ones of the two."""
    documents = Documents()
    documents.admit("timestamp.json", 1)
    documents.keep("timestamp.json", b"t")

    with pytest.raises(BadBundle, match=r"'signed/timestamp\.json' twice"):
        documents.admit("timestamp.json", 1)
    assert {"timestamp.json": b"t"} == documents.by_name
