"""edgectl: from a command line to an exit number.

Law: no traceback reaches a person. A failure is one sentence on stderr and the next
step under it; with `--json` it is a document on stdout as well.
"""

from edged.cli import lean  # noqa: F401  # first, for its effect

# isort: split

import os
import sys
from collections.abc import Sequence

import msgspec

from edged.cli.desk import Desk
from edged.cli.exits import Exit, exit_of
from edged.cli.output import (
    CONTROL,
    OutputLost,
    Screen,
    fold,
    standard_screen,
    try_lines,
)
from edged.cli.parser import UsageError, parser
from edged.cli.place import place
from edged.errors import EdgedError


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints for a command that failed."""

    schema: str = "edged.error/1"
    code: str
    text: str
    hint: str = ""
    exit: int
    fields: dict[str, object] = {}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `edgectl`; by default this process's.

    Returns:
        The exit number.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    screen = standard_screen(color="--no-color" not in words)
    try:
        code = _answer(words, screen)
        screen.flush()
    except OutputLost as lost:
        # What is buffered must not be tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        why = lost.__cause__
        if not isinstance(why, BrokenPipeError):  # `| head` has what it wanted
            screen.talk(f"edgectl: cannot write the output: {why}")
        return int(Exit.FAILED)
    return int(code)


def _answer(words: list[str], screen: Screen) -> Exit | int:
    as_json = "--json" in words
    try:
        return _run(words, screen)
    except SystemExit as request:  # --help and --version have printed
        return request.code if isinstance(request.code, int) else Exit.FINE
    except UsageError as error:
        failure = Failure(
            code="usage",
            text=error.message,
            hint=error.hint,
            exit=Exit.USAGE,
        )
    except EdgedError as error:
        failure = Failure(
            code=error.code,
            text=error.message,
            hint=error.hint,
            exit=exit_of(error),
            fields=error.fields,
        )
    except KeyboardInterrupt:
        screen.talk("")
        return Exit.INTERRUPTED
    except OutputLost:
        raise
    except Exception as bug:
        if os.environ.get("EDGED_DEBUG"):
            raise
        failure = Failure(
            code="bug",
            text=f"cannot go on: a bug in edgectl ({type(bug).__name__}: {bug})",
            hint=f"EDGED_DEBUG=1 edgectl {' '.join(words)}, and report what it prints",
            exit=Exit.BUG,
        )
    _tell(failure, screen, as_json=as_json)
    return failure.exit


def _run(words: list[str], screen: Screen) -> Exit:
    args = parser().parse_args(words)
    desk = Desk(
        screen=screen,
        place=place(args, os.environ),
        as_json=getattr(args, "json", False),
    )
    result: Exit = args.run(desk, args)
    return result


def _tell(failure: Failure, screen: Screen, *, as_json: bool) -> None:
    if as_json:
        screen.json(failure)
    head, *below = failure.text.splitlines() or [""]
    for line in fold(head, width=screen.width, first="edgectl: "):
        screen.talk(line)
    for line in below:  # a list of faults, with its excerpts and carets
        screen.talk(line.translate(CONTROL))
    if failure.hint:
        for line in try_lines(failure.hint, width=screen.width):
            screen.talk(line)
