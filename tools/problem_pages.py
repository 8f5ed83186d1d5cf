"""Write what each code and exit number means: the page for people, and the catalog.

The texts are in tools/problems.yaml, and nowhere else. docs/reference/problems.md has
all of them; systemd/edged.catalog has those of codes, for `journalctl -x`. Run it after
a change of either: `python -m tools.problem_pages`; a test fails while one is stale or
a code has no text.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from edged.cli.exits import MEANING, TABLE
from edged.errors import tree
from edged.log import message_id
from edged.wire.notices import Notice
from edged.wire.updates import Reason

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "tools" / "problems.yaml"
PAGE = ROOT / "docs" / "reference" / "problems.md"
CATALOG = ROOT / "systemd" / "edged.catalog"

_HEAD = """\
# Every code and exit number

<!-- Written by tools/problem_pages.py from tools/problems.yaml. -->

A code is one word that is the same wherever you meet it:

| where | how it looks |
|---|---|
| `edgectl status --json`, `models show --json` | `"code"` of a trouble |
| `edgectl update why` | the word before the text |
| the journal | `journalctl EDGED_CODE=bad-model`; `journalctl -x` explains it |
| `/metrics` | labels `code` and `reason` |
| answers on the sockets | the header `Edged-Code`; `"code"` on the control socket |

Each is found below by its name, once: some that a call fails with are reasons of the
updater, too. A call that failed ends `edgectl` with the number in brackets.

"""

_EXITS = """\
## Exit numbers

Those of `edgectl`; the daemons use the same where they end by themselves.

"""

_CATALOG_HEAD = """\
# What records of edged mean: journalctl -x -u edged
# Written by tools/problem_pages.py from tools/problems.yaml.
"""

# A blank at which no line is broken.
_TIE = "\N{NO-BREAK SPACE}"


class Text(NamedTuple):
    """What a person should know: `is_` and why in sentences, and what to do."""

    is_: str
    why: str
    do: str


def codes() -> Iterator[tuple[str, list[str]]]:
    """Yield every code there is once, section by section."""
    errors = sorted(error.code for error in tree())
    reasons = [reason.value for reason in Reason if reason.value not in errors]
    yield "What the box tells by itself", [notice.value for notice in Notice]
    yield "Why a call failed", errors
    yield "Why there is no update", reasons


def texts() -> dict[str | int, Text]:
    """Return every text, by code or exit number.

    Raises:
        LookupError: names what has none.
    """
    found = yaml.safe_load(TEXTS.read_text())
    needed = [*(code for _, words in codes() for code in words), *map(int, MEANING)]
    missing = [str(key) for key in needed if key not in found]
    if missing:
        raise LookupError(f"{TEXTS.name} has no text of {', '.join(missing)}")
    return {
        key: Text(is_=row.get("is", ""), why=row["why"], do=row["do"])
        for key, row in found.items()
    }


def page() -> str:
    """Return docs/reference/problems.md."""
    known, parts = texts(), [_HEAD]
    for title, words in codes():
        parts.append(f"## {title}\n\n")
        for code in words:
            number = f" ({TABLE[code].value})" if code in TABLE else ""
            parts.append(_entry(f"`{code}`{number}", known[code]))
    parts.append(_EXITS)
    for number, meaning in MEANING.items():
        text = known[number.value]._replace(is_=f"{meaning[0].upper()}{meaning[1:]}.")
        parts.append(_entry(str(number.value), text))
    return "".join(parts).rstrip("\n") + "\n"


def catalog() -> str:
    """Return systemd/edged.catalog."""
    known = texts()
    entries = (
        f"\n-- {message_id(code)}\n"
        f"Subject: {known[code].is_.rstrip('.')}\n"
        "Defined-By: edged\n"
        "Documentation: man:edged(8)\n\n"
        f"{_plain(known[code].why)}\n\n"
        f"{_plain(f'What to do: {known[code].do}')}\n\n"
        f"EDGED_CODE={code} finds all of these records.\n"
        for _, words in codes()
        for code in words
    )
    return _CATALOG_HEAD + "".join(entries)


def pages() -> list[tuple[Path, str]]:
    """Return what this tool writes, with what it should hold."""
    return [(PAGE, page()), (CATALOG, catalog())]


def _entry(head: str, text: Text) -> str:
    return f"### {head}\n\n{text.is_}\n{text.why}\n\n**Do:** {text.do}\n\n"


def _plain(text: str) -> str:
    """Return it as a terminal shows it; no command is broken."""
    whole = re.sub(r"`[^`]*`", lambda found: found[0].replace(" ", _TIE), text)
    filled = textwrap.fill(whole.replace("`", "'"), 76, break_on_hyphens=False)
    return filled.replace(_TIE, " ")


if __name__ == "__main__":
    for path, content in pages():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
