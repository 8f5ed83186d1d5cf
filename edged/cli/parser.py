"""The command line of edgectl, noun by noun.

Law: a noun's module is imported when its parser is asked to parse, not before, so
that `status` does not pay for `infer`. Options that every command has may stand
before or after the noun.
"""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn

from edged import __version__

Fill = Callable[[argparse.ArgumentParser], None]


class Noun(NamedTuple):
    """One word after `edgectl`, and its line of help; its module has `fill`."""

    name: str
    summary: str


NOUNS = (
    Noun("status", "say in one line how the box is, and what to do"),
    Noun("models", "list models, look at one, switch, load, verify, remove"),
    Noun("install", "install a bundle or a bare model file and make it live"),
    Noun("changes", "list what was wanted of models, and what became of it"),
    Noun("watch", "follow a change until its release serves, or does not"),
    Noun("infer", "send a picture or tensors to a model and show the answer"),
    Noun("bench", "measure how fast a model answers, and where the time goes"),
    Noun("profile", "measure what each variant of a model costs on this box"),
    Noun("update", "fetch what is new or wait, say why it is not here yet"),
    Noun("publish", "sign releases for a fleet and roll them out"),
    Noun("config", "check configuration files, show the settings in force"),
    Noun("device", "say what kind of box this is, and what it senses"),
    Noun("strategy", "say what the box allows itself now, or choose for a while"),
    Noun("why", "say why the strategy changed, with the figures"),
    Noun("version", "print the versions of edgectl and of the daemon"),
)

#: Not for people, and not in the help: what test suites of others drive.
HIDDEN = ("tuf-client",)


class UsageError(Exception):
    """The command line is wrong; `hint` is one that is right, or the help."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Format(argparse.HelpFormatter):
    """Help for 80 columns; argparse would import shutil to measure the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=79)

    def _format_action(self, action: argparse.Action) -> str:
        """Leave out the line that would only say COMMAND once more."""
        text = super()._format_action(action)
        below = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  # no other way
        return text.partition("\n")[2] if below else text


class Parser(argparse.ArgumentParser):
    """A parser that gets its arguments when it is first used, and never exits."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.fill: Fill | None = None
        kwargs.setdefault("formatter_class", Format)
        kwargs.setdefault("add_help", False)  # stands with the others
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as argparse's

    def parse_known_args(  # type: ignore[override]  # argparse overloads it for typing
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Fill the parser, then parse."""
        self.complete()
        return super().parse_known_args(args, namespace)

    def parse_args(  # type: ignore[override]  # as above
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> argparse.Namespace:
        """Parse; what is left over is told with the help of the command meant."""
        found, left = self.parse_known_args(args, namespace)
        if left:
            said = (getattr(found, word, None) for word in ("noun", "verb"))
            command = " ".join([self.prog, *filter(None, said)])
            raise UsageError(
                f"cannot understand {' '.join(left)}: `{command}` does not take it",
                hint=f"{command} --help",
            )
        return found

    def complete(self) -> None:
        """Add the arguments that were put off."""
        fill, self.fill = self.fill, None
        if fill is not None:
            fill(self)

    def format_help(self) -> str:
        """Return the help; the options of every command stand in its usage as one."""
        if self.usage is None:
            own = [a for a in self._actions if a.default is not argparse.SUPPRESS]
            usage = self._get_formatter()
            usage.add_usage(None, own, [])
            _, _, words = usage.format_help().partition(self.prog)
            self.usage = " ".join([self.prog, "[OPTION ...]", *words.split()])
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting, so that one place speaks to people."""
        raise UsageError(message, hint=f"{self.prog} --help")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse an unknown word with the nearest known one."""
        if action.choices is None or value in action.choices:
            return
        import difflib  # noqa: PLC0415  # only for who mistypes

        known = [str(word) for word in action.choices if word not in HIDDEN]
        near = difflib.get_close_matches(str(value), known, n=1)
        raise UsageError(
            f"cannot understand {str(value)!r}: known are {', '.join(known)}",
            hint=f"{self.prog} {near[0] if near else '--help'}",
        )


def parser() -> Parser:
    """Build the top parser; the nouns below it are still empty."""
    top = Parser(
        prog="edgectl",
        # With a description of its own the help would not fit a console.
        usage="edgectl [OPTION ...] COMMAND ...  (looks after edged; see edgectl(1))",
    )
    top.add_argument(
        "--version",
        action="version",
        version=f"edgectl {__version__}",
        help=argparse.SUPPRESS,  # `edgectl version` says more
    )
    verbs = top.add_subparsers(
        # Named, because argparse would import shutil to find it out.
        prog=top.prog,
        title="commands",
        dest="noun",
        metavar="COMMAND",
        required=True,
        parser_class=Parser,
    )
    for noun in NOUNS:
        sub = verbs.add_parser(noun.name, help=noun.summary, description=_cap(noun))
        sub.fill = _loader(noun.name)
    for name in HIDDEN:
        verbs.add_parser(name).fill = _loader(name)
    add_common(top, rare=argparse.SUPPRESS)  # or its help would not fit, either
    return top


def add_verb(
    verbs: "argparse._SubParsersAction[Parser]", name: str, summary: str
) -> Parser:
    """Add a word below a noun, with the options that every command has."""
    verb = verbs.add_parser(name, help=summary, description=f"{_capital(summary)}.")
    add_common(verb)
    return verb


def add_verbs(noun: argparse.ArgumentParser) -> "argparse._SubParsersAction[Parser]":
    """Let a noun have words of its own, one of which must stand."""
    verbs = noun.add_subparsers(
        prog=noun.prog,
        title="commands",
        dest="verb",
        metavar="COMMAND",
        required=True,
        parser_class=Parser,
    )
    add_common(noun)
    return verbs


def add_common(to: argparse.ArgumentParser, *, rare: str | None = None) -> None:
    """Add the options of every command; absent ones leave no trace to override.

    Args:
        to: the command.
        rare: the help of what a box with one daemon seldom needs, instead of its own.
    """
    group = to.add_argument_group("options of every command")
    group.add_argument("-h", "--help", action="help", help="print this and end")

    def add(flag: str, metavar: str, text: str, kind: Callable[[str], object]) -> None:
        group.add_argument(
            flag, metavar=metavar, help=text, type=kind, default=argparse.SUPPRESS
        )

    def add_switch(flag: str, text: str) -> None:
        group.add_argument(
            flag, action="store_true", help=text, default=argparse.SUPPRESS
        )

    add_switch("--json", "print one JSON document with a versioned schema")
    add_switch("--no-color", "print without colour, as NO_COLOR=1 does")
    add("--timeout", "SECONDS", rare or "give up after this long", seconds)
    add("--socket", "PATH", rare or "control socket (EDGED_CONTROL_SOCKET)", str)
    add("--data-socket", "PATH", rare or "data socket (EDGED_SOCKET)", str)
    add("--runtime-dir", "DIR", rare or "where sockets and the snapshot are", str)
    without = "if no daemon says it"
    add("--state-dir", "DIR", rare or f"where models are, {without}", str)
    add("--config", "FILE", rare or f"configuration file, {without}", str)


def seconds(text: str) -> float:
    """Read a positive number of seconds, with or without the unit.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a positive number of seconds"
        )
    return value


def _loader(noun: str) -> Fill:
    def fill(to: argparse.ArgumentParser) -> None:
        import_module(f"edged.cli.{noun.replace('-', '_')}").fill(to)

    return fill


def _cap(noun: Noun) -> str:
    return f"{_capital(noun.summary)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
