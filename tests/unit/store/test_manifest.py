"""`model.yaml`: what is read, what is refused and where, and that it comes back."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.errors import BadBundle
from edged.store.manifest import read_manifest, write_manifest
from edged.strictyaml import emit
from edged.strictyaml.place import Fault
from edged.wire.release import (
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
from edged.wire.tensors import Datatype

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "demo" / "digits" / "model.yaml"
PAGE = ROOT / "docs" / "reference" / "manifest.md"
SHA = "0123456789abcdef" * 4

TEXT = f"""\
format: 1
name: digits
version: 1.10
seq: 14
signature:
  inputs:
    - name: image
      datatype: FP32
      shape: [-1, 1, 8, 8]
      image: {{layout: NCHW, color: gray, mean: [0], std: [16]}}
  outputs:
    - {{name: out, datatype: FP32, shape: [-1, 10], labels: labels.txt, range: [0, 1]}}
variants:
  - {{id: fp32, backend: onnx, file: digits.onnx, accuracy: 0.981}}
  - id: int8
    backend: litert
    file: digits.tflite
    io: {{image: {{layout: NHWC, scale: 0.0039, zero_point: -128}}}}
batch: {{axis: 0, max: 16}}
state: none
golden: {{file: golden.npz, source: real, tolerance: {{atol: 1e-3}}, agreement: 0.98}}
budget: {{cpu_ms: 40, rss_mb: 120}}
needs: {{edged: ">=0.1, <2", arch: [x86_64, aarch64]}}
intends: {{change: false}}
files:
  digits.onnx: {{sha256: {SHA}, size: 1}}
  digits.tflite: {{sha256: {SHA}, size: 2}}
  labels.txt: {{sha256: {SHA}, size: 3}}
  golden.npz: {{sha256: {SHA}, size: 4}}
"""

MANIFEST = Manifest(
    name="digits",
    version="1.10",
    seq=14,
    signature=Signature(
        inputs=(
            Input(
                name="image",
                datatype=Datatype.FP32,
                shape=(-1, 1, 8, 8),
                image=Image(color=Color.GRAY, std=(16.0,)),
            ),
        ),
        outputs=(
            Output(
                name="out",
                datatype=Datatype.FP32,
                shape=(-1, 10),
                labels="labels.txt",
                range=(0.0, 1.0),
            ),
        ),
    ),
    variants=(
        Variant(
            id="fp32", backend=BackendName.ONNX, file="digits.onnx", accuracy=0.981
        ),
        Variant(
            id="int8",
            backend=BackendName.LITERT,
            file="digits.tflite",
            io={"image": TensorIO(layout=Layout.NHWC, scale=0.0039, zero_point=-128)},
        ),
    ),
    batch=Batch(axis=0, max=16),
    golden=Golden(file="golden.npz", tolerance=Tolerance(atol=0.001)),
    budget=Budget(cpu_ms=40.0, rss_mb=120.0),
    needs=Needs(edged=">=0.1, <2", arch=("x86_64", "aarch64")),
    files={
        "digits.onnx": FileEntry(sha256=SHA, size=1),
        "digits.tflite": FileEntry(sha256=SHA, size=2),
        "labels.txt": FileEntry(sha256=SHA, size=3),
        "golden.npz": FileEntry(sha256=SHA, size=4),
    },
)


STRUCTS = (
    *(Manifest, Signature, Input, Output, Image, Variant, TensorIO, Batch),
    *(Golden, Tolerance, Budget, Needs, Intends, FileEntry),
)


def faults(text: str) -> list[Fault]:
    """Return what is wrong with a manifest."""
    with pytest.raises(BadBundle) as caught:
        read_manifest(text.encode(), "model.yaml")
    found = caught.value.fields["problems"]
    assert isinstance(found, list)
    return found


def edited(old: str, new: str) -> str:
    """Return the good text with one edit."""
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def test_a_full_manifest_is_read() -> None:
    """Every key of the format, each in its type; a version keeps its zero."""
    assert read_manifest(TEXT.encode(), "model.yaml") == MANIFEST


def test_the_demo_manifest_is_read() -> None:
    """What the project ships holds."""
    assert read_manifest(DEMO.read_bytes(), "model.yaml").name == "digits"


def test_the_example_of_the_reference_page_is_read() -> None:
    """What people copy works."""
    _, _, rest = PAGE.read_text().partition("```yaml\n")
    example, _, _ = rest.partition("```")

    assert read_manifest(example.encode(), "manifest.md").name == "digits"


def test_the_reference_page_names_every_key() -> None:
    """A key that the page leaves out is a key that nobody finds."""
    page = PAGE.read_text()

    missing = [
        field
        for struct in STRUCTS
        for field in struct.__struct_fields__
        if f"`{field}`" not in page
    ]

    assert missing == []


def test_a_written_manifest_reads_as_a_person_would_write_it() -> None:
    """Keys in the documented order, leaves on one line, nothing that is default."""
    assert write_manifest(MANIFEST).decode() == (
        "format: 1\n"
        "name: digits\n"
        'version: "1.10"\n'
        "seq: 14\n"
        "signature:\n"
        "  inputs:\n"
        "    - name: image\n"
        "      datatype: FP32\n"
        "      shape: [-1, 1, 8, 8]\n"
        "      image: {layout: NCHW, color: gray, std: [16.0]}\n"
        "  outputs:\n"
        "    - {name: out, datatype: FP32, shape: [-1, 10], labels: labels.txt,"
        " range: [0.0, 1.0]}\n"
        "variants:\n"
        "  - {id: fp32, backend: onnx, file: digits.onnx, accuracy: 0.981}\n"
        "  - id: int8\n"
        "    backend: litert\n"
        "    file: digits.tflite\n"
        "    io:\n"
        "      image: {layout: NHWC, scale: 0.0039, zero_point: -128}\n"
        "batch: {axis: 0, max: 16}\n"
        "golden: {file: golden.npz, source: real}\n"
        "budget: {cpu_ms: 40.0, rss_mb: 120.0}\n"
        'needs: {edged: ">=0.1, <2", arch: [x86_64, aarch64]}\n'
        "files:\n"
        f"  digits.onnx: {{sha256: {SHA}, size: 1}}\n"
        f"  digits.tflite: {{sha256: {SHA}, size: 2}}\n"
        f"  labels.txt: {{sha256: {SHA}, size: 3}}\n"
        f"  golden.npz: {{sha256: {SHA}, size: 4}}\n"
    )


def test_an_error_lists_every_fault_with_line_column_and_key() -> None:
    """One message is enough to repair the whole file."""
    text = edited("seq: 14", "seq: -1").replace("id: fp32, backend", "id: fp32, bakend")

    with pytest.raises(BadBundle) as caught:
        read_manifest(text.encode(), "a/model.yaml")

    assert caught.value.message == (
        "cannot use a/model.yaml: 3 problems\n"
        "a/model.yaml:4:6: seq: cannot use this number, found -1, allowed"
        " a whole number from 0 to 9007199254740991\n"
        "    seq: -1\n"
        "         ^\n"
        "a/model.yaml:14:5: variants[0]: cannot do without the key 'backend'\n"
        "      - {id: fp32, bakend: onnx, file: digits.onnx, accuracy: 0.981}\n"
        "        ^\n"
        "a/model.yaml:14:16: variants[0].bakend: cannot use this key, allowed"
        " id, backend, file, accuracy, optional, io (did you mean 'backend'?)\n"
        "      - {id: fp32, bakend: onnx, file: digits.onnx, accuracy: 0.981}\n"
        "                   ^"
    )


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        # the form of single values
        ("name: digits\n", "name: Digits\n", "2 name", "Digits"),
        ("name: digits\n", "name: ../x\n", "2 name", "../x"),
        ("version: 1.10", "version: a/b", "3 version", "a/b"),
        ("seq: 14", "seq: 1.5", "4 seq", "1.5"),
        ("seq: 14", "seq: 014", "4 seq", "014"),
        ("-1, 1, 8, 8", "-2, 1, 8, 8", "9 signature.inputs[0].shape[0]", "-2"),
        ("id: fp32", 'id: ""', "14 variants[0].id", '""'),
        ("backend: onnx", "backend: torch", "14 variants[0].backend", "torch"),
        ("0.981", "98.1", "14 variants[0].accuracy", "98.1"),
        ("0.981", ".nan", "14 variants[0].accuracy", ".nan"),
        ("file: digits.onnx", "file: ../x.onnx", "14 variants[0].file", "../x"),
        ("file: digits.onnx", "file: /x.onnx", "14 variants[0].file", "/x"),
        ("file: digits.onnx", "file: .x.onnx", "14 variants[0].file", ".x"),
        ("  golden.npz:", "  a/b: {}\n  golden.npz:", "29 files.a/b", "a/b"),
        ("  golden.npz:", "  model.yaml:", "29 files.model.yaml", "model.yaml"),
        ("size: 4}", "size: -4}", "29 files.golden.npz.size", "-4"),
        (f"{SHA}, size: 4", "00, size: 4", "29 files.golden.npz.sha256", "00"),
        ("agreement: 0.98", "agreement: 1.5", "21 golden.agreement", "1.5"),
        ("atol: 1e-3", "atol: -1", "21 golden.tolerance.atol", "-1"),
        (">=0.1, <2", "newest", "23 needs.edged", '"newest"'),
        ("change: false", "change: no", "24 intends.change", "no"),
        ("max: 16", "max: 0", "19 batch.max", "0"),
        ("state: none", "state: some", "20 state", "some"),
        # what the parts say about each other
        ("id: int8", "id: fp32", "15 variants[1].id", "fp32"),
        ("file: digits.onnx", "file: other", "14 variants[0].file", "other"),
        ("labels: labels", "labels: other", "12 signature.outputs[0].labels", "other"),
        ("file: golden.npz", "file: other", "21 golden.file", "other"),
        ("io: {image:", "io: {imago:", "18 variants[1].io.imago", "{layout"),
        ("[-1, 10]", "[-1, -1]", "12 signature.outputs[0].labels", "labels.txt"),
        ("range: [0, 1]", "range: [1, 0]", "12 signature.outputs[0].range", "[1"),
        ("range: [0, 1]", "range: [1, 1]", "12 signature.outputs[0].range", "[1"),
        ("FP32\n", "BOOL\n", "10 signature.inputs[0].image", "{"),
        ("color: gray", "color: rgb", "10 signature.inputs[0].image.color", "rgb"),
        ("mean: [0]", "mean: [0, 0]", "10 signature.inputs[0].image.mean", "[0, 0]"),
        ("std: [16]", "std: [16, 1]", "10 signature.inputs[0].image.std", "[16, 1]"),
        ("[-1, 1, 8, 8]", "[-1, 1, -1, 8]", "10 signature.inputs[0].image", "{"),
        ("scale: 0.0039, ", "", "18 variants[1].io.image.zero_point", "-128"),
        ("axis: 0", "axis: 2", "19 batch.axis", "2"),
    ],
)
def test_each_fault_is_found_in_its_place(
    old: str, new: str, where: str, what: str
) -> None:
    """File, line, column and key lead to the value that is wrong."""
    text = edited(old, new)

    fault = faults(text)[0]

    assert where == f"{fault.line} {fault.key}"
    assert text.splitlines()[fault.line - 1][fault.column - 1 :].startswith(what)


@pytest.mark.parametrize(
    ("shape", "layout", "color", "good"),
    [
        ("[8, 8, 3]", "NHWC", "rgb", True),
        ("[3, 8, 8]", "NCHW", "bgr", True),
        ("[1, 8, 8, 1]", "NHWC", "gray", True),
        ("[1, 8, 8, 3]", "NCHW", "rgb", False),
        ("[64]", "NCHW", "gray", False),
        ("[1, -1, 8, 8]", "NCHW", "gray", False),
    ],
)
def test_a_picture_fits_its_tensor(
    shape: str,
    layout: str,
    color: str,
    good: bool,  # noqa: FBT001  # the expectation
) -> None:
    """Three or four dimensions, and the channels where the layout says."""
    text = (
        f"format: 1\nname: x\nversion: 1\nseq: 0\nsignature:\n  inputs:\n"
        f"    - {{name: i, datatype: UINT8, shape: {shape},"
        f" image: {{layout: {layout}, color: {color}}}}}\n"
        f"  outputs: [{{name: o, datatype: FP32, shape: [2]}}]\n"
        f"variants: [{{id: a, backend: onnx, file: f}}]\n"
        f"files: {{f: {{sha256: {SHA}, size: 1}}}}\n"
    )

    if good:
        assert read_manifest(text.encode(), "x").signature.inputs[0].image is not None
    else:
        assert faults(text)[0].key.startswith("signature.inputs[0].image")


def test_a_layout_needs_four_dimensions() -> None:
    """NCHW and NHWC name four."""
    text = edited("{image: {layout: NHWC,", "{out: {layout: NHWC,")

    (fault,) = faults(text)

    assert fault.key == "variants[1].io.out.layout"


def test_only_floating_point_tensors_are_quantised() -> None:
    """A signature of whole numbers has nothing to dequantise to."""
    text = edited("datatype: FP32\n", "datatype: UINT8\n")

    (fault,) = faults(text)

    assert fault.key == "variants[1].io.image.scale"


def test_a_name_that_is_input_and_output_is_ambiguous_in_io() -> None:
    """`io` is keyed by tensor name alone."""
    text = edited("name: out", "name: image")

    assert faults(text)[0].message.startswith("cannot tell which is meant")
    assert faults(text)[0].key == "variants[1].io.image"


def test_two_tensors_of_one_kind_need_two_names() -> None:
    """Callers tell inputs apart by name."""
    text = edited(
        "  outputs:\n", "    - {name: image, datatype: FP32, shape: [1]}\n  outputs:\n"
    )

    assert faults(text)[0].key == "signature.inputs[1].name"


def test_files_that_nothing_names_are_welcome() -> None:
    """External data of an ONNX file, a licence, a model card."""
    text = f"{TEXT}  digits.onnx.data: {{sha256: {SHA}, size: 5}}\n"

    assert "digits.onnx.data" in read_manifest(text.encode(), "x").files


def test_another_format_is_one_fault_and_not_a_hundred() -> None:
    """A later format has other keys; the first thing to know is its number."""
    (fault,) = faults("format: 2\nlayers: []\n")

    expected = "cannot read this format, found 2, allowed 1"
    assert (expected, "a newer edged may know it") == (fault.message, fault.hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "cannot use an empty manifest"),
        ("name: x\n", "cannot do without the key 'format'"),
        ("[]\n", "cannot read keys and values, found a list"),
        ("just text\n", "cannot read keys and values, found just text"),
    ],
)
def test_what_is_no_manifest_at_all_says_so(text: str, expected: str) -> None:
    """A wrong file gets one clear fault."""
    (fault,) = faults(text)

    assert fault.message.startswith(expected)


# --- properties ---------------------------------------------------------------

PRINTABLE = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)
FILE_NAME = st.from_regex(
    r"[A-Za-z0-9_][A-Za-z0-9 ._+=@,()~-]{0,20}[a-z]", fullmatch=True
)
DIMS = st.lists(st.integers(-1, 2**31 - 1), max_size=4).map(tuple)
SHARE = st.floats(0, 1)
NUMBER = st.floats(-1e6, 1e6)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Manifests that hold, of every shape that the format allows."""
    names = draw(st.lists(PRINTABLE, min_size=2, max_size=6, unique=True))
    split = draw(st.integers(1, len(names) - 1))
    files = draw(st.lists(FILE_NAME, min_size=1, max_size=4, unique=True))
    file = st.sampled_from(files)
    inputs = [
        Input(name=name, datatype=draw(st.sampled_from(Datatype)), shape=draw(DIMS))
        for name in names[:split]
    ]
    if draw(st.booleans()):
        color, channels = draw(
            st.sampled_from([(Color.GRAY, 1), (Color.RGB, 3), (Color.BGR, 3)])
        )
        values = st.lists(NUMBER, min_size=channels, max_size=channels).map(tuple)
        scales = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=1).map(tuple)
        inputs[0] = Input(
            name=names[0],
            datatype=Datatype.FP32,
            shape=(1, channels, 8, 9),
            image=Image(color=color, mean=draw(values), std=draw(scales)),
        )
    outputs = []
    for name in names[split:]:
        shape = draw(DIMS)
        labelled = bool(shape) and shape[-1] > 0
        outputs.append(
            Output(
                name=name,
                datatype=draw(st.sampled_from(Datatype)),
                shape=shape,
                labels=draw(st.none() | file) if labelled else None,
                range=draw(st.none() | st.just((-0.5, 1e-7))),
            )
        )
    rank = min(len(tensor.shape) for tensor in (*inputs, *outputs))
    ids = draw(
        st.lists(
            st.from_regex(r"[a-zA-Z0-9]{1,9}", fullmatch=True),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    io = st.builds(TensorIO, tensor=st.none() | PRINTABLE)
    return Manifest(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)),
        version=draw(
            st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", fullmatch=True)
        ),
        seq=draw(st.integers(0, 2**53 - 1)),
        signature=Signature(inputs=tuple(inputs), outputs=tuple(outputs)),
        variants=tuple(
            Variant(
                id=each,
                backend=draw(st.sampled_from(BackendName)),
                file=draw(file),
                accuracy=draw(st.none() | SHARE),
                io=draw(st.dictionaries(st.sampled_from(names), io)),
            )
            for each in ids
        ),
        batch=draw(
            st.none() | st.builds(Batch, axis=st.just(0), max=st.integers(1, 65536))
        )
        if rank
        else None,
        state=draw(st.sampled_from(StateMode)),
        golden=draw(
            st.none()
            | st.builds(
                Golden,
                file=file,
                source=st.sampled_from(GoldenSource),
                tolerance=st.builds(
                    Tolerance, atol=st.floats(0, 1e9), rtol=st.floats(0, 1e9)
                ),
                agreement=SHARE,
            )
        ),
        budget=draw(
            st.none() | st.builds(Budget, cpu_ms=st.none() | st.floats(0, 1e9))
        ),
        needs=Needs(
            edged=draw(st.none() | st.just(">=0.1")),
            arch=tuple(draw(st.lists(st.just("armv7l"), max_size=2))),
        ),
        intends=Intends(change=draw(st.booleans())),
        files={
            name: FileEntry(
                sha256=draw(st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
                size=draw(st.integers(0, 2**40)),
            )
            for name in files
        },
    )


@given(manifests())
@settings(deadline=None)
def test_what_is_written_reads_back_the_same(manifest: Manifest) -> None:
    """Nothing is lost, whatever a name or a number looks like."""
    assert read_manifest(write_manifest(manifest), "x") == manifest


def survives(data: bytes) -> bool:
    """Tell whether reading gives a manifest or a BadBundle that lists faults."""
    try:
        read_manifest(data, "x")
    except BadBundle as error:
        return bool(error.fields["problems"]) and "x" in error.message
    return True


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
@settings(deadline=None)
def test_no_bytes_raise_anything_but_bad_bundle(data: bytes) -> None:
    """A manifest is a stranger's file."""
    assert survives(data)


@given(st.integers(0, len(TEXT)), st.integers(0, 40), st.text(max_size=8))
@settings(deadline=None)
def test_no_damage_raises_anything_but_bad_bundle(at: int, cut: int, put: str) -> None:
    """A good manifest with a part replaced is read or refused."""
    assert survives(f"{TEXT[:at]}{put}{TEXT[at + cut :]}".encode())


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.data(), PLAIN)
@settings(deadline=None)
def test_no_value_in_any_place_raises_anything_but_bad_bundle(
    data: st.DataObject, value: Any
) -> None:
    """Each key in turn holds what it should not."""
    tree = copy.deepcopy(TREE)
    parent, key = data.draw(st.sampled_from(list(slots(tree))))
    parent[key] = value

    assert survives(emit.document(tree).encode())


def slots(tree: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a tree."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    found = [(tree, key) for key in keys]
    for key in keys:
        if isinstance(tree[key], dict | list):
            found += slots(tree[key])
    return found


TREE: dict[str, Any] = {
    "format": 1,
    "name": "x",
    "version": "1",
    "seq": 1,
    "signature": {
        "inputs": [
            {
                "name": "i",
                "datatype": "FP32",
                "shape": [1, 3, 8, 8],
                "image": {"mean": [0.0], "std": [1.0]},
            }
        ],
        "outputs": [
            {"name": "o", "datatype": "FP32", "shape": [2], "range": [0.0, 1.0]}
        ],
    },
    "variants": [
        {"id": "a", "backend": "onnx", "file": "f", "io": {"i": {"layout": "NHWC"}}}
    ],
    "batch": {"axis": 0, "max": 2},
    "golden": {"file": "f", "tolerance": {"atol": 0.1}, "agreement": 0.5},
    "needs": {"edged": ">=0.1", "arch": ["aarch64"]},
    "intends": {"change": False},
    "files": {"f": {"sha256": SHA, "size": 1}},
}
