"""What is said to the service manager, without one."""

import os

import pytest

from edged.host.notify import STATUS_MAX_CHARS, Notifier

ADDRESS = {"NOTIFY_SOCKET": "/run/nowhere"}


class Ear:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, message: str) -> None:
        """Take one message."""
        self.heard.append(message)


def test_ready_and_stopping_carry_a_status() -> None:
    """`systemctl status` has a line with each turn of the daemon's life."""
    ear = Ear()
    notifier = Notifier(ADDRESS, send=ear)

    notifier.ready("serving digits")
    notifier.status("degraded")
    notifier.watchdog()
    notifier.stopping()

    expected = [
        "READY=1\nSTATUS=serving digits",
        "STATUS=degraded",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=draining",
    ]
    assert expected == ear.heard


def test_reloading_is_stamped_with_the_monotonic_clock() -> None:
    """Type=notify-reload does not believe RELOADING=1 without a stamp."""
    ear = Ear()

    Notifier(ADDRESS, send=ear).reloading()

    first, _, stamp = ear.heard[0].partition("\nMONOTONIC_USEC=")
    assert ("RELOADING=1", True) == (first, stamp.isdecimal())


def test_a_status_is_one_short_line() -> None:
    """Nobody can smuggle a command in by a model's name."""
    ear = Ear()

    Notifier(ADDRESS, send=ear).status("a\nREADY=1\r\x1b[2J\x00" + "z" * 5000)

    assert 1 == len(ear.heard[0].splitlines())
    assert ear.heard[0].startswith("STATUS=a READY=1  [2J zz")
    assert STATUS_MAX_CHARS == len(ear.heard[0].removeprefix("STATUS="))


def test_without_a_service_manager_nothing_is_sent() -> None:
    """A daemon in a terminal speaks to nobody."""
    ear = Ear()

    Notifier({}, send=ear).ready("serving")

    assert [] == ear.heard


def test_a_lost_message_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A dead service manager neither stops the daemon nor fills the journal."""

    def refuse(_: str) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    notifier = Notifier(ADDRESS, send=refuse)

    notifier.watchdog()
    notifier.watchdog()

    expected = ["cannot notify /run/nowhere: [Errno 111] Connection refused"]
    assert expected == [record.message for record in caplog.records]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_needed(
    environ: dict[str, str], expected: float | None
) -> None:
    """Half of WATCHDOG_USEC, and only if it is meant for this process."""
    actual = Notifier(environ).watchdog_interval_s()

    assert expected == actual
