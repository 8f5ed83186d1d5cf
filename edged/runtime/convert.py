"""A variant behind the release's signature.

Law: everything that can be decided is decided once, in `adapt`; a run only applies
it. A file that already speaks the signature is called straight through, without a
copy. What cannot be converted without loss is refused when the model loads, with
every difference spelled out.

| signature | file | conversion |
|---|---|---|
| float | integer with a scale | quantise and dequantise (`affine`) |
| float | float | cast |
| integer | another number | cast, if the receiver can hold every value |
| NCHW | NHWC, or the reverse | transpose, where the manifest says `layout` |
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np

from edged.errors import BadModel
from edged.runtime import affine
from edged.runtime.affine import TO_NCHW, TO_NHWC, Axes
from edged.runtime.base import (
    NOWHERE,
    Array,
    Loaded,
    Quantization,
    Tensors,
    numpy_dtype,
)
from edged.wire.release import Input, Layout, Output, Signature, TensorIO, Variant
from edged.wire.tensors import FREE, Datatype, Shape, TensorSpec

Step = Callable[[Array], Array]

_IMAGE_RANK = 4

#: Quantised values are computed in float64 at most, which holds 32-bit integers.
_MAX_STORED_BYTES = 4


class _Link(msgspec.Struct, frozen=True):
    """One tensor of the signature and how the file has it.

    Attributes:
        tensor: its name in the file.
        step: the conversion, on the way in or out; None for none.
        spec: an output's, where the file does not promise its shape.
    """

    tensor: str
    step: Step | None
    spec: TensorSpec | None = None


class Adapted:
    """A loaded file that answers in the signature's terms; see `base.Runs`.

    Attributes:
        stateful: whether the graph keeps variables from one run to the next.
        concurrent: whether `run` may be called from several threads at a time.
    """

    def __init__(
        self,
        loaded: Loaded,
        inputs: Mapping[str, _Link],
        outputs: Mapping[str, _Link],
    ) -> None:
        self._loaded = loaded
        self._inputs = inputs
        self._outputs = outputs
        self._straight = all(
            link == _Link(name, None)
            for links in (inputs, outputs)
            for name, link in links.items()
        )
        self.stateful = loaded.stateful
        self.concurrent = loaded.concurrent

    def run(
        self, feeds: Tensors, wanted: tuple[str, ...], into: Tensors = NOWHERE
    ) -> dict[str, Array]:
        """Run once; names, dtypes and layouts are the signature's.

        Outputs that are converted are answered freshly, whatever `into` has.
        """
        if self._straight:
            return self._loaded.run(feeds, wanted, into)
        stored = {}
        for name, array in feeds.items():
            link = self._inputs[name]
            stored[link.tensor] = array if link.step is None else link.step(array)
        links = {name: self._outputs[name] for name in wanted}
        targets = {
            link.tensor: into[name]
            for name, link in links.items()
            if name in into and link.step is None
        }
        answers = self._loaded.run(
            stored, tuple(link.tensor for link in links.values()), targets
        )
        return {
            name: _finish(link, answers[link.tensor]) for name, link in links.items()
        }

    def reset(self) -> None:
        """Forget what earlier runs left in the graph's variables."""
        self._loaded.reset()

    def close(self) -> None:
        """Let go of the file; no call may follow."""
        self._loaded.close()

    def __repr__(self) -> str:
        how = "straight" if self._straight else "converted"
        return f"{self._loaded!r}, {how}"


def adapt(loaded: Loaded, signature: Signature, variant: Variant) -> Adapted:
    """Put a loaded file behind a signature.

    Args:
        loaded: what `backends.load` made of `variant.file`; owned by the result.
        signature: what callers send and get.
        variant: says how its tensors are found and written.

    Raises:
        BadModel: the file cannot serve the signature: the manifest lies. The message
            has every difference.
    """
    faults: list[str] = []
    inputs = _links(
        "input", signature.inputs, loaded.inputs, _Converter(loaded, variant, faults)
    )
    outputs = _links(
        "output", signature.outputs, loaded.outputs, _Converter(loaded, variant, faults)
    )
    used = {link.tensor for link in inputs.values()}
    faults += [
        f"the file also wants input {spec}, which the signature does not have"
        for spec in loaded.inputs
        if not faults and spec.name not in used
    ]
    if faults:
        raise BadModel(
            f"cannot serve the signature with {variant.file} (variant {variant.id}): "
            + "; ".join(faults),
            hint="correct signature or io in model.yaml",
            differences=faults,
        )
    return Adapted(loaded, inputs, outputs)


def _finish(link: _Link, array: Array) -> Array:
    if link.step is not None:
        array = link.step(array)
    if link.spec is not None and not link.spec.admits(array.shape):
        raise BadModel(
            f"cannot answer with output {link.spec}: the file made it "
            f"{list(array.shape)}",
            hint="correct the signature in model.yaml",
        )
    return array


def _links(
    kind: str,
    tensors: Sequence[Input | Output],
    file: tuple[TensorSpec, ...],
    converter: "_Converter",
) -> dict[str, _Link]:
    by_name = {spec.name: spec for spec in file}
    links = {}
    for tensor in tensors:
        io = converter.variant.io.get(tensor.name, TensorIO())
        name = io.tensor or tensor.name
        if io.tensor is None and name not in by_name and len(file) == len(tensors) == 1:
            name = file[0].name
        if name not in by_name:
            has = ", ".join(map(repr, by_name)) or "none"
            converter.faults.append(f"the file has no {kind} {name!r}: it has {has}")
            continue
        links[tensor.name] = converter.link(kind, tensor, by_name[name], io)
    return links


class _Converter:
    """Decides conversions of one variant and collects what cannot be converted."""

    def __init__(self, loaded: Loaded, variant: Variant, faults: list[str]) -> None:
        self._quantization = loaded.quantization
        self.variant = variant
        self.faults = faults

    def link(
        self, kind: str, tensor: Input | Output, file: TensorSpec, io: TensorIO
    ) -> _Link:
        """Link one tensor; faults make the result meaningless."""
        try:
            layout = _file_layout(tensor, io)
            shape = _seen_shape(file, layout)
            _check_shape(kind, tensor, shape)
            step = self._step(kind, tensor, file, io, layout)
        except _Mismatch as mismatch:
            self.faults.append(f"{kind} {tensor}, but the file has {file}: {mismatch}")
            return _Link(file.name, None)
        promised = all(
            want in (FREE, has) for want, has in zip(tensor.shape, shape, strict=True)
        )
        plain = TensorSpec(
            name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
        )
        checked = None if promised or kind == "input" else plain
        return _Link(file.name, step, checked)

    def _step(
        self,
        kind: str,
        tensor: TensorSpec,
        file: TensorSpec,
        io: TensorIO,
        layout: Layout | None,
    ) -> Step | None:
        """Choose the conversion: signature to file for inputs, back for outputs."""
        inward = kind == "input"
        axes = _axes(layout, inward=inward)
        quantization = self._scale(tensor, file, io)
        if quantization is not None:
            convert = affine.Quantize if inward else affine.Dequantize
            return convert(
                quantization,
                real=numpy_dtype(tensor),
                stored=numpy_dtype(file),
                axes=axes,
            )
        source, target = (tensor, file) if inward else (file, tensor)
        if source.datatype is not target.datatype:
            _check_cast(source, target)
        elif axes is None:
            return None
        return partial(affine.cast, dtype=numpy_dtype(target), axes=axes)

    def _scale(
        self, tensor: TensorSpec, file: TensorSpec, io: TensorIO
    ) -> Quantization | None:
        """Return the quantisation between a float signature and an integer file."""
        if not (tensor.datatype.is_float and _is_integer(file.datatype)):
            if io.scale is not None or io.zero_point is not None:
                raise _Mismatch(
                    "scale and zero_point stand between a float signature and an "
                    "integer file only"
                )
            return None
        if numpy_dtype(file).itemsize > _MAX_STORED_BYTES:
            raise _Mismatch("integers of 64 bits cannot be quantised values")
        own = self._quantization.get(file.name)
        if io.scale is not None:
            return Quantization(scale=io.scale, zero_point=io.zero_point or 0)
        if io.zero_point is not None:
            raise _Mismatch("zero_point needs a scale")
        if own is None:
            raise _Mismatch(
                "it carries no quantisation; say scale and zero_point in io (1 and 0 "
                "for whole numbers)"
            )
        return own


class _Mismatch(Exception):
    """Why one tensor cannot be converted."""


def _file_layout(tensor: Input | Output, io: TensorIO) -> Layout | None:
    """Return the file's layout where it is not the signature's."""
    image = tensor.image if isinstance(tensor, Input) else None
    if io.layout is None or (image is not None and image.layout is io.layout):
        return None
    if len(tensor.shape) != _IMAGE_RANK:
        raise _Mismatch(f"layout {io.layout.value} is of tensors of 4 dimensions")
    return io.layout


def _axes(layout: Layout | None, *, inward: bool) -> Axes | None:
    if layout is None:
        return None
    return TO_NHWC if (layout is Layout.NHWC) is inward else TO_NCHW


def _seen_shape(file: TensorSpec, layout: Layout | None) -> Shape:
    """Return the file's shape in the signature's layout."""
    axes = _axes(layout, inward=False)
    if axes is None:
        return file.shape
    if len(file.shape) != _IMAGE_RANK:
        raise _Mismatch("it has not 4 dimensions")
    return tuple(file.shape[axis] for axis in axes)


def _check_shape(kind: str, tensor: TensorSpec, shape: Shape) -> None:
    if len(shape) != len(tensor.shape):
        raise _Mismatch(f"{len(shape)} dimensions instead of {len(tensor.shape)}")
    for index, (want, has) in enumerate(zip(tensor.shape, shape, strict=True)):
        if want == FREE and has != FREE and kind == "input":
            raise _Mismatch(f"dimension {index} is always {has}, not free")
        if FREE not in (want, has) and want != has:
            raise _Mismatch(f"dimension {index} is {has}, not {want}")


def _check_cast(source: TensorSpec, target: TensorSpec) -> None:
    """Refuse a cast that could lose a value; precision of floats is the file's."""
    if source.datatype.is_float and target.datatype.is_float:
        return
    text = Datatype.BYTES in (source.datatype, target.datatype)
    if text or not np.can_cast(numpy_dtype(source), numpy_dtype(target), "safe"):
        raise _Mismatch(
            f"{source.datatype.value} does not fit into {target.datatype.value}"
        )


def _is_integer(datatype: Datatype) -> bool:
    return not datatype.is_float and datatype not in (Datatype.BYTES, Datatype.BOOL)
