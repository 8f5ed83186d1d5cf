"""A box's /sys and /proc in a folder, as `tests/data/boards` describes it.

Files can be changed, removed and made to refuse, as sensors do.
"""

import shutil
from pathlib import Path

BOARDS = Path(__file__).parents[1] / "data" / "boards"

_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\0": "\0"}


def names() -> tuple[str, ...]:
    """Return every board that is described."""
    return tuple(sorted(path.stem for path in BOARDS.glob("*.txt")))


class Board:
    """One box.

    Args:
        name: of a file in `tests/data/boards`.
        root: an empty folder that will stand for `/`.

    Attributes:
        files: the path of every file that can be read.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.root = root
        self.files: list[str] = []
        folder = ""
        for line in (BOARDS / f"{name}.txt").read_text().splitlines():
            if line.startswith("["):
                folder = line.strip("[]")
                self._at(folder).mkdir(parents=True, exist_ok=True)
            elif line and not line.startswith("#"):
                path, kind, *rest = line.split(" ", 2)
                self._make(f"{folder}/{path}", kind, unescaped(" ".join(rest)))

    def set(self, path: str, content: str | bytes) -> None:
        """Write a file anew; text gets its line end."""
        raw = content if isinstance(content, bytes) else f"{content}\n".encode()
        self._clear(path).write_bytes(raw)

    def replace(self, path: str, content: str) -> None:
        """Change a file while others read it: they find the one or the other."""
        new = self._at(f"{path}~")
        new.write_text(f"{content}\n")
        new.replace(self._at(path))

    def remove(self, path: str) -> None:
        """Take a file or a folder away."""
        self._clear(path)

    def refuse(self, path: str) -> None:
        """Let a file refuse to be read."""
        self._clear(path).mkdir()

    def _make(self, path: str, kind: str, content: str) -> None:
        if kind == "!":
            self.refuse(path)
            return
        self.set(path, content.encode() if content.endswith("\0") else content)
        self.files.append(path)
        if kind == "*":
            self._at(path).chmod(0o755)

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _clear(self, path: str) -> Path:
        found = self._at(path)
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)
        found.parent.mkdir(parents=True, exist_ok=True)
        return found


def unescaped(text: str) -> str:
    """Return a value as it stands in the file."""
    for short, long in _ESCAPES.items():
        text = text.replace(short, long)
    return text
