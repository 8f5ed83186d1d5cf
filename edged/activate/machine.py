"""What may follow what in a change: the one table of its steps.

Law: pure. Every arrow that a change can take is here, with its reason; no arrow leads
back, so a change has at most `MAX_STEPS` steps and no loop is possible. An arrow that
is not here is a bug of the caller: `AssertionError`, and nothing has changed.
The diagram in docs/explanation/activation.md is printed from here.
"""

import msgspec

from edged.wire.changes import ENDS, Step


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """One step that may follow another.

    Attributes:
        source: None for the beginning of a change.
        why: what makes it go this way, for people.
    """

    source: Step | None
    target: Step
    why: str


def _arrow(source: Step | None, target: Step, why: str) -> Arrow:
    return Arrow(source=source, target=target, why=why)


ARROWS = (
    _arrow(None, Step.STAGED, "a release is received, or chosen"),
    _arrow(None, Step.ROLLING_BACK, "go back from a committed or broken release"),
    _arrow(None, Step.DONE, "an effect without steps"),
    _arrow(None, Step.REFUSED, "refused as it came"),
    _arrow(Step.STAGED, Step.TRIAL, "tried in a process of its own"),
    _arrow(Step.STAGED, Step.ARMED, "an earlier proof still holds"),
    _arrow(Step.STAGED, Step.REFUSED, "it does not fit, or the daemon stopped"),
    _arrow(Step.TRIAL, Step.ARMED, "proved"),
    _arrow(Step.TRIAL, Step.HELD, "it answers otherwise than the live one"),
    _arrow(Step.TRIAL, Step.REFUSED, "it failed, or the daemon stopped"),
    _arrow(Step.HELD, Step.ARMED, "a person accepts it"),
    _arrow(Step.HELD, Step.QUARANTINED, "a person rejects it"),
    _arrow(Step.HELD, Step.SUPERSEDED, "a newer one came, or the model was removed"),
    _arrow(Step.HELD, Step.REFUSED, "proved again when accepted, it failed"),
    _arrow(Step.ARMED, Step.SWITCHING, "there is memory for it"),
    _arrow(Step.ARMED, Step.REFUSED, "no memory, or the daemon stopped"),
    _arrow(Step.SWITCHING, Step.PROBATION, "it serves"),
    _arrow(Step.SWITCHING, Step.COMMITTED, "it serves, and no probation is set"),
    _arrow(Step.SWITCHING, Step.REFUSED, "the daemon could not load it, or stopped"),
    _arrow(Step.SWITCHING, Step.ROLLING_BACK, "it is linked, and cannot serve"),
    _arrow(Step.SWITCHING, Step.QUARANTINED, "loading it crashed the daemon twice"),
    _arrow(Step.PROBATION, Step.COMMITTED, "it served well for long enough"),
    _arrow(Step.PROBATION, Step.ROLLING_BACK, "it tripped, or a person said so"),
    _arrow(Step.PROBATION, Step.SUPERSEDED, "another one is live, or none any more"),
    _arrow(Step.ROLLING_BACK, Step.QUARANTINED, "its predecessor is back"),
    _arrow(Step.ROLLING_BACK, Step.DONE, "the release gone back to is live"),
)

#: What may follow a step; after None a change begins.
TABLE: dict[Step | None, frozenset[Step]] = {
    source: frozenset(arrow.target for arrow in ARROWS if arrow.source is source)
    for source in (None, *Step)
}

#: Steps of a change that lets no second one of its model begin.
UNDER_WAY = frozenset(
    {Step.STAGED, Step.TRIAL, Step.ARMED, Step.SWITCHING, Step.ROLLING_BACK}
)


def check(last: Step | None, following: Step) -> None:
    """Check that a step may follow another.

    Args:
        last: where the change is; None where it begins.
        following: where it is to go.

    Raises:
        AssertionError: the table has no such arrow.
    """
    if following not in TABLE[last]:
        begin = "a change" if last is None else last.value
        raise AssertionError(f"no arrow leads from {begin} to {following.value}")


def diagram() -> str:
    """Print the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [
        f"    {_state(arrow.source)} --> {_state(arrow.target)}: {arrow.why}"
        for arrow in ARROWS
    ]
    lines += [f"    {_state(step)} --> [*]" for step in Step if step in ENDS]
    return "\n".join(lines) + "\n"


def _state(step: Step | None) -> str:
    return "[*]" if step is None else step.value.replace("-", "_")


def _longest(source: Step | None) -> int:
    return max((1 + _longest(target) for target in TABLE[source]), default=0)


#: The longest way from beginning to end, in steps.
MAX_STEPS = _longest(None)
