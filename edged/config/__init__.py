"""What an administrator can say, and how it is read.

Reading order: `settings` (every setting: its kind, default and reason), `update` (those
of the updater), `adapt` (what each strategy allows),
`values` (kinds of value that only the configuration has), `load` (files and the
command line -> settings, with the origin of each), `changes` (what a reload can take
over).

Law: rooms receive only their section of `Settings`; nobody reads a file twice, and
nobody looks at the environment.
"""

from edged.config.adapt import Adapt
from edged.config.changes import Change, changes, reloaded
from edged.config.load import Effective, Loaded, fragments, load, read
from edged.config.rows import SETTINGS
from edged.config.settings import (
    Control,
    Log,
    LogLevel,
    Runtime,
    Serve,
    Server,
    Settings,
    Store,
)
from edged.config.update import Source, SourceKind, SourceTrust, Update

__all__ = [
    "SETTINGS",
    "Adapt",
    "Change",
    "Control",
    "Effective",
    "Loaded",
    "Log",
    "LogLevel",
    "Runtime",
    "Serve",
    "Server",
    "Settings",
    "Source",
    "SourceKind",
    "SourceTrust",
    "Store",
    "Update",
    "changes",
    "fragments",
    "load",
    "read",
    "reloaded",
]
