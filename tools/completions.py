"""Write completions/ for bash, zsh and fish from edgectl's own parser.

Law: completing a word starts no program and asks no daemon. So what is completed are
commands, options, fixed words and paths; names of models are not.
Run it after a change of a command: `python -m tools.completions`; a test fails while a
file is stale.
"""

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edged.cli.parser import HIDDEN, Parser, parser

FOLDER = Path(__file__).resolve().parent.parent / "completions"

#: What stands for a path in a command's usage.
_PATHS = frozenset(
    {"PATH", "FILE", "FILE.npz", "DIR", "URL|DIR", "BUNDLE", "INPUT", "OUT.tar"}
)
_HEAD = "# Written by tools/completions.py from edged/cli."


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One word of the command line, with what may follow it.

    Attributes:
        words: from the noun on: `models show`; empty for edgectl itself.
        summary: one line of help.
        below: the words that may follow, with theirs.
        options: flag and help; of every command and its own.
        fixed: words that an argument takes.
        takes_path: whether an argument or an option's value is one.
    """

    words: tuple[str, ...]
    summary: str
    below: dict[str, str]
    options: dict[str, str]
    fixed: tuple[str, ...]
    takes_path: bool


def commands() -> list[Command]:
    """Return every command that people use, from the top."""
    return list(_walk(parser(), (), "look after edged"))


def bash() -> str:
    """Print the completion for bash."""
    lines = [
        _HEAD,
        "_edgectl() {",
        '    local cur=${COMP_WORDS[COMP_CWORD]} path="" word words="" paths=""',
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        case "$path $word" in',
    ]
    known = [f'"{_spelt(one.words, lead=" ")}"' for one in commands() if one.words]
    lines += [
        f'            {" | ".join(known)}) path="$path $word" ;;',
        "        esac",
        "    done",
        '    case "$path" in',
    ]
    for one in commands():
        words = shlex.quote(" ".join([*one.below, *one.fixed, *one.options]))
        lines.append(f'        "{_spelt(one.words, lead=" ")}")')
        lines.append(f"            words={words}")
        lines.append(f"            paths={'yes' if one.takes_path else ''} ;;")
    lines += [
        "    esac",
        "    local IFS=$' \\t\\n'",
        "    COMPREPLY=()",
        '    while IFS= read -r word; do COMPREPLY+=("$word"); done \\',
        '        < <(compgen -W "$words" -- "$cur")',
        '    if [ -n "$paths" ] && [ "${cur#-}" = "$cur" ]; then',
        "        compopt -o filenames 2>/dev/null",
        '        while IFS= read -r word; do COMPREPLY+=("$word"); done \\',
        '            < <(compgen -f -- "$cur")',
        "    fi",
        "}",
        "complete -F _edgectl edgectl",
    ]
    return "\n".join(lines) + "\n"


def zsh() -> str:
    """Print the completion for zsh."""
    lines = [
        "#compdef edgectl",
        _HEAD,
        "_edgectl() {",
        '    local at="" word; local -a found',
        '    for word in "${(@)words[2,CURRENT-1]}"; do',
        '        case "$at $word" in',
    ]
    known = [f'"{_spelt(one.words, lead=" ")}"' for one in commands() if one.words]
    lines += [
        f'            {"|".join(known)}) at="$at $word" ;;',
        "        esac",
        "    done",
        '    case "$at" in',
    ]
    for one in commands():
        told = {**one.below, **dict.fromkeys(one.fixed, ""), **one.options}
        items = " ".join(
            shlex.quote(f"{word}:{text}" if text else word)
            for word, text in told.items()
        )
        files = " _files;" if one.takes_path else ""
        lines.append(
            f'        "{_spelt(one.words, lead=" ")}") found=({items});{files} ;;'
        )
    lines += ["    esac", "    _describe edgectl found", "}", '_edgectl "$@"']
    return "\n".join(lines) + "\n"


def fish() -> str:
    """Print the completion for fish."""
    lines = [_HEAD, "complete -c edgectl -f"]
    for one in commands():
        when = _fish_when(one)
        base = f"complete -c edgectl -n {shlex.quote(when)}"
        for word, text in one.below.items():
            lines.append(f"{base} -a {word} -d {_fish(text)}")
        lines += [f"{base} -a {word}" for word in one.fixed]
        for flag, text in one.options.items():
            if flag.startswith("--"):
                lines.append(f"{base} -l {flag[2:]} -d {_fish(text)}")
        if one.takes_path:
            lines.append(f"{base} -F")
    return "\n".join(lines) + "\n"


def pages() -> list[tuple[Path, str]]:
    """Return every file that this tool writes, with what it should hold."""
    return [
        (FOLDER / "edgectl.bash", bash()),
        (FOLDER / "edgectl.zsh", zsh()),
        (FOLDER / "edgectl.fish", fish()),
    ]


def _walk(
    at: argparse.ArgumentParser, words: tuple[str, ...], summary: str
) -> Iterator[Command]:
    if isinstance(at, Parser):
        at.complete()
    actions = at._actions  # noqa: SLF001  # argparse has no other list
    subs = [a for a in actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
    said = {
        choice.dest: choice.help or ""
        for sub in subs
        for choice in sub._choices_actions  # noqa: SLF001
    }
    below = {
        name: said.get(name, "")
        for sub in subs
        for name in sub.choices
        if name not in HIDDEN
    }
    plain = [action for action in actions if action not in subs]
    yield Command(
        words=words,
        summary=summary,
        below=below,
        options={
            action.option_strings[-1]: _help(action)
            for action in plain
            if action.option_strings
        },
        fixed=tuple(
            str(word)
            for action in plain
            for word in action.choices or ()
            if not action.option_strings
        ),
        takes_path=any(
            action.metavar in _PATHS
            for action in plain
            if action.default is not argparse.SUPPRESS
        ),
    )
    for sub in subs:
        for name, parser_below in sub.choices.items():
            if name in below:
                yield from _walk(parser_below, (*words, name), below[name])


def _help(action: argparse.Action) -> str:
    return "" if action.help in (None, argparse.SUPPRESS) else str(action.help)


def _spelt(words: tuple[str, ...], *, lead: str) -> str:
    return "".join(f"{lead}{word}" for word in words)


def _fish_when(one: Command) -> str:
    seen = [f"__fish_seen_subcommand_from {word}" for word in one.words]
    unseen = (
        [f"not __fish_seen_subcommand_from {' '.join(one.below)}"] if one.below else []
    )
    return "; and ".join([*seen, *unseen]) or "true"


def _fish(text: str) -> str:
    """Quote for fish, whose single quotes know a backslash."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"


def write() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for path, page in pages():
        path.write_text(page)


if __name__ == "__main__":
    write()
