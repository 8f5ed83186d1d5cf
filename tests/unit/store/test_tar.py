"""The tar format: what is understood, and what is refused by its name."""

import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edged.errors import BadBundle
from edged.store.tar import (
    BLOCK,
    SIZE_MAX,
    Kind,
    ending,
    header,
    looks_like_tar,
    padding,
    places,
    read_tar,
)
from tests.fakes.bundles import in_pieces, tar_of

MAX = 1 << 20
FILES = {"model.yaml": b"name: x\n", "model.onnx": bytes(range(256)) * 5, "empty": b""}


def _read(data: bytes, *, size: int = 700, max_bytes: int = MAX) -> dict[str, bytes]:
    return {
        member.name: b"".join(body)
        for member, body in read_tar(in_pieces(data, size), max_bytes=max_bytes)
        if member.kind is Kind.FILE
    }


def _one(
    change: Callable[[tarfile.TarInfo], None], fmt: int = tarfile.GNU_FORMAT
) -> bytes:
    """Make a tar of one member that `change` has touched."""
    info = tarfile.TarInfo("a")
    change(info)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


def _sealed(block: bytes) -> bytes:
    """Give a header the checksum that it should have."""
    total = sum(block[:148]) + 8 * 32 + sum(block[156:])
    return block[:148] + b"%06o\0 " % total + block[156:]


@pytest.mark.parametrize(
    "fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
)
def test_every_common_format_is_read(fmt: int) -> None:
    """With names too long for the plain header, too."""
    long = "folder/" * 20 + "x" * 60
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
        for name, data in {**FILES, long: b"deep"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

    assert {**FILES, long: b"deep"} == _read(out.getvalue())


@pytest.mark.parametrize(
    "fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
)
def test_members_are_found_without_reading_them(fmt: int) -> None:
    """By headers alone, each where its bytes begin."""
    long = "folder/" * 20 + "x" * 60
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
        for name, data in {**FILES, long: b"deep"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    out.seek(0)

    found = {
        member.name: out.getvalue()[begin : begin + member.size]
        for member, begin in places(out)
    }

    assert {**FILES, long: b"deep"} == found


def test_a_member_that_no_disk_holds_is_not_looked_for() -> None:
    """Its size is one that no file can be positioned at."""
    header = bytearray(tarfile.TarInfo("a").tobuf())
    header[124:136] = b"\x80" + b"\xff" * 11

    with pytest.raises(BadBundle, match="its tar has size"):
        list(places(io.BytesIO(_sealed(bytes(header)))))


def test_what_is_written_here_is_read_by_the_standard_module() -> None:
    """And by our own reader."""
    data = b"".join(
        part
        for name, body in FILES.items()
        for part in (header(name, len(body)), body, padding(len(body)))
    )
    data += ending()

    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        members = archive.getmembers()
        read = {m.name: archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]

    assert FILES == read == _read(data)
    assert {(0o644, 0, 0, 0)} == {(m.mode, m.uid, m.gid, m.mtime) for m in members}
    assert looks_like_tar(data[:BLOCK])


def test_the_largest_size_fits_into_a_header() -> None:
    """Eleven octal digits."""
    block = header("a", SIZE_MAX)

    assert BLOCK == len(block)
    assert b"77777777777" == block[124:135]


@pytest.mark.parametrize("cut", range(1, 2200, 137))
def test_a_truncated_tar_is_called_truncated(cut: int) -> None:
    """Wherever it ends, an end at a header's border included."""
    whole = tar_of(FILES).rstrip(b"\0")[:-1]
    data = tar_of(FILES)[: max(BLOCK, len(whole) - cut)]

    with pytest.raises(BadBundle, match="truncated"):
        _read(data)


def test_a_tar_that_ends_after_its_last_member_is_truncated() -> None:
    """Without an end mark nobody knows whether more should come."""
    data = header("a", 0)

    with pytest.raises(BadBundle, match="before its end mark"):
        _read(data)


def test_one_zero_block_is_end_mark_enough() -> None:
    """GNU tar warns and goes on; so do we."""
    assert {"a": b""} == _read(header("a", 0) + bytes(BLOCK))


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a character device"),
        (tarfile.BLKTYPE, "a block device"),
        (tarfile.FIFOTYPE, "a named pipe"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
        (b"V", "unknown type"),
        (b"M", "unknown type"),
    ],
)
def test_all_but_files_and_folders_is_refused(kind: bytes, what: str) -> None:
    """By its name and kind."""

    def change(info: tarfile.TarInfo) -> None:
        info.type = kind
        info.linkname = "/etc/passwd"

    with pytest.raises(BadBundle, match=f"'a' is {what}|'a' is of {what}"):
        _read(_one(change))


def test_a_long_link_is_refused_as_the_link_it_is() -> None:
    """Its target has a record of its own, in both formats."""

    def change(info: tarfile.TarInfo) -> None:
        info.type = tarfile.SYMTYPE
        info.linkname = "/" + "x" * 300

    for fmt in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with pytest.raises(BadBundle, match="symbolic link"):
            _read(_one(change, fmt))


def test_a_pax_sparse_file_is_refused() -> None:
    """Its bytes are not the file's bytes."""

    def change(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "b"}

    with pytest.raises(BadBundle, match="sparse"):
        _read(_one(change, tarfile.PAX_FORMAT))


def test_pax_records_that_say_nothing_to_us_are_dropped() -> None:
    """Dates and attributes; git's comment for all members."""

    def change(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"mtime": "1.5", "SCHILY.xattr.user.x": "a=b\nc"}

    data = _one(change, tarfile.PAX_FORMAT)
    comment = _record(b"g", b"16 comment=abcd\n"[:16])

    assert {"a": b""} == _read(comment + data)


def _record(flag: bytes, body: bytes) -> bytes:
    block = header("pax", len(body))
    return _sealed(block[:156] + flag + block[157:]) + body + padding(len(body))


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (_record(b"x", b"9 size=1"), "wrong length"),
        (_record(b"x", b"0 size=1\n"), "wrong length"),
        (_record(b"x", b"99 size=1\n"), "wrong length"),
        (_record(b"x", b"9 size_1\n"), "wrong length"),
        (_record(b"x", b"-9 size=1\n"), "without its length"),
        (_record(b"x", b"999999 a=1\n"), "without its length"),
        (_record(b"x", b"10 size=-1\n"), "wrong length"),
        (_record(b"x", b"11 size=-1\n"), "size '-1'"),
        (_record(b"x", b"5010 size=" + b"9" * 4999 + b"\n"), "size '9999"),
        (_record(b"g", b"10 path=x\n"), "for all its members"),
        (_record(b"x", b"10 path=\xff\n"), "not UTF-8"),
        (_record(b"x", b"") * 5, "extended header"),
        (_record(b"L", bytes(1 << 17)), "extended header of 131072"),
    ],
)
def test_a_bad_record_is_refused(record: bytes, why: str) -> None:
    """In bounded memory and time."""
    data = record + header("a", 0) + ending()

    with pytest.raises(BadBundle, match=why):
        _read(data)


@pytest.mark.parametrize(
    ("start", "field", "why"),
    [
        (124, b"0000000000x\0", "size"),
        (124, b"-0000000001\0", "size"),
        (124, b"\xff" * 12, "size"),
        (124, b"\x80" + b"\xff" * 11, "larger than 1 MiB"),
        (124, b"77777777777\0", "larger than 1 MiB"),
        (0, b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_bad_field_is_refused(start: int, field: bytes, why: str) -> None:
    """A number that is none, or is absurd."""
    block = header("a", 0)
    block = _sealed(block[:start] + field + block[start + len(field) :])

    with pytest.raises(BadBundle, match=why):
        _read(block + ending())


def test_a_size_in_base_256_is_read() -> None:
    """GNU tar writes it above 8 GiB, and may do so below."""
    block = header("a", 0)
    block = _sealed(block[:124] + b"\x80" + (3).to_bytes(11, "big") + block[136:])

    assert {"a": b"xyz"} == _read(block + b"xyz" + padding(3) + ending())


def test_a_pax_record_may_say_the_size() -> None:
    """Then the header's own does not count."""
    data = _record(b"x", b"9 size=3\n") + header("a", 0)

    assert {"a": b"xyz"} == _read(data + b"xyz" + padding(3) + ending())


def test_a_header_with_a_wrong_checksum_is_no_tar() -> None:
    """Anything else that is sent ends here: a bare model, a page of HTML."""
    with pytest.raises(BadBundle, match="it is not a tar"):
        _read(b"<html>" * 200)


def test_the_limit_counts_all_files_together() -> None:
    """One byte more than allowed is refused before it is read."""
    data = tar_of({"a": bytes(600), "b": bytes(400)})

    assert 2 == len(_read(data, max_bytes=1000))
    with pytest.raises(BadBundle, match="larger than"):
        _read(data, max_bytes=999)


@pytest.mark.parametrize("after", [b"x", bytes(2 << 20), tar_of(FILES)])
def test_only_some_zeros_may_follow_the_end(after: bytes) -> None:
    """A second tar would be ignored by one program and read by another."""
    assert FILES == _read(tar_of(FILES) + bytes(50_000))
    with pytest.raises(BadBundle, match="after the end"):
        _read(tar_of(FILES) + after)


def test_bytes_left_unread_are_skipped() -> None:
    """A reader may look at names alone."""
    names = [m.name for m, _ in read_tar(in_pieces(tar_of(FILES)), max_bytes=MAX)]

    assert list(FILES) == names


def test_a_folder_of_the_old_form_is_a_folder() -> None:
    """Before POSIX a slash at the end said so."""
    block = header("a/", 0)
    block = _sealed(block[:156] + b"\0" + block[157:])

    kinds = [m.kind for m, _ in read_tar([block + ending()], max_bytes=MAX)]

    assert [Kind.FOLDER] == kinds


_SEEDS = [
    tar_of(FILES),
    _one(lambda info: setattr(info, "name", "x" * 200), tarfile.PAX_FORMAT),
    _one(lambda info: setattr(info, "name", "x" * 200), tarfile.GNU_FORMAT),
]


@settings(max_examples=400, deadline=None)
@given(
    seed=st.sampled_from(_SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=12)), max_size=6),
    cut=st.integers(0, 6000),
    reseal=st.booleans(),
)
@example(seed=_SEEDS[0], edits=[], cut=0, reseal=False)
def test_a_mutated_tar_is_read_or_refused(
    seed: bytes,
    edits: list[tuple[int, bytes]],
    cut: int,
    reseal: bool,  # noqa: FBT001  # drawn, not passed by a person
) -> None:
    """Nothing but `BadBundle` comes out, also where the checksums are right again."""
    data = bytearray(seed)
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    if reseal:
        for start in range(0, len(data) - BLOCK + 1, BLOCK):
            block = bytes(data[start : start + BLOCK])
            if block[257:262] == b"ustar":
                data[start : start + BLOCK] = _sealed(block)
    kept = bytes(data[: len(data) - cut])

    try:
        got = _read(kept)
    except BadBundle as error:
        got, said = {}, error.message
    else:
        said = "cannot take bundle: "

    assert said.startswith("cannot take bundle: ")
    assert sum(map(len, got.values())) <= len(kept)
