"""What differs between two settings."""

from pathlib import Path

from edged.config import Change, Log, LogLevel, Settings, Store, changes


def test_equal_settings_have_no_changes() -> None:
    """A reload of unchanged files does nothing."""
    assert changes(Settings(), Settings()) == ()


def test_a_change_says_what_was_and_whether_a_restart_is_needed() -> None:
    """Values as people write them, in the order of the reference page."""
    new = Settings(
        store=Store(state_dir=Path("/srv"), max_bundle=1 << 30),
        log=Log(level=LogLevel.DEBUG),
    )

    found = changes(Settings(), new)

    expected = (
        Change(
            key="store.state-dir", old="/var/lib/edged", new="/srv", reloadable=False
        ),
        Change(key="store.max-bundle", old="2GiB", new="1GiB", reloadable=True),
        Change(key="log.level", old="info", new="debug", reloadable=True),
    )
    assert expected == found
