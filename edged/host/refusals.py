"""What a disk refuses, in words that a person in front of the box can act on.

Law: every errno has a sentence, and a command to type next; the usual ones have their
own. Looks at the file system to word them, and changes nothing.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_MIB = 1 << 20


def explained(path: Path, exc: OSError) -> tuple[str, str]:
    """Say why a path was refused, and what to do next.

    Returns:
        `(why, hint)`; lowercase, without the path.
    """
    return _EXPLAINED.get(exc.errno or 0, _anything_else)(path, exc)


def _disk_full(path: Path, exc: OSError) -> tuple[str, str]:
    hint = (
        "make room: `edgectl models remove NAME` for a model nobody needs; "
        f"`df -h {_mount_of(path)}` shows the space"
    )
    try:
        room = os.statvfs(_nearest(path))
    except OSError:
        return str(exc.strerror), hint
    where = f"the file system at {_mount_of(path)}"
    if room.f_files and not room.f_favail:
        return f"{where} has no free inodes of {room.f_files}", hint
    free, total = (n * room.f_frsize / _MIB for n in (room.f_bavail, room.f_blocks))
    return f"{where} is full ({free:.1f} MiB free of {total:.1f} MiB)", hint


def _over_quota(path: Path, _: OSError) -> tuple[str, str]:
    return (
        f"the disk quota of {_who()} is used up",
        f"raise it, or make room: `du -sh {_mount_of(path)}/*`",
    )


def _read_only(path: Path, _: OSError) -> tuple[str, str]:
    mount = _mount_of(path)
    hint = (
        "`dmesg | tail` says whether the kernel made it so after an error; if not: "
        f"`mount -o remount,rw {mount}`"
    )
    return f"the file system at {mount} is read-only", hint


def _no_permission(path: Path, _: OSError) -> tuple[str, str]:
    near = _nearest(path)
    owner = ""
    with suppress(OSError):
        held = near.lstat()
        mode = stat.S_IMODE(held.st_mode)
        owner = f"; {near} belongs to {_user(held.st_uid)}, mode {mode:04o}"
    return (
        f"no permission for {_who()}{owner}",
        f"`ls -ld {near}`; the state directory must belong to the daemon's user",
    )


def _too_many_links(*_: Path | OSError) -> tuple[str, str]:
    return (
        "the file system allows no more hard links to that file",
        "remove releases that nobody needs: `edgectl models show NAME` lists them",
    )


def _device_failed(path: Path, _: OSError) -> tuple[str, str]:
    return (
        "the storage device reports an input/output error",
        f"`dmesg | tail`; save what {_mount_of(path)} holds and replace the device",
    )


def _too_many_open(*_: Path | OSError) -> tuple[str, str]:
    return (
        "too many files are open",
        "fewer connections, or a higher LimitNOFILE in the unit",
    )


def _anything_else(path: Path, exc: OSError) -> tuple[str, str]:
    why = (exc.strerror or str(exc)).lower()
    return why, f"`ls -ld {_nearest(path)}`"


_EXPLAINED: dict[int, Callable[[Path, OSError], tuple[str, str]]] = {
    errno.ENOSPC: _disk_full,
    errno.EDQUOT: _over_quota,
    errno.EROFS: _read_only,
    errno.EACCES: _no_permission,
    errno.EPERM: _no_permission,
    errno.EMLINK: _too_many_links,
    errno.EIO: _device_failed,
    errno.EMFILE: _too_many_open,
    errno.ENFILE: _too_many_open,
}


def _who() -> str:
    return f"user {_user(os.geteuid())}"


def _user(uid: int) -> str:
    import pwd  # noqa: PLC0415  # only to word an error

    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def _nearest(path: Path) -> Path:
    """Return `path` or the nearest folder above it that exists."""
    return next((p for p in (path, *path.parents) if os.path.lexists(p)), Path("/"))


def _mount_of(path: Path) -> Path:
    near = _nearest(path)
    return next((p for p in (near, *near.parents) if p.is_mount()), Path("/"))
