"""Real objects and memfds: what may be used, and that misuse is no signal."""

import fcntl
import gc
import mmap
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.errors import BadRegion
from edged.host.shm import FOLDER, Mapped, Named

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
SIZE = 3 * mmap.PAGESIZE
NAME = f"edged-unit-{os.getpid()}"
FILE = Path(FOLDER) / NAME


@pytest.fixture
def named() -> Iterator[Named]:
    """Return an object of three pages by name."""
    FILE.touch(0o600)
    os.truncate(FILE, SIZE)
    try:
        yield Named(f"/{NAME}", uid=os.getuid())
    finally:
        FILE.unlink()


def memfd(*, size: int = SIZE, seals: int = SEALS, flags: int = 0) -> int:
    """Return a memfd, sealed as told."""
    fd = os.memfd_create("edged-unit", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | flags)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def mapped(**kind: int) -> Mapped:
    """Return a mapped memfd whose descriptor is closed again."""
    fd = memfd(**kind)
    try:
        return Mapped(fd, SIZE)
    finally:
        os.close(fd)


def mappings() -> int:
    """Count mappings of memfds of this test."""
    return Path("/proc/self/maps").read_text().count("memfd:edged-unit")


def open_files() -> set[str]:
    """Name this process's open descriptors."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


# --- by name -----------------------------------------------------------------


def test_what_is_written_by_name_is_read(named: Named) -> None:
    """At any offset, across pages."""
    named.write(mmap.PAGESIZE - 2, b"four")
    room = memoryview(bytearray(6))

    named.read_into(mmap.PAGESIZE - 3, room)

    assert room == b"\0four\0"


def test_a_named_object_is_never_mapped(named: Named) -> None:
    """A view of it could raise SIGBUS."""
    assert named.view(0, SIZE) is None


def test_a_truncated_object_is_told_by_the_read(named: Named) -> None:
    """It says where the object ends now, and what it had."""
    os.truncate(FILE, 10)

    with pytest.raises(BadRegion, match=f"ends at byte 10; it had {SIZE}"):
        named.read_into(0, memoryview(bytearray(20)))


def test_a_truncated_object_is_not_grown_by_a_write(named: Named) -> None:
    """Its size is its owner's business."""
    os.truncate(FILE, 10)

    with pytest.raises(BadRegion, match="shorter than the 20 bytes"):
        named.write(0, bytes(20))

    assert FILE.stat().st_size == 10


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "it is no name"),
        ("/", "it is no name"),
        ("..", "it is no name"),
        ("/.", "it is no name"),
        ("//etc/passwd", "it is no name"),
        ("a/b", "it is no name"),
        ("a\0b", "it is no name"),
        ("n" * 256, "over 255 bytes"),
        ("/triton_python_backend_shm_region_1", "reserved"),
        ("/nobody-made-this", "none of that name"),
    ],
)
def test_a_key_is_a_name_and_nothing_else(key: str, told: str) -> None:
    """No key leads out of the folder, or to what is not there."""
    with pytest.raises(BadRegion, match=told):
        Named(key, uid=os.getuid())


def test_an_object_of_another_user_is_refused() -> None:
    """The daemon may be able to open it; the caller did not show that they may."""
    FILE.touch(0o666)
    try:
        with pytest.raises(BadRegion, match=f"not of user {os.getuid() + 1}"):
            Named(NAME, uid=os.getuid() + 1)
    finally:
        FILE.unlink()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Anybody may put one into the folder."""
    target = tmp_path / "secret"
    target.write_bytes(b"secret")
    FILE.symlink_to(target)
    try:
        with pytest.raises(BadRegion):
            Named(NAME, uid=os.getuid())
    finally:
        FILE.unlink()


def test_a_pipe_is_no_object_and_hangs_nobody() -> None:
    """Opening one for reading and writing would succeed."""
    os.mkfifo(FILE)
    try:
        with pytest.raises(BadRegion):
            Named(NAME, uid=os.getuid())
    finally:
        FILE.unlink()


def test_the_descriptor_goes_with_the_object(named: Named) -> None:
    """Whoever holds it last closes it; a refusal leaves none behind."""
    before = open_files()

    again = Named(NAME, uid=os.getuid())
    during = open_files()
    del again
    with pytest.raises(BadRegion):
        Named(NAME, uid=os.getuid() + 1)

    assert (before, 1) == (open_files(), len(during - before))
    assert named.size == SIZE


# --- by descriptor -----------------------------------------------------------


def test_a_sealed_memfd_is_the_same_memory_on_both_sides() -> None:
    """What one writes the other sees."""
    fd = memfd()
    region = Mapped(fd, SIZE)
    view = region.view(64, 4)
    assert view is not None

    os.pwrite(fd, b"in  ", 64)
    assert bytes(view) == b"in  "
    region.write(64, b"out ")
    assert os.pread(fd, 4, 64) == b"out "

    os.close(fd)


def test_a_mapping_needs_no_descriptor() -> None:
    """So that regions cannot use descriptors up."""
    before = open_files()

    region = mapped()

    assert before == open_files()
    assert (SIZE, 1) == (region.size, mappings())


def test_a_mapping_lives_as_long_as_its_last_view() -> None:
    """A run that uses it goes on; then it is gone."""
    region = mapped()
    view = region.view(0, 8)
    assert view is not None

    del region
    view[:] = b"in use.."
    while_used = mappings()
    del view
    gc.collect()

    assert (1, 0) == (while_used, mappings())


def test_no_more_is_mapped_than_is_asked_for() -> None:
    """A large memfd does not eat the address space."""
    fd = memfd(size=64 * SIZE)

    region = Mapped(fd, SIZE)

    os.close(fd)
    line = next(
        line
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "memfd:edged-unit" in line
    )
    start, end = (int(part, 16) for part in line.split()[0].split("-"))
    assert (SIZE, 64 * SIZE) == (end - start, region.size)


@pytest.mark.parametrize(
    "seals", [0, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL]
)
def test_both_seals_are_demanded(seals: int) -> None:
    """One that could shrink would raise SIGBUS; one that could grow, lie."""
    with pytest.raises(BadRegion, match="F_SEAL_SHRINK and F_SEAL_GROW must be set"):
        mapped(seals=seals)


def test_a_memfd_that_cannot_be_written_is_refused() -> None:
    """A mapping is for both directions."""
    with pytest.raises(BadRegion, match="cannot map the memfd"):
        mapped(seals=SEALS | fcntl.F_SEAL_WRITE)


def test_an_empty_memfd_is_refused() -> None:
    """There is nothing to map."""
    with pytest.raises(BadRegion, match="empty"):
        mapped(size=0)


def test_huge_pages_are_refused() -> None:
    """They can run out at a touch, which is a SIGBUS."""
    try:
        fd = memfd(size=2 << 20, flags=os.MFD_HUGETLB)
    except OSError as exc:
        pytest.skip(f"this kernel has no huge pages: {exc}")
    with pytest.raises(BadRegion, match="huge pages"):
        Mapped(fd, 4096)
    os.close(fd)


def test_what_is_no_memfd_is_refused(tmp_path: Path) -> None:
    """Files, pipes and sockets have no seals."""
    ours, theirs = socket.socketpair()
    with (tmp_path / "file").open("w+b") as file, ours, theirs:
        for fd in (file.fileno(), ours.fileno()):
            with pytest.raises(BadRegion, match=r"no memfd|must be set"):
                Mapped(fd, 1)
