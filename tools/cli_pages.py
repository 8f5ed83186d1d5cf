"""Write docs/man/edgectl.1 and docs/reference/schemas/ from the code they describe.

Run it after a change of a command, an exit number or a message:
`python -m tools.cli_pages`; a test fails while a page is stale.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edged.cli.answers import Inference
from edged.cli.config import Checked
from edged.cli.exits import MEANING
from edged.cli.figures import Bench
from edged.cli.follow import StepSeen
from edged.cli.main import Failure
from edged.cli.offline import OfflineStatus
from edged.cli.parser import Parser, add_common, parser
from edged.cli.status import FullStatus
from edged.cli.update import Reasons
from edged.cli.version import Versions
from edged.publish import documents as published
from edged.wire.adapt import Adaptation, Device, StrategyChanges
from edged.wire.changes import Changes
from edged.wire.messages import (
    Changed,
    ConfigView,
    ModelDetail,
    Models,
    Verified,
)
from edged.wire.profiles import ModelProfile
from edged.wire.updates import Attempts, UpdateStatus

ROOT = Path(__file__).resolve().parent.parent
MAN = ROOT / "docs" / "man" / "edgectl.1"
SCHEMAS = ROOT / "docs" / "reference" / "schemas"

#: Every document that `--json` prints.
DOCUMENTS: tuple[type[msgspec.Struct], ...] = (
    Adaptation,
    Attempts,
    Bench,
    Changed,
    Changes,
    Checked,
    ConfigView,
    Device,
    Failure,
    FullStatus,
    Inference,
    ModelDetail,
    ModelProfile,
    Models,
    OfflineStatus,
    Reasons,
    StepSeen,
    StrategyChanges,
    UpdateStatus,
    Verified,
    Versions,
    published.Added,
    published.Changed,
    published.Published,
    published.Pushed,
    published.Verified,
)

_TOP = r"""
.\" Written by tools/cli_pages.py from edged/cli.
.TH EDGECTL 1 "" "edged 0.1" "User Commands"
.SH NAME
edgectl \- look after edged, the inference daemon of this box
.SH SYNOPSIS
.B edgectl
.RI [ OPTION " ...] " COMMAND " ..."
.SH DESCRIPTION
.B edgectl
tells how the box is, installs and switches models, and sends them inputs.
The first line of
.B edgectl status
is a verdict in words:
.BR OK ,
.B DEGRADED
or
.BR DOWN ,
and what the matter is; what to type next stands below.
.B UNKNOWN
stands there where this user may not ask (exit status 77).
It answers also when the daemon is dead or hangs: from the daemon's last status,
from systemd and from the store.
.PP
Data goes to standard output, everything else to standard error.
With
.B \-\-json
a command prints one JSON document; its
.I schema
has a number, within which fields are only ever added.
The schemas are in
.IR docs/reference/schemas/ .
Colour appears only on a terminal that has it.
"""

_END = r"""
.SH ENVIRONMENT
.TP
.B EDGED_CONTROL_SOCKET, EDGED_SOCKET, EDGED_UPDATER_SOCKET
The control socket, the data socket and the one of
.BR edged\-updater :
a path, or
.IR unix:///path .
.TP
.B EDGED_KEY_PASSPHRASE
Opens the private keys of
.BR "edgectl publish" ;
it is asked on a terminal where it is not set.
.TP
.B NO_COLOR, CLICOLOR_FORCE, TERM
Whether there is colour.
On an old terminal such as vt220, and in the C locale, all output is ASCII.
.TP
.B EDGED_DEBUG
Show the traceback of a bug.
.SH FILES
.TP
.I /run/edged/control.sock
The control socket.
Reading is for group
.IR edged ;
changes are for root and group
.IR edged-admin .
.TP
.I /run/edged/edged.sock
The data socket, to which
.B edgectl infer
and
.B edgectl bench
send.
.TP
.I /run/edged/updater.sock
The socket of
.BR edged\-updater ,
where the settings leave updates to it.
.TP
.I /run/edged/status.json
The daemon's last status.
.SH EXAMPLES
.nf
edgectl install ./digits
edgectl install model.onnx \-\-name faces \-\-golden inputs.npz
edgectl infer digits photo.jpg \-\-repeat 100
edgectl infer digits photo.jpg \-\-print\-curl
edgectl bench digits \-\-plot digits.png
edgectl status \-\-json | jq .level
edgectl update why digits
edgectl update hold \-\-until 2026\-12\-01 \-\-why "a trade fair"
edgectl update import /media/stick/digits.tar
edgectl publish add ./digits \-\-rollout 1%@0h,10%@6h,100%@24h
.fi
.SH SEE ALSO
.BR edged (8),
.BR systemctl (1),
.BR journalctl (1)
"""


def man_page() -> str:
    """Print edgectl(1)."""
    common = Parser(prog="edgectl")
    add_common(common)
    lines = [_TOP.strip("\n"), ".SH COMMANDS"]
    for command in _commands(parser()):
        lines += _command(command)
    lines += [".SH OPTIONS", "Every command has them; they may stand anywhere."]
    for action in common._actions:  # noqa: SLF001  # argparse has no other list
        lines += _argument(action)
    lines.append(".SH EXIT STATUS")
    for number, meaning in MEANING.items():
        lines += [".TP", f".B {int(number)}", _roff(_sentence(meaning))]
    return "\n".join([*lines, _END.strip("\n"), ""])


def schemas() -> dict[str, str]:
    """Print the JSON Schema of every document, by file name."""
    pages = {}
    for document in DOCUMENTS:
        name = _schema_of(document)
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": name,
            **msgspec.json.schema(document, schema_hook=_anything),
        }
        pages[f"{name.replace('/', '-')}.json"] = json.dumps(schema, indent=2) + "\n"
    return pages


def write() -> None:
    """Write all pages."""
    SCHEMAS.mkdir(exist_ok=True)
    for path, page in pages():
        path.write_text(page)


def _schema_of(document: type[msgspec.Struct]) -> str:
    fields = {field.name: field.default for field in msgspec.structs.fields(document)}
    return str(fields["schema"])


def _anything(kind: type) -> dict[str, object]:
    """Describe a field that may hold any JSON: a setting, an error's details."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "any JSON"}


def _commands(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of whole commands: `edgectl status`, `edgectl models list`."""
    if isinstance(top, Parser):
        top.complete()
    below = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001  # as above
    if not all(action.required for action in below) or not below:
        yield top
    for action in below:
        for sub in action.choices.values():
            yield from _commands(sub)


def _command(command: argparse.ArgumentParser) -> list[str]:
    own = [
        a
        for a in command._actions  # noqa: SLF001  # as above
        if not _is_common(a) and not isinstance(a, argparse._SubParsersAction)  # noqa: SLF001
    ]
    usage = command.prog
    for action in own:
        usage += f" {_usage(action)}"
    lines = [f".SS {_roff(usage)}", _roff(command.description or "")]
    for action in own:
        lines += _argument(action)
    return lines


def _is_common(action: argparse.Action) -> bool:
    """Tell an option of every command: it leaves no trace where it is not said."""
    return action.default is argparse.SUPPRESS


def _usage(action: argparse.Action) -> str:
    value = _value(action)
    if not action.option_strings:
        return {"*": f"[{value} ...]", "?": f"[{value}]"}.get(str(action.nargs), value)
    return f"[{' '.join(filter(None, (action.option_strings[-1], value)))}]"


def _argument(action: argparse.Action) -> list[str]:
    words = ", ".join(action.option_strings) or _value(action)
    value = _value(action) if action.option_strings else ""
    head = f'.BI "{_roff(words)}" " {_roff(value)}"' if value else f".B {_roff(words)}"
    return [".TP", head, _roff(_sentence(action.help or ""))]


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    return str(action.metavar or action.dest.upper())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _roff(text: str) -> str:
    """Quote what roff would take for its own: hyphens, backslashes, a dot in front."""
    quoted = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", quoted)


def pages() -> list[tuple[Path, str]]:
    """Return every page that this tool writes, with what it should hold."""
    schema_pages = [(SCHEMAS / name, page) for name, page in schemas().items()]
    return [(MAN, man_page()), *schema_pages]


if __name__ == "__main__":
    write()
