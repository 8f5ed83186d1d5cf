"""`edgectl device`: what kind of box this is, and what it senses.

Law: the daemon is asked; where none answers, the same look is taken from here, and the
output says so. What is unknown is shown as that, with its reason.
"""

import argparse

from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.output import Align, fold, table
from edged.cli.parser import add_common
from edged.cli.strategy import rooms_table
from edged.errors import NoAccess, NoDaemon, TimedOut
from edged.wire.adapt import Device, Reading
from edged.wire.endpoints import DEVICE
from edged.wire.messages import Nothing
from edged.wire.words import size_text, span_text


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `device`."""
    to.add_argument(
        "--all",
        action="store_true",
        help="show where each reading comes from, and those that are unknown",
    )
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Print the box and its readings."""
    looked_here = False
    try:
        found = desk.call(DEVICE, Nothing())
    except (NoDaemon, NoAccess, TimedOut) as error:
        desk.screen.talk(f"edgectl looks by itself: {error.message}")
        found, looked_here = _here(), True
    if desk.as_json:
        desk.screen.json(found)
        return Exit.FINE
    for line in lines(found, width=desk.screen.width, all_=args.all):
        desk.screen.line(line)
    return Exit.NO_DAEMON if looked_here else Exit.FINE


def lines(device: Device, *, width: int, all_: bool) -> list[str]:
    """Set the box in lines.

    Args:
        device: as it was told.
        width: columns there are.
        all_: sources, and readings without a value, too.
    """
    head = [device.board or "a board without a name", device.arch]
    if device.cpu:
        head.append(device.cpu)
    cores = f"{device.cores} core{'s' if device.cores > 1 else ''}"
    memory = size_text(device.memory_bytes) if device.memory_bytes else "memory unknown"
    power = (
        f"power from {device.power}" if device.power != "unknown" else "power unknown"
    )
    told = fold(", ".join([*head, cores, memory, power]), width=width)
    runtimes = ", ".join(f"{n} {v}" for n, v in sorted(device.runtimes.items()))
    told += fold(runtimes, width=width) if runtimes else []
    if device.strategy is not None:
        state = device.strategy
        told += ["", *fold(f"{state.strategy.value}: {state.because}", width=width)]
    if device.headrooms:
        told += rooms_table(device.headrooms)
    shown = [one for one in device.readings if all_ or one.value is not None]
    if shown:
        told += ["", *_table(shown, all_=all_)]
    unknown = len(device.readings) - len(shown)
    if unknown:
        are = "is" if unknown == 1 else "are"
        told += ["", f"{unknown} more {are} unknown: edgectl device --all"]
    return told


def value_text(reading: Reading) -> str:
    """Write a reading as people read it."""
    if reading.value is None:
        return f"? ({reading.problem})" if reading.problem else "?"
    sign = "" if reading.sure else "~"
    match reading.unit:
        case "bytes":
            return sign + size_text(int(reading.value))
        case "Hz":
            return f"{sign}{reading.value / 1e6:.0f} MHz"
        case "s":
            return sign + span_text(reading.value)
        case "":
            return f"{sign}{reading.value:g}"
        case unit:
            return f"{sign}{reading.value:.4g} {unit}"


def _table(readings: list[Reading], *, all_: bool) -> list[str]:
    rows = [
        (one.name, value_text(one), *((one.source,) if all_ else ()))
        for one in readings
    ]
    heads = ("READING", "VALUE", "SOURCE")[: len(rows[0])]
    return table(heads, rows, align=(Align.LEFT,) * len(heads))


def _here() -> Device:
    # Imported here: whoever asks a daemon needs none of it.
    from edged.adapt.device import device  # noqa: PLC0415
    from edged.adapt.sensors import Sensors  # noqa: PLC0415

    return device(Sensors().read())
