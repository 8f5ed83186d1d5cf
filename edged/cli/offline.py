"""`edgectl status` when no daemon answers: what is the case, and what to type next.

Law: `verdict` and `steps` decide from the evidence alone; they ask nothing. The next
step is a command that mends or tells more, never a reboot.
"""

import msgspec

from edged.cli.desk import Desk
from edged.cli.evidence import Cause, Evidence, Store, Unit, gather
from edged.cli.exits import Exit, exit_of
from edged.cli.output import CONTROL, Style, clip, fold
from edged.errors import EdgedError
from edged.wire.messages import Level, Phase
from edged.wire.words import span_text

#: What a daemon with bad settings exits with; systemd does not restart it then.
_BAD_CONFIG = 78

# Lines for models: verdict, steps and evidence then fit a screen with them.
_MODEL_LINES = 6

_JOURNAL = "journalctl -u edged -n 30"


class OfflineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `status --json` prints when no daemon answers.

    Attributes:
        level: None where it cannot be known: the caller may not connect.
        next: commands to type, the first one first.
    """

    schema: str = "edged.status.offline/1"
    level: Level | None
    verdict: str
    next: tuple[str, ...]
    evidence: Evidence


def run(desk: Desk, error: EdgedError) -> Exit:
    """Print what is known without the daemon."""
    evidence = gather(desk.place, error)
    status = diagnose(evidence)
    if desk.as_json:
        desk.screen.json(status)
    else:
        first, *rest = layout(
            status, width=desk.screen.width, height=desk.screen.height
        )
        word = _word(status)
        desk.screen.line(first.replace(word, desk.screen.paint(word, Style.BAD), 1))
        for line in rest:
            desk.screen.line(line)
    # A daemon that hangs is as far from answering as one that is dead.
    return Exit.NO_DAEMON if evidence.cause is Cause.HUNG else exit_of(error)


def diagnose(evidence: Evidence) -> OfflineStatus:
    """Decide what is the case and what to type next."""
    forbidden = evidence.cause is Cause.FORBIDDEN
    return OfflineStatus(
        level=None if forbidden else Level.DOWN,
        verdict=verdict(evidence),
        next=tuple(steps(evidence)),
        evidence=evidence,
    )


def verdict(evidence: Evidence) -> str:
    """Say in one sentence what is the case."""
    at = evidence.socket
    match evidence.cause:
        case Cause.ABSENT | Cause.REFUSED:
            return _gone(evidence)
        case Cause.FORBIDDEN:
            group = evidence.group
            who = f"user {group.user}" if group else "this user"
            whose = f", which is for group {group.name}" if group else ""
            return f"{who} may not connect to {at}{whose}"
        case Cause.HUNG:
            return f"edged hangs: it does not answer at {at}{_stuck(evidence)}"
        case Cause.GARBLED:
            return f"what answers at {at} does not speak as edged does"
        case Cause.UNREACHABLE:
            return evidence.error


def steps(evidence: Evidence) -> list[str]:
    """Return what to type, the first thing first."""
    match evidence.cause:
        case Cause.FORBIDDEN:
            return _admission(evidence)
        case Cause.GARBLED:
            return ["edgectl version", f"sudo ss -xlp src {evidence.socket}"]
        case Cause.HUNG:
            return _wake(evidence)
        case _:
            return _start(evidence)


def layout(status: OfflineStatus, *, width: int, height: int | None) -> list[str]:
    """Set verdict, next steps and evidence in lines.

    Args:
        status: what is known.
        width: columns there are.
        height: None where everything can be read; of no terminal is more assumed than
            a console has.
    """
    evidence = status.evidence
    lines = fold(status.verdict, width=width, first=f"{_word(status)}: ")
    lines += [
        (("  then: " if i else "  try: ") + step).translate(CONTROL)
        for i, step in enumerate(status.next)
    ]
    lines.append("")
    if evidence.snapshot is not None and evidence.snapshot_age_s is not None:
        last = evidence.snapshot
        gone = "" if evidence.pid_state else " (gone)"
        lines += fold(
            f"last status, {span_text(evidence.snapshot_age_s)} old, of pid "
            f"{last.process.pid}{gone}: {last.level.value.upper()}: {last.verdict}",
            width=width,
        )
    if evidence.unit is not None:
        lines += fold(_unit_text(evidence.unit), width=width)
    if evidence.config_problem is not None:
        lines += fold(evidence.config_problem, width=width, first="configuration: ")
    if evidence.store is not None:
        lines += _store_lines(
            evidence.store, width=width, most=None if height is None else _MODEL_LINES
        )
    return lines


def _word(status: OfflineStatus) -> str:
    return "UNKNOWN" if status.level is None else status.level.value.upper()


def _gone(evidence: Evidence) -> str:
    """Tell apart: elsewhere, not there, stopped, failed, crashed."""
    at, unit = evidence.socket, evidence.unit
    if evidence.configured_socket is not None:
        return f"no daemon at {at}: the configuration says {evidence.configured_socket}"
    if unit is not None and unit.load != "not-found":
        return _of_unit(evidence, unit)
    if evidence.cause is Cause.REFUSED and not _was_stopped(evidence):
        return f"edged has crashed or was killed: {_lack(evidence)}"
    if _is_stopping(evidence):
        return f"edged is stopping: {_lack(evidence)}"
    if evidence.pid is not None and evidence.pid_state is not None:
        return f"edged runs as pid {evidence.pid}, but {_lack(evidence)}"
    word = (
        "is stopped, as it was asked to" if _was_stopped(evidence) else "does not run"
    )
    return f"edged {word}: {_lack(evidence)}"


def _of_unit(evidence: Evidence, unit: Unit) -> str:
    match unit.active:
        case "failed":
            return f"edged has failed ({_ending(unit)}) and is not restarted"
        case "activating" if unit.sub == "auto-restart":
            return (
                f"edged fails whenever it starts ({_ending(unit)}, "
                f"restarts: {unit.restarts})"
            )
        case "activating":
            return f"edged is starting, and still {_lack(evidence)}"
        case "deactivating":
            return f"edged is stopping: {_lack(evidence)}"
        case "active":
            return f"edged runs as pid {unit.main_pid}, but {_lack(evidence)}"
        case _:
            return f"edged is stopped: {_lack(evidence)}"


def _is_stopping(evidence: Evidence) -> bool:
    """Tell by its last words that a daemon which still runs is on its way out."""
    last, unit = evidence.snapshot, evidence.unit
    if unit is not None and unit.load == "loaded":
        return unit.active == "deactivating"
    return (
        evidence.pid_state is not None
        and last is not None
        and last.phase in (Phase.DRAINING, Phase.STOPPED)
    )


def _was_stopped(evidence: Evidence) -> bool:
    last = evidence.snapshot
    return last is not None and last.phase is Phase.STOPPED


def _lack(evidence: Evidence) -> str:
    if evidence.cause is Cause.REFUSED:
        return f"nobody listens at {evidence.socket}"
    return f"there is no socket at {evidence.socket}"


def _start(evidence: Evidence) -> list[str]:
    unit = evidence.unit
    if evidence.configured_socket is not None:
        return [f"edgectl status --socket {evidence.configured_socket}"]
    if _is_stopping(evidence):
        return ["edgectl status"]
    file = f" {evidence.config}" if evidence.config else ""
    check = [f"edgectl config check{file}"] if _bad_config(evidence) else []
    if unit is None or unit.load == "not-found":
        return [*check, *_restart(evidence)]
    if unit.load == "masked":
        return [_sudo(evidence, "systemctl unmask --now edged")]
    if unit.active == "activating" and unit.sub != "auto-restart":
        return ["edgectl status"]
    stopped = unit.active == "inactive"
    journal = [] if check or stopped else [_sudo(evidence, _JOURNAL)]
    return [*check, *journal, *_restart(evidence)]


def _bad_config(evidence: Evidence) -> bool:
    unit = evidence.unit
    failed = unit is not None and unit.exit_status == _BAD_CONFIG
    return failed or evidence.config_problem is not None


def _wake(evidence: Evidence) -> list[str]:
    """Let a stopped process go on; end one that hangs, which SIGTERM may not."""
    if evidence.pid_state in {"T", "t"}:
        return [_signal(evidence, "-CONT"), "edgectl status"]
    journal = [_sudo(evidence, _JOURNAL)] if _is_unit(evidence) else []
    return [*journal, *_restart(evidence, signal="-9")]


def _restart(evidence: Evidence, *, signal: str = "") -> list[str]:
    if _is_unit(evidence):
        return [_sudo(evidence, "systemctl restart edged")]
    kill = [_signal(evidence, signal)] if evidence.pid_state else []
    return [*kill, evidence.command or "edged"]


def _is_unit(evidence: Evidence) -> bool:
    return evidence.unit is not None and evidence.unit.load == "loaded"


def _signal(evidence: Evidence, signal: str) -> str:
    command = " ".join(("kill", *filter(None, (signal, str(evidence.pid)))))
    return command if evidence.pid_is_ours else _sudo(evidence, command)


def _admission(evidence: Evidence) -> list[str]:
    group = evidence.group
    if group is None:  # sudo drops the environment
        return [f"sudo edgectl status{evidence.options}"]
    if group.user_is_member:
        return [f"newgrp {group.name}", "or log in again"]
    return [
        f"sudo usermod -aG {group.name} {group.user}",
        "log in again, and edgectl status",
    ]


def _stuck(evidence: Evidence) -> str:
    if evidence.pid is None:
        return ""
    why = {"D": ", which waits for a disk", "T": ", which is stopped by a signal"}
    return f" (pid {evidence.pid}{why.get(evidence.pid_state or '', '')})"


def _ending(unit: Unit) -> str:
    if unit.result in {"", "success", "exit-code"}:
        return f"exit status {unit.exit_status}"
    return unit.result


def _unit_text(unit: Unit) -> str:
    if unit.load != "loaded":
        return f"systemd: unit edged is {unit.load or 'unknown'}"
    return (
        f"systemd: {unit.active} ({unit.sub}), result {unit.result or 'none'}, "
        f"restarts {unit.restarts}, last exit status {unit.exit_status}"
    )


def _store_lines(store: Store, *, width: int, most: int | None) -> list[str]:
    if store.problem is not None:
        return fold(store.problem, width=width, first="store: ")
    count = len(store.models)
    word = "model" if count == 1 else "models"
    lines = fold(f"store: {count} {word} in {store.root}", width=width)
    for model in store.models[:most]:
        text = model.problem or f"{model.version} would be live"
        lines.append(clip(f"  {model.name}: {text}", width))
    if most is not None and count > most:
        lines.append(f"  … and {count - most} more: edgectl status | more")
    return lines


def _sudo(evidence: Evidence, command: str) -> str:
    return command if evidence.is_root else f"sudo {command}"
