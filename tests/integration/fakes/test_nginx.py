"""The real nginx serves its folder, with the certificate that was asked for."""

import os
import socket
import ssl
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.fakes.nginx import Bad, nginx


def test_it_serves_its_folder_while_the_block_lasts(tmp_path: Path) -> None:
    """Nothing listens afterwards; nothing was written elsewhere."""
    with nginx(tmp_path) as host:
        (host.root / "file").write_bytes(b"hello")
        with urlopen(f"{host.url}/file") as answer:  # noqa: S310  # our own
            data = answer.read()
            kind = answer.headers["Content-Type"]
        pid = int((tmp_path / "pid").read_text())

    with socket.socket() as probe:
        refused = probe.connect_ex(("127.0.0.1", host.port))

    assert (b"hello", "application/octet-stream") == (data, kind)
    assert refused
    assert not Path(f"/proc/{pid}").exists()
    assert 'GET /file HTTP/1.1" 200' in host.requests()[0]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (Bad.NOTHING, 0),
        (Bad.HOST, 62),
        (Bad.SELF_SIGNED, 18),
        (Bad.NOT_YET, 9),
        (Bad.EXPIRED, 10),
    ],
)
def test_a_certificate_is_bad_in_one_way(tmp_path: Path, bad: Bad, code: int) -> None:
    """By OpenSSL's own words."""
    with nginx(tmp_path, bad=bad) as host:
        trusting = ssl.create_default_context(cafile=os.fspath(host.ca_file or ""))
        with socket.create_connection(("127.0.0.1", host.port)) as raw:
            try:
                trusting.wrap_socket(raw, server_hostname="localhost").close()
                found = 0
            except ssl.SSLCertVerificationError as error:
                found = error.verify_code

    assert code == found
