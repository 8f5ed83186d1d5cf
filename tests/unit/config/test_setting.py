"""What a field says about itself."""

from edged.config.setting import Setting
from edged.strictyaml.kinds import Flag


def test_a_setting_needs_a_restart_unless_it_says_otherwise() -> None:
    """A reload must be earned."""
    assert not Setting(Flag(), "Why.").reloadable
