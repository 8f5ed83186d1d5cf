"""Bad releases, brought to a daemon that serves: refused, held or rolled back.

The real daemon, real models, the real trial and the real edgectl. A caller asks the
model all along and knows the right answer: not one of its requests may fail. Each
release is told off in a sentence, which is here as a technician reads it.
"""

import hashlib
import io
import re
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
import pytest

from edged.cli.main import main
from edged.client import Client
from edged.client.calls import InferOptions, Result
from edged.runtime import golden
from edged.runtime.golden import GoldenSet
from edged.runtime.onnx import OnnxModel
from edged.wire.changes import Change, Changes
from edged.wire.release import (
    BackendName,
    FileEntry,
    Golden,
    GoldenSource,
    Input,
    Output,
    Signature,
    StateMode,
    Variant,
)
from edged.wire.tensors import Datatype
from tests.data import nets, onnx_files, tflite_files
from tests.fakes import hostile_daemon
from tests.fakes.box import bundle, totals
from tests.fakes.bundles import tar_of
from tests.fakes.daemon import Daemon, running, short_home
from tests.fakes.hostile import Kind

Files = dict[str, bytes]
Array = np.ndarray[Any, np.dtype[Any]]

EYE: Array = np.eye(4, dtype="f4")
ONES: Array = np.ones((1, 4), "f4")
#: One sample of each class of `y = 2 * x`.
X: Array = (EYE + np.float32(0.25)).reshape(4, 1, 4)
LABELS = b"bolt\nnut\nscrew\nwasher\n"
ROTATED = b"nut\nscrew\nwasher\nbolt\n"

#: A net's cost, and that of the one that is to be found slow.
FAST, SLOW = 40, 320


# --- bench -------------------------------------------------------------------------


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both, in one line, as nobody's terminal is wide enough."""
        return " ".join((self.out + self.err).split())


Edgectl = Callable[..., Outcome]


@pytest.fixture(scope="module")
def box() -> Iterator[Daemon]:
    """Return a daemon whose trial does harm where a file is named so."""
    with short_home() as home:
        settings = home / "edged.yaml"
        write_settings(settings)
        with running(
            home, "--config", str(settings), program=hostile_daemon.PROGRAM
        ) as daemon:
            yield daemon


def write_settings(path: Path, *, trial_timeout: str = "2min") -> None:
    """Let probation outlast every test."""
    path.write_text(
        f"install:\n  probation: 1h\n  trial-timeout: {trial_timeout}\n"
        "server:\n  group: null\n"
    )


@pytest.fixture
def edgectl(box: Daemon, capsys: pytest.CaptureFixture[str]) -> Edgectl:
    """Return edgectl, told where the daemon is."""

    def run(*words: object) -> Outcome:
        code = main([*map(str, words), "--runtime-dir", str(box.runtime)])
        return Outcome(code, *capsys.readouterr())

    return run


class Caller:
    """Somebody who asks one model without a pause, and knows the answer."""

    def __init__(
        self, daemon: Daemon, model: str, x: Array, y: Array, **options: Any
    ) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._client = daemon.client()
        self._ask = partial(self._client.infer, model, {"x": x}, **options)
        self._y = y
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._over.wait(0.002):
            try:
                answer = self._ask()
            except Exception as error:  # noqa: BLE001  # whatever it is, it failed
                self.failures.append(repr(error))
                continue
            if np.allclose(answer["y"], self._y, atol=1e-3):
                self.answers += 1
            else:
                self.failures.append(f"{answer.version}: {answer['y']}")

    def was_served(self) -> bool:
        """Wait for one answer more; tell whether none has ever failed."""
        had, end = self.answers, time.monotonic() + 5
        while self.answers <= had and time.monotonic() < end:
            time.sleep(0.005)
        return self.answers > had and self.failures == []


def release(  # noqa: PLR0913  # what a bundle is made of
    folder: Path,
    model: bytes,
    *,
    name: str,
    seq: int,
    x: Array = X,
    y: Array | None = None,
    labels: bytes | None = None,
    others: Mapping[str, bytes] | None = None,
    **changes: Any,
) -> Path:
    """Write a bundle: `model` is ONNX and its best variant, `others` come below it.

    Golden inputs are x and golden answers y; without y there are none. `labels` are
    those of y, `changes` replace fields of the manifest.
    """
    extra: Files = {f"{key}.onnx": data for key, data in (others or {}).items()}
    if labels is not None:
        extra["labels.txt"] = labels
    if y is not None:
        known = GoldenSet(inputs={"x": x}, outputs={"y": y}, samples=len(x))
        extra["golden.npz"] = golden.write(known)
        changes["golden"] = Golden(file="golden.npz", source=GoldenSource.REAL)
    fp32, shapes = Datatype.FP32, (x.shape[1:], (y if y is not None else x).shape[1:])
    plain: dict[str, Any] = {
        "signature": Signature(
            inputs=(Input(name="x", datatype=fp32, shape=shapes[0]),),
            outputs=(
                Output(
                    name="y",
                    datatype=fp32,
                    shape=shapes[1],
                    labels=None if labels is None else "labels.txt",
                ),
            ),
        ),
        "variants": tuple(
            Variant(id=file, backend=BackendName.ONNX, file=f"{file}.onnx")
            for file in ("model", *(others or {}))
        ),
    }
    files = bundle(model, name=name, seq=seq, extra=extra, **(plain | changes))
    return written(folder / f"{name}-{seq}", files)


def written(folder: Path, files: Files) -> Path:
    """Write a bundle's files."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


class Met(NamedTuple):
    """What a release met with.

    Attributes:
        code: of edgectl.
        said: by it, in one line.
        served: whether the caller was answered all along, and was right.
        is_new: whether there is a change for it.
    """

    code: int
    said: str
    served: bool
    change: Change
    is_new: bool

    @property
    def way(self) -> list[str] | None:
        """Where its change has been; None without one."""
        return steps(self.change) if self.is_new else None


Bring = Callable[..., Met]


@pytest.fixture
def bring(box: Daemon, edgectl: Edgectl) -> Bring:
    """Return a function that installs a release while somebody asks its model."""

    def brought(path: Path, model: str, x: Array = ONES, y: Array = 2 * ONES) -> Met:
        before = last_change(edgectl, model).id
        with Caller(box, model, x, y) as caller:
            done = edgectl("install", path)
            served = caller.was_served()
        assert [] == caller.failures
        change = last_change(edgectl, model)
        return Met(done.code, done.said, served, change, change.id != before)

    return brought


def steps(change: Change) -> list[str]:
    """Return where a change has been."""
    return [taken.step.value for taken in change.steps]


def last_change(edgectl: Edgectl, name: str) -> Change:
    """Return the newest change of a model, as `edgectl changes --json` tells it."""
    told = msgspec.json.decode(edgectl("changes", name, "--json").out, type=Changes)
    return told.changes[-1]


def ensure(edgectl: Edgectl, path: Path) -> None:
    """Install a release that is to be live."""
    done = edgectl("install", path)

    assert 0 == done.code, done.said


REFUSED = ["staged", "trial", "refused"]
HELD = ["staged", "trial", "held"]


# --- figures that people would not see ---------------------------------------------


@pytest.fixture(scope="module")
def sorter(box: Daemon, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let a model be live that sorts parts: `y = 2 * x`, with real golden answers."""
    path = tmp_path_factory.mktemp("sorter")
    box.install(
        release(
            path, nets.linear(2 * EYE), name="sorter", seq=1, y=2 * X, labels=LABELS
        )
    )


@pytest.mark.usefixtures("sorter")
@pytest.mark.parametrize(
    ("seq", "weights", "labels", "wanted"),
    [
        (
            2,
            2 * EYE,
            ROTATED,
            (
                "cannot let sorter 1.2 serve by itself: the labels of output y are "
                "not those of 1.1"
            ),
        ),
        (
            3,
            2 * np.roll(EYE, 1, axis=1),
            LABELS,
            (
                "cannot let sorter 1.3 serve by itself: it agrees with 1.1 on 0% of "
                "its golden inputs, and must on 80% (install.agreement)"
            ),
        ),
        (
            4,
            0 * EYE,
            LABELS,
            (
                "cannot let sorter 1.4 serve by itself: it agrees with 1.1 on 0% of "
                "its golden inputs, and must on 80% (install.agreement)"
            ),
        ),
    ],
    ids=["rotated labels", "rotated outputs", "constant answer"],
)
def test_a_net_that_flatters_itself_is_held_by_its_predecessors_golden_set(
    bring: Bring,
    tmp_path: Path,
    seq: int,
    weights: Array,
    labels: bytes,
    wanted: str,
) -> None:
    """Its own golden set holds of it; what was live stays, and a person is asked."""
    flattered = (X @ weights).astype("f4")
    path = release(
        tmp_path,
        nets.linear(weights.astype("f4")),
        name="sorter",
        seq=seq,
        y=flattered,
        labels=labels,
    )

    met = bring(path, "sorter")

    assert (1, True) == (met.code, met.served)
    assert wanted in met.said
    assert f"edgectl models use sorter {seq}" in met.said
    assert (HELD, "held", wanted) == (
        met.way,
        met.change.last.code,
        met.change.last.why,
    )


def test_a_net_eight_times_slower_than_its_predecessor_is_held(
    bring: Bring, edgectl: Edgectl, tmp_path: Path
) -> None:
    """Every answer is right; only the CPU time tells."""
    x = np.linspace(0, 1, 4 * 128, dtype="f4").reshape(4, 1, 128)
    fast, slow = (
        release(
            tmp_path,
            nets.linear(np.eye(128, dtype="f4"), times=times),
            name="turtle",
            seq=seq,
            x=x,
            y=x,
        )
        for seq, times in ((1, FAST), (2, SLOW))
    )
    ensure(edgectl, fast)

    met = bring(slow, "turtle", x[1], x[1])

    assert (1, True) == (met.code, met.served)
    assert re.search(
        r"cannot let turtle 1\.2 serve by itself: an answer costs \d+\.\d times the "
        r"CPU of 1\.1's, and may cost 3 times \(install\.slowdown\)",
        met.said,
    )
    assert HELD == met.way
    assert 4 < float(met.change.last.figures["ratio"]) < 16


# --- collapsed ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Array, Array, Array]:
    """Return inputs of `nets.depthwise`, its answers, and those of its int8."""
    folder = tmp_path_factory.mktemp("nets")
    rng = np.random.default_rng(20)
    x = rng.random((12, *nets.IMAGE), "f4")
    for index in range(12):
        x[index, 0, 1 + index % nets.CLASSES] *= 2
    answers = []
    for per_tensor in (False, True):
        (folder / "net.onnx").write_bytes(nets.depthwise(per_tensor=per_tensor))
        net = OnnxModel(folder / "net.onnx", threads=1)
        answers.append(np.stack([net.run({"x": each}, ("y",))["y"] for each in x]))
    return x, answers[0], answers[1]


def test_a_collapsed_int8_is_rejected_with_its_figures(
    bring: Bring,
    edgectl: Edgectl,
    tmp_path: Path,
    images: tuple[Array, Array, Array],
) -> None:
    """Shapes, ranges and files are right; one scale for all channels is not."""
    x, y, _ = images
    good, bad = nets.depthwise(), {"int8": nets.depthwise(per_tensor=True)}
    ensure(edgectl, release(tmp_path, good, name="eye", seq=1, x=x, y=y))
    path = release(tmp_path, good, name="eye", seq=2, x=x, y=y, others=bad)

    met = bring(path, "eye", x[0], y[0])

    assert (65, True) == (met.code, met.served)
    assert re.search(
        r"cannot let eye 1\.2 serve: variant int8: it does not give its golden "
        r"answers: agrees on 33\.3% of 12 samples, worst difference \d\.\d\d "
        r"\(must agree on 98\.0%\)",
        met.said,
    )
    assert (REFUSED, "rejected") == (met.way, met.change.last.code)


def test_a_collapsed_int8_that_knows_no_better_is_held(
    bring: Bring,
    edgectl: Edgectl,
    tmp_path: Path,
    images: tuple[Array, Array, Array],
) -> None:
    """Alone, with golden answers that it gave itself: its predecessor's tell."""
    x, y, flattered = images
    ensure(edgectl, release(tmp_path, nets.depthwise(), name="eyes", seq=1, x=x, y=y))
    bad = nets.depthwise(per_tensor=True)
    path = release(tmp_path, bad, name="eyes", seq=2, x=x, y=flattered)

    met = bring(path, "eyes", x[0], y[0])

    assert (1, True) == (met.code, met.served)
    assert "it agrees with 1.1 on 33% of its golden inputs" in met.said
    assert HELD == met.way


# --- good in the trial, bad later ---------------------------------------------------


def test_a_net_whose_answers_are_no_numbers_after_the_hundredth_is_rolled_back(
    box: Daemon, edgectl: Edgectl, tmp_path: Path
) -> None:
    """One that counts: a LiteRT graph with a variable, asked in a sequence.

    A trial sees its first answers alone. Other callers have no part in it.
    """
    ensure(edgectl, written(tmp_path / "old", totals()))
    files = bundle(
        tflite_files.fading(100.5),
        name="totals",
        seq=2,
        file="model.tflite",
        backend=BackendName.LITERT,
        state=StateMode.SEQUENCE,
    )
    path = written(tmp_path / "new", files)
    alone: InferOptions = {"sequence_start": True, "sequence_end": True}

    with (
        Caller(box, "totals", ONES, ONES, sequence_id="other", **alone) as caller,
        box.client() as client,
    ):
        done = edgectl("install", path)
        counted = [told(client, turn) for turn in range(1, 102)]
        change = settled(edgectl, "totals")
        served = caller.was_served()
        again = told(client, 1)

    assert (0, True, caller.failures) == (done.code, served, [])
    finite = [bool(np.isfinite(each["y"]).all()) for each in counted]
    assert (100 * [True] + [False], {"1.2"}) == (finite, {c.version for c in counted})
    assert ("1.1", 1.0) == (again.version, again["y"][0, 0])
    assert rolled_back(change)


def test_a_net_that_cannot_bear_a_larger_value_is_rolled_back(
    box: Daemon, edgectl: Edgectl, tmp_path: Path
) -> None:
    """An ONNX graph cannot count; its input does: what grew over 100 is no number."""
    plain = nets.linear(EYE)
    ensure(edgectl, release(tmp_path, plain, name="meter", seq=1))
    path = release(tmp_path, nets.until(100.5), name="meter", seq=2)

    with (
        Caller(box, "meter", ONES, ONES) as caller,
        box.client() as client,
    ):
        done = edgectl("install", path)
        early = [client.infer("meter", {"x": n * ONES})["y"] for n in range(101)]
        late = client.infer("meter", {"x": 101 * ONES})["y"]
        change = settled(edgectl, "meter")
        served = caller.was_served()
        again = client.infer("meter", {"x": 101 * ONES})

    assert (0, True, caller.failures) == (done.code, served, [])
    assert (True, True) == (bool(np.isfinite(early).all()), bool(np.isnan(late).all()))
    assert ("1.1", 101.0) == (again.version, again["y"][0, 0])
    assert rolled_back(change)


def told(client: Client, turn: int) -> Result:
    """Add one, in a sequence of one's own."""
    return client.infer(
        "totals", {"x": ONES}, sequence_id="mine", sequence_start=turn == 1
    )


def settled(edgectl: Edgectl, name: str) -> Change:
    """Wait until the newest change of a model is over."""
    end = time.monotonic() + 10
    while not (change := last_change(edgectl, name)).is_over:
        assert time.monotonic() < end, change
        time.sleep(0.02)
    return change


def rolled_back(change: Change) -> bool:
    """Tell whether a release was live, found to give no numbers, and left."""
    ways = ["staged", "trial", "armed", "switching", "probation", "rolling-back"]
    assert [*ways, "quarantined"] == steps(change)
    assert re.fullmatch(
        r"variant \S+ answered with a value that is not a number, or infinite, to "
        r"inputs that were neither: in run \d+, after \d+ s",
        change.last.why,
    )
    return True


# --- out to do harm ----------------------------------------------------------------


@pytest.fixture(scope="module")
def victim(box: Daemon, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let a model be live that gives `y = x + x`."""
    box.install(written(tmp_path_factory.mktemp("v") / "1", bundle(name="victim")))


@pytest.fixture
def hasty(box: Daemon, edgectl: Edgectl) -> Iterator[None]:
    """Give a trial two seconds."""
    for timeout in ("2s", "2min"):
        write_settings(box.state.parent / "edged.yaml", trial_timeout=timeout)
        box.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 10
        wanted = f"install.trial-timeout {timeout}"
        while wanted not in edgectl("config", "show").said:
            assert time.monotonic() < end
            time.sleep(0.01)
        if timeout == "2s":
            yield


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (Kind.SEGFAULT, r"it crashed its trial \(SIGSEGV\)"),
        (Kind.ABORT, r"it crashed its trial \(SIGABRT\); it said: terminate called"),
        (Kind.HOG, r"it needs more than the 450 MB that there are for a trial"),
        (Kind.NATIVE_HOG, r"it needs more than the 450 MB that there are for a trial"),
        (Kind.FLOOD, r"its trial wrote more than an answer, and was ended"),
    ],
)
def test_a_runtime_that_does_harm_harms_its_own_trial_alone(
    bring: Bring,
    tmp_path: Path,
    kind: Kind,
    wanted: str,
) -> None:
    """What a file could do that found a hole in a runtime."""
    number = 10 + list(Kind).index(kind)

    assert_refused(bring, tmp_path, kind, number, wanted)


@pytest.mark.usefixtures("victim", "hasty")
def test_a_trial_without_an_end_is_ended(bring: Bring, tmp_path: Path) -> None:
    """In C, with the interpreter's lock held; the setting is named."""
    wanted = r"it was not done after 2 s \(install\.trial-timeout allows more\)"

    assert_refused(bring, tmp_path, Kind.STUCK, 40, wanted)


def assert_refused(
    bring: Bring,
    tmp_path: Path,
    kind: Kind,
    seq: int,
    wanted: str,
) -> None:
    """Bring a release whose trial does harm."""
    files = bundle(name="victim", seq=seq, file=f"{kind.value}.onnx")
    path = written(tmp_path / "bad", files)

    met = bring(path, "victim")

    assert (65, True) == (met.code, met.served)
    sentence = rf"cannot let victim 1\.{seq} serve: variant fp32: {wanted}"
    assert re.search(sentence, met.said), met.said
    assert (REFUSED, "rejected") == (met.way, met.change.last.code)


# --- lies --------------------------------------------------------------------------


def lying(kind: str) -> Files:
    """Return a release whose manifest says what is not so."""
    match kind:
        case "a shape":
            return bundle(onnx_files.adder(dims=(1, 8)), name="victim", seq=50)
        case "a range":
            x = Input(name="x", datatype=Datatype.FP32, shape=(1, 4))
            y = Output(name="y", datatype=Datatype.FP32, shape=(1, 4), range=(5, 9))
            return bundle(
                name="victim", seq=51, signature=Signature(inputs=(x,), outputs=(y,))
            )
        case "a backend":
            return bundle(name="victim", seq=52, backend=BackendName.LITERT)
        case "a digest":
            files = bundle(name="victim", seq=53)
            return files | {"model.onnx": files["model.onnx"].replace(b"Add", b"Sub")}
        case "a size":
            data = onnx_files.adder(dims=(1, 4))
            entry = FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=1 << 39)
            return bundle(data, name="victim", seq=54, files={"model.onnx": entry})
        case _:
            raise AssertionError(kind)


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize(
    ("kind", "wanted", "way"),
    [
        (
            "a shape",
            (
                "cannot let victim 1.50 serve: variant fp32: cannot serve the "
                "signature with model.onnx (variant fp32): input x: FP32[1,4], but "
                "the file has x: FP32[1,8]"
            ),
            REFUSED,
        ),
        (
            "a range",
            "cannot let victim 1.51 serve: variant fp32: output y reaches from",
            REFUSED,
        ),
        ("a backend", "cannot load model.onnx: not a TensorFlow Lite file", REFUSED),
        (
            "a digest",
            "cannot take bundle victim 1.53: model.onnx has sha256",
            None,
        ),
        (
            "a size",
            (
                "cannot take bundle victim 1.54: model.onnx has 75 bytes, model.yaml "
                "says 549755813888"
            ),
            None,
        ),
    ],
)
def test_a_manifest_that_lies_is_found_out(
    bring: Bring,
    tmp_path: Path,
    kind: str,
    wanted: str,
    way: list[str] | None,
) -> None:
    """By its bytes before anything begins, or by its answers in its trial."""
    path = tmp_path / "lying.tar"
    path.write_bytes(tar_of(lying(kind)))

    met = bring(path, "victim")

    assert (65, True) == (met.code, met.served)
    assert wanted in met.said
    assert way == (met.way)


# --- what a file or a tar reaches for -----------------------------------------------


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize(
    "location", ["../../../../secret", "/etc/hostname", "beside.bin"]
)
def test_a_net_that_keeps_tensors_elsewhere_is_refused(
    bring: Bring, tmp_path: Path, location: str
) -> None:
    """External data lies where the manifest says, and nowhere else."""
    reaching = onnx_files.with_external_tensor(location)
    files = bundle(reaching, name="victim", seq=60 + len(location))

    met = bring(written(tmp_path / "bad", files), "victim")

    assert (65, True) == (met.code, met.served)
    assert re.search(rf"cannot (load|use) model\.onnx.*{re.escape(location)}", met.said)
    assert REFUSED == met.way


class Evil(NamedTuple):
    """A member of a tar that reaches out, and what edgectl says of it."""

    name: str
    kind: bytes
    target: str
    wanted: str

    def tar(self) -> bytes:
        """Return a tar of a good release in which it comes first."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            info = tarfile.TarInfo(self.name)
            info.type, info.linkname = self.kind, self.target
            archive.addfile(info, io.BytesIO())
        good = tar_of(bundle(name="victim", seq=90))
        return out.getvalue()[: tarfile.BLOCKSIZE] + good


LINK, HARD, PIPE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE
FILE = tarfile.REGTYPE
OUTSIDE = "leads out of its folder"


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize(
    "evil",
    [
        Evil("model.onnx", LINK, "/etc/passwd", "is a symbolic link; only files"),
        Evil("inner", LINK, "../../..", "is a symbolic link; only files"),
        Evil("model.onnx", HARD, "/etc/passwd", "is a hard link; only files"),
        Evil("pipe", PIPE, "", "is a named pipe; only files"),
        Evil("../../../slipped", FILE, "", OUTSIDE),
        Evil("/slipped", FILE, "", "is an absolute path"),
        Evil("inner/../../slipped", FILE, "", OUTSIDE),
    ],
)
def test_a_tar_that_reaches_out_is_refused(
    box: Daemon, bring: Bring, tmp_path: Path, evil: Evil
) -> None:
    """While it arrives: there is no change, and nothing lies anywhere."""
    path = tmp_path / "slip.tar"
    path.write_bytes(evil.tar())

    met = bring(path, "victim")
    left = [
        *box.state.parent.rglob("slipped*"),
        *Path("/").glob("slipped*"),
        *(box.state / "incoming").iterdir(),
    ]

    assert (65, True, None, []) == (met.code, met.served, met.way, left)
    assert f"{evil.name!r} {evil.wanted}" in met.said
