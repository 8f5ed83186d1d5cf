"""Bodies of `POST /v2/models/M/infer`: reading and writing both sides of them.

A body is a JSON object, then the binary tensors one after another, without padding;
the header `Inference-Header-Content-Length` says where the JSON ends. Without the
header everything is JSON. With `0` there is no JSON: the body is the only input.

Law: nothing but `EdgedError` comes out of a body, whatever is in it. Tensors that
are read are views of the body; buffers that are written are the tensors' own memory.
Unknown keys are passed over, as the protocol asks; known ones are strict.
Source: kserve/open-inference-protocol, inference_rest.md; triton server,
docs/protocol: binary_data, classification, parameters, schedule_policy, sequence.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from edged.errors import EdgedError, InvalidRequest, ProtocolError
from edged.wire import oip_document, oip_options, tensorbytes, tensorjson
from edged.wire.oip_document import (
    RequestHead,
    ResponseHead,
    TensorHead,
    TensorParameters,
    WantedHead,
    lent_head,
    place_of,
    read_document,
    read_outputs,
    read_tensors,
    wanted_head,
)
from edged.wire.oip_options import read_options
from edged.wire.tensorbytes import Array, Buffer
from edged.wire.tensors import FREE, Datatype, TensorSpec

#: The header that tells where a body's JSON ends.
JSON_LENGTH_HEADER = "Inference-Header-Content-Length"

#: Content types of a body with and without binary tensors.
BINARY_TYPE = "application/octet-stream"
JSON_TYPE = "application/json"

#: Writers pad their JSON with spaces to this, so that tensors begin aligned.
ALIGNMENT = 64

#: A parameter's value.
Parameter = oip_document.Parameter

Options = oip_options.Options
Place = oip_document.Place
SharedTensor = oip_document.SharedTensor


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An output that the caller lists.

    Attributes:
        binary: whether it goes behind the JSON rather than into it.
        classes: how many of the best classes to answer instead of the tensor; 0 for
            the tensor itself.
        place: where in shared memory to put the tensor; None for the answer's body.
    """

    name: str
    binary: bool
    classes: int = 0
    place: Place | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an infer request's body says.

    Attributes:
        inputs: by name; dtype and shape as sent, not yet held against a signature.
        shared: the inputs that lie in shared memory.
        outputs: None for all of them, in the way `options` says.
    """

    id: str | None = None
    inputs: dict[str, Array]
    shared: dict[str, SharedTensor] = {}
    outputs: tuple[Wanted, ...] | None = None
    options: Options = Options()


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What an infer response's body says."""

    model: str
    version: str
    id: str | None = None
    parameters: dict[str, Parameter] = {}
    outputs: dict[str, Array]


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A body to send: `buffers` one after another.

    Attributes:
        json_bytes: the value for `JSON_LENGTH_HEADER`; None to leave it out.
    """

    json_bytes: int | None
    buffers: tuple[Buffer, ...]

    @property
    def content_length(self) -> int:
        """Bytes of the whole body."""
        return sum(len(buffer) for buffer in self.buffers)

    @property
    def content_type(self) -> str:
        """The body's content type."""
        return JSON_TYPE if self.json_bytes is None else BINARY_TYPE


# --- reading a request -------------------------------------------------------


def read_json_length(header: str | None, body_bytes: int) -> int | None:
    """Return where the JSON ends by the header's value; None for everywhere.

    Raises:
        InvalidRequest: the value is no number within the body.
    """
    if header is None:
        return None
    if not re.fullmatch("[0-9]{1,19}", header) or int(header) > body_bytes:
        raise InvalidRequest(
            f"cannot read the body: {JSON_LENGTH_HEADER} is {header[:40]!r}, it must "
            f"be a number of bytes within the body's {body_bytes}"
        )
    return int(header)


def read_request(body: memoryview, json_bytes: int | None) -> Asked:
    """Read an infer request whose body has JSON.

    Args:
        body: uncompressed; borrowed for as long as the tensors live.
        json_bytes: where the JSON ends; None for everywhere.

    Raises:
        TooLarge, InvalidRequest, InvalidTensor: what is wrong with it.
    """
    what = "the request"
    text, rest = _split(body, json_bytes)
    document = read_document(text, "inputs", RequestHead, what)
    head = document.head
    inputs, shared = read_tensors(document, head.inputs, text, rest, "input")
    options = read_options(head.parameters)
    outputs = None
    if head.outputs:  # an empty list asks for all, as Triton has it
        outputs = tuple(_wanted(output, options) for output in head.outputs)
    return Asked(
        id=head.id, inputs=inputs, shared=shared, outputs=outputs, options=options
    )


def read_raw_request(body: memoryview, spec: TensorSpec) -> Asked:
    """Read an infer request that is nothing but the model's one input.

    Its shape is the signature's; one free dimension follows from the size. A BYTES
    tensor is one element, without its length before it.

    Raises:
        InvalidRequest: the shape cannot be known.
        InvalidTensor: the size is not one that the shape can have.
    """
    what = f"input {spec.name!r}"
    if spec.datatype is Datatype.BYTES:
        shape = tuple(1 for _ in spec.shape)
        if not spec.admits(shape):
            raise InvalidRequest(
                f"cannot read {what} from a body without JSON: the body is one "
                f"element, its shape is {list(spec.shape)}",
                hint="send the elements as binary data behind a JSON header",
            )
        return _raw(spec, tensorbytes.object_array([bytes(body)]).reshape(shape))
    free = spec.shape.count(FREE)
    if free > 1:
        raise InvalidRequest(
            f"cannot read {what} from a body without JSON: {free} of its dimensions "
            "are free, at most one may be",
            hint="send the shape in a JSON header",
        )
    item = tensorbytes.dtype_of(spec.datatype).itemsize
    known = tensorbytes.check_shape(tuple(d for d in spec.shape if d != FREE), what)
    rest = len(body) // (known * item) if known else 0
    shape = tuple(rest if dim == FREE else dim for dim in spec.shape)
    return _raw(spec, tensorbytes.read_tensor(body, spec.datatype, shape, what))


def _raw(spec: TensorSpec, tensor: Array) -> Asked:
    return Asked(inputs={spec.name: tensor}, options=Options(binary_data_output=True))


# --- writing a response ------------------------------------------------------


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One output to answer.

    Attributes:
        placed: it lies in shared memory; only its name, datatype and shape are said.
    """

    name: str
    tensor: Array
    binary: bool
    placed: bool = False


def write_response(
    *,
    model: str,
    version: str,
    id: str | None,  # noqa: A002  # the protocol's own word
    outputs: Iterable[Output],
    parameters: Mapping[str, Parameter] | None = None,
) -> Encoded:
    """Write an infer response.

    Raises:
        InvalidRequest: JSON cannot say one of the outputs that it was asked to.
    """
    heads: list[TensorHead] = []
    chunks: list[Buffer] = []
    for output in outputs:
        if output.placed:
            datatype = tensorbytes.datatype_of(output.tensor.dtype)
            shape = output.tensor.shape
            heads.append(TensorHead(name=output.name, datatype=datatype, shape=shape))
            continue
        what = f"output {output.name!r}"
        heads.append(_write(output.name, output.tensor, chunks, what, output.binary))
    head = ResponseHead(
        model_name=model,
        model_version=version,
        id=id,
        parameters=dict(parameters or {}),
        outputs=tuple(heads),
    )
    return _encoded(head, chunks)


# --- the client's side -------------------------------------------------------


def encode_request(
    inputs: Mapping[str, Array | SharedTensor],
    *,
    outputs: Iterable[str] | None = None,
    classes: Mapping[str, int] | None = None,
    places: Mapping[str, Place] | None = None,
    id: str | None = None,  # noqa: A002  # the protocol's own word
    parameters: Mapping[str, Parameter] | None = None,
) -> Encoded:
    """Write an infer request with binary tensors both ways.

    Args:
        inputs: by name; C-contiguous arrays are not copied.
        outputs: names in the order wanted; None for all.
        classes: by output of `outputs`, how many of its best classes are wanted
            instead of the tensor.
        places: by output of `outputs`, where in shared memory to put it.
        id: echoed by the answer.
        parameters: of the request: `timeout` (microseconds), `priority`,
            `edged_variant`, `edged_explain`, `sequence_id`, ...

    Raises:
        InvalidTensor: the protocol has no datatype for an array.
    """
    chunks: list[Buffer] = []
    head = RequestHead(
        id=id,
        parameters={**(parameters or {}), "binary_data_output": True},
        inputs=tuple(
            lent_head(name, tensor)
            if isinstance(tensor, SharedTensor)
            else _write(name, tensor, chunks, f"input {name!r}", True)  # noqa: FBT003  # private
            for name, tensor in inputs.items()
        ),
        outputs=None
        if outputs is None
        else tuple(
            wanted_head(name, (classes or {}).get(name, 0), (places or {}).get(name))
            for name in outputs
        ),
    )
    encoded = _encoded(head, chunks)
    if chunks or not inputs:
        return encoded
    # Said all the same where tensors lie elsewhere: such a head is read by the byte.
    return Encoded(json_bytes=encoded.content_length, buffers=encoded.buffers)


def decode_response(
    body: Buffer, json_length: str | None, placed: Mapping[str, memoryview] = {}
) -> Answered:
    """Read an infer response.

    Args:
        body: uncompressed; borrowed for as long as the tensors live.
        json_length: the value of `JSON_LENGTH_HEADER`, None where it is missing.
        placed: outputs that lie elsewhere, by name; they are copied.

    Raises:
        ProtocolError: it is no such response.
    """
    view = memoryview(body).cast("B")
    try:
        text, rest = _split(view, read_json_length(json_length, len(view)))
        document = read_document(text, "outputs", ResponseHead, "the answer")
        head = document.head
        outputs = read_outputs(document, text, rest, placed)
    except EdgedError as exc:
        raise ProtocolError(exc.message) from exc
    return Answered(
        model=head.model_name,
        version=head.model_version,
        id=head.id,
        parameters=head.parameters,
        outputs=outputs,
    )


def _wanted(head: WantedHead, options: Options) -> Wanted:
    what = f"output {head.name!r}"
    said = head.parameters
    place = place_of(said, what)
    # false must pass: the stock client says it with every output in shared memory.
    if place is not None and (said.binary_data or said.classification):
        raise InvalidRequest(
            f"cannot place {what} in shared memory: it is also wanted as "
            + ("binary_data" if said.binary_data else "classification")
        )
    binary = said.binary_data
    return Wanted(
        name=head.name,
        binary=options.binary_data_output if binary is None else binary,
        classes=said.classification,
        place=place,
    )


def _split(body: memoryview, json_bytes: int | None) -> tuple[memoryview, memoryview]:
    end = len(body) if json_bytes is None else json_bytes
    return body[:end], body[end:]


def _write(
    name: str,
    array: Array,
    chunks: list[Buffer],
    what: str,
    binary: bool,  # noqa: FBT001  # private
) -> TensorHead:
    """Describe a tensor; put its bytes into `chunks` or its elements into the head."""
    datatype = tensorbytes.datatype_of(array.dtype)
    if not binary:
        data = tensorjson.write_tensor(array, what)
        return TensorHead(name=name, datatype=datatype, shape=array.shape, data=data)
    chunk = tensorbytes.tensor_buffer(array)
    chunks.append(chunk)
    return TensorHead(
        name=name,
        datatype=datatype,
        shape=array.shape,
        parameters=TensorParameters(binary_data_size=len(chunk)),
    )


def _encoded(head: msgspec.Struct, chunks: list[Buffer]) -> Encoded:
    text = msgspec.json.encode(head)
    if not chunks:
        return Encoded(json_bytes=None, buffers=(text,))
    text += b" " * (-len(text) % ALIGNMENT)
    return Encoded(json_bytes=len(text), buffers=(text, *chunks))
