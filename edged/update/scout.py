"""Asks the sources, each in its time.

Law: on the loop; one source after the other. A source that fails is asked again later
and later, and what it said last stands until then. Looks keep their turn over restarts,
so that a region that gets its power back does not come all at once.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from edged.errors import EdgedError
from edged.host.clock import Clock
from edged.update.backoff import first_look_s, next_look_s, retry_s
from edged.update.offers import Offer
from edged.update.source import Source
from edged.update.verdicts import Verdict, verdict
from edged.wire.messages import Trouble
from edged.wire.updates import Reason, SourceStatus, WhyNot
from edged.wire.words import read_utc, utc_text

_log = logging.getLogger(__name__)

#: A box that was cut off in the middle of a release goes on sooner than others look:
#: some are only switched on for minutes.
RESUME_S = 30.0


class _Post(msgspec.Struct, kw_only=True):
    """What is known of one source.

    Attributes:
        due_s: when it is asked next, on the monotonic clock; `due_utc` by date.
        looked_s: when it last answered, on the monotonic clock; None: not in this life.
        is_outdated: what it said was said to a box that was another.
        failures: in a row.
        fault: why it is not heard, since `fault_utc`.
    """

    source: Source
    due_s: float
    due_utc: str = ""
    offers: tuple[Offer, ...] = ()
    looked_s: float | None = None
    is_outdated: bool = False
    checked_utc: str | None = None
    failures: int = 0
    fault: Verdict | None = None
    fault_utc: str = ""


class Scout:
    """All sources, in the order of the settings.

    Args:
        sources: to ask.
        clock: for turns.
        chance: returns a number in [0, 1).
        every_s: between two looks.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        clock: Clock,
        chance: Callable[[], float],
        every_s: float,
    ) -> None:
        self.every_s = every_s
        self._clock, self._chance = clock, chance
        self._posts = {
            one.name: _Post(source=one, due_s=clock.monotonic()) for one in sources
        }

    # --- turns -------------------------------------------------------------------

    def begin(
        self, looks: Mapping[str, str], answers: Mapping[str, str], *, resumes: bool
    ) -> None:
        """Give every source its first turn.

        Args:
            looks: when each was to be asked next, as `looks` told in an earlier life.
            answers: when each last answered, as `answers` told then.
            resumes: a release was under way then.
        """
        utc = self._clock.utc()
        for name, post in self._posts.items():
            post.checked_utc = answers.get(name)
            planned = read_utc(looks.get(name, ""))
            due_in_s = None if planned is None else (planned - utc).total_seconds()
            wait_s = first_look_s(self.every_s, self._chance(), due_in_s=due_in_s)
            if resumes:
                wait_s = min(wait_s, RESUME_S * self._chance())
            self._turn(post, wait_s)

    def due(self) -> tuple[str, ...]:
        """Return the sources whose time has come."""
        now_s = self._clock.monotonic()
        return tuple(name for name, post in self._posts.items() if post.due_s <= now_s)

    @property
    def next_s(self) -> float | None:
        """When the next one is asked, on the monotonic clock; None without sources."""
        return min((post.due_s for post in self._posts.values()), default=None)

    def hurry(self) -> None:
        """Give every source its turn now: a person asks."""
        for post in self._posts.values():
            self._turn(post, 0.0)

    def looks(self) -> dict[str, str]:
        """Return when each is asked next, RFC 3339."""
        return {name: post.due_utc for name, post in self._posts.items()}

    def answers(self) -> dict[str, str]:
        """Return when each last answered as it should, RFC 3339; not who never did."""
        return {
            name: post.checked_utc
            for name, post in self._posts.items()
            if post.checked_utc is not None
        }

    # --- asking ------------------------------------------------------------------

    async def look(self, names: Iterable[str]) -> None:
        """Ask some sources, and give them their next turns."""
        for name in names:
            await self._look(self._posts[name])

    async def _look(self, post: _Post) -> None:
        try:
            offers = await post.source.look()
        except EdgedError as error:
            judged = verdict(error)
            self._fail(post, judged)
            return
        post.offers = offers
        post.looked_s, post.is_outdated = self._clock.monotonic(), False
        post.checked_utc = utc_text(self._clock.utc())
        post.failures, post.fault = 0, None
        self._turn(post, next_look_s(self.every_s, self._chance()))

    def _fail(self, post: _Post, judged: Verdict) -> None:
        if post.fault is None or post.fault.reason is not judged.reason:
            post.fault_utc = utc_text(self._clock.utc())
            _log.warning(
                "%s: %s",
                post.source.name,
                judged.text,
                extra={"edged_code": judged.reason.value},
            )
        post.fault = judged
        wait_s = retry_s(
            post.failures,
            self._chance(),
            every_s=self.every_s,
            retry_after_s=judged.retry_after_s,
        )
        post.failures += 1
        self._turn(post, wait_s)

    def _turn(self, post: _Post, wait_s: float) -> None:
        post.due_s = self._clock.monotonic() + wait_s
        post.due_utc = utc_text(self._clock.utc() + timedelta(seconds=wait_s))

    # --- what is known -----------------------------------------------------------

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What all of them offer, the preferred source first."""
        return tuple(offer for post in self._posts.values() for offer in post.offers)

    @property
    def clock(self) -> str:
        """What is thought of the box's clock, by the source that thinks least of it."""
        told = {post.source.clock for post in self._posts.values()}
        return next((w for w in ("behind", "unknown", "right") if w in told), "unknown")

    def source(self, name: str) -> Source:
        """Return a source by its name."""
        return self._posts[name].source

    def stale(self, digest: str, within_s: float) -> tuple[str, ...]:
        """Return the sources that offer a release, and said so too long ago."""
        since_s = self._clock.monotonic() - within_s
        return tuple(
            name
            for name, post in self._offering(digest)
            if post.is_outdated or post.looked_s is None or post.looked_s < since_s
        )

    def outdate(self, digest: str) -> None:
        """Believe nobody who offers a release any more, before the next look.

        Some answer what is news for a box as it is; and that has just changed.
        """
        for _, post in self._offering(digest):
            post.is_outdated = True

    def _offering(self, digest: str) -> list[tuple[str, _Post]]:
        return [
            (name, post)
            for name, post in self._posts.items()
            if any(offer.sha256 == digest for offer in post.offers)
        ]

    @property
    def is_new(self) -> bool:
        """Tell whether nobody has been asked in this life."""
        return all(p.looked_s is None and not p.fault for p in self._posts.values())

    def heard(self) -> bool:
        """Tell whether all that they say is known: each answered when last asked."""
        return all(p.looked_s is not None and not p.fault for p in self._posts.values())

    def fault(self, name: str) -> tuple[Reason, float] | None:
        """Return why a source is not heard, and until when; None for one that is."""
        post = self._posts[name]
        return None if post.fault is None else (post.fault.reason, post.due_s)

    def why_not(self) -> tuple[WhyNot, ...]:
        """Say which sources are not heard, and why."""
        return tuple(
            WhyNot(
                reason=post.fault.reason,
                source=name,
                text=post.fault.text,
                hint=post.fault.hint,
                since_utc=post.fault_utc,
                until_utc=post.due_utc,
            )
            for name, post in self._posts.items()
            if post.fault is not None
        )

    def statuses(self, *, paused: bool) -> tuple[SourceStatus, ...]:
        """Tell every source.

        Args:
            paused: nobody is asked by itself.
        """
        return tuple(
            SourceStatus(
                name=name,
                kind=post.source.kind,
                url=post.source.url,
                checked_utc=post.checked_utc,
                next_utc=None if paused else post.due_utc,
                versions=dict(post.source.versions),
                trouble=None if post.fault is None else _trouble(post.fault),
            )
            for name, post in self._posts.items()
        )


def _trouble(fault: Verdict) -> Trouble:
    return Trouble(code=fault.reason.value, text=fault.text, hint=fault.hint)
