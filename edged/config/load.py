"""Files and the command line -> settings.

Three stages: fragments (the files there are, in order) -> inputs (what they say, by
key, the last one wins) -> settings (checked together).

Law: every fault of every file is reported at once, also of a value that a later file
overrides. Lists replace, sections merge. A file that is not there is no fault, unless
somebody named it. Nothing here writes, and no file is read twice.

Source of the order: file-hierarchy(7) and systemd.unit(5). Drop-ins of all folders are
sorted by file name together; of two with one name, /etc beats /run beats /usr/lib; a
link to /dev/null in the stronger folder masks the weaker one's file.
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from edged.config.rows import SECTIONS, SETTINGS, kebab
from edged.config.settings import Server, Settings
from edged.config.update import source_faults
from edged.errors import BadConfig
from edged.strictyaml.kinds import Plain
from edged.strictyaml.place import (
    Fault,
    Invalid,
    MapNode,
    Node,
    Place,
    Report,
    ScalarNode,
    listing,
)
from edged.wire.messages import ConfigValue, ConfigView

#: Where an override is said to stand.
COMMAND_LINE = "command line"

#: Weakest first.
_FILES = ("usr/lib/edged/edged.yaml", "etc/edged/edged.yaml")
_DROP_INS = ("usr/lib/edged/edged.d", "run/edged/edged.d", "etc/edged/edged.d")
_NULL = Path("/dev/null")

#: Longest path of a Unix socket in bytes: sun_path less its NUL, unix(7).
_SOCKET_BYTES = 107


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """One setting in force.

    Attributes:
        key: dotted, as in the file.
        value: as people write it.
        origin: `file:line`, `default` or `command line`.
    """

    key: str
    value: Plain
    origin: str


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings, where each comes from, and the files that were read, weakest first."""

    settings: Settings
    effective: tuple[Effective, ...]
    files: tuple[Path, ...]

    @property
    def view(self) -> ConfigView:
        """The same for who asks a daemon."""
        return ConfigView(
            values=tuple(
                ConfigValue(key=row.key, value=row.value, origin=row.origin)
                for row in self.effective
            ),
            files=tuple(map(str, self.files)),
        )


class _Input(msgspec.Struct, frozen=True):
    value: Any
    place: Place


_Inputs = dict[str, _Input]


def load(
    config: Path | str | None = None, *, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings alone; see `read`.

    Raises:
        BadConfig: something does not hold; all of it is listed.
    """
    return read(config, overrides=overrides).settings


def read(
    config: Path | str | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
    root: Path = Path("/"),
) -> Loaded:
    """Read the configuration.

    Args:
        config: a file that replaces all the usual ones; only the `edged.d` folder
            beside it is read too. None for the usual ones, which may be absent.
        overrides: text by key, from the command line: `{"server.tcp": "[::1]:80"}`.
        root: where the usual files are looked for.

    Raises:
        BadConfig: the message lists every fault of every file; `fields["problems"]`
            has them as `Fault`.
    """
    files = fragments(None if config is None else Path(config), root=root)
    said = [*map(_file, files), _command_line(overrides or {})]
    inputs: _Inputs = {}
    for top in said:
        inputs |= _inputs(top)
    reports = [top.report for top in said]
    _refuse_faults(reports)
    settings = _settings(inputs)
    _check_together(settings, inputs, reports[-1])
    _refuse_faults(reports)
    return Loaded(
        settings=settings, effective=tuple(_effective(settings, inputs)), files=files
    )


def _refuse_faults(reports: Sequence[Report]) -> None:
    faults = [fault for report in reports for fault in report.in_order()]
    if faults:
        raise _bad(faults, dropped=sum(report.dropped for report in reports))


def _bad(faults: list[Fault], *, dropped: int = 0) -> BadConfig:
    return BadConfig(
        f"cannot use the configuration: {listing(faults, dropped=dropped)}",
        problems=faults,
    )


# --- fragments ----------------------------------------------------------------


def fragments(
    config: Path | None = None, *, root: Path = Path("/")
) -> tuple[Path, ...]:
    """Return the files to read, weakest first; masked and absent ones left out.

    Raises:
        BadConfig: a folder of drop-ins cannot be listed.
    """
    if config is not None:
        return (config, *_drop_ins([config.parent / "edged.d"]))
    present = [root / name for name in _FILES if os.path.lexists(root / name)]
    return (*present, *_drop_ins([root / name for name in _DROP_INS]))


def _drop_ins(folders: Sequence[Path]) -> list[Path]:
    by_name: dict[str, Path] = {}
    for folder in folders:
        try:
            found = list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            fault = Fault(file=str(folder), message=f"cannot list it: {_why(error)}")
            raise _bad([fault]) from error
        by_name |= {file.name: file for file in found if file.suffix == ".yaml"}
    return [by_name[name] for name in sorted(by_name) if not _is_null(by_name[name])]


def _file(file: Path) -> Place:
    # Imported here: a box without configuration files need not load PyYAML.
    from edged.strictyaml import document  # noqa: PLC0415

    try:
        if _is_null(file):
            data = b""
        elif file.exists() and not file.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        else:
            with file.open("rb") as stream:
                data = stream.read(document.MAX_BYTES + 1)
    except OSError as error:
        report = Report(str(file))
        report.add(None, "", f"cannot read the file: {_why(error)}")
        return Place(report, Node(-1, -1))
    return document.read(data, str(file))


def _is_null(file: Path) -> bool:
    return file.resolve() == _NULL


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _command_line(overrides: Mapping[str, str]) -> Place:
    """Return overrides as if they stood in a file without lines."""
    nowhere = Node(-1, -1)
    tree: dict[str, dict[str, Node]] = {}
    top: dict[str, Node] = {}
    for key, text in overrides.items():
        section, _, name = key.rpartition(".")
        node = ScalarNode(-1, -1, text, plain=True)
        (tree.setdefault(section, {}) if section else top)[name] = node
    for section, values in tree.items():
        top[section] = MapNode(-1, -1, dict.fromkeys(values, nowhere), values)
    return Place(
        Report(COMMAND_LINE), MapNode(-1, -1, dict.fromkeys(top, nowhere), top)
    )


# --- inputs -------------------------------------------------------------------


def _inputs(top: Place) -> _Inputs:
    """Read all that one fragment says; what does not hold is noted and left out."""
    sections: dict[str | None, dict[str, Place]] = {None: _entries(top, None)}
    for name in SECTIONS:
        if kebab(name) in sections[None]:
            sections[name] = _entries(sections[None][kebab(name)], name)
    inputs: _Inputs = {}
    for row in SETTINGS:
        place = sections.get(row.section, {}).get(kebab(row.field))
        if place is not None:
            with contextlib.suppress(Invalid):
                inputs[row.key] = _Input(row.setting.kind.read(place), place)
    return inputs


def _entries(place: Place, section: str | None) -> dict[str, Place]:
    """Return a section's entries; none if all of it is commented out."""
    if isinstance(place.node, ScalarNode) and place.node.is_null:
        return {}
    known = [kebab(row.field) for row in SETTINGS if row.section == section]
    if section is None:
        known += map(kebab, SECTIONS)
    try:
        return place.known_entries(known)
    except Invalid:
        return {}


# --- settings -----------------------------------------------------------------


def _settings(inputs: _Inputs) -> Settings:
    """Put the defaults under what was said, and sockets where they stand."""
    said: dict[str | None, dict[str, Any]] = {}
    for row in SETTINGS:
        if row.key in inputs:
            said.setdefault(row.section, {})[row.field] = inputs[row.key].value
    top = said.pop(None, {})
    runtime_dir = top.get("runtime_dir", Settings().runtime_dir)
    server = said.setdefault("server", {})
    for field in ("socket", "control_socket"):
        default = getattr(Server(), field).name
        server[field] = runtime_dir / server.get(field, default)
    sections: dict[str, Any] = {
        name: SECTIONS[name](**fields) for name, fields in said.items() if name
    }
    return Settings(**top, **sections)


def _check_together(settings: Settings, inputs: _Inputs, fallback: Report) -> None:
    """Note what single values cannot know, at the value that a person wrote."""

    def note(keys: Sequence[str], message: str, hint: str = "") -> None:
        written = [inputs[key].place for key in keys if key in inputs]
        place = written[-1] if written else Place(fallback, Node(-1, -1), keys[-1])
        place.note(message, hint)

    server, runtime_dir = settings.server, settings.runtime_dir
    for key, path in (
        ("server.socket", server.socket),
        ("server.control-socket", server.control_socket),
    ):
        size = len(os.fsencode(path))
        if size > _SOCKET_BYTES:
            found = f"found {size} bytes ({path}), allowed {_SOCKET_BYTES}"
            note(["runtime-dir", key], f"cannot use the socket path, {found}")
    if server.socket == server.control_socket:
        why = f"cannot use {server.socket} for both the data and the control socket"
        note(["server.socket", "server.control-socket"], why)
    if settings.store.state_dir == runtime_dir:
        why = f"cannot keep releases in {runtime_dir}: it is emptied at boot"
        note(["runtime-dir", "store.state-dir"], why)
    for fault in source_faults(settings.update.sources):
        place = inputs["update.sources"].place.items("read a list", "")[fault.at]
        place.note(fault.message, fault.hint)


def _effective(settings: Settings, inputs: _Inputs) -> Iterator[Effective]:
    for row in SETTINGS:
        origin = "default"
        if row.key in inputs:
            place = inputs[row.key].place
            line = place.node.line + 1
            origin = f"{place.report.file}:{line}" if line else place.report.file
        yield Effective(key=row.key, value=row.shown(settings), origin=origin)
