"""What `model.yaml` says, as values (format 1).

A release is a manifest and the files that it names, each by sha256 and size.
`store/manifest.py` reads these from YAML and names file, line and key of every
error; here are only the shapes, because runtimes, the registry and the control
socket use them too.

Law: frozen values, no checks that need a disk, a clock or a runtime.
"""

import enum

import msgspec

from edged.wire.tensors import Shape, TensorSpec

#: The manifest format that this edged writes and reads.
FORMAT = 1

#: A model's name: it is a folder name and a URL segment.
NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,63}"

#: A version: free text for people within what OIP's `/versions/V` can carry.
VERSION_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"


class BackendName(enum.Enum):
    """The runtime that loads a variant's file."""

    ONNX = "onnx"
    LITERT = "litert"


class Layout(enum.Enum):
    """The order of an image tensor's dimensions."""

    NCHW = "NCHW"
    NHWC = "NHWC"


class Color(enum.Enum):
    """How a picture's channels become the tensor's."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"


class GoldenSource(enum.Enum):
    """Where golden inputs come from; generated ones prove less than real ones."""

    REAL = "real"
    GENERATED = "generated"


class StateMode(enum.Enum):
    """Whether a model keeps state between calls on purpose."""

    NONE = "none"
    SEQUENCE = "sequence"


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a picture becomes this input: `(pixel - mean) / std`, pixel 0..255.

    The tensor's own shape gives height, width, channels; `layout` says where.
    """

    layout: Layout = Layout.NCHW
    color: Color = Color.RGB
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


class Input(TensorSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input of the signature."""

    image: Image | None = None


class Output(TensorSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of the signature.

    Attributes:
        labels: file with one class name a line, for the last dimension.
        range: inclusive bounds of every value, where the author promises them.
    """

    labels: str | None = None
    range: tuple[float, float] | None = None


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What callers send and get, whichever variant runs."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]

    def specs(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Return inputs and outputs as callers see them: names, datatypes, shapes.

        Two releases with equal `specs` can replace each other under a live name.
        """

        def plain(tensors: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
            return tuple(
                TensorSpec(name=t.name, datatype=t.datatype, shape=t.shape)
                for t in tensors
            )

        return plain(self.inputs), plain(self.outputs)


class TensorIO(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one tensor of the signature is found and written in a variant's file.

    Attributes:
        tensor: its name in the file; by default the same name, or the only one.
        layout: the file's order of dimensions where it is not the signature's;
            the signature then has the other of NCHW and NHWC.
        scale: `real = scale * (stored - zero_point)`; by default the file's own
            quantisation where it carries one, else no quantisation.
        zero_point: see `scale`.
    """

    tensor: str | None = None
    layout: Layout | None = None
    scale: float | None = None
    zero_point: int | None = None


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rung of the ladder: a file and the runtime that loads it.

    Attributes:
        io: by tensor name of the signature, inputs and outputs alike.
        accuracy: held-out accuracy, 0..1, as the author measured it.
        optional: the release may go live without it, where it does not fit the board.
    """

    id: str
    backend: BackendName
    file: str
    accuracy: float | None = None
    optional: bool = False
    io: dict[str, TensorIO] = {}


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far an output may be from its golden value: `atol + rtol * |golden|`."""

    atol: float = 1e-3
    rtol: float = 1e-3


class Golden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Inputs with known outputs, in one .npz: arrays by tensor name.

    Samples stand along the first axis: an input of shape [1, 1, 8, 8] is stored as
    [samples, 1, 1, 8, 8].

    Attributes:
        tolerance: for the best variant; lower rungs are judged by agreement.
        agreement: least share of samples (0..1) whose top-1 equals the golden one
            (for outputs of two or more values), or that are within tolerance.
    """

    file: str
    source: GoldenSource = GoldenSource.REAL
    tolerance: Tolerance = Tolerance()
    agreement: float = 0.98


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The dimension along which requests may be joined, and how many at most."""

    axis: int = 0
    max: int = 1


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the author allows the model to cost on a board."""

    cpu_ms: float | None = None
    rss_mb: float | None = None


class Needs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a box must have: an edged version (`>=0.1`) and one of these CPUs."""

    edged: str | None = None
    arch: tuple[str, ...] = ()


class Intends(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the author meant: `change` says that other answers are wanted."""

    change: bool = False


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the release, by its bytes."""

    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model.yaml`, format 1. Variants stand best first."""

    format: int = FORMAT
    name: str
    version: str
    seq: int
    signature: Signature
    variants: tuple[Variant, ...]
    batch: Batch | None = None
    state: StateMode = StateMode.NONE
    golden: Golden | None = None
    budget: Budget | None = None
    needs: Needs = Needs()
    intends: Intends = Intends()
    files: dict[str, FileEntry]


def differences(old: Signature, new: Signature) -> list[str]:
    """Spell out how two signatures differ for a caller, one sentence each."""
    kinds = zip(("input", "output"), old.specs(), new.specs(), strict=True)
    return [
        sentence
        for kind, was, now in kinds
        for sentence in _differences(kind, was, now)
    ]


def _differences(
    kind: str, was: tuple[TensorSpec, ...], now: tuple[TensorSpec, ...]
) -> list[str]:
    before = {spec.name: spec for spec in was}
    after = {spec.name: spec for spec in now}
    found = [f"{kind} {before[n]} is gone" for n in before if n not in after]
    found += [f"{kind} {after[n]} is new" for n in after if n not in before]
    found += [
        f"{kind} {before[n]} becomes {_rest(after[n])}"
        for n in before
        if n in after and before[n] != after[n]
    ]
    if not found and was != now:
        found.append(f"{kind}s stand in another order: {', '.join(after)}")
    return found


def _rest(spec: TensorSpec) -> str:
    return str(spec).removeprefix(f"{spec.name}: ")


def dims_text(shape: Shape) -> str:
    """Write a shape as people read it: `1x3x224x224`, `?` for a free dimension."""
    return "x".join("?" if dim < 0 else str(dim) for dim in shape) or "scalar"
