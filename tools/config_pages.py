"""Write config/edged.yaml and docs/reference/config.md from the settings table.

Run it after a change of edged/config/settings.py: `python -m tools.config_pages`;
a test fails while a page is stale.
"""

import textwrap
from pathlib import Path

from edged.config.rows import SECTIONS, SETTINGS, Row, kebab
from edged.config.settings import Settings
from edged.strictyaml import emit
from edged.strictyaml.kinds import Plain

ROOT = Path(__file__).resolve().parent.parent

_SAMPLE_HEAD = """\
# edged's configuration: every setting with its default.
# A file of your own needs only what differs; see docs/reference/config.md, and check
# it with `edged --check-config`. Settings marked (reload) change on SIGHUP, the others
# on a restart.
"""

_PAGE_HEAD = """\
# Configuration

<!-- Written by tools/config_pages.py from edged/config/settings.py. -->

edged runs without any configuration file: every setting has a default.
`edgectl config show --origin` prints each setting in force and where it comes from;
`edged --check-config` checks the files and says what is wrong with them.

## Files

| order | file | for |
|---|---|---|
| 1 | `/usr/lib/edged/edged.yaml` | the vendor of the image |
| 2 | `/etc/edged/edged.yaml` | the administrator |
| 3 | `edged.d/*.yaml` in `/usr/lib/edged`, `/run/edged` and `/etc/edged` | drop-ins |
| 4 | `--state-dir`, `--runtime-dir`, `--tcp` | one run |

What comes later wins: sections merge, values and lists replace.
Drop-ins are sorted by file name, whichever folder they are in.
Of two drop-ins with the same name only one is read:
`/etc` beats `/run` beats `/usr/lib`.
A link to `/dev/null` masks the file of that name:
`ln -s /dev/null /etc/edged/edged.d/50-vendor.yaml`.
`--config FILE` replaces all these files by `FILE` and the `edged.d` folder beside it.

SIGHUP reads the files again.
If one fault is found in any of them, nothing changes: the old settings stay in force.

## Writing it

The files are YAML of a strict kind.
All faults of all files are reported at once, each with its file, line and column.

- Unknown keys and keys that are said twice are errors.
- Anchors, aliases, merge keys, tags and several documents in a file are errors.
- `true` and `false` are the only truth values; `yes`, `no`, `on` and `off` are text.
- Numbers are decimal: no `0x`, no `1_000`, no leading zero.
- A duration has its unit: `500ms`, `30s`, `5min`, `2h`, `1d`.
- A size has its unit: `512B`, `64KiB`, `64MiB`, `2GiB`.
- A file has at most 256 KiB and 16 levels.

## Settings

*Reload*: whether SIGHUP changes it; the others need a restart.
"""


def default_text(row: Row) -> str:
    """Return a setting's default as it stands in a file."""
    value: Plain = row.setting.written or row.shown(Settings())
    return emit.flow(value)


def sample() -> str:
    """Return config/edged.yaml: all settings with their defaults and reasons."""
    lines = [_SAMPLE_HEAD]
    for section in (None, *SECTIONS):
        indent = "  " if section else ""
        if section:
            lines += [f"# {_section_doc(section)}.", f"{kebab(section)}:"]
        for row in _rows(section):
            mark = " (reload)" if row.setting.reloadable else ""
            text = f"{row.setting.doc} Allowed: {row.setting.kind.allowed}.{mark}"
            lead = f"{indent}# "
            lines += textwrap.wrap(
                text, 88, initial_indent=lead, subsequent_indent=lead
            )
            lines.append(f"{indent}{kebab(row.field)}: {default_text(row)}\n")
    return "\n".join(lines).rstrip("\n") + "\n"


def page() -> str:
    """Return docs/reference/config.md."""
    lines = [_PAGE_HEAD]
    for section in (None, *SECTIONS):
        title = f"`{kebab(section)}`" if section else "At the top"
        lines += [f"### {title}", ""]
        if section:
            lines += [f"{_section_doc(section)}.", ""]
        lines += [
            "| key | default | allowed | reload | what for |",
            "|---|---|---|---|---|",
        ]
        for row in _rows(section):
            reload = "yes" if row.setting.reloadable else "no"
            lines.append(
                f"| `{kebab(row.field)}` | `{default_text(row)}` |"
                f" {row.setting.kind.allowed} | {reload} | {row.setting.doc} |"
            )
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _rows(section: str | None) -> list[Row]:
    return [row for row in SETTINGS if row.section == section]


def _section_doc(section: str) -> str:
    return (SECTIONS[section].__doc__ or "").splitlines()[0].rstrip(".")


def main() -> None:
    """Write both pages."""
    for path, text in (
        (ROOT / "config" / "edged.yaml", sample()),
        (ROOT / "docs" / "reference" / "config.md", page()),
    ):
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
