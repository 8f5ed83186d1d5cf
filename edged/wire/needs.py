"""What a release asks of a box.

Law: pure. What cannot be read is not met: a newer publisher may ask for what this
edged does not know.
"""

import operator
import re

_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_BOUND = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([0-9]+(?:\.[0-9]+)*)\s*")


def meets(version: str, bounds: str) -> bool:
    """Tell whether an edged's version keeps every bound of a list like `>=0.1, <2`.

    Args:
        version: its first three numbers count; a missing one is zero.
        bounds: as in `needs.edged`; an empty list asks for nothing.
    """
    return not bounds or all(_keeps(version, bound) for bound in bounds.split(","))


def _keeps(version: str, bound: str) -> bool:
    match = _BOUND.fullmatch(bound)
    if match is None:
        return False
    sign, limit = match.groups()
    return bool(_COMPARE[sign](_numbers(version), _numbers(limit)))


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(part) for part in re.findall(r"\d+", version)[:3]]
    return (*found, *[0] * (3 - len(found)))
