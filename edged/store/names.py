"""Names in a bundle: what a stranger wrote becomes a file name on this box.

Law: pure. A bundle is flat: one folder of the tar, however deep, with plain names.
"""

from edged.errors import BadBundle
from edged.store.tar import Kind, Member

#: What a tar header holds without an extension, and more than people type.
_NAME_MAX_BYTES = 100

#: The folder of a tar in which signed metadata lies.
SIGNED = "signed"


class Place:
    """The one folder of the tar in which the files lie; people tar a folder."""

    def __init__(self) -> None:
        self._files_in: tuple[str, ...] | None = None
        self._folders: list[tuple[str, ...]] = []

    def name_of(self, member: Member) -> str | None:
        """Return a file's plain name, None for a folder.

        Raises:
            BadBundle: the name leads elsewhere, or to a second folder.
        """
        parts = parts_of(member.name)
        if member.kind is Kind.FOLDER:
            self._folders.append(parts)
        elif not parts or member.name.endswith("/"):
            raise BadBundle(f"cannot take bundle: a file is named {member.name!r}")
        elif self._files_in is None:
            self._files_in = parts[:-1]
        elif parts[:-1] != self._files_in:
            raise self._second_folder(member.name)
        self._check_folders()
        return None if member.kind is Kind.FOLDER else parts[-1]

    def _check_folders(self) -> None:
        """Every folder that is named must be on the way to the files."""
        if self._files_in is None:
            return
        for folder in self._folders:
            if folder != self._files_in[: len(folder)]:
                raise self._second_folder("/".join(folder))
        self._folders.clear()

    def _second_folder(self, name: str) -> BadBundle:
        inside = "/".join(self._files_in or ()) or "the top"
        is_signed = SIGNED in (inside, name.partition("/")[0])
        return BadBundle(
            f"cannot take bundle: {name!r} is not in the same folder as the rest "
            f"({inside})",
            hint="`edgectl update import PATH` brings in a signed release"
            if is_signed
            else "a bundle is flat: put all its files into one folder",
        )


def parts_of(written: str) -> tuple[str, ...]:
    """Split a member's name; `.` and doubled slashes say nothing."""
    if written.startswith("/"):
        raise BadBundle(
            f"cannot take bundle: {written!r} is an absolute path",
            hint="make the tar with `tar -C FOLDER .`, without `-P`",
        )
    parts = tuple(part for part in written.split("/") if part not in ("", "."))
    for part in parts:
        check_name(part, written)
    return parts


def check_name(name: str, written: str) -> None:
    """Refuse a name that is not plain: it becomes a file name on this box."""
    if name == "..":
        why, hint = "leads out of its folder", ""
    elif name.startswith("."):
        why = "begins with a dot"
        hint = "leave hidden files out (on a Mac: `COPYFILE_DISABLE=1 tar …`)"
    elif "\\" in name or "/" in name or not name.isprintable():
        why, hint = "has a backslash, a slash or a control character", "rename it"
    elif name != name.strip():
        why, hint = "begins or ends with a blank", "rename it"
    elif not 0 < len(name.encode()) <= _NAME_MAX_BYTES:
        why = f"has {len(name.encode())} bytes; 1 to {_NAME_MAX_BYTES} are allowed"
        hint = "rename it"
    else:
        return
    raise BadBundle(f"cannot take bundle: the name {written!r} {why}", hint=hint)
