"""The rooms of `activate` are tied to the settings, and heed them when they change."""

from pathlib import Path

import msgspec

from edged.activation import Activation
from edged.config import Settings
from edged.host.clock import SystemClock
from edged.host.files import DiskFiles
from edged.serve.conditions import QUIET
from edged.serve.registry import Registry
from edged.watch import Owned
from tests.fakes.box import LIMITS


def test_changed_settings_reach_the_rooms(tmp_path: Path) -> None:
    """All of `install` can change while releases are served."""
    base = Settings()
    store = msgspec.structs.replace(base.store, state_dir=tmp_path)
    settings = msgspec.structs.replace(base, store=store)
    registry = Registry(LIMITS, SystemClock())
    made = Activation(
        settings, registry, SystemClock(), DiskFiles(), Owned(QUIET).watch
    )
    install = msgspec.structs.replace(
        settings.install, agreement=0.5, probation=7.0, trial_timeout=9.0
    )

    made.obey(msgspec.structs.replace(settings, install=install))

    assert made.agent.passage.rules.agreement == 0.5
    assert made.agent.ward.rules.duration_s == 7.0
    assert made.agent.shop.trial.timeout_s == 9.0
    made.agent.shop.close()
