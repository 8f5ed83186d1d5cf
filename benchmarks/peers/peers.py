"""How each peer is started, and the ways in which it is asked.

Law: one model on one thread each, the peer's own defaults otherwise; addresses of
this machine alone, ports that are free. What `start` returns is asked until `close`.
"""

import json
import mmap
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import models
import numpy as np
from environments import CannotRunError, Environment
from models import ROOT, Model
from process import Server

from edged.cli import asker
from edged.cli.asker import Asker, Connect
from edged.cli.loan import Loan, lend
from edged.client.http import Answer
from edged.runtime import backends
from edged.wire.oip import Place, SharedTensor
from edged.wire.release import BackendName, Input, Output, Signature
from edged.wire.tensors import Datatype
from tests.fakes.box import bundle
from tests.fakes.daemon import Daemon


class Way(NamedTuple):
    """One way of asking a peer.

    Attributes:
        requests: by model.
        read: the output in an answer, for the check that it is right.
    """

    name: str
    connect: Connect
    requests: dict[str, bytes]
    read: Callable[[Answer], np.ndarray]


class Running(NamedTuple):
    """A peer that has been started.

    Attributes:
        pid: of its first process; None where it is this one.
        began: when it was started, by `perf_counter`.
        ways: the first of them tells when it is up.
        calls: instead of ways, by model: the peer is a function of this process.
        check: raises CannotRunError if it has ended.
        later: ways that need the running server first: (name, how to make it).
    """

    pid: int | None
    began: float
    ways: tuple[Way, ...]
    check: Callable[[], None]
    close: Callable[[], None]
    calls: dict[str, Callable[[], np.ndarray]] = {}  # noqa: RUF012  # not changed
    later: tuple[tuple[str, Callable[[], Way]], ...] = ()


class Peer:
    """Somebody who serves models.

    Attributes:
        name: for people, and for `--only`.
        how: what was chosen, in a few words.
    """

    name = ""
    how = ""

    def prepare(self, root: Path) -> dict[str, str]:
        """Install it; return what is installed, by package.

        Raises:
            CannotRunError: it cannot be had here.
        """
        raise NotImplementedError

    def start(self, work: Path, models_dir: Path) -> Running:
        """Start it.

        Args:
            work: an empty folder of its own.
            models_dir: `<name>.onnx` of each model.

        Raises:
            CannotRunError: it does not start here.
        """
        raise NotImplementedError


# --- in this process --------------------------------------------------------------


class InProcess(Peer):
    """The floor: onnxruntime called from Python."""

    name = "in-process"
    how = "`InferenceSession.run` behind edged's runtime port"

    def prepare(self, root: Path) -> dict[str, str]:  # noqa: ARG002  # as declared
        """Need nothing."""
        return {}

    def start(self, work: Path, models_dir: Path) -> Running:  # noqa: ARG002
        """Load both models."""

        def call(model: Model) -> Callable[[], np.ndarray]:
            path = models_dir / f"{model.name}.onnx"
            loaded = backends.load(BackendName.ONNX, path, threads=1)
            x, wanted = {model.input: model.x}, (model.output,)
            return lambda: loaded.run(x, wanted)[model.output]

        calls = {model.name: call(model) for model in models.models()}
        return Running(None, 0.0, (), _nothing, _nothing, calls)


# --- a server without a model -----------------------------------------------------


class Echo(Peer):
    """What a Python server and this machine cost where nothing is computed."""

    name = "echo"
    how = "no model: edged's reader without its rules answers a constant, Unix socket"

    def prepare(self, root: Path) -> dict[str, str]:  # noqa: ARG002  # as declared
        """Need nothing."""
        return {}

    def start(self, work: Path, models_dir: Path) -> Running:  # noqa: ARG002
        """Write down the right answers, and start it on them."""
        answers, path = work / "answers", work / "sock"
        answers.mkdir()
        for model in models.models():
            _, _, body = models.binary(model).partition(b"\r\n\r\n")
            (answers / str(len(body))).write_bytes(models.answer(model))
        script = ROOT / "benchmarks/peers/servers/echo.py"
        server = Server(
            [sys.executable, script, path, answers], os.environ, work / "log"
        )
        ways = (_binary_way(asker.unix(str(path)), "binary body"),)
        return Running(server.pid, server.began, ways, server.check, server.stop)


# --- edged ------------------------------------------------------------------------


class Edged(Peer):
    """This daemon, over its Unix socket and, for comparison, over loopback TCP."""

    name = "edged"
    how = "Unix socket; loopback TCP where it says so"

    def prepare(self, root: Path) -> dict[str, str]:  # noqa: ARG002  # as declared
        """Need nothing: it is this checkout."""
        return {}

    def start(self, work: Path, models_dir: Path) -> Running:  # noqa: ARG002
        """Install both models, then start as a box does at boot."""
        config = work / "edged.yaml"
        # Memory that is lent goes with its peer's last connection, which must not be
        # closed for being idle while others have their turn.
        config.write_text(
            "runtime: {threads: 1}\nserver: {group: null, keep-alive: 1h}\n"
        )
        port = free_port()
        options = ("--config", str(config), "--tcp", f"127.0.0.1:{port}")
        first = Daemon(work, *options)
        try:
            first.ready()
            for model in models.models():
                first.install(_release(work, model))
            first.stop()
        finally:
            first.kill()
        began = time.perf_counter()
        daemon = Daemon(work, *options)
        kept: list[Loan] = []

        def close() -> None:
            for loan in kept:
                loan.close()
            with suppress(Exception):
                daemon.stop()
            daemon.kill()

        here = asker.unix(str(daemon.data))
        return Running(
            daemon.process.pid,
            began,
            (*_oip_ways(here), _binary_way(asker.loopback(port), "binary body, TCP")),
            _nothing,
            close,
            later=(("memfd", lambda: _memfd(here, kept)),),
        )


def _release(work: Path, model: Model) -> Path:
    """Lay out a release of one variant."""
    folder = work / f"release-{model.name}"
    folder.mkdir()
    x = Input(name=model.input, datatype=Datatype.FP32, shape=model.shape)
    y = Output(name=model.output, datatype=Datatype.FP32, shape=model.answer)
    signature = Signature(inputs=(x,), outputs=(y,))
    for name, data in bundle(model.data, name=model.name, signature=signature).items():
        (folder / name).write_bytes(data)
    return folder


def _memfd(connect: Connect, kept: list[Loan]) -> Way:
    """Lend every input to the daemon."""
    requests = {}
    for model in models.models():
        loan = lend(connect, {model.input: model.x})
        kept.append(loan)
        requests[model.name] = models.shared(model, loan.inputs[model.input])
    return Way("memfd", connect, requests, models.read_oip)


# --- Triton -----------------------------------------------------------------------

_TRITON_CONFIG = """\
name: "{model.name}"
backend: "python"
max_batch_size: 0
input [{{ name: "{model.input}", data_type: TYPE_FP32, dims: {shape} }}]
output [{{ name: "{model.output}", data_type: TYPE_FP32, dims: {answer} }}]
instance_group [{{ kind: KIND_CPU, count: 1 }}]
"""


class Triton(Peer):
    """The C++ server inside the pytriton wheel; models run in its Python backend."""

    name = "triton"
    how = "C++ HTTP front, Python backend, 1 instance, loopback TCP"

    def prepare(self, root: Path) -> dict[str, str]:
        """Install the wheel that carries the server."""
        self._env = Environment(root, self.name, "nvidia-pytriton==0.7.0", "numpy")
        self._env.make()
        return self._env.versions("nvidia-pytriton", "onnxruntime")

    def start(self, work: Path, models_dir: Path) -> Running:
        """Start the server binary itself."""
        home = self._env.packages / "pytriton" / "tritonserver"
        stub = home / "python_backend_stubs" / f"3.{sys.version_info[1]}"
        if not stub.is_dir():
            raise CannotRunError(f"its wheel has no stub for Python {stub.name}")
        backend = work / "backends" / "python"
        shutil.copytree(home / "backends" / "python", backend)
        shutil.copy(stub / "triton_python_backend_stub", backend)
        for model in models.models():
            folder = work / "repository" / model.name
            (folder / "1").mkdir(parents=True)
            shutil.copy(
                ROOT / "benchmarks/peers/servers/triton_model.py",
                folder / "1" / "model.py",
            )
            config = _TRITON_CONFIG.format(
                model=model, shape=[*model.shape], answer=[*model.answer]
            )
            (folder / "config.pbtxt").write_text(config)
        port = free_port()
        server = Server(
            [
                home / "bin" / "tritonserver",
                f"--model-repository={work / 'repository'}",
                f"--backend-directory={work / 'backends'}",
                "--http-address=127.0.0.1",
                f"--http-port={port}",
                "--allow-grpc=false",
                "--allow-metrics=false",
                "--exit-timeout-secs=5",
            ],
            self._env.environ(models_dir, self._env.packages / "nvidia_pytriton.libs"),
            work / "log",
        )
        connect, names = asker.loopback(port), []

        def close() -> None:
            server.stop()
            for name in names:
                Path("/dev/shm", name).unlink(missing_ok=True)  # noqa: S108

        return Running(
            server.pid,
            server.began,
            _oip_ways(connect),
            server.check,
            close,
            later=(("shared memory", lambda: _by_name(connect, names)),),
        )


def _by_name(connect: Connect, names: list[str]) -> Way:
    """Put every input into a shared memory object and register it by its name."""
    requests = {}
    client = Asker(connect)
    for model in models.models():
        x, name = model.x, f"peer-{os.getpid()}-{model.name}"
        names.append(name)
        with Path("/dev/shm", name).open("wb") as file:  # noqa: S108  # shm_open(3)
            file.write(x.tobytes().ljust(mmap.PAGESIZE, b"\0"))
        said = b'{"key":"/%s","offset":0,"byte_size":%d}' % (name.encode(), x.nbytes)
        target = f"/v2/systemsharedmemory/region/{model.name}/register"
        client.ask(models.post(target, said, {"Content-Type": "application/json"}))
        place = Place(region=model.name, offset=0, size=x.nbytes)
        shared = SharedTensor(datatype=Datatype.FP32, shape=x.shape, place=place)
        requests[model.name] = models.shared(model, shared)
    client.close()
    return Way("shared memory", connect, requests, models.read_oip)


# --- MLServer, FastAPI, LitServe --------------------------------------------------


class MLServer(Peer):
    """Seldon's server; models run in its own process."""

    name = "mlserver"
    how = "custom `MLModel`, `parallel_workers: 0`, loopback TCP"

    def prepare(self, root: Path) -> dict[str, str]:
        """Install it."""
        self._env = Environment(root, self.name, "mlserver==1.7.1", "numpy")
        self._env.make()
        return self._env.versions("mlserver", "onnxruntime")

    def start(self, work: Path, models_dir: Path) -> Running:
        """Start it on a folder of settings."""
        port = free_port()
        _write_json(
            work / "settings.json",
            host="127.0.0.1",
            http_port=port,
            grpc_port=free_port(),
            metrics_endpoint=None,
            parallel_workers=0,
            debug=False,
        )
        for model in models.models():
            (work / model.name).mkdir()
            _write_json(
                work / model.name / "model-settings.json",
                name=model.name,
                implementation="mlserver_model.OnnxModel",
                parameters={"uri": str(models_dir / f"{model.name}.onnx")},
            )
        command = [self._env.python.parent / "mlserver", "start", work]
        server = Server(command, self._env.environ(models_dir), work / "log")
        connect = asker.loopback(port)
        requests = {model.name: models.text(model) for model in models.models()}
        way = Way("JSON", connect, requests, models.read_text)
        return Running(server.pid, server.began, (way,), server.check, server.stop)


class FastApi(Peer):
    """What many write themselves."""

    name = "fastapi"
    how = "uvicorn, one process, run on its loop, loopback TCP"

    def prepare(self, root: Path) -> dict[str, str]:
        """Install it with its server."""
        self._env = Environment(root, self.name, "fastapi", "uvicorn", "numpy")
        self._env.make()
        return self._env.versions("fastapi", "uvicorn", "onnxruntime")

    def start(self, work: Path, models_dir: Path) -> Running:
        """Start the app."""
        port = free_port()
        server = _script(self._env, "fastapi_app.py", port, work, models_dir)
        connect, served = asker.loopback(port), models.models()
        texts = {m.name: models.text(m, f"/json/{m.name}") for m in served}
        raws = {m.name: models.raw(m, f"/bytes/{m.name}") for m in served}
        ways = (
            Way("JSON", connect, texts, models.read_text),
            Way("raw bytes", connect, raws, models.read_raw),
        )
        return Running(server.pid, server.began, ways, server.check, server.stop)


class LitServe(Peer):
    """Lightning's server around FastAPI; models run in a worker process."""

    name = "litserve"
    how = "one worker, one API server, loopback TCP"

    def prepare(self, root: Path) -> dict[str, str]:
        """Install it; it needs an older FastAPI than there is."""
        packages = ("litserve==0.2.19", "fastapi<0.116", "numpy")
        self._env = Environment(root, self.name, *packages)
        self._env.make()
        return self._env.versions("litserve", "onnxruntime")

    def start(self, work: Path, models_dir: Path) -> Running:
        """Start the app."""
        port = free_port()
        server = _script(self._env, "litserve_app.py", port, work, models_dir)
        served = models.models()
        requests = {m.name: models.text(m, "/predict") for m in served}
        way = Way("JSON", asker.loopback(port), requests, models.read_text)
        return Running(server.pid, server.began, (way,), server.check, server.stop)


def everybody() -> tuple[Peer, ...]:
    """Return all peers, the floor first."""
    return (InProcess(), Echo(), Edged(), Triton(), MLServer(), FastApi(), LitServe())


def free_port() -> int:
    """Return a port of loopback that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _oip_ways(connect: Connect) -> tuple[Way, ...]:
    texts = {model.name: models.text(model) for model in models.models()}
    return (
        _binary_way(connect, "binary body"),
        Way("JSON", connect, texts, models.read_text),
    )


def _binary_way(connect: Connect, name: str) -> Way:
    requests = {model.name: models.binary(model) for model in models.models()}
    return Way(name, connect, requests, models.read_oip)


def _script(
    env: Environment, name: str, port: int, work: Path, models_dir: Path
) -> Server:
    command = [env.python, ROOT / "benchmarks/peers/servers" / name, str(port)]
    return Server(command, env.environ(models_dir), work / "log")


def _write_json(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(fields))


def _nothing() -> None:
    """Do nothing."""
