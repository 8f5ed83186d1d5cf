"""Between the protocol's terms and the registry's, for both doors.

Law: pure. Whichever door a request came through, what it means and how its answer is
written are decided here.
"""

from edged.api.classes import best_classes
from edged.errors import InvalidRequest
from edged.serve.conditions import Conditions
from edged.serve.lending import Loan
from edged.serve.live import Live
from edged.serve.request import InferRequest, InferResponse, Sequence
from edged.wire import oip

#: Who asks, as the scheduler counts turns: user and process; None on TCP.
Turn = tuple[int, int] | None


def read(body: memoryview, json_bytes: int | None, live: Live) -> oip.Asked:
    """Read an infer request's body; see `wire.oip`.

    Args:
        body: uncompressed; borrowed for as long as the tensors live.
        json_bytes: where its JSON ends; None for everywhere, 0 for no JSON.
        live: the release that is asked.

    Raises:
        TooLarge, InvalidRequest, InvalidTensor: what is wrong with it.
    """
    if json_bytes != 0:
        return oip.read_request(body, json_bytes)
    inputs = live.signature.inputs
    if len(inputs) != 1:
        raise InvalidRequest(
            f"cannot read a request to {live.name} without JSON: it has {len(inputs)} "
            "inputs, only a model with one can be asked so"
        )
    return oip.read_raw_request(body, inputs[0])


def to_request(  # what one request is, by name only
    asked: oip.Asked,
    loan: Loan,
    *,
    model: str,
    version: str | None,
    arrived_s: float,
    turn: Turn,
) -> InferRequest:
    """Say in the registry's terms what is asked.

    Args:
        asked: what the body says.
        loan: its tensors, those in shared memory included.
        model: its name.
        version: that the path names, if it does.
        arrived_s: when the head was there, on the monotonic clock.
        turn: whose it is.

    Raises:
        InvalidRequest: a part of a sequence without its id.
    """
    options = asked.options
    outputs = None
    if asked.outputs is not None:
        outputs = tuple(wanted.name for wanted in asked.outputs)
    return InferRequest(
        model=model,
        version=version,
        inputs=loan.inputs,
        outputs=outputs,
        into=loan.into,
        fills=loan.fills,
        variant=options.edged_variant,
        preference=options.edged_preference,
        min_accuracy=options.edged_min_accuracy,
        priority=options.priority,
        peer=turn,
        deadline_s=arrived_s + options.timeout / 1e6 if options.timeout else None,
        sequence=sequence_of(options),
    )


def sequence_of(options: oip.Options) -> Sequence | None:
    """Return the sequence that a request is a part of.

    Raises:
        InvalidRequest: it says that one starts or ends, and not which.
    """
    if options.sequence_id in (0, ""):
        if options.sequence_start or options.sequence_end:
            raise InvalidRequest(
                "cannot start or end a sequence: the request has no sequence_id"
            )
        return None
    return Sequence(
        id=str(options.sequence_id),
        start=options.sequence_start,
        end=options.sequence_end,
    )


def write(
    answer: InferResponse, asked: oip.Asked, conditions: Conditions
) -> oip.Encoded:
    """Write the answer in the way that was asked for.

    Args:
        answer: of the registry.
        asked: how it is wanted.
        conditions: under which it was made.

    Raises:
        InvalidRequest: an output cannot be written so.
    """
    explained = asked.options.edged_explain
    by_name = {wanted.name: wanted for wanted in asked.outputs or ()}
    everything = oip.Wanted(name="", binary=asked.options.binary_data_output)
    outputs = []
    for name, tensor in answer.outputs.items():
        wanted = by_name.get(name, everything)
        if wanted.classes:
            tensor = best_classes(  # noqa: PLW2901  # the same output, rewritten
                tensor,
                wanted.classes,
                answer.labels.get(name, ()),
                f"output {name!r}",
            )
        outputs.append(
            oip.Output(
                name=name,
                tensor=tensor,
                binary=wanted.binary,
                placed=wanted.place is not None,
            )
        )
    return oip.write_response(
        model=answer.model,
        version=answer.version,
        id=asked.id,
        outputs=outputs,
        parameters=_explanation(answer, conditions) if explained else None,
    )


def _explanation(
    answer: InferResponse, conditions: Conditions
) -> dict[str, oip.Parameter]:
    return {
        "edged_variant": answer.variant,
        "edged_strategy": conditions.regime.strategy.value,
        "edged_queue_us": answer.queue_ns // 1000,
        "edged_compute_us": answer.compute_ns // 1000,
    }
