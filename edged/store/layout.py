"""Where things lie in the state directory.

Law: pure. Every path of the store is made here, and a name that could lead out of
the store (a model's, a release folder's) is refused here.

    models/<name>/releases/<seq>-<digest12>/   model.yaml and the files it names
    models/<name>/current                      -> releases/<folder>, the live one
    models/<name>/previous                     -> releases/<folder>, to go back to
    incoming/<token>/                          staged, not yet a release; or trash
    profiles/<digest>                          proofs of a release, on this board
    journal                                    what was wanted, tried and decided
"""

import re
from pathlib import Path

from edged.errors import BadRelease, UnknownModel
from edged.wire.release import NAME_PATTERN

#: The manifest's file name in a bundle and in a release.
MANIFEST = "model.yaml"

#: How many hex digits of the manifest's sha256 a folder name carries.
DIGEST_DIGITS = 12

_NAME = re.compile(NAME_PATTERN)
_FOLDER = re.compile(rf"(0|[1-9][0-9]{{0,18}})-([0-9a-f]{{{DIGEST_DIGITS}}})")


class Layout:
    """Paths below one state directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models_dir = root / "models"
        self.incoming = root / "incoming"
        self.journal = root / "journal"
        self.profiles = root / "profiles"

    def model(self, name: str) -> Path:
        """Return a model's folder.

        Raises:
            UnknownModel: this can never be a model's name.
        """
        if not _NAME.fullmatch(name):
            raise UnknownModel(
                f"cannot find model {name!r}: names are a-z, 0-9, '.', '_' and '-', "
                "64 at most, and begin with a letter or digit",
                hint="`edgectl models list`",
            )
        return self.models_dir / name

    def releases(self, name: str) -> Path:
        """Return the folder of a model's installed releases."""
        return self.model(name) / "releases"

    def release(self, name: str, folder: str) -> Path:
        """Return one release's folder.

        Raises:
            BadRelease: this can never be a release's folder.
        """
        if parse_folder(folder) is None:
            raise BadRelease(
                f"cannot read release {folder!r} of model {name}: its folder is not "
                f"named <seq>-<{DIGEST_DIGITS} hex digits>",
                hint=f"`edgectl models show {name}`",
            )
        return self.releases(name) / folder

    def current(self, name: str) -> Path:
        """Return the link that says which release is live."""
        return self.model(name) / "current"

    def previous(self, name: str) -> Path:
        """Return the link to the release to go back to."""
        return self.model(name) / "previous"

    def __repr__(self) -> str:
        return f"Layout({str(self.root)!r})"


def folder_name(seq: int, digest: str) -> str:
    """Name a release's folder by its sequence number and manifest digest (hex)."""
    return f"{seq}-{digest[:DIGEST_DIGITS]}"


def parse_folder(folder: str) -> tuple[int, str] | None:
    """Return `(seq, digest12)` of a release's folder name; None if it is not one."""
    match = _FOLDER.fullmatch(folder)
    return (int(match[1]), match[2]) if match else None


def link_target(folder: str) -> str:
    """Return what `current` and `previous` hold: relative, so the store can move."""
    return f"releases/{folder}"


def parse_target(target: str) -> str | None:
    """Return the folder that a link's text names; None if it leads elsewhere."""
    head, _, folder = target.partition("/")
    return folder if head == "releases" and parse_folder(folder) else None


def is_model_name(name: str) -> bool:
    """Tell whether a folder in `models/` can be a model."""
    return _NAME.fullmatch(name) is not None
