"""What pages of figures have in common: tables, and which commit they are of."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table; columns of figures stand on the right."""
    rule = [_rule([row[i] for row in rows]) for i in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def commit() -> str:
    """Name the commit of this checkout, and whether it was changed since."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return said or "unknown"


def _rule(cells: Sequence[str]) -> str:
    figures = all(cell[:1].isdigit() or cell == "-" for cell in cells)
    return "---:" if figures else "---"
