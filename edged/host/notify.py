"""Tell the service manager how the daemon is.

Port. Verbs: `ready`, `status`, `reloading`, `stopping`, `watchdog`, and the question
`watchdog_interval_s`. Promise: no verb raises and no verb waits; without a service
manager each one does nothing. A message that cannot be delivered is lost, with one
warning in the log. Call on any thread.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

from edged.wire.notices import Notice

logger = logging.getLogger(__name__)

# systemd reads at most 4096 bytes of a message (NOTIFY_BUFFER_MAX); a status line
# that is longer than a wide terminal serves nobody.
STATUS_MAX_CHARS = 200
DATAGRAM = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK

Send = Callable[[str], None]


class Notifier:
    """The service manager's ear.

    Args:
        environ: where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are looked up.
        send: how a message travels; chosen by what is installed where it is None.
    """

    def __init__(
        self, environ: Mapping[str, str] = os.environ, *, send: Send | None = None
    ) -> None:
        self._environ = environ
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._send = send or _choose(self._address)
        self._has_failed = False

    def ready(self, status: str) -> None:
        """Say that start-up, or a reload, is complete."""
        self._tell("READY=1", _status(status))

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._tell(_status(text))

    def reloading(self) -> None:
        """Say that the settings are being read again; `ready` must follow."""
        # Type=notify-reload compares the stamp with its own clock.
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        """Say that the daemon is on its way out."""
        self._tell("STOPPING=1", _status("draining"))

    def watchdog(self) -> None:
        """Say that the daemon is alive."""
        self._tell("WATCHDOG=1")

    def watchdog_interval_s(self) -> float | None:
        """Return how often to call `watchdog`, in seconds; None for never.

        That is half of what systemd allows, as its manual asks.
        """
        if self._environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return None
        try:
            allowed_us = int(self._environ.get("WATCHDOG_USEC", "0"))
        except ValueError:
            return None
        return allowed_us / 2e6 if allowed_us > 0 else None

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            self._send("\n".join(lines))
        except OSError as error:
            if not self._has_failed:
                logger.warning(
                    "cannot notify %s: %s",
                    self._address,
                    error,
                    extra={"edged_code": Notice.CANNOT_NOTIFY.value},
                )
            self._has_failed = True


def _status(text: str) -> str:
    """Make one assignment of it: a line break would begin a command of its own."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return f"STATUS={printable[:STATUS_MAX_CHARS]}"


def _choose(address: str) -> Send:
    try:
        # Built against the machine's libsystemd, so it comes from the distribution.
        from systemd import daemon  # noqa: PLC0415  # optional
    except ImportError:
        return lambda message: _send(address, message)
    return daemon.notify  # type: ignore[no-any-return]  # untyped package


def _send(address: str, message: str) -> None:
    """Send one datagram; `@` begins an abstract name.

    Raises:
        OSError: nobody listens, or its queue is full.
    """
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, DATAGRAM) as sock:
        sock.connect(name)
        sock.send(message.encode())
