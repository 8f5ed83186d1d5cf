"""The page on publishing: its commands, as they stand, with Debian's nginx."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edged.config.load import load
from tests.fakes.daemon import DEMO, ROOT
from tests.fakes.publishing import small_bundle

PAGE = ROOT / "docs" / "how-to" / "publish-to-a-fleet.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]


def blocks(language: str) -> list[str]:
    """Return the page's blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def free_port() -> int:
    """Return a port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Desk:
    """A machine that publishes: the page's places, below a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        for name in (
            "bin",
            "home",
            "srv",
            "media/stick",
            "media/stick-2",
            "etc",
            "other/publish",
        ):
            (folder / name).mkdir(parents=True)
        self._program(
            "edgectl", f'PYTHONPATH={ROOT} exec {sys.executable} -m edged.cli "$@"'
        )
        self._program("scp", f'exec cp "$1" {folder}/etc/root.json')
        self._program("ssh", f'cd {folder}/other; shift; exec "$@"')
        self._program("nginx", "exec true")  # it is started once the page is set up

    def here(self, text: str) -> str:
        """Return a text with the page's places made this test's."""
        for said, meant in (
            ("/srv/", f"{self.folder}/srv/"),
            ("/media/", f"{self.folder}/media/"),
            ("/etc/edged/", f"{self.folder}/etc/"),
            ("http://models.example.org", f"http://127.0.0.1:{self.port}"),
        ):
            text = text.replace(said, meant)
        return text

    def types(self, script: str) -> str:
        """Run a script of the page; return what it printed."""
        env = {
            **os.environ,
            "HOME": str(self.folder / "home"),
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "EDGED_KEY_PASSPHRASE": "correct horse battery staple",
        }
        at = self.folder / "srv" / "publish"
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", self.here(script)],
            cwd=at if at.exists() else self.folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def _program(self, name: str, line: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a machine with a model, known answers, and the next bundle at home."""
    made = Desk(tmp_path)
    home = tmp_path / "home"
    shutil.copy(DEMO / "digits_fp32.onnx", home / "model.onnx")
    with np.load(DEMO / "golden.npz") as known:
        np.savez(home / "golden.npz", **{name: known[name] for name in known.files})
    small_bundle(home / "digits-2", seq=2)
    return made


@pytest.fixture
def server(desk: Desk) -> Iterator[None]:
    """Run nginx with the page's configuration."""
    (page,) = blocks("nginx")
    said = desk.here(page).replace("listen 80;", f"listen 127.0.0.1:{desk.port};")
    config = desk.folder / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {desk.folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; pid {desk.folder}/nginx.pid; error_log stderr;\n"
        f"{'user root;' if os.geteuid() == 0 else ''}\n"
        "events {}\n"
        f"http {{ access_log off; {temporary}\n{said}\n}}\n"
    )
    command = [str(NGINX), "-c", str(config), "-p", str(desk.folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", desk.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < end, "nginx did not start"
                time.sleep(0.05)
            else:
                break
        yield
        process.terminate()


@pytest.mark.usefixtures("server")
def test_ten_commands_lead_from_a_model_to_a_fleet(desk: Desk) -> None:
    """And those for a bad day, for a stick, and for every day."""
    first, look, following, daily, trouble, stick, *_ = blocks("sh")

    desk.types(first)
    seen = desk.types(look)
    desk.types(following)
    desk.types(daily)
    desk.types(trouble)
    desk.types(stick)

    assert "digits    1  1 " in seen
    assert "4 of 4 files are there" in seen
    assert "the server sends no parts" not in seen
    after = desk.types("edgectl publish verify http://models.example.org --repo .")
    assert "for 1%@0h,10%@6h,100%@24h" in after  # the revocation waits for a push
    commands = [
        line
        for block in (first, look, following)
        for line in block.splitlines()
        if line.strip()
    ]
    assert 10 == len(commands)


def test_two_machines_sign_as_the_page_says(desk: Desk) -> None:
    """The other machine is another folder here."""
    desk.types(blocks("sh")[0])
    stick = desk.folder / "media" / "stick"
    shutil.move(min(stick.iterdir()), desk.folder / "media" / "stick-2")
    stick.rename(stick.with_name("stick-1"))
    (page,) = (block for block in blocks("sh") if "ssh OTHER" in block)
    for path in sorted((desk.folder / "media" / "stick-1").iterdir())[1:]:
        path.unlink()

    said = desk.types(page)

    assert "signed: root 2" in said
    assert "root             2" in desk.types("edgectl publish list")


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_another_host_gets_the_timestamp_last(desk: Desk) -> None:
    """By the page's two lines."""
    desk.types(blocks("sh")[0])
    (page,) = (block for block in blocks("sh") if "rsync" in block)
    lines, _, _ = page.replace("HOST:/srv/models/", f"{desk.folder}/host/").partition(
        "aws"
    )

    desk.types(f"mkdir {desk.folder}/host\n{lines}")

    said = desk.types(f"edgectl publish verify {desk.folder}/host")
    assert "files are there" in said


def test_a_box_takes_the_pages_settings(desk: Desk) -> None:
    """Key by key."""
    (page,) = blocks("yaml")
    path = desk.folder / "etc" / "updates.yaml"
    path.write_text(desk.here(page))

    (source,) = load(str(path)).update.sources

    assert ("main", desk.folder / "etc" / "root.json") == (source.name, source.root)
