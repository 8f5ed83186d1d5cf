"""Every setting on one page: its kind and range, its default, its reason.

Law: what is written here is said nowhere else. The reader, the shipped
`config/edged.yaml` and `docs/reference/config.md` come from this page. Durations are
seconds and sizes are bytes in code; people write `30s` and `64MiB`.
A setting that nobody needs does not exist.
"""

import enum
from pathlib import Path
from typing import Annotated

import msgspec

from edged.config.adapt import Adapt
from edged.config.setting import Setting
from edged.config.update import Update
from edged.config.values import ACCOUNT, FullPath, Loopback, Mode, SocketPath
from edged.strictyaml.kinds import (
    Choice,
    Duration,
    Flag,
    ListOf,
    Maybe,
    Number,
    Size,
    Whole,
)


class LogLevel(enum.Enum):
    """The least important record that is kept."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The two sockets and what a connection may cost."""

    socket: Annotated[
        Path,
        Setting(
            SocketPath(),
            "Data socket: inference and metrics. A bare name stands in `runtime-dir`.",
            written="edged.sock",
        ),
    ] = Path("/run/edged/edged.sock")
    control_socket: Annotated[
        Path,
        Setting(
            SocketPath(),
            "Control socket: what `edgectl` talks to.",
            written="control.sock",
        ),
    ] = Path("/run/edged/control.sock")
    tcp: Annotated[
        str | None,
        Setting(
            Maybe(Loopback()),
            "Loopback address for clients that cannot speak Unix sockets. Off by"
            " default: any user of the machine can connect to it.",
        ),
    ] = None
    group: Annotated[
        str | None,
        Setting(
            Maybe(ACCOUNT),
            "Group that may connect to both sockets; null leaves the daemon's own.",
        ),
    ] = "edged"
    mode: Annotated[
        int,
        Setting(
            Mode(),
            "Permissions of both sockets: by default its user and group, nobody else.",
        ),
    ] = 0o660
    max_connections: Annotated[
        int,
        Setting(
            Whole(8, 65536),
            "Open connections on one socket; the next one is answered 503. The"
            " default bounds a client that leaks connections, not the number of"
            " clients.",
        ),
    ] = 1024
    head_timeout: Annotated[
        float,
        Setting(
            Duration("100ms", "10min"),
            "Time for a request's head to arrive. On the same machine it takes"
            " milliseconds; what takes longer is stuck and holds a connection.",
        ),
    ] = 10.0
    body_timeout: Annotated[
        float,
        Setting(
            Duration("100ms", "1h"),
            "Time for a request's body to arrive, long enough for a large picture"
            " through a slow loopback proxy.",
        ),
    ] = 30.0
    keep_alive: Annotated[
        float,
        Setting(
            Duration("1s", "1d"),
            "Time that an idle connection stays open: longer than the 60 s after"
            " which common proxies drop theirs, so that we never close first.",
        ),
    ] = 75.0
    drain_timeout: Annotated[
        float,
        Setting(
            Duration("0ms", "10min"),
            "Time after SIGTERM for requests in flight to be answered; well below the"
            " 90 s after which systemd kills.",
        ),
    ] = 10.0
    max_body: Annotated[
        int,
        Setting(
            Size("64KiB", "2GiB"),
            "Upper bound of any request's body. The real limit is lower where a model's"
            " inputs have a fixed size. Where a dimension is free this bound is all"
            " there is, and a run may need ten times as much memory.",
        ),
    ] = 64 << 20


class Serve(msgspec.Struct, frozen=True, kw_only=True):
    """How requests wait and how models keep state."""

    queue_length: Annotated[
        int,
        Setting(
            Whole(1, 4096),
            "Requests of one model that wait or run; the next one is refused at once"
            " with an honest Retry-After, which serves it better than a long queue.",
            reloadable=True,
        ),
    ] = 64
    default_timeout: Annotated[
        float,
        Setting(
            Duration("10ms", "1h"),
            "Deadline of a request that brings none of its own.",
            reloadable=True,
        ),
    ] = 60.0
    max_sequences: Annotated[
        int,
        Setting(
            Whole(1, 1024),
            "Open sequences of one model that keeps state; each holds an instance of"
            " the model in memory.",
        ),
    ] = 16
    sequence_idle: Annotated[
        float,
        Setting(
            Duration("1s", "1d"),
            "Idle time after which a sequence that its caller forgot is closed.",
        ),
    ] = 60.0
    batch_window: Annotated[
        float,
        Setting(
            Duration("0ms", "1s"),
            "How long the first of a joint run waits for others, for models whose"
            " manifest names a batch axis. 0 joins nothing: most edge boxes have one"
            " caller, who would only wait.",
        ),
    ] = 0.0
    batch_max: Annotated[
        int,
        Setting(
            Whole(2, 1024),
            "Rows of a joint run; the manifest's own maximum may be lower.",
        ),
    ] = 8


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """How models run."""

    threads: Annotated[
        int,
        Setting(
            Whole(0, 256),
            "Threads of one inference. 0 chooses by the number of cores.",
        ),
    ] = 0


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """Where releases are kept, and how many."""

    state_dir: Annotated[
        Path,
        Setting(
            FullPath(),
            "Holds `models/` and `incoming/`; must survive a reboot.",
        ),
    ] = Path("/var/lib/edged")
    keep_releases: Annotated[
        int,
        Setting(
            Whole(2, 1000),
            "Releases of one model that stay installed, the newest. The live one and"
            " the one before it always stay, hence at least two.",
            reloadable=True,
        ),
    ] = 4
    max_bundle: Annotated[
        int,
        Setting(
            Size("1MiB", "1024GiB"),
            "Upper bound of one bundle's files together, so that an install cannot"
            " fill the disk.",
            reloadable=True,
        ),
    ] = 2 << 30


class Install(msgspec.Struct, frozen=True, kw_only=True):
    """What a new release must prove before it serves, and while it is new."""

    require_signed: Annotated[
        bool,
        Setting(
            Flag(),
            "Refuse releases that nobody signed, also from root. By default an"
            " administrator's hand is signature enough.",
            reloadable=True,
        ),
    ] = False
    trial_timeout: Annotated[
        float,
        Setting(
            Duration("1s", "1h"),
            "Time that one variant may take to load and to answer its golden inputs,"
            " on this box, beside live load.",
            reloadable=True,
        ),
    ] = 120.0
    agreement: Annotated[
        float,
        Setting(
            Number(0, 1),
            "Least share of the live release's golden answers that its successor must"
            " give too, or a person is asked. Rotated labels agree on one in ten.",
            reloadable=True,
        ),
    ] = 0.8
    slowdown: Annotated[
        float,
        Setting(
            Number(1, 1000),
            "CPU time of an answer, as a multiple of the live release's, above which a"
            " person is asked.",
            reloadable=True,
        ),
    ] = 3.0
    probation: Annotated[
        float,
        Setting(
            Duration("0ms", "30d"),
            "Time that a new release is watched with its predecessor at hand, before it"
            " counts as good. 0 trusts it at once.",
            reloadable=True,
        ),
    ] = 600.0
    probation_inferences: Annotated[
        int,
        Setting(
            Whole(0, 1_000_000),
            "Answers that it must have given by then; a box that is asked less watches"
            " for up to 24 times as long.",
            reloadable=True,
        ),
    ] = 100
    error_share: Annotated[
        float,
        Setting(
            Number(0, 1),
            "Share of runs that may fail in probation, beyond what its predecessor's"
            " did.",
            reloadable=True,
        ),
    ] = 0.05


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """Who may change what the daemon does, besides root and its own user."""

    admin_groups: Annotated[
        tuple[str, ...],
        Setting(
            ListOf(ACCOUNT, high=64),
            "Groups whose members may install, switch and remove models. The socket's"
            " own group may only read.",
            reloadable=True,
        ),
    ] = ("edged-admin",)
    admin_users: Annotated[
        tuple[str, ...],
        Setting(
            ListOf(ACCOUNT, high=64),
            "Users with the same right.",
            reloadable=True,
        ),
    ] = ()


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to the journal."""

    level: Annotated[
        LogLevel,
        Setting(
            Choice(LogLevel),
            "Least level that is written. `info` is one line for each change of state,"
            " none for each request.",
            reloadable=True,
        ),
    ] = LogLevel.INFO


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, checked and ready to use."""

    runtime_dir: Annotated[
        Path,
        Setting(
            FullPath(),
            "Holds the sockets and the last status; made by systemd, emptied at boot.",
        ),
    ] = Path("/run/edged")
    server: Server = Server()
    serve: Serve = Serve()
    runtime: Runtime = Runtime()
    store: Store = Store()
    install: Install = Install()
    update: Update = Update()
    adapt: Adapt = Adapt()
    control: Control = Control()
    log: Log = Log()
