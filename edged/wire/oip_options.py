"""The infer request's own parameters.

Law: those that edged knows are strict, others are passed over.
Source: triton server, docs/protocol: parameters, schedule_policy, sequence.
"""

from typing import Annotated

import msgspec

from edged.errors import InvalidRequest
from edged.wire.adapt import Preference
from edged.wire.oip_document import Natural, Parameter

_PREFERENCES = tuple(wish.value for wish in Preference)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The request's own parameters that edged knows.

    Attributes:
        timeout: in microseconds, as the protocol has it; 0 for none.
        edged_variant: a rung that the caller insists on.
        edged_preference: which rung is wanted, where none is insisted on.
        edged_min_accuracy: no less accurate rung may answer; 0 for any.
        edged_explain: answer which rung ran under which strategy, and how long it
            waited and took.
    """

    binary_data_output: bool = False
    priority: Natural = 0
    timeout: Natural = 0
    sequence_id: Natural | str = 0
    sequence_start: bool = False
    sequence_end: bool = False
    edged_variant: str | None = None
    edged_preference: Preference = Preference.BALANCED
    edged_min_accuracy: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    edged_explain: bool = False


def read_options(parameters: dict[str, Parameter]) -> Options:
    """Read them.

    Raises:
        InvalidRequest: a reserved key, or a value of the wrong type.
    """
    for key in parameters:
        if key == "headers" or key.startswith("triton_"):
            raise InvalidRequest(
                f"cannot read the request: the parameter {key!r} is reserved"
            )
    wish = parameters.get("edged_preference", Preference.BALANCED.value)
    if wish not in _PREFERENCES:
        raise InvalidRequest(
            "cannot read the parameters of the request: edged_preference is "
            f"{str(wish)[:40]!r}, it must be {', '.join(_PREFERENCES)}"
        )
    try:
        return msgspec.convert(parameters, Options)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(
            f"cannot read the parameters of the request: {exc}"
        ) from exc
