"""What a Raspberry Pi's firmware says of itself: slowed down, and why.

Law: asked only where its program is and may be used, in a process of its own that is
thrown away, and at most every ten seconds; between two questions the last answer
stands, with its age.
Source: vcgencmd get_throttled; raspberrypi.com documentation, os.adoc. It needs
/dev/vcio, which the group `video` may open.
"""

import errno
import os
import re

import msgspec

from edged.errors import EdgedError
from edged.host.spawn import Bounds, Child, Ended
from edged.host.sysfs import Maybe, Sysfs, Unreadable, nonsense

#: Where Raspberry Pi OS has it, and where it had it.
_PROGRAMS = ("/usr/bin/vcgencmd", "/opt/vc/bin/vcgencmd")
_DEVICE = "/dev/vcio"

#: A process costs a small board some milliseconds.
PERIOD_S = 10.0

#: It answers in a few milliseconds, or the firmware hangs.
_BOUNDS = Bounds(seconds=2.0, output_bytes=256)

_ANSWER = re.compile(rb"throttled=0x([0-9a-fA-F]{1,8})\s*\Z")


class Throttled(msgspec.Struct, frozen=True, kw_only=True):
    """What the firmware does now, bits 0 to 3.

    Bits 16 to 19 say that it once did; the kernel's driver clears them every two
    seconds, so they are no log and are not told.
    """

    under_voltage: bool
    capped: bool
    throttled: bool
    soft_limit: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The last answer.

    Attributes:
        value: None where there is no such firmware.
        age_s: since it was asked for.
        path: of the program.
    """

    value: Maybe[Throttled]
    age_s: float = 0.0
    path: str = ""


class Firmware:
    """The firmware of this board. One thread; a question blocks.

    Args:
        sysfs: whose root has the program and the device.
    """

    def __init__(self, sysfs: Sysfs) -> None:
        self._root = sysfs.root
        self._last: tuple[float, Answer] | None = None

    def throttled(self, now_s: float) -> Answer:
        """Return the last answer, or ask anew where it is older than `PERIOD_S`.

        Args:
            now_s: monotonic.
        """
        if self._last is not None:
            asked_s, answer = self._last
            if now_s - asked_s < PERIOD_S:
                return msgspec.structs.replace(answer, age_s=max(0.0, now_s - asked_s))
        answer = self._ask()
        self._last = (now_s, answer)
        return answer

    def _ask(self) -> Answer:
        for path in _PROGRAMS:
            program = os.fspath(self._root / path[1:])
            if not os.access(program, os.F_OK):
                continue
            for needed, mode in ((path, os.X_OK), (_DEVICE, os.R_OK | os.W_OK)):
                if not os.access(self._root / needed[1:], mode):
                    return Answer(value=Unreadable(needed, errno.EACCES), path=path)
            return Answer(value=_run(program, path), path=path)
        return Answer(value=None)


def parse_throttled(raw: bytes) -> Throttled | None:
    """Return what `throttled=0x50005` says."""
    match = _ANSWER.match(raw)
    if match is None:
        return None
    bits = int(match.group(1), 16)
    return Throttled(
        under_voltage=bool(bits & 1),
        capped=bool(bits & 2),
        throttled=bool(bits & 4),
        soft_limit=bool(bits & 8),
    )


def _run(program: str, path: str) -> Maybe[Throttled]:
    try:
        ended = Child(
            [program, "get_throttled"],
            stdin=b"",
            env={"PATH": "/usr/bin:/bin"},
            bounds=_BOUNDS,
        ).wait()
    except EdgedError as exc:
        return Unreadable(path, 0, str(exc)[:80])
    return _understood(ended, path)


def _understood(ended: Ended, path: str) -> Maybe[Throttled]:
    if ended.timed_out:
        return Unreadable(path, 0, "no answer in time")
    value = parse_throttled(ended.output)
    if value is None or ended.status:
        return nonsense(path, ended.output or ended.errors.encode())
    return value
