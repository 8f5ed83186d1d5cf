"""Kinds of value that only the configuration has: paths, modes, addresses, names."""

import re
from pathlib import Path

from edged.strictyaml.kinds import Kind, Plain, Text
from edged.strictyaml.place import Place


class FullPath(Kind[Path]):
    """A path from the root; a daemon has no current directory worth the name."""

    allowed = "a path that begins with /"
    _text = Text(r"/[^\x00-\x1f\x7f]{0,4094}", allowed)

    def read(self, place: Place) -> Path:
        """Return the path."""
        return Path(self._text.read(place))

    def write(self, value: Path) -> Plain:
        """Return the path."""
        return str(value)


class SocketPath(FullPath):
    """A socket's path; a bare name stands in the runtime directory."""

    allowed = "a path that begins with /, or a bare name in runtime-dir"
    _text = Text(r"(/[^\x00-\x1f\x7f]*)?[A-Za-z0-9_][A-Za-z0-9._-]*", allowed)


class Mode(Kind[int]):
    """A socket's permissions in octal: its owner may always read and write."""

    allowed = "0600 to 0777 in octal, like 0660"
    _text = Text(r"0?[67][0-7]{2}", allowed)

    def read(self, place: Place) -> int:
        """Return the permission bits; quotes around them do not matter."""
        return int(self._text.read(place), 8)

    def write(self, value: int) -> Plain:
        """Return four octal digits."""
        return f"{value:04o}"


class Loopback(Kind[str]):
    """`HOST:PORT` on this machine only: nothing of edged listens to a network."""

    allowed = "HOST:PORT, HOST one of localhost, 127.0.0.0/8, [::1]"
    _octet = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    _address = re.compile(
        rf"(?P<host>localhost|\[::1\]|127(\.{_octet}){{3}}):(?P<port>[0-9]{{1,5}})"
    )
    _port = 65535

    def read(self, place: Place) -> str:
        """Return the address as written; port 0 lets the kernel choose."""
        text = place.scalar("read an address", self.allowed).text
        match = self._address.fullmatch(text)
        if match is None or int(match["port"]) > self._port:
            hint = "put a proxy in front of it to serve a network"
            place.refuse("listen there", self.allowed, hint)
        return text

    def write(self, value: str) -> Plain:
        """Return the address."""
        return value


class Url(Kind[str]):
    """Where a source is: http or https, without a fragment, query or password."""

    allowed = "a URL like https://models.example.org/edged"
    _text = Text(
        r"https?://[A-Za-z0-9._~\[\]:%-]+(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?", allowed
    )

    def read(self, place: Place) -> str:
        """Return the URL without a slash at its end."""
        return self._text.read(place).rstrip("/")

    def write(self, value: str) -> Plain:
        """Return the URL."""
        return value


class Window(Kind[str]):
    """A time of day, from and to; it may span midnight."""

    allowed = "a time of day from and to, like 02:00-05:00"
    _clock = r"([01][0-9]|2[0-3]):[0-5][0-9]"
    _text = Text(rf"{_clock}-{_clock}", allowed)

    def read(self, place: Place) -> str:
        """Return the window as written; its two ends differ."""
        text = self._text.read(place)
        begin, _, end = text.partition("-")
        if begin == end:
            place.refuse("use a window without a length", self.allowed)
        return text

    def write(self, value: str) -> Plain:
        """Return the window."""
        return value


class TimeZone(Kind[str]):
    """A name of the time zone database, which must have it on this box."""

    allowed = "a time zone like Europe/Vienna or UTC"
    _text = Text(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", allowed)

    def read(self, place: Place) -> str:
        """Return the name."""
        # Imported here: few boxes have a window, and its module brings half a megabyte.
        import zoneinfo  # noqa: PLC0415

        name = self._text.read(place)
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, OSError):
            hint = "install the package tzdata, if the name is right"
            place.refuse("use this time zone", "one that this box knows", hint)
        return name

    def write(self, value: str) -> Plain:
        """Return the name."""
        return value


#: The name of a user or a group.
ACCOUNT = Text(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?", "a user or group name")
