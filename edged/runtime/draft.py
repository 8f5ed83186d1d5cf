"""A manifest for a bare model file.

Law: everything in it is read from the file or measured by running it; nothing is
guessed about what the model means.

Decisions:

- A tensor that the file quantises is offered as FP32 in real numbers, so callers
  need not know its scale, and a float sibling can take its place later.
- Names of converters (`serving_default_x:0`, `StatefulPartitionedCall:1`) are cleaned
  or taken from the exporter's signature; `io` keeps the file's own.
- A free dimension stays free where the graph runs with 2 there. TensorFlow's
  converter frees the batch of every file, also of graphs that reshape to a constant.
- A graph with variables is a `state: sequence` model.
"""

import hashlib
import re
from pathlib import Path

import msgspec

from edged.errors import BadBundle, BadModel, InvalidTensor
from edged.runtime import affine, backends, convert, tflite_file
from edged.runtime.base import Loaded, numpy_dtype
from edged.runtime.golden import (
    GoldenSet,
    answer,
    arrange,
    read_arrays,
    record,
    write,
)
from edged.runtime.onnx_file import external_files
from edged.runtime.samples import make_up
from edged.wire.release import (
    BackendName,
    FileEntry,
    Golden,
    GoldenSource,
    Input,
    Manifest,
    Output,
    Signature,
    StateMode,
    TensorIO,
    Tolerance,
    Variant,
)
from edged.wire.tensors import FREE, Datatype, Shape, TensorSpec

GOLDEN_FILE = "golden.npz"
VARIANT = "main"

#: Enough to see a model collapse, few enough to record in a second on a small board.
_SAMPLES = 8
_SEED = 0

#: A drafted model runs a few times, on a machine that serves others meanwhile.
_THREADS = 1

#: A name that needs no quoting in a URL, a shell or YAML.
_USABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

#: Quanta by which another CPU's integer kernels may answer differently.
_QUANTA = 2


def draft(
    path: Path, *, name: str, seq: int, golden: Path | None
) -> tuple[Manifest, dict[str, bytes]]:
    """Describe a bare model file.

    Args:
        path: an .onnx or .tflite file; its external data stand beside it.
        name: the model's.
        seq: its first or next.
        golden: inputs as .npz, by the file's or the drafted names, samples along the
            first axis; outputs too where they are known. None: inputs are made up.

    Returns:
        The manifest, and files to write beside the model, by name.

    Raises:
        BadModel: the runtime cannot load or run it.
        BadBundle: no model file by its name, or golden arrays do not fit.
    """
    backend = backends.SUFFIXES.get(path.suffix)
    if backend is None:
        raise BadBundle(
            f"cannot install {path.name} without a manifest: a bare model ends in "
            + " or ".join(backends.SUFFIXES),
            hint="name it after its format, or write a model.yaml",
        )
    loaded = backends.load(backend, path, threads=_THREADS)
    try:
        drafted = _Draft(path, backend, loaded)
        known, source = drafted.golden(golden)
    finally:
        loaded.close()
    packed = write(known)
    files = {name: _entry(path.parent / name) for name in drafted.files}
    files[GOLDEN_FILE] = FileEntry(
        sha256=hashlib.sha256(packed).hexdigest(), size=len(packed)
    )
    manifest = Manifest(
        name=name,
        version=str(seq),
        seq=seq,
        signature=drafted.signature,
        variants=(drafted.variant,),
        state=StateMode.SEQUENCE if loaded.stateful else StateMode.NONE,
        golden=Golden(file=GOLDEN_FILE, source=source, tolerance=drafted.tolerance),
        files=files,
    )
    return manifest, {GOLDEN_FILE: packed}


class _Draft:
    """What is known of one file so far."""

    def __init__(self, path: Path, backend: BackendName, loaded: Loaded) -> None:
        self._loaded = loaded
        names = _names(path, backend, loaded)
        self.files = [path.name]
        if backend is BackendName.ONNX:
            self.files += external_files(path)
        self.variant = Variant(
            id=VARIANT,
            backend=backend,
            file=path.name,
            io={
                clean: TensorIO(tensor=tensor)
                for tensor, clean in names.items()
                if clean != tensor
            },
        )
        self._names = names
        self.signature = self._signature(fixed=False)
        if backend is BackendName.LITERT and not self._runs_batched():
            self.signature = self._signature(fixed=True)

    @property
    def tolerance(self) -> Tolerance:
        """The default, or two quanta of the coarsest output."""
        scales = [
            self._loaded.quantization[spec.name].scale
            for spec in self._loaded.outputs
            if self._is_quantized(spec)
        ]
        default = Tolerance()
        return Tolerance(
            atol=max(default.atol, *(_QUANTA * scale for scale in scales), 0.0)
        )

    def golden(self, given: Path | None) -> tuple[GoldenSet, GoldenSource]:
        """Record golden answers, to given inputs if there are any."""
        runs = self._adapt(self.signature)
        if given is None:
            return self._made_up(runs), GoldenSource.GENERATED
        arrays = {
            self._names.get(name, name): array
            for name, array in read_arrays(given).items()
        }
        asked = arrange(given.name, arrays, self.signature)
        if not asked.outputs:
            asked = answer(runs, self.signature, asked)
        return asked, GoldenSource.REAL

    def _made_up(self, runs: convert.Adapted) -> GoldenSet:
        try:
            return record(
                runs,
                self.signature,
                samples=_SAMPLES,
                seed=_SEED,
                ranges=self._ranges(),
            )
        except (BadModel, InvalidTensor) as error:
            raise BadModel(
                f"cannot record golden answers of {self.variant.file} from made-up "
                f"inputs: {error.message}",
                hint="give inputs that it is made for: --golden inputs.npz",
            ) from error

    def _signature(self, *, fixed: bool) -> Signature:
        def shape(spec: TensorSpec) -> Shape:
            return tuple(1 if fixed and dim == FREE else dim for dim in spec.shape)

        return Signature(
            inputs=tuple(
                Input(
                    name=self._names[spec.name],
                    datatype=self._datatype(spec),
                    shape=shape(spec),
                )
                for spec in self._loaded.inputs
            ),
            outputs=tuple(
                Output(
                    name=self._names[spec.name],
                    datatype=self._datatype(spec),
                    shape=shape(spec),
                )
                for spec in self._loaded.outputs
            ),
        )

    def _runs_batched(self) -> bool:
        """Try the graph with 2 in every free dimension."""
        if not any(FREE in spec.shape for spec in self._loaded.inputs):
            return True
        doubled = msgspec.structs.replace(
            self.signature,
            inputs=tuple(
                msgspec.structs.replace(
                    spec, shape=tuple(2 if dim == FREE else dim for dim in spec.shape)
                )
                for spec in self.signature.inputs
            ),
        )
        inputs = make_up(doubled, samples=1, seed=_SEED, ranges=self._ranges())
        feeds = {name: array[0, ...] for name, array in inputs.items()}
        wanted = tuple(spec.name for spec in self.signature.outputs)
        try:
            answers = self._adapt(self.signature).run(feeds, wanted)
        except (BadModel, InvalidTensor):
            return False
        return all(
            spec.admits(answers[spec.name].shape) for spec in self.signature.outputs
        )

    def _adapt(self, signature: Signature) -> convert.Adapted:
        return convert.adapt(self._loaded, signature, self.variant)

    def _ranges(self) -> dict[str, tuple[float, float]]:
        return {
            self._names[spec.name]: affine.bounds(
                self._loaded.quantization[spec.name], numpy_dtype(spec)
            )
            for spec in self._loaded.inputs
            if self._is_quantized(spec)
        }

    def _datatype(self, spec: TensorSpec) -> Datatype:
        return Datatype.FP32 if self._is_quantized(spec) else spec.datatype

    def _is_quantized(self, spec: TensorSpec) -> bool:
        return spec.name in self._loaded.quantization and not spec.datatype.is_float


def _names(path: Path, backend: BackendName, loaded: Loaded) -> dict[str, str]:
    """Give every tensor of the file a usable name; unlike ones stay unlike."""
    aliases = tflite_file.read(path).aliases if backend is BackendName.LITERT else {}
    names: dict[str, str] = {}
    for kind, specs in (("input", loaded.inputs), ("output", loaded.outputs)):
        for spec in specs:
            wanted = _clean(aliases.get(spec.name, spec.name), kind)
            clean, number = wanted, 1
            while clean in names.values():
                clean, number = f"{wanted}_{number}", number + 1
            names[spec.name] = clean
    return names


def _clean(name: str, kind: str) -> str:
    """Return a usable name; TensorFlow's wrapping goes, then what is no letter."""
    if _USABLE.fullmatch(name) and not name.startswith("StatefulPartitionedCall"):
        return name
    name = re.sub(r":\d+$", "", name).removeprefix("serving_default_")
    if name.startswith("StatefulPartitionedCall"):
        return kind
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", name.rpartition("/")[2]).strip("_.-")
    return name[:64] if _USABLE.fullmatch(name[:64]) else kind


def _entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(sha256=digest, size=path.stat().st_size)
