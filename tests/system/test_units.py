"""What systemd itself says of the units."""

import json
import re

import pytest

from tests.system.box import OTHERS, UNITS, Box

pytestmark = pytest.mark.timeout(300)

UNIT_FOLDER = "/usr/lib/systemd/system"
#: Exposure as `systemd-analyze security` counts it; 10 is a service without a box.
BARS = {"edged.service": 0.6, "edged-updater.service": 1.2}


def test_systemd_has_nothing_to_say_about_any_unit(box: Box) -> None:
    """No unknown key, no program or folder that is not there."""
    paths = [f"{UNIT_FOLDER}/{unit}" for unit in (*UNITS, *OTHERS)]

    told = box.run("systemd-analyze", "verify", "--man=no", *paths)

    assert ("", "") == (told.stdout, told.stderr)


@pytest.mark.parametrize("unit", sorted(BARS))
def test_each_service_is_as_closed_as_promised(box: Box, unit: str) -> None:
    """And whatever is left open has its reason in the unit."""
    path = f"{UNIT_FOLDER}/{unit}"
    text = box.run("cat", path).stdout
    security = ("systemd-analyze", "security", "--offline=true")

    told = box.run(*security, path).stdout
    rows = json.loads(box.run(*security, "--json=short", path).stdout)

    found = re.search(r"exposure level for \S+: ([0-9.]+)", told)
    assert found is not None, told
    assert float(found[1]) <= BARS[unit]
    open_ones = [row["name"] for row in rows if float(row["exposure"] or 0) > 0]
    assert [] == [name for name in open_ones if not _explained(name, text)]


def _explained(name: str, text: str) -> bool:
    """Tell whether a comment of the unit names a directive of the check's."""
    name = name.replace("(INET|INET6)", "INET")
    directive, _, rest = name.partition("=")
    wanted = f"{directive}={rest if rest.startswith('~') else ''}"
    return any(wanted in line for line in text.splitlines() if line.startswith("#"))


def test_a_preset_opens_no_port(box: Box) -> None:
    """The first boot of an image enables what an installation does."""
    every = (*UNITS, *OTHERS)
    box.run("systemctl", "preset", *every)

    told = box.run("systemctl", "is-enabled", *every, status=None).stdout.split()

    assert ["enabled"] * len(UNITS) + ["disabled"] * len(OTHERS) == told


EXAMPLES = "/usr/share/doc/edged/examples/systemd"


def test_the_examples_are_understood(box: Box) -> None:
    """Each by a systemd that is new enough for it."""
    version = int(box.run("systemctl", "--version").stdout.split()[1])
    examples = box.run("find", EXAMPLES, "-name", "*.conf").stdout.split()
    # RestartSteps= came with it.
    unfit = [path for path in examples if "backoff" in path and version < 254]

    box.shell(
        "mkdir -p /etc/systemd/system/edged.service.d\n"
        f"cp {' '.join(set(examples) - set(unfit))} /etc/systemd/system/edged.service.d"
    )
    told = box.run("systemd-analyze", "verify", "--man=no", f"{UNIT_FOLDER}/{UNITS[2]}")

    assert examples
    assert ("", "") == (told.stdout, told.stderr)
