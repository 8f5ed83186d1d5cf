"""The rooms of `activate`, tied: a part of the composition root.

Law: calls constructors and decides nothing. `daemon` ties this to the rest.
"""

from edged.activate.agent import Agent
from edged.activate.calm import objection
from edged.activate.history import History
from edged.activate.intake import Intake
from edged.activate.profiler import Profiler
from edged.activate.recall import Recall
from edged.activate.sleeper import Sleeper
from edged.activate.trial import Trial
from edged.activate.upkeep import Upkeep
from edged.activate.window import Window
from edged.activate.workshop import Workshop
from edged.adapt.regime import Regime
from edged.bounds import activation_rules
from edged.config import Settings
from edged.host.clock import Clock, boot_id
from edged.host.files import Files
from edged.serve.live import Live
from edged.serve.registry import Registry
from edged.serve.slumber import Slumber
from edged.store.bundle import Limits
from edged.store.journal import Journal
from edged.store.layout import Layout
from edged.store.links import Links
from edged.store.profiles import Profiles
from edged.store.releases import Releases
from edged.vouching import Vouching
from edged.watch import Watch


class Activation:
    """Whoever changes which release is live, and who is asked about it.

    Args:
        settings: that are in force.
        registry: that serves.
        clock: dates what happens.
        files: of the store.
        regime: what holds on the box.

    Attributes:
        agent: a service.
        profiler, sleeper: services, too.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        clock: Clock,
        files: Files,
        regime: Watch[Regime],
    ) -> None:
        layout = Layout(settings.store.state_dir)
        releases, profiles = Releases(layout, files), Profiles(layout, files)
        rules = activation_rules(settings)
        vouching = Vouching(settings.update, folder=layout.root / "trust", files=files)
        self._intake = Intake(
            releases,
            layout=layout,
            files=files,
            limits=Limits(max_bytes=settings.store.max_bundle),
            verifier=vouching,
        )
        self._trial = Trial(
            profiles=profiles,
            clock=clock,
            timeout_s=settings.install.trial_timeout,
            threads=rules.threads,
        )
        self._shop: Workshop[Live] = Workshop(
            releases=releases,
            links=Links(layout, files),
            intake=self._intake,
            history=History(Journal(layout, files), clock),
            profiles=profiles,
            trial=self._trial,
            swapper=registry,
            regime=regime,
            keep_releases=settings.store.keep_releases,
            stop_revoked=settings.update.stop_revoked,
        )
        self.agent = Agent(self._shop, rules, boot=boot_id)
        self.recall = Recall(self._shop, self.agent.ward, vouching)
        self.upkeep = Upkeep(self.agent)
        self.profiler = Profiler(
            self._shop,
            self.agent.passage,
            clock,
            objection=lambda: objection(regime.value.strategy),
        )
        self.window = Window(self._shop, self.agent.ward)
        self.sleeper = Sleeper(self.agent, Slumber(registry), regime)

    def obey(self, settings: Settings) -> None:
        """Take over changed settings."""
        self._intake.limits = Limits(max_bytes=settings.store.max_bundle)
        self._shop.keep_releases = settings.store.keep_releases
        self._shop.stop_revoked = settings.update.stop_revoked
        self._trial.timeout_s = settings.install.trial_timeout
        self.agent.obey(activation_rules(settings))
