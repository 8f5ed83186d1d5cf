"""`edgectl config`: check files, show the settings in force and their origin.

Law: `show` prints what the running daemon uses; only where none answers, what it
would use, and says so on stderr.
"""

import argparse
from collections.abc import Iterator, Mapping

import msgspec

from edged.cli.desk import Desk
from edged.cli.evidence import config_file
from edged.cli.exits import Exit
from edged.cli.output import Align, table
from edged.cli.parser import add_verb, add_verbs
from edged.config.load import Loaded, read
from edged.errors import (
    BadConfig,
    EdgedError,
    NoAccess,
    NoDaemon,
    NoInput,
    ProtocolError,
    TimedOut,
    Untrusted,
)
from edged.store.sending import readable
from edged.strictyaml.place import Fault
from edged.trust.anchor import check_root
from edged.wire.endpoints import CONFIG
from edged.wire.messages import ConfigValue, ConfigView, Nothing


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What `config check --json` prints."""

    schema: str = "edged.config-check/1"
    ok: bool
    files: tuple[str, ...]
    faults: tuple[Fault, ...] = ()


def fill(to: argparse.ArgumentParser) -> None:
    """Add the verbs of `config`."""
    verbs = add_verbs(to)
    check = add_verb(verbs, "check", "read configuration files and list every fault")
    check.add_argument(
        "files", metavar="FILE", nargs="*", help="by default those the daemon reads"
    )
    check.set_defaults(run=check_files)
    show = add_verb(verbs, "show", "print the settings in force")
    show.add_argument(
        "--origin", action="store_true", help="say which file and line each is from"
    )
    show.set_defaults(run=show_settings)


def check_files(desk: Desk, args: argparse.Namespace) -> Exit:
    """Check the files that are named, each for itself, or those the daemon reads."""
    chosen: list[str | None] = args.files or _read_by_daemon(desk)
    files: list[str] = []
    faults: list[Fault] = []
    failures: list[BadConfig] = []
    for file in chosen:
        try:
            loaded = read(file)
            files += map(str, loaded.files)
            if absent := [*_absent(loaded)]:
                told = "\n".join(map(str, absent))
                raise BadConfig(f"cannot use these files:\n{told}", problems=absent)
        except BadConfig as error:
            files += [file] if file else []
            failures.append(error)
            faults += _faults(error)
    if desk.as_json:
        desk.screen.json(
            Checked(ok=not failures, files=tuple(files), faults=tuple(faults))
        )
        return Exit.BAD_CONFIG if failures else Exit.FINE
    for file in files if not failures else ():
        desk.screen.line(f"{file}: good")
    if not files:
        desk.screen.line("no configuration file: the defaults hold")
    if failures:
        raise _together(failures)
    return Exit.FINE


def _absent(loaded: Loaded) -> Iterator[Fault]:
    """Find what settings name and cannot be read, or is not what it should be.

    The daemon starts all the same: a root may be brought later, and is read anew then.
    """
    update = loaded.settings.update
    origins = {row.key: row.origin for row in loaded.effective}
    for source in update.sources:
        if source.root is not None:
            try:
                check_root(source.root, source.name)
            except Untrusted as error:
                yield _fault(error, "update.sources", origins)
    if update.ca_file is not None:
        try:
            with readable(update.ca_file):
                update.ca_file.read_bytes()
        except NoInput as error:
            yield _fault(error, "update.ca-file", origins)


def _fault(error: EdgedError, key: str, origins: Mapping[str, str]) -> Fault:
    file, _, line = origins[key].rpartition(":")
    return Fault(
        file=file or line,
        line=int(line) if line.isdigit() else 0,
        column=1 if line.isdigit() else 0,
        key=key,
        message=error.message,
        hint=error.hint,
    )


def _read_by_daemon(desk: Desk) -> list[str | None]:
    """Return the files that the daemon reads; None for the usual ones."""
    if desk.place.config is None:
        try:
            found = desk.call(CONFIG, Nothing()).files
        except (NoDaemon, NoAccess, TimedOut, ProtocolError):
            found = ()
        if found:
            return [*found]
    return [config_file(desk.place)]


def show_settings(desk: Desk, args: argparse.Namespace) -> Exit:
    """Print settings as they would stand in a file, perhaps with their origin."""
    try:
        view = desk.call(CONFIG, Nothing())
    except (NoDaemon, NoAccess, TimedOut, ProtocolError) as error:
        view = read(config_file(desk.place)).view
        desk.screen.talk(f"edgectl: {error.message}; these settings are of the files")
    if desk.as_json:
        desk.screen.json(view)
        return Exit.FINE
    for line in layout(view, width=desk.screen.width, origin=args.origin):
        desk.screen.line(line)
    return Exit.FINE


def layout(view: ConfigView, *, width: int, origin: bool) -> list[str]:  # by name only
    """Set settings in lines; an origin that does not fit stands under its setting."""
    rows = [(value.key, _text(value), value.origin) for value in view.values]
    columns = 3 if origin else 2
    _, *lines = table(
        ("",) * columns,
        [row[:columns] for row in rows],
        align=(Align.LEFT,) * columns,
    )
    if not origin or max(map(len, lines), default=0) <= width:
        return lines
    _, *short = table(("", ""), [row[:2] for row in rows], align=(Align.LEFT,) * 2)
    found: list[str] = []
    for line, (_, _, place) in zip(short, rows, strict=True):
        if len(line) + 2 + len(place) <= width:
            found.append(f"{line}  {place}")
        else:
            found += [line, f"    {place}"]
    return found


def _faults(error: BadConfig) -> list[Fault]:
    problems = error.fields.get("problems")
    return list(problems) if isinstance(problems, list) else []


def _together(failures: list[BadConfig]) -> BadConfig:
    if len(failures) == 1:
        return failures[0]
    return BadConfig("\n".join(failure.message for failure in failures))


def _text(value: ConfigValue) -> str:
    """Write a value as YAML does, which JSON is but for plain words."""
    if isinstance(value.value, str):
        return value.value
    return msgspec.json.encode(value.value).decode()
