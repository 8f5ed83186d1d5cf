"""`model.yaml` <-> `wire.release.Manifest`, format 1.

Law: read key by key, so that every fault comes at once with its file, line and key;
a manifest that was read is consistent in itself (names, files, shapes, layouts), and
what no manifest can know is checked elsewhere: whether the files' bytes are what it
says (`releases`), whether the models have this signature (`runtime.convert`).
Raises nothing but BadBundle.
"""

from collections import Counter
from collections.abc import Iterator

from edged.errors import BadBundle
from edged.store.layout import MANIFEST
from edged.store.names import check_name
from edged.strictyaml import document, emit
from edged.strictyaml.kinds import (
    Choice,
    Flag,
    ListOf,
    MapOf,
    Maybe,
    Number,
    Record,
    Text,
    Whole,
)
from edged.strictyaml.place import Invalid, Place, Report, ScalarNode
from edged.wire.release import (
    FORMAT,
    NAME_PATTERN,
    VERSION_PATTERN,
    BackendName,
    Batch,
    Budget,
    Color,
    FileEntry,
    Golden,
    GoldenSource,
    Image,
    Input,
    Intends,
    Layout,
    Manifest,
    Needs,
    Output,
    Signature,
    StateMode,
    TensorIO,
    Tolerance,
    Variant,
)
from edged.wire.tensors import FREE, Datatype, TensorSpec


class FileName(Text):
    """A file of the release: a plain name, because a bundle is one flat folder."""

    def __init__(self) -> None:
        super().__init__(r"[^/]+", "a plain file name: no folder, no leading dot")

    def matches(self, text: str) -> bool:
        """Tell whether a bundle may bring a file of this name."""
        try:
            check_name(text, text)
        except BadBundle:
            return False
        return text != MANIFEST


_BOUND = r"(>=|<=|==|!=|<|>) ?[0-9]{1,6}(\.[0-9]{1,6}){0,3}"

_FILE = FileName()
_TENSOR = Text(r"[^\x00-\x1f\x7f-\x9f]{1,256}", "1 to 256 printable characters")
_DIMS = ListOf(Whole(FREE, 2**31 - 1), high=16)
_SHARE = Number(0, 1)
_COST = Maybe(Number(0, 1e9))

_IMAGE = Record(
    Image,
    {
        "layout": Choice(Layout),
        "color": Choice(Color),
        "mean": ListOf(Number(-1e6, 1e6), low=1, high=3),
        "std": ListOf(Number(1e-9, 1e6), low=1, high=3),
    },
    spoken=("layout", "color"),
)

_SIGNATURE = Record(
    Signature,
    {
        "inputs": ListOf(
            Record(
                Input,
                {
                    "name": _TENSOR,
                    "datatype": Choice(Datatype),
                    "shape": _DIMS,
                    "image": Maybe(_IMAGE),
                },
            ),
            low=1,
            high=256,
        ),
        "outputs": ListOf(
            Record(
                Output,
                {
                    "name": _TENSOR,
                    "datatype": Choice(Datatype),
                    "shape": _DIMS,
                    "labels": Maybe(_FILE),
                    "range": Maybe(ListOf(Number(-1e300, 1e300), low=2, high=2)),
                },
            ),
            low=1,
            high=256,
        ),
    },
)

_VARIANT = Record(
    Variant,
    {
        "id": Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "letters, digits and ._-"),
        "backend": Choice(BackendName),
        "file": _FILE,
        "accuracy": Maybe(_SHARE),
        "optional": Flag(),
        "io": MapOf(
            _TENSOR,
            Record(
                TensorIO,
                {
                    "tensor": Maybe(_TENSOR),
                    "layout": Maybe(Choice(Layout)),
                    "scale": Maybe(Number(1e-30, 1e30)),
                    "zero_point": Maybe(Whole(-(2**31), 2**31 - 1)),
                },
            ),
            high=512,
        ),
    },
)

_BATCH = Record(
    Batch, {"axis": Whole(0, 15), "max": Whole(1, 65536)}, spoken=("axis", "max")
)

_GOLDEN = Record(
    Golden,
    {
        "file": _FILE,
        "source": Choice(GoldenSource),
        "tolerance": Record(
            Tolerance, {"atol": Number(0, 1e9), "rtol": Number(0, 1e9)}
        ),
        "agreement": _SHARE,
    },
    spoken=("source",),
)

#: Every key of `model.yaml`, in the order in which `write_manifest` writes it.
_MANIFEST = Record(
    Manifest,
    {
        "format": Whole(FORMAT, FORMAT),
        "name": Text(
            NAME_PATTERN, "1 to 64 of a-z, 0-9 and ._-, a letter or digit first"
        ),
        "version": Text(VERSION_PATTERN, "1 to 64 letters, digits and ._+-"),
        "seq": Whole(0, 2**53 - 1),
        "signature": _SIGNATURE,
        "variants": ListOf(_VARIANT, low=1, high=16),
        "batch": Maybe(_BATCH),
        "state": Choice(StateMode),
        "golden": Maybe(_GOLDEN),
        "budget": Maybe(Record(Budget, {"cpu_ms": _COST, "rss_mb": _COST})),
        "needs": Record(
            Needs,
            {
                "edged": Maybe(Text(f"{_BOUND}(, ?{_BOUND}){{0,3}}", "like >=0.1, <2")),
                "arch": ListOf(Text(r"[a-z0-9_]{1,32}", "like aarch64"), high=16),
            },
        ),
        "intends": Record(Intends, {"change": Flag()}),
        "files": MapOf(
            _FILE,
            Record(
                FileEntry,
                {
                    "sha256": Text(r"[0-9a-f]{64}", "64 hexadecimal digits, lowercase"),
                    "size": Whole(0, 2**40),
                },
            ),
        ),
    },
    spoken=("format",),
)


def read_manifest(data: bytes, source: str) -> Manifest:
    """Read a manifest and check all that it says about itself.

    Args:
        data: the bytes of `model.yaml`, at most 256 KiB.
        source: how faults name the file.

    Raises:
        BadBundle: the message lists every fault with file, line, column and key;
            `fields["problems"]` has them as `Fault`.
    """
    top = document.read(data, source)
    try:
        _check_format(top)
        manifest = _MANIFEST.read(top)
    except Invalid:
        raise _bad(top.report) from None
    for path, message in _breaches(manifest):
        top.at(*path).note(message)
    if top.report.faults:
        raise _bad(top.report)
    return manifest


def write_manifest(manifest: Manifest) -> bytes:
    """Return the YAML that reads back as this manifest, without what is default."""
    written = _MANIFEST.write(manifest)
    assert isinstance(written, dict)  # noqa: S101  # a record is keys and values
    return emit.document(written).encode()


def _check_format(top: Place) -> None:
    """Look at the format first: another one has other keys, all of them "unknown".

    Raises:
        Invalid: there is none, or not this one.
    """
    if isinstance(top.node, ScalarNode) and top.node.is_null:
        top.note("cannot use an empty manifest", "begin with format: 1")
        raise Invalid
    if "format" not in top.entries():
        top.note("cannot do without the key 'format'", f"write format: {FORMAT}")
        raise Invalid
    place = top.at("format")
    if Whole(0, 2**31).read(place) != FORMAT:
        place.refuse("read this format", str(FORMAT), "a newer edged may know it")


def _bad(report: Report) -> BadBundle:
    return BadBundle(
        f"cannot use {report.file}: {report.text()}", problems=report.in_order()
    )


# --- what the parts say about each other -------------------------------------

_Breach = tuple[tuple[str | int, ...], str]


def _breaches(manifest: Manifest) -> Iterator[_Breach]:
    yield from _unique_names(manifest)
    yield from _files(manifest)
    for index, tensor in enumerate(manifest.signature.inputs):
        if tensor.image is not None:
            for key, message in _image(tensor, tensor.image):
                yield ("signature", "inputs", index, "image", *key), message
    for index, output in enumerate(manifest.signature.outputs):
        for key, message in _output(output):
            yield ("signature", "outputs", index, *key), message
    for index, variant in enumerate(manifest.variants):
        for key, message in _variant_io(manifest.signature, variant):
            yield ("variants", index, "io", *key), message
    yield from _batch(manifest)


def _unique_names(manifest: Manifest) -> Iterator[_Breach]:
    signature = manifest.signature
    for path, key, names in (
        (("signature", "inputs"), "name", [each.name for each in signature.inputs]),
        (("signature", "outputs"), "name", [each.name for each in signature.outputs]),
        (("variants",), "id", [each.id for each in manifest.variants]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (*path, index, key), f"cannot use the name '{name}' twice"


def _files(manifest: Manifest) -> Iterator[_Breach]:
    named: list[tuple[tuple[str | int, ...], str | None]] = [
        *(
            (("variants", index, "file"), variant.file)
            for index, variant in enumerate(manifest.variants)
        ),
        *(
            (("signature", "outputs", index, "labels"), output.labels)
            for index, output in enumerate(manifest.signature.outputs)
        ),
    ]
    if manifest.golden is not None:
        named.append((("golden", "file"), manifest.golden.file))
    for path, name in named:
        if name is not None and name not in manifest.files:
            yield path, f"cannot find '{name}' under files, with its sha256 and size"


def _image(tensor: Input, image: Image) -> Iterator[_Breach]:
    """Check that the shape says height, width and channels in the image's layout."""
    rank = len(tensor.shape)
    if rank not in {3, 4}:
        yield (), f"cannot make {tensor} from a picture, allowed 3 or 4 dimensions"
        return
    if tensor.datatype in {Datatype.BOOL, Datatype.BYTES}:
        yield (), f"cannot make {tensor} from a picture, allowed numbers"
    channels_first = image.layout is Layout.NCHW
    channels = tensor.shape[-3 if channels_first else -1]
    sides = tensor.shape[-2:] if channels_first else tensor.shape[-3:-1]
    wanted = 1 if image.color is Color.GRAY else 3
    if channels != wanted:
        found = f"{channels} channels ({tensor} as {image.layout.value})"
        word = image.color.value
        yield ("color",), f"cannot make {word} of {found}, allowed {wanted} channels"
    if min(sides) < 1:
        yield (), "cannot fit a picture into a free or empty height or width"
    for key, values in (("mean", image.mean), ("std", image.std)):
        if len(values) not in {1, wanted}:
            yield (key,), f"cannot use {len(values)} values for {wanted} channels"


def _output(output: Output) -> Iterator[_Breach]:
    if output.labels is not None and (not output.shape or output.shape[-1] < 1):
        yield ("labels",), f"cannot label {output}: its last dimension is not fixed"
    if output.range is not None and output.range[0] >= output.range[1]:
        yield ("range",), "cannot use this range: the first bound is the lower one"


def _variant_io(signature: Signature, variant: Variant) -> Iterator[_Breach]:
    tensors: tuple[TensorSpec, ...] = (*signature.inputs, *signature.outputs)
    counts = Counter(tensor.name for tensor in tensors)
    specs = {tensor.name: tensor for tensor in tensors}
    for name, io in variant.io.items():
        if name not in specs:
            yield (name,), f"cannot find this tensor, allowed {', '.join(specs)}"
            continue
        if counts[name] > 1:
            yield (name,), "cannot tell which is meant: an input and an output"
        for key, message in _tensor_io(specs[name], io):
            yield (name, *key), message


def _tensor_io(spec: TensorSpec, io: TensorIO) -> Iterator[_Breach]:
    if io.layout is not None and len(spec.shape) != 4:  # noqa: PLR2004  # N, C, H, W
        yield ("layout",), f"cannot lay out {spec}, allowed 4 dimensions"
    if io.scale is not None and not spec.datatype.is_float:
        yield ("scale",), f"cannot quantise {spec}, allowed floating-point tensors"
    if io.zero_point is not None and io.scale is None:
        yield ("zero_point",), "cannot use a zero point without a scale"


def _batch(manifest: Manifest) -> Iterator[_Breach]:
    if manifest.batch is None:
        return
    axis = manifest.batch.axis
    signature = manifest.signature
    for tensor in (*signature.inputs, *signature.outputs):
        if axis >= len(tensor.shape):
            yield ("batch", "axis"), f"cannot batch {tensor} along dimension {axis}"
