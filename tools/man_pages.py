"""Write edged.yaml(5) and edged-updater(8) from the settings and the options there are.

Run it after a change of either: `python -m tools.man_pages`; a test fails while a page
is stale.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from edged import updater
from edged.config.rows import SECTIONS, SETTINGS, Row, kebab
from tools.config_pages import default_text

MAN = Path(__file__).resolve().parent.parent / "docs" / "man"

_YAML_TOP = r"""
.\" Written by tools/man_pages.py from edged/config/settings.py.
.TH EDGED.YAML 5 "" "edged 0.1" "File Formats"
.SH NAME
edged.yaml \- settings of edged, the inference daemon of this box
.SH SYNOPSIS
.I /etc/edged/edged.yaml
.br
.I /etc/edged/edged.d/*.yaml
.SH DESCRIPTION
.B edged
runs without any file: every setting has a default, and a file needs only what differs.
Files are read in this order, and what comes later wins:
.IR /usr/lib/edged/edged.yaml ,
.IR /etc/edged/edged.yaml ,
then drop-ins of
.IR /usr/lib/edged/edged.d ,
.I /run/edged/edged.d
and
.IR /etc/edged/edged.d ,
sorted by file name together.
Sections merge; values and lists replace.
A link to
.I /dev/null
masks the drop-in of that name.
.PP
The files are YAML of a strict kind: unknown keys, keys that are said twice, anchors
and tags are errors, each told with its file and line by
.BR "edged \-\-check\-config" .
Settings marked
.B reload
change with
.BR "systemctl reload edged" ,
the others with a restart.
"""

_YAML_END = r"""
.SH FILES
.TP
.I /usr/share/edged/edged.schema.json
JSON Schema of these files, for editors.
.TP
.I /usr/share/doc/edged/examples/edged.d/
Drop-ins for a small board, a box on a battery, an x86 box and a container.
.SH SEE ALSO
.BR edged (8),
.BR edged\-updater (8),
.BR edgectl (1)
"""

_UPDATER_TOP = r"""
.\" Written by tools/man_pages.py from edged/updater.py.
.TH EDGED-UPDATER 8 "" "edged 0.1" "System Administration"
.SH NAME
edged\-updater \- fetch releases for edged, in a process of its own
.SH SYNOPSIS
.B edged\-updater
.RI [ OPTION " ...]"
.SH DESCRIPTION
.B edged\-updater
fetches releases from the sources of the settings and hands them in at the control
socket of
.BR edged (8),
where it may do that and nothing else.
The process that runs models needs no network then.
.PP
It is used where the settings say
.BR "update.apart: true" ;
else
.B edged
fetches by itself.
.SH OPTIONS
"""

_UPDATER_END = r"""
.SH SIGNALS
.TP
.B SIGTERM, SIGINT
Leave a download where it is, and exit; the next run goes on there.
.SH EXIT STATUS
.TP
.B 0
Stopped by a signal.
.TP
.B 2
The command line is wrong.
.TP
.B 69
It cannot start here: a socket, a folder, another updater.
.TP
.B 70
A bug; its traceback is in the log.
.TP
.B 78
The configuration has a fault.
.SH FILES
.TP
.I /etc/edged/edged.yaml
The settings, which are those of
.BR edged (8).
.TP
.I /var/lib/edged\-updater/
Partial downloads, and what it trusts.
.TP
.I /run/edged/updater.sock
Its socket.
.SH SEE ALSO
.BR edged (8),
.BR edged.yaml (5),
.BR edgectl (1)
"""


def settings_page() -> str:
    """Print edged.yaml(5)."""
    lines = [_YAML_TOP.strip("\n"), ".SH SETTINGS"]
    for section, struct in (None, None), *SECTIONS.items():
        if section is not None and struct is not None:
            about = (struct.__doc__ or "").splitlines()[0]
            lines += [f".SS {kebab(section)}:", _roff(about)]
        for row in SETTINGS:
            if row.section == section:
                lines += _setting(row)
    return "\n".join([*lines, _YAML_END.strip("\n"), ""])


def updater_page() -> str:
    """Print edged-updater(8)."""
    lines = [_UPDATER_TOP.strip("\n")]
    for words, text in _options():
        lines += [".TP", f".B {_roff(words)}", _roff(f"{text[:1].upper()}{text[1:]}.")]
    return "\n".join([*lines, _UPDATER_END.strip("\n"), ""])


def pages() -> list[tuple[Path, str]]:
    """Return every page that this tool writes, with what it should hold."""
    return [
        (MAN / "edged.yaml.5", settings_page()),
        (MAN / "edged-updater.8", updater_page()),
    ]


def write() -> None:
    """Write both pages."""
    for path, page in pages():
        path.write_text(page)


def _setting(row: Row) -> list[str]:
    mark = " (reload)" if row.setting.reloadable else ""
    text = f"{row.setting.doc} Allowed: {row.setting.kind.allowed}.{mark}"
    head = f"{kebab(row.field)}: {default_text(row)}"
    return [".TP", f".B {_roff(head)}", _roff(text)]


def _options() -> Iterator[tuple[str, str]]:
    """Read the options off the help, as people see them; a wide one breaks no word."""
    os.environ["COLUMNS"] = "200"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        updater.main(["--help"])
    _, _, options = said.getvalue().partition("options:\n")
    for entry in re.split(r"\n(?=  -)", options.rstrip()):
        words, text = re.split(r"\n? {2,}", entry.strip(), maxsplit=1)
        yield words, " ".join(text.split())


def _roff(text: str) -> str:
    """Quote what roff would take for its own."""
    quoted = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", quoted)


if __name__ == "__main__":
    write()
