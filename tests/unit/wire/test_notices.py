"""One naming of all that a person may have to act on, and nothing told without it."""

import ast
from functools import cache
from pathlib import Path

from edged.errors import tree
from edged.wire.notices import Notice
from edged.wire.updates import Reason

ROOT = Path(__file__).resolve().parents[3]
LOGGED = {"warning", "error", "exception", "critical"}
LOGGERS = {"_log", "logger"}
# The helpers that make fields of a record, with the argument that is the code.
ABOUT = {"about", "_about"}


@cache
def calls() -> tuple[tuple[str, ast.Call], ...]:
    """Return every call of edged with its place."""
    return tuple(
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path in sorted((ROOT / "edged").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    )


def is_record(call: ast.Call) -> bool:
    """Tell whether it logs something that a technician may have to act on."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=name), attr=attr):
            return name in LOGGERS and attr in LOGGED
    return False


def code_of(call: ast.Call) -> ast.expr | None:
    """Return what a record's code comes from."""
    extra = next((word.value for word in call.keywords if word.arg == "extra"), None)
    match extra:
        case ast.Dict(keys=keys, values=values):
            named = zip(keys, values, strict=True)
            return next((v for k, v in named if k and is_code(k)), None)
        case ast.Call(func=ast.Name(id=name), args=[_, code]) if name in ABOUT:
            return code
    return None


def is_code(key: ast.expr) -> bool:
    """Tell whether a key of a record's fields is that of its code."""
    return isinstance(key, ast.Constant) and key.value == "edged_code"


def test_every_warning_and_error_has_a_code() -> None:
    """So `journalctl -x` explains it, and a script finds it again."""
    records = [(place, code_of(call)) for place, call in calls() if is_record(call)]

    without = [place for place, code in records if code is None]

    assert len(records) > 20
    assert [] == without


def test_codes_come_from_a_table() -> None:
    """A word that is typed where it is told may have a typo, or no text."""
    typed = [
        place
        for place, call in calls()
        if is_record(call) and isinstance(code_of(call), ast.Constant)
    ]
    typed += [
        place
        for place, call in calls()
        if ast.unparse(call.func) == "Trouble"
        for word in call.keywords
        if word.arg == "code" and isinstance(word.value, ast.Constant)
    ]

    assert [] == typed


def test_nobody_logs_past_the_loggers() -> None:
    """`logging.warning` and a logger of another name would escape these tests."""
    past = [
        place
        for place, call in calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in LOGGED
        and "log" in ast.unparse(call.func.value)
        and not is_record(call)
    ]

    assert [] == past


def test_a_code_of_a_notice_is_nothing_elses() -> None:
    """An error's or a reason's would lead to the wrong text."""
    others = {error.code for error in tree()} | {reason.value for reason in Reason}

    assert set() == others & {notice.value for notice in Notice}
