"""Paths, modes, addresses and names."""

from pathlib import Path
from typing import Any

import pytest

from edged.config.values import (
    ACCOUNT,
    FullPath,
    Loopback,
    Mode,
    SocketPath,
    TimeZone,
    Url,
    Window,
)
from edged.strictyaml import document, emit
from edged.strictyaml.kinds import Kind
from edged.strictyaml.place import Invalid


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (FullPath(), "/var/lib/edged", Path("/var/lib/edged")),
        (SocketPath(), "/run/x/edged.sock", Path("/run/x/edged.sock")),
        (SocketPath(), "edged.sock", Path("edged.sock")),
        (Mode(), "0660", 0o660),
        (Mode(), '"0600"', 0o600),
        (Mode(), "666", 0o666),
        (Loopback(), "127.0.0.1:8000", "127.0.0.1:8000"),
        (Loopback(), "127.255.0.9:0", "127.255.0.9:0"),
        (Loopback(), "localhost:65535", "localhost:65535"),
        (Loopback(), '"[::1]:8000"', "[::1]:8000"),
        (Url(), "https://h.example:8443/a/b/", "https://h.example:8443/a/b"),
        (Url(), '"http://[::1]:80"', "http://[::1]:80"),
        (Window(), "23:30-05:00", "23:30-05:00"),
        (TimeZone(), "UTC", "UTC"),
        (ACCOUNT, "edged-admin", "edged-admin"),
        (ACCOUNT, "no", "no"),
    ],
)
def test_good_values_are_read_and_written_back(
    kind: Kind[Any], text: str, expected: object
) -> None:
    """What is written reads the same again."""
    value = kind.read(document.read(f"k: {text}\n".encode(), "f").at("k"))
    again = f"k: {emit.flow(kind.write(value))}\n"

    assert expected == value
    assert expected == kind.read(document.read(again.encode(), "f").at("k"))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FullPath(), "run/edged"),
        (FullPath(), "~/edged"),
        (FullPath(), '"/a\\n"'),
        (SocketPath(), "a/b.sock"),
        (SocketPath(), "../b.sock"),
        (SocketPath(), "/run/edged/"),
        (Mode(), "0460"),
        (Mode(), "0o660"),
        (Mode(), "01660"),
        (Mode(), "0680"),
        (Url(), "ftp://h/a"),
        (Url(), "https://user:password@h/a"),
        (Url(), "https://h/a?b=c"),
        (Url(), "https://h/a#b"),
        (Url(), '"https://h/a b"'),
        (Window(), "02:00-02:00"),
        (Window(), "24:00-02:00"),
        (Window(), "2-5"),
        (TimeZone(), "Europe/Nowhere"),
        (TimeZone(), "../../etc/passwd"),
        (Loopback(), "0.0.0.0:80"),
        (Loopback(), '"[::]:80"'),
        (Loopback(), "192.168.1.2:80"),
        (Loopback(), "127.0.0.256:80"),
        (Loopback(), "126.0.0.1:80"),
        (Loopback(), "127.0.0.1"),
        (Loopback(), "127.0.0.1:65536"),
        (Loopback(), "localhost.example.com:80"),
        (ACCOUNT, "a b"),
        (ACCOUNT, '""'),
    ],
)
def test_bad_values_are_refused(kind: Kind[Any], text: str) -> None:
    """Nothing listens to a network, and nothing depends on a current directory."""
    place = document.read(f"k: {text}\n".encode(), "f").at("k")

    with pytest.raises(Invalid):
        kind.read(place)

    assert len(place.report.faults) == 1
