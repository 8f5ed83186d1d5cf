"""What the configuration loads, in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_configuration_loads_nothing_heavy(tmp_path: Path) -> None:
    """`edgectl status` asks it when no daemon answers, and no file may be there."""
    program = (
        "import sys; from pathlib import Path; import edged.config;"
        "edged.config.read(root=Path(sys.argv[1]));"
        "print(*{'numpy', 'asyncio', 'aiohttp', 'yaml'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == ""
