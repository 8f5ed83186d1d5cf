"""Signed releases into the real daemon, by real users over the real control socket."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from edged.client import Control
from edged.store.signed import pack_documents, pack_signed
from edged.wire.changes import ChangesRequest
from edged.wire.endpoints import CHANGES, FILES, MODEL
from edged.wire.messages import Level, ModelName, ModelPhase, Nothing
from edged.wire.names import Trust
from tests.data import onnx_files
from tests.fakes.box import bundle
from tests.fakes.bundles import tar_of
from tests.fakes.daemon import Daemon, running
from tests.fakes.tuf_repository import TufRepository

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be other users")

UPDATER = pwd.getpwall()[-1]  # some user that exists

#: Posts what it reads, as another user; prints the status and the answer.
POST = """
import http.client, os, pwd, socket, sys
path, uid, query = sys.argv[1], int(sys.argv[2]), sys.argv[3]
body = sys.stdin.buffer.read()
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
call = http.client.HTTPConnection("localhost")
call.sock = socket.socket(socket.AF_UNIX)
call.sock.connect(path)
call.request("POST", query, body)
answer = call.getresponse()
sys.stdout.write('{"status": %d, "body": %s}' % (answer.status, answer.read().decode()))
"""


class Said(NamedTuple):
    """What the daemon answered: a code for a refusal, and its reason of trust."""

    status: int
    code: str = ""
    reason: str = ""


OK = Said(200)


class Town:
    """A daemon, the publisher that it trusts, and a user who delivers."""

    def __init__(self, daemon: Daemon, host: TufRepository) -> None:
        self.daemon = daemon
        self.host = host

    def publish(self, *releases: Mapping[str, bytes]) -> None:
        """Sign releases of `sums`; the first has number 1."""
        for seq, release in enumerate(releases, 1):
            files = {n: d for n, d in release.items() if n != "model.yaml"}
            data = release["model.yaml"]
            self.host.add("sums", seq, manifest=data, files=files)
        self.host.publish()

    def deliver(self, body: Iterable[bytes], query: str = "source=main") -> Said:
        """Send a tar as the updater's user."""
        return self.post(body, query, UPDATER.pw_uid)

    def post(self, body: Iterable[bytes], query: str, uid: int = 0) -> Said:
        """Send a tar as any user."""
        return self._posted(body, f"/v1/install?{query}", uid)

    def hear(self, *, alone: bool = False) -> Said:
        """Send what is signed now, and nothing else, as the updater's user."""
        path = f"/v1/models/sums/hear?source=main&alone={alone}".lower()
        documents = pack_documents(self.host.documents())
        return self._posted(documents, path, UPDATER.pw_uid)

    def _posted(self, body: Iterable[bytes], path: str, uid: int) -> Said:
        ran = subprocess.run(
            [sys.executable, "-I", "-c", POST, self.daemon.control, str(uid), path],
            input=b"".join(body),
            capture_output=True,
            check=True,
        )
        said = json.loads(ran.stdout)
        if said["status"] == 200:
            return OK
        body_ = said["body"]
        reason = body_["fields"].get("reason", "")
        return Said(said["status"], body_["code"], reason)

    def live(self) -> int | None:
        """Return the number of what is live."""
        models = self.daemon.status().models
        return models[0].seq if models else None

    @property
    def leftovers(self) -> list[str]:
        """What lies in `incoming/`."""
        return sorted(path.name for path in (self.daemon.state / "incoming").iterdir())


@contextmanager
def town(home: Path, settings: str = "") -> Iterator[Town]:
    """Start a daemon that trusts a new publisher."""
    host = TufRepository(datetime.now(UTC))
    (home / "root.json").write_bytes(host.first_root)
    config = home / "edged.yaml"
    config.write_text(
        f"server: {{mode: '0666'}}\n"
        f"update:\n"
        f"  apart: true\n"
        f"  user: {UPDATER.pw_name}\n"
        f"  sources: [{{name: main, url: 'http://127.0.0.1:9', "
        f"root: {home / 'root.json'}}}]\n"
        f"{settings}"
    )
    with running(home, "--config", str(config)) as daemon:
        home.chmod(0o711)
        yield Town(daemon, host)


@pytest.fixture
def here(home: Path) -> Iterator[Town]:
    """Return a town without a release."""
    with town(home) as made:
        yield made


def whole(
    here: Town, release: Mapping[str, bytes], documents: Mapping[str, bytes] = {}
) -> Iterator[bytes]:
    """Return the tar of a signed release with all its files."""
    signed = {
        f"signed/{n}": data for n, data in (documents or here.host.documents()).items()
    }
    yield tar_of({**signed, **release})


def test_the_updater_brings_in_a_signed_release(here: Town) -> None:
    """It serves, and everybody can see why it may."""
    here.publish(bundle())

    said = here.deliver(whole(here, bundle()))

    assert OK == said
    with Control(here.daemon.control) as control:
        (change,) = control.call(CHANGES, ChangesRequest()).changes
        detail = control.call(MODEL, ModelName(name="sums"))
    assert change.by.startswith(f"{UPDATER.pw_name} (uid {UPDATER.pw_uid}, ")
    assert (Trust.SIGNED, "from source main") == (change.trust, change.steps[0].why)
    assert (Trust.SIGNED, [Trust.SIGNED]) == (
        detail.trust,
        [release.trust for release in detail.releases],
    )


def test_the_updater_brings_in_nothing_else(here: Town) -> None:
    """Each is refused for what is wrong with it, and leaves nothing."""
    here.publish(bundle())
    signed = here.host.documents()
    tampered = {**bundle(), "model.onnx": onnx_files.adder(dims=(1, 5))}
    other = {**bundle(), "model.yaml": bundle()["model.yaml"] + b"\n"}
    stranger = TufRepository(here.host.now)
    stranger.add("sums", 1, manifest=bundle()["model.yaml"])
    stranger.publish()

    said = {
        "without the rest": here.deliver(
            whole(here, bundle(), {"timestamp.json": signed["timestamp.json"]})
        ),
        "without a source": here.deliver([tar_of(bundle())], ""),
        "without signatures": here.deliver([tar_of(bundle())]),
        "of an unknown source": here.deliver(whole(here, bundle()), "source=evil"),
        "with another file": here.deliver(whole(here, tampered)),
        "with another manifest": here.deliver(whole(here, other)),
        "never signed": here.deliver(whole(here, bundle(seq=2))),
        "signed by a stranger": here.deliver(
            whole(here, bundle(), stranger.documents())
        ),
        "with junk": here.deliver(
            [tar_of({"signed/a/b": b"", **dict.fromkeys(bundle(), b"")})]
        ),
        "with a person's word": here.deliver(
            whole(here, bundle()), "source=main&new_signature=true"
        ),
    }

    assert {
        "without a source": Said(403, "not-permitted"),
        "without signatures": Said(403, "unsigned"),
        "of an unknown source": Said(403, "untrusted", "no-root"),
        "with another file": Said(422, "bad-bundle"),
        "with another manifest": Said(403, "untrusted", "wrong-hash"),
        "never signed": Said(403, "untrusted", "not-offered"),
        "signed by a stranger": Said(403, "untrusted", "bad-signature"),
        "with junk": Said(422, "bad-bundle"),
        "with a person's word": Said(403, "not-permitted"),
        "without the rest": Said(403, "untrusted", "bad-metadata"),
    } == said
    assert ([], None) == (here.leftovers, here.live())


def test_nobody_else_brings_in_anything(here: Town) -> None:
    """A signature is no permission."""
    here.publish(bundle())

    assert Said(403, "not-permitted") == here.post(
        whole(here, bundle()), "source=main", 54321
    )


def test_what_is_here_need_not_be_sent(here: Town) -> None:
    """The list says what is here; what is missing is told by its sum."""
    here.publish(bundle(), bundle(seq=2))
    manifest = bundle(seq=2)["model.yaml"]
    thin = [*pack_signed(here.host.documents(), manifest, {})]

    before = here.deliver(thin)
    here.deliver(whole(here, bundle()))
    with Control(here.daemon.control) as control:
        files = control.call(FILES, Nothing()).sha256
    after = here.deliver(thin)

    assert Said(422, "bad-bundle") == before
    assert 1 == len(files)
    assert (OK, 2) == (after, here.live())


def test_older_metadata_brings_nothing_back(here: Town) -> None:
    """Whoever kept it: root is told the same."""
    here.publish(bundle())
    old = here.host.documents()
    here.publish(bundle(), bundle(seq=2))
    del here.host.targets.targets["models/sums/1/model.yaml"]
    here.host.publish()
    here.deliver(whole(here, bundle(seq=2)))

    said = {
        here.deliver(whole(here, bundle(), old), "source=main&downgrade=true"),
        here.post(whole(here, bundle(), old), "source=main&downgrade=true"),
    }

    assert {Said(403, "untrusted", "rollback")} == said
    assert 2 == here.live()


def test_a_revoked_release_gives_way_to_an_older_one(here: Town) -> None:
    """That is the only way in which the updater makes the box older."""
    here.publish(bundle(), bundle(seq=2))
    here.deliver(whole(here, bundle(seq=2)))
    query = "source=main&downgrade=true"

    early = here.deliver(whole(here, bundle()), query)
    manifest = bundle(seq=2)["model.yaml"]
    here.host.add("sums", 2, manifest=manifest, revoked="it leaks")
    here.host.publish()
    late = here.deliver(whole(here, bundle()), query)
    again = here.deliver(whole(here, bundle(seq=2)))

    assert (Said(409, "downgrade"), OK) == (early, late)
    assert Said(403, "untrusted", "revoked") == again
    assert 1 == here.live()


@pytest.mark.parametrize("stops", [False, True])
def test_a_revoked_live_release_is_told_and_stopped_if_wanted(
    home: Path,
    stops: bool,  # noqa: FBT001  # a row of the table
) -> None:
    """By the updater's user, who may not unload; after a crash it is as it was."""
    more = f"  stop-revoked: {str(stops).lower()}\n"
    with town(home, more) as here:
        here.publish(bundle())
        here.deliver(whole(here, bundle()))
        said = [here.hear(alone=True)]
        early = here.daemon.status()
        here.host.add("sums", 1, manifest=bundle()["model.yaml"], revoked="it leaks")
        here.host.publish()
        said.append(here.hear(alone=True))
        told = here.daemon.status()
    with running(home, "--config", str(home / "edged.yaml")) as again:
        after = again.status()

    assert [OK, OK] == said
    assert Level.OK is early.level
    for status in (told, after):
        assert (Level.DOWN if stops else Level.DEGRADED) is status.level
        assert "its publisher has revoked it: it leaks" in status.verdict
        assert ["revoked"] == [trouble.code for trouble in status.troubles]
        phase = ModelPhase.FAILED if stops else ModelPhase.READY
        assert phase is status.models[0].phase


def test_a_box_for_signed_releases_refuses_all_others(home: Path) -> None:
    """Root's, too."""
    with town(home, "install: {require-signed: true}\n") as here:
        here.publish(bundle())

        unsigned = here.post([tar_of(bundle())], "")
        signed = here.post(whole(here, bundle()), "source=main")

        assert (Said(403, "unsigned"), OK) == (unsigned, signed)


def test_trust_outlives_a_crash(home: Path) -> None:
    """What was proved is on the disk; so is why a release may be here."""
    with town(home) as here:
        here.publish(bundle())
        old = here.host.documents()
        here.host.add("sums", 1, manifest=bundle()["model.yaml"], revoked="it leaks")
        here.host.add("sums", 2, manifest=bundle(seq=2)["model.yaml"])
        here.host.publish()
        assert OK == here.deliver(whole(here, bundle(seq=2)))

    options = ("--config", str(home / "edged.yaml"))
    with running(home, *options) as daemon, Control(daemon.control) as control:
        said = Town(daemon, here.host).deliver(whole(here, bundle(), old))
        detail = control.call(MODEL, ModelName(name="sums"))

    assert Said(403, "untrusted", "revoked") == said
    assert Trust.SIGNED is detail.trust
