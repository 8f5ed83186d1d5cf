"""What a release consists of: its documents must agree before the first byte."""

import msgspec
import pytest

from edged.errors import NotFetched
from edged.update.cargo import by_digest, check, missing, total_bytes
from edged.update.judgement import wanted
from edged.update.source import Described
from edged.wire.listing import ChunkIndex
from tests.fakes.updates import Published, published

ONE = published(15)
WANTED = wanted(ONE.offer, downgrade=False)


def described(one: Published = ONE, **index: object) -> Described:
    """Return what describes a release, its index changed."""
    return Described(
        manifest=one.manifest, index=msgspec.structs.replace(one.index, **index)
    )


def test_documents_that_agree_pass() -> None:
    """The usual case says nothing."""
    check(WANTED, described())


MODEL = ONE.index.files["model.onnx"]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (Described(manifest=b"?", index=ONE.index), "cannot use model.yaml"),
        (described(published(16)), "that of pets seq 16"),
        (described(published(15, model="cats")), "that of cats seq 15"),
        (described(chunk_bytes=1), "chunks of 1 bytes"),
        (described(files={}), "differ on "),
        (
            described(
                files={
                    **ONE.index.files,
                    "model.onnx": msgspec.structs.replace(MODEL, size=1),
                }
            ),
            "differ on model.onnx",
        ),
        (
            described(
                files={
                    **ONE.index.files,
                    "model.onnx": msgspec.structs.replace(MODEL, sha256="ab" * 32),
                }
            ),
            "differ on model.onnx",
        ),
        (
            described(
                files={
                    **ONE.index.files,
                    "model.onnx": msgspec.structs.replace(
                        MODEL, chunks=MODEL.chunks[1:]
                    ),
                }
            ),
            "another number of chunks of model.onnx",
        ),
        (described(files={**ONE.index.files, "more": MODEL}), "does not name more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_documents_that_contradict_each_other_are_refused(
    told: Described, why: str
) -> None:
    """By what is wrong, as something that its publisher can put right."""
    with pytest.raises(NotFetched, match=why) as refused:
        check(WANTED, told)

    assert "not-understood" == refused.value.fields["reason"]


def test_a_file_without_an_index_is_taken_as_a_whole() -> None:
    """An API names files by one hash each."""
    plain = msgspec.structs.replace(MODEL, chunks=())

    check(WANTED, described(files={**ONE.index.files, "model.onnx": plain}))


def test_one_file_is_what_its_digest_says() -> None:
    """An API names a file instead of a release; its bytes are held against that."""
    one = Described(manifest=b"", index=ChunkIndex(files={"m.onnx": MODEL}))

    check(msgspec.structs.replace(WANTED, digest=MODEL.sha256), one)
    with pytest.raises(NotFetched, match="its one file is another"):
        check(WANTED, one)


def test_what_the_daemon_has_is_not_missing() -> None:
    """By what is in it, under whatever name."""
    labels = ONE.index.files["labels.txt"].sha256

    found = missing(described(), frozenset({labels}))

    assert ["model.onnx"] == list(found)


def test_the_same_bytes_twice_are_one_file() -> None:
    """They are fetched once, and count once."""
    index = ChunkIndex(files={"a": MODEL, "b": MODEL})
    told = Described(manifest=b"", index=index)

    assert {MODEL.sha256: MODEL} == by_digest(missing(told, frozenset()))
    assert MODEL.size == total_bytes(told)
