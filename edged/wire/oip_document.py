"""The JSON part of an inference body: heads of tensors, and where their elements are.

Law: what JSON says beside the tensors' elements becomes structs; the elements never
become Python objects of their own. Unknown keys are passed over, as the protocol
asks; known ones are strict.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from edged.errors import InvalidRequest, InvalidTensor
from edged.wire import tensorbytes, tensorjson
from edged.wire.tensorbytes import Array
from edged.wire.tensors import Datatype, Shape

Parameter = bool | int | float | str
Natural = Annotated[int, msgspec.Meta(ge=0)]
T = TypeVar("T", bound=msgspec.Struct)


class TensorParameters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a tensor's elements are, if not in `data`."""

    binary_data_size: Natural | None = None
    shared_memory_region: str | None = None
    shared_memory_offset: Natural = 0
    shared_memory_byte_size: Natural | None = None


class TensorHead(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A tensor, without its elements where it is read."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    parameters: TensorParameters = TensorParameters()
    data: msgspec.Raw = msgspec.Raw()  # written only; read beside the head


_TENSOR_FIELDS = ("name", "datatype", "shape", "parameters")


class WantedParameters(msgspec.Struct, frozen=True, omit_defaults=True):
    """In which form an output is wanted."""

    binary_data: bool | None = None
    classification: Natural = 0
    shared_memory_region: str | None = None
    shared_memory_offset: Natural = 0
    shared_memory_byte_size: Natural | None = None


class WantedHead(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An output that the caller lists."""

    name: str
    parameters: WantedParameters = WantedParameters()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a shared memory region, in bytes from the region's own start."""

    region: str
    offset: int
    size: int


class SharedTensor(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor whose elements lie in shared memory; `place.size` is exactly theirs."""

    datatype: Datatype
    shape: Shape
    place: Place


class RequestHead(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A request, without its tensors' elements."""

    id: str | None = None
    parameters: dict[str, Parameter] = {}
    inputs: tuple[TensorHead, ...]
    outputs: tuple[WantedHead, ...] | None = None


class ResponseHead(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A response, without its tensors' elements where it is read."""

    model_name: str
    model_version: str = ""
    id: str | None = None
    parameters: dict[str, Parameter] = {}
    outputs: tuple[TensorHead, ...]


class Document(msgspec.Struct, frozen=True):
    """A JSON part.

    Attributes:
        head: everything but the tensors' data; RequestHead or ResponseHead.
        data: of each tensor, None where it has none.
        arrays: in the head.
        what: how errors call it.
    """

    head: Any
    data: tuple[Any, ...]
    arrays: int
    what: str


def read_document(text: memoryview, tensors: str, head: type[T], what: str) -> Document:
    """Parse the JSON; keep the big arrays out of Python's own objects.

    Args:
        text: the whole JSON.
        tensors: the key of the list of tensors.
        head: what everything but their data becomes; its other fields are read too.
        what: how errors call the document.

    Raises:
        TooLarge, InvalidRequest: with the place of the first fault.
    """
    root = tensorjson.load(text, what)
    fields = _fields(root, (f for f in head.__struct_fields__ if f != tensors))
    listed = root.get(tensors)
    if isinstance(listed, tensorjson.JsonArray):
        fields[tensors] = [
            _fields(tensor, _TENSOR_FIELDS)
            if isinstance(tensor, tensorjson.JsonObject)
            else tensor
            for tensor in listed
        ]
    try:
        converted = msgspec.convert(fields, head)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"cannot read {what}: {exc}") from exc
    data = tuple(tensor.get("data") for tensor in listed)
    lists = sum(isinstance(field, list) for field in fields.values())
    return Document(converted, data, lists + len(data), what)  # each has a shape


def _fields(source: Any, names: Iterable[str]) -> dict[str, object]:
    """Take fields by name; of a key that comes twice, the first counts."""
    return {name: tensorjson.plain(source[name]) for name in names if name in source}


def read_tensors(
    document: Document,
    heads: tuple[TensorHead, ...],
    text: memoryview,
    rest: memoryview,
    kind: str,
) -> tuple[dict[str, Array], dict[str, SharedTensor]]:
    """Read every tensor of the body; say where those in shared memory are.

    Args:
        document: where `heads` are from.
        heads: of the tensors.
        text: the document's JSON.
        rest: what follows it in the body.
        kind: of tensor, for errors: input or output.

    Raises:
        InvalidRequest, InvalidTensor: what is wrong with it.
    """
    tensors: dict[str, Array] = {}
    shared: dict[str, SharedTensor] = {}
    in_json: list[tensorjson.Read] = []
    at = 0
    for head, data in zip(heads, document.data, strict=True):
        what = f"{kind} {head.name!r}"
        if head.name in tensors or head.name in shared:
            raise InvalidRequest(f"cannot read {document.what}: {what} comes twice")
        tensorbytes.check_shape(head.shape, what)
        size = head.parameters.binary_data_size
        _check_one_place(head, data, what)
        place = place_of(head.parameters, what)
        if place is not None:
            shared[head.name] = _shared(head, place, what)
            continue
        if size is None:
            read = tensorjson.read_tensor(data, head.datatype, head.shape, what)
            in_json.append(read)
            tensors[head.name] = read.tensor
            continue
        if at + size > len(rest):
            raise InvalidTensor(
                f"cannot read {what}: its binary_data_size is {size}, "
                f"{len(rest) - at} bytes are left in the body"
            )
        tensors[head.name] = tensorbytes.read_tensor(
            rest[at : at + size], head.datatype, head.shape, what
        )
        at += size
    if at != len(rest):
        raise InvalidRequest(
            f"cannot read {document.what}: {len(rest) - at} bytes of additional data "
            f"follow its last {kind}"
        )
    if in_json:
        tensorjson.check_no_hidden_arrays(text, in_json, document.arrays, document.what)
    return tensors, shared


def place_of(said: TensorParameters | WantedParameters, what: str) -> Place | None:
    """Return where in shared memory a tensor is, None where it is not.

    Raises:
        InvalidRequest: only a part of it is said.
    """
    region, size = said.shared_memory_region, said.shared_memory_byte_size
    if region is None:
        if size is not None or said.shared_memory_offset:
            raise InvalidRequest(
                f"cannot place {what}: shared_memory_offset and "
                "shared_memory_byte_size need a shared_memory_region"
            )
        return None
    if size is None:
        raise InvalidRequest(
            f"cannot place {what}: shared_memory_region needs shared_memory_byte_size"
        )
    return Place(region=region, offset=said.shared_memory_offset, size=size)


def read_outputs(
    document: Document,
    text: memoryview,
    rest: memoryview,
    placed: Mapping[str, memoryview],
) -> dict[str, Array]:
    """Read a response's tensors, in their order; copy those that lie elsewhere.

    Args:
        document: the response.
        text: its JSON.
        rest: what follows it in the body.
        placed: memory that some lie in, by name: each from its beginning.

    Raises:
        InvalidRequest, InvalidTensor: what is wrong with it.
    """
    heads: tuple[TensorHead, ...] = document.head.outputs
    if not placed:
        return read_tensors(document, heads, text, rest, "output")[0]
    rows = zip(heads, document.data, strict=True)
    here = [(head, data) for head, data in rows if head.name not in placed]
    document = msgspec.structs.replace(document, data=tuple(data for _, data in here))
    found, _ = read_tensors(document, tuple(h for h, _ in here), text, rest, "output")
    for head in heads:
        memory = placed.get(head.name)
        if memory is not None:
            what = f"output {head.name!r}"
            tensorbytes.check_shape(head.shape, what)
            size = math.prod(head.shape) * tensorbytes.dtype_of(head.datatype).itemsize
            tensor = tensorbytes.read_tensor(
                memory[:size], head.datatype, head.shape, what
            )
            found[head.name] = tensor.copy()
    return {head.name: found[head.name] for head in heads}


def wanted_head(name: str, classes: int, place: Place | None) -> WantedHead:
    """Ask for an output: its best classes, or itself, in the body or at a place."""
    said = WantedParameters(classification=classes)
    if place is not None:
        said = WantedParameters(
            classification=classes,
            shared_memory_region=place.region,
            shared_memory_offset=place.offset,
            shared_memory_byte_size=place.size,
        )
    return WantedHead(name=name, parameters=said)


def lent_head(name: str, shared: SharedTensor) -> TensorHead:
    """Describe a tensor that a request leaves in shared memory."""
    place = shared.place
    return TensorHead(
        name=name,
        datatype=shared.datatype,
        shape=shared.shape,
        parameters=TensorParameters(
            shared_memory_region=place.region,
            shared_memory_offset=place.offset,
            shared_memory_byte_size=place.size,
        ),
    )


def _shared(head: TensorHead, place: Place, what: str) -> SharedTensor:
    if head.datatype is not Datatype.BYTES:
        expected = math.prod(head.shape) * tensorbytes.dtype_of(head.datatype).itemsize
        if place.size != expected:
            raise InvalidTensor(
                f"cannot read {what}: {head.datatype.value}{list(head.shape)} takes "
                f"{expected} bytes, shared_memory_byte_size is {place.size}"
            )
    return SharedTensor(datatype=head.datatype, shape=head.shape, place=place)


def _check_one_place(head: TensorHead, data: object, what: str) -> None:
    """Check that the tensor's elements are in exactly one place."""
    places = (
        data is not None,
        head.parameters.binary_data_size is not None,
        head.parameters.shared_memory_region is not None,
    )
    if sum(places) != 1:
        raise InvalidRequest(
            f"cannot read {what}: its elements must be in exactly one of data, "
            "parameters.binary_data_size and parameters.shared_memory_region, "
            f"{sum(places)} are given"
        )
