"""The box in lines."""

import pytest

from edged.cli.device import lines, value_text
from edged.wire.adapt import Device, Reading

PI = Device(
    board="Raspberry Pi 5 Model B Rev 1.0",
    arch="aarch64",
    cores=4,
    memory_bytes=8 << 30,
    power="mains",
    runtimes={"onnxruntime": "1.32.0"},
    readings=(
        Reading(name="thermal.cpu", value=71.25, unit="C", source="/sys/a/temp"),
        Reading(name="power.battery", value=None, problem="no battery"),
    ),
)


def test_a_box_is_its_board_its_means_and_what_it_senses() -> None:
    """What is unknown is counted, so that nobody takes it for fine."""
    assert """\
Raspberry Pi 5 Model B Rev 1.0, aarch64, 4 cores, 8.0 GiB, power from mains
onnxruntime 1.32.0

READING      VALUE
thermal.cpu  71.25 C

1 more is unknown: edgectl device --all""" == "\n".join(lines(PI, width=79, all_=False))


def test_all_of_it_has_sources_and_reasons() -> None:
    """For who wants to know why a box does not see its battery."""
    assert """\
Raspberry Pi 5 Model B Rev 1.0, aarch64, 4 cores, 8.0 GiB, power from mains
onnxruntime 1.32.0

READING        VALUE           SOURCE
thermal.cpu    71.25 C         /sys/a/temp
power.battery  ? (no battery)""" == "\n".join(lines(PI, width=79, all_=True))


def test_a_box_that_tells_nothing_is_shown_as_that() -> None:
    """No figure stands for one that is not known."""
    dumb = Device(arch="armv7l", cores=1, memory_bytes=0)

    (line,) = lines(dumb, width=79, all_=False)

    assert (
        "a board without a name, armv7l, 1 core, memory unknown, power unknown" == line
    )


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (Reading(name="a", value=1 << 20, unit="bytes"), "1.0 MiB"),
        (Reading(name="a", value=1.8e9, unit="Hz"), "1800 MHz"),
        (Reading(name="a", value=90, unit="s"), "1 min 30 s"),
        (Reading(name="a", value=0.25), "0.25"),
        (Reading(name="a", value=5.25, unit="W", sure=False), "~5.25 W"),
        (Reading(name="a", value=None), "?"),
        (Reading(name="a", value=None, problem="gone"), "? (gone)"),
    ],
)
def test_a_value_is_written_with_its_unit(reading: Reading, text: str) -> None:
    """A tilde says that it is derived, or known to be imprecise."""
    assert text == value_text(reading)
