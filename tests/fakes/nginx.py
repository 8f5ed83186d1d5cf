"""The real nginx of Debian on a loopback port, with a folder of its own.

One process, in the foreground, as whoever runs the tests; it ends with its block. It
writes nothing outside the folder that it is given. Certificates for its TLS variant are
made on the spot, good or bad in one way.
"""

import datetime as dt
import enum
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_CONF = """
daemon off;
master_process off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log {home}/access.log;
    types {{ application/json json; }}
    default_type application/octet-stream;
    client_body_temp_path {home}/t1;
    proxy_temp_path {home}/t2;
    fastcgi_temp_path {home}/t3;
    uwsgi_temp_path {home}/t4;
    scgi_temp_path {home}/t5;
    server {{
        listen {listen};
        root {root};
        {more}
    }}
}}
"""

_START_S = 10.0


class Bad(enum.Enum):
    """What is wrong with a certificate."""

    NOTHING = "nothing"
    HOST = "host"
    SELF_SIGNED = "self-signed"
    NOT_YET = "not-yet"
    EXPIRED = "expired"


class Nginx(msgspec.Struct, frozen=True, kw_only=True):
    """A server that runs.

    Attributes:
        url: of its root, without a slash at the end.
        port: on 127.0.0.1.
        root: the folder that it serves.
        ca_file: what a client must trust; None without TLS.
    """

    url: str
    port: int
    root: Path
    home: Path
    ca_file: Path | None = None

    def requests(self) -> list[str]:
        """Return the lines of its access log."""
        return (self.home / "access.log").read_text().splitlines()


@contextmanager
def nginx(home: Path, *, bad: Bad | None = None, more: str = "") -> Iterator[Nginx]:
    """Run nginx for a block.

    Args:
        home: a folder for all it needs; `www` in it is served.
        bad: serve TLS, with a certificate that is bad so (or not); None for plain HTTP.
        more: lines of its `server` block.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("nginx is not on this machine")
    root = home / "www"
    root.mkdir(parents=True, exist_ok=True)
    port = free_port()
    listen, ca_file = f"127.0.0.1:{port}", None
    if bad is not None:
        ca_file = certificates(home, bad)
        listen += " ssl"
        more += f" ssl_certificate {home}/cert.pem; ssl_certificate_key {home}/key.pem;"
    conf = home / "nginx.conf"
    conf.write_text(_CONF.format(home=home, root=root, listen=listen, more=more))
    process = subprocess.Popen(
        [program, "-p", str(home), "-e", f"{home}/error.log", "-c", str(conf)],
        stdin=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process, home / "error.log")
        scheme, host = ("http", "127.0.0.1") if bad is None else ("https", "localhost")
        yield Nginx(
            url=f"{scheme}://{host}:{port}",
            port=port,
            root=root,
            home=home,
            ca_file=ca_file,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def free_port() -> int:
    """Return a port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    text = log.read_text() if log.exists() else ""
    raise AssertionError(f"nginx did not start: {text}")


def certificates(home: Path, bad: Bad) -> Path:
    """Write `key.pem` and `cert.pem` for localhost; return what to trust."""
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    begins, ends = {
        Bad.NOT_YET: (now + day, now + 90 * day),
        Bad.EXPIRED: (now - 90 * day, now - day),
    }.get(bad, (now - day, now + 90 * day))
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate(
        "test ca", "test ca", ca_key, ca_key, (now - 99 * day, now + 99 * day)
    )
    host = "elsewhere.test" if bad is Bad.HOST else "localhost"
    signer = key if bad is Bad.SELF_SIGNED else ca_key
    issuer = host if bad is Bad.SELF_SIGNED else "test ca"
    leaf = _certificate(host, issuer, key, signer, (begins, ends))
    pem = serialization.Encoding.PEM
    (home / "cert.pem").write_bytes(leaf.public_bytes(pem))
    (home / "key.pem").write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (home / "ca.pem").write_bytes(ca.public_bytes(pem))
    return home / "ca.pem"


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    valid: tuple[dt.datetime, dt.datetime],
) -> x509.Certificate:
    is_ca = key is signer and subject == "test ca"
    names = [x509.DNSName(subject)] if not is_ca else []
    if subject == "localhost":
        names_ip: list[x509.GeneralName] = [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        ]
    else:
        names_ip = []
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    alternatives = [*names, *names_ip]
    if alternatives:
        built = built.add_extension(
            x509.SubjectAlternativeName(alternatives), critical=False
        )
    return built.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
