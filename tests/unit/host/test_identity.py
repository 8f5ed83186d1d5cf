"""What a box calls itself."""

from pathlib import Path

import pytest

from edged.host.identity import device_id

MACHINE = "0123456789abcdef0123456789abcdef"


def box(root: Path, **files: str) -> Path:
    """Write the machine's id where `etc` or `dbus` has it."""
    folders = {"etc": "etc", "dbus": "var/lib/dbus"}
    for where, text in files.items():
        (root / folders[where]).mkdir(parents=True)
        (root / folders[where] / "machine-id").write_text(text)
    return root


def test_a_chosen_id_is_taken_as_it_is(tmp_path: Path) -> None:
    """Whatever the machine's is."""
    root = box(tmp_path, etc=MACHINE)

    assert "line-3:press" == device_id("line-3:press", root)


def test_the_id_never_changes_and_is_not_the_machines(tmp_path: Path) -> None:
    """HMAC-SHA256 with the machine's id as key; a change would move every box."""
    found = device_id(None, box(tmp_path, etc=f"{MACHINE}\n"))

    assert found == "36dfb870b8d25fc2e21888aef14043fb"
    assert MACHINE[:8] not in found


@pytest.mark.parametrize(
    "etc", ["uninitialized\n", "", "0" * 32, MACHINE.upper(), MACHINE + "0", "é"]
)
def test_what_is_no_id_of_a_machine_is_passed_over(tmp_path: Path, etc: str) -> None:
    """The older place has one."""
    root = box(tmp_path, etc=etc, dbus=MACHINE)

    assert device_id(None, box(tmp_path / "other", etc=MACHINE)) == device_id(
        None, root
    )


def test_a_machine_without_an_id_has_none(tmp_path: Path) -> None:
    """Nobody makes one up: it would change with every start."""
    assert "" == device_id(None, box(tmp_path, etc="uninitialized"))


def test_this_machine_is_looked_at_by_default() -> None:
    """It has one, or has none; it does not fail."""
    found = device_id(None)

    assert len(found) in (0, 32)
