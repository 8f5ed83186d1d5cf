"""Starting without typing_extensions."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_who_imports_it_later_gets_it() -> None:
    """Only the first import of msgspec does without."""
    program = (
        "import sys; import edged.cli.lean; "
        "assert 'typing_extensions' not in sys.modules; "
        "import typing_extensions; assert typing_extensions.Required"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)

    assert 0 == done.returncode
