"""The joint to the serving side: what the agent needs of it.

Law: these verbs and no more; `serve.registry` happens to have them.
"""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from edged.errors import EdgedError
from edged.runtime.base import Runs
from edged.store.releases import Release
from edged.wire.messages import ModelStatus


class Prepared(Protocol):
    """A release that is loaded beside what is live."""

    @property
    def rungs(self) -> Mapping[str, Runs]:
        """Its loaded variants by id."""


P = TypeVar("P", bound=Prepared)


class Swapper(Protocol[P]):
    """What the agent needs of the serving side; `serve.registry` has it."""

    def prepare(
        self,
        release: Release,
        labels: dict[str, tuple[str, ...]],
        *,
        strict: bool,
        rotten: Mapping[str, str],
    ) -> P:
        """Load a release beside what is live. Blocks; any thread."""

    def discard(self, prepared: P) -> None:
        """Let go of a release that will not go live. Blocks; any thread."""

    def switch(self, prepared: P) -> None:
        """Make it answer to its name. On the loop."""

    def serves(self, name: str) -> str | None:
        """Return the digest of what answers to a name. On the loop."""

    def loading(self, name: str) -> None:
        """Say that a model is on its way. On the loop."""

    def fail(self, name: str, error: EdgedError) -> None:
        """Say why a model does not answer. On the loop."""

    def unload(self, name: str) -> bool:
        """Stop answering; tell whether it was loaded. On the loop."""

    def forget(self, name: str) -> None:
        """Drop the name. On the loop."""

    def status(self, name: str) -> ModelStatus:
        """Describe one model. On the loop."""
