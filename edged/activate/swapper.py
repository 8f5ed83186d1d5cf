"""The joint to the serving side: what the agent needs of it.

Law: these verbs and no more; `serve.registry` happens to have them.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from edged.errors import EdgedError
from edged.runtime.base import Runs
from edged.store.releases import Release
from edged.watch import Watch
from edged.wire.messages import ModelStatus
from edged.wire.proofs import Proof


class Prepared(Protocol):
    """A release that is loaded beside what is live."""

    @property
    def rungs(self) -> Mapping[str, Runs]:
        """Its loaded variants by id."""

    def warm(self) -> None:
        """Run each variant once, as nobody's request. Blocks; any thread."""


P = TypeVar("P", bound=Prepared)


class Observation(Protocol):
    """One run that ended."""

    @property
    def variant(self) -> str:
        """What ran."""

    @property
    def threads(self) -> int:
        """That it had."""

    @property
    def ok(self) -> bool:
        """Whether it answered."""

    @property
    def code(self) -> str:
        """Of the failure, as in `errors`; another word where it is a bug."""

    @property
    def finite(self) -> bool:
        """False where a float output was not, though every input was."""

    @property
    def input_bytes(self) -> int:
        """Of all inputs; a joint run has those of all who are in it."""

    @property
    def busy_ns(self) -> int:
        """CPU time of the thread that ran."""

    @property
    def compute_ns(self) -> int:
        """Time of the run, conversions included."""


Observer = Callable[[Observation], None]


class Swapper(Protocol[P]):
    """What the agent needs of the serving side; `serve.registry` has it."""

    def prepare(
        self,
        release: Release,
        labels: dict[str, tuple[str, ...]],
        *,
        strict: bool,
        rotten: Mapping[str, str],
        without: Mapping[str, str] = ...,
        proof: Proof | None = ...,
    ) -> P:
        """Load a release beside what is live, some variants left out. Blocks."""

    def discard(self, prepared: P) -> None:
        """Let go of a release that will not go live. Blocks; any thread."""

    def switch(
        self, prepared: P, *, keep: str | None = None, condemns: bool = False
    ) -> None:
        """Make it answer to its name; let the digest `keep` stay resident.

        `condemns`: what answered was bad; sequences that are open on it end.
        """

    def back(self, name: str) -> bool:
        """Make the resident release answer again; tell whether there was one."""

    def resident(self, name: str) -> str | None:
        """Return the digest that `back` would lead to. On the loop."""

    def let_go(self, name: str) -> None:
        """Close the resident release, if there is one. On the loop."""

    async def park(self, name: str) -> None:
        """Close what is loaded, and let requests wait for a switch or `unpark`."""

    def unpark(self, name: str, error: EdgedError) -> None:
        """Say that nothing could be loaded; those who wait are told so."""

    def observe(self, name: str, observer: Observer | None) -> None:
        """Tell each run of what is live now, on the loop; None for nobody."""

    def serves(self, name: str) -> str | None:
        """Return the digest of what answers to a name. On the loop."""

    def proved(self, name: str, proof: Proof) -> None:
        """Choose variants by newer figures, if it is what is live. On the loop."""

    def loading(self, name: str) -> None:
        """Say that a model is on its way. On the loop."""

    def fail(self, name: str, error: EdgedError) -> None:
        """Say why a model does not answer. On the loop."""

    def unload(self, name: str) -> bool:
        """Stop answering; tell whether it was loaded. On the loop."""

    def forget(self, name: str) -> None:
        """Drop the name. On the loop."""

    def names(self) -> tuple[str, ...]:
        """Return the name of every model. On the loop."""

    @property
    def revision(self) -> Watch[int]:
        """Grows with every change that `statuses` would show, requests aside."""

    def touch(self) -> None:
        """Say that there is news to be told. On the loop."""

    def status(self, name: str) -> ModelStatus:
        """Describe one model. On the loop."""

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Describe every model. On the loop."""
