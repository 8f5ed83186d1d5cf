"""One file, from whoever has it.

Law: returns with the file whole and right, or raises; what was kept stays kept. Only
chunks that are missing are asked for, and bytes of two hosts, or of two states of a
file, never meet in one chunk. A host that fails is left for the next one; one that cuts
is asked again from where it stopped, for as long as that leads on.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress

import msgspec
import yarl

from edged.errors import NotFetched, StoreFailed
from edged.host.clock import Clock
from edged.host.partial import Part
from edged.update.intake import Intake, Span, WrongChunk
from edged.update.mirrors import Mirrors
from edged.update.pace import Pace
from edged.update.trouble import not_fetched, reason_of
from edged.update.web import Answer, Web
from edged.wire.listing import Chunked
from edged.wire.updates import Reason

#: Cuts in a row, each with some bytes, that bring no whole chunk before we give up:
#: a link that carries less than 32 KiB at a time is for the back-off.
GOES = 8

#: The longest pause between two of them, in seconds; a random part of it is waited.
PAUSE_S = 8.0

#: How long a connection is held open while somebody else has the right of way.
LINGER_S = 10.0

#: The host may have more to give where it stopped.
_CUTS = frozenset({Reason.CUT, Reason.STALLED})

#: The host is not asked for this file again.
_WRONG = frozenset({Reason.WRONG_HASH, Reason.WRONG_LENGTH, Reason.CHANGED})


class _Hosts(msgspec.Struct, kw_only=True):
    """What is known of the hosts while one file is fetched; all by URL.

    Attributes:
        now: the one that is asked.
        failed: since a chunk last came.
        wrong: gave wrong bytes: not asked again.
        etags: of the file, as last seen.
        changed: it was another one before.
        unranged: their ranges do not work.
        whole: are asked for the whole file therefore.
        cuts: in a row, without a chunk.
    """

    now: str | None = None
    failed: dict[str, NotFetched] = {}
    wrong: dict[str, NotFetched] = {}
    etags: dict[str, str] = {}
    changed: set[str] = set()
    unranged: set[str] = set()
    whole: set[str] = set()
    cuts: int = 0


class Fetcher:
    """Fetches, one file at a time. On the loop only.

    Args:
        web: the client.
        disk: one thread, for what blocks; the parts are used on no other meanwhile.
        clock: tells the time.
        sleep: waits for some seconds.
        chance: returns a number in [0, 1).

    Attributes:
        arrived_bytes: over the network in all; for a rate.
        cuts: how often it began anew where a host had stopped.
    """

    def __init__(
        self,
        web: Web,
        disk: Executor,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._web, self._disk, self._clock = web, disk, clock
        self._sleep, self._chance = sleep, chance
        self._mirrors = Mirrors(clock)
        self.arrived_bytes = 0
        self.cuts = 0

    async def fetch(
        self,
        want: Chunked,
        urls: Sequence[str],
        part: Part,
        progress: Callable[[int], None],
        pace: Pace,
    ) -> None:
        """Fetch what is missing of a file.

        Args:
            want: the file; without hashes of its chunks it is checked at its end.
            urls: of the same file, on one host or more.
            part: where it goes; stays open.
            progress: is told how many more bytes are kept, each time some are.
            pace: how fast, and when not.

        Raises:
            NotFetched: no host has what is missing, or each has another file; the
                reason is that of the one that was asked first.
            StoreFailed: the disk refuses.
        """
        intake = Intake(
            want=want,
            part=part,
            disk=self._disk,
            clock=self._clock,
            progress=progress,
        )
        hosts = _Hosts()
        try:
            await self._bring(intake, urls, hosts, pace)
            while not await intake.is_right():
                self._mistrust(want, urls, hosts)
                await self._bring(intake, urls, hosts, pace)
        except BaseException:
            with suppress(StoreFailed):
                await intake.flush()  # a power cut would not take more than this
            raise

    # --- one host after the other ------------------------------------------------

    async def _bring(
        self, intake: Intake, urls: Sequence[str], hosts: _Hosts, pace: Pace
    ) -> None:
        """Fetch until nothing is missing."""
        while (span := intake.span()) is not None:
            await pace.clear()
            url = self._choose(urls, hosts)
            if url != hosts.now:
                intake.forget()
                span = intake.span() or span
                hosts.now = url
            taken, arrived = intake.taken, intake.arrived
            try:
                await self._ask(url, span, intake, hosts, pace)
            except NotFetched as failed:
                if intake.taken > taken:
                    hosts.failed.clear()
                    hosts.cuts = 0
                await self._note(url, failed, hosts, leads_on=intake.arrived > arrived)
            else:
                hosts.cuts = 0
                self._mirrors.praise(url)
        await intake.flush()

    def _choose(self, urls: Sequence[str], hosts: _Hosts) -> str:
        """Return whom to ask: the same one while it leads on.

        Raises:
            NotFetched: nobody is left.
        """
        bad = hosts.failed.keys() | hosts.wrong.keys()
        if hosts.now is not None and hosts.now not in bad:
            return hosts.now
        ranked = self._mirrors.ranked(urls)
        for url in ranked:
            if url not in bad:
                return url
        for url in ranked:  # better all of it again than nothing
            if url in hosts.unranged - hosts.whole - hosts.wrong.keys():
                hosts.whole.add(url)
                hosts.failed.pop(url, None)
                return url
        raise next(iter((hosts.failed | hosts.wrong).values()))

    async def _note(
        self, url: str, failed: NotFetched, hosts: _Hosts, *, leads_on: bool
    ) -> None:
        """Decide whether a host is asked again, and wait a little before."""
        reason = reason_of(failed)
        if leads_on and reason in _CUTS and hosts.cuts < GOES:
            hosts.cuts += 1
            self.cuts += 1
            longest = min(PAUSE_S, 2.0 ** (hosts.cuts - 2))
            await self._sleep(self._chance() * longest)
            return
        self._mirrors.blame(url, reason)
        if reason is Reason.WRONG_RANGE:
            hosts.unranged.add(url)
        (hosts.wrong if reason in _WRONG else hosts.failed)[url] = failed

    def _mistrust(self, want: Chunked, urls: Sequence[str], hosts: _Hosts) -> None:
        """Note that a file without an index came whole and is another one.

        Raises:
            NotFetched: it has no bytes that could be fetched again.
        """
        url = hosts.now or urls[0]
        failed = _wrong(url, f"it has not the sha256 {want.sha256}", hosts)
        if not want.size:
            raise failed
        if hosts.now is not None:
            hosts.wrong[url] = failed
            self._mirrors.blame(url, Reason.WRONG_HASH)

    # --- one answer --------------------------------------------------------------

    async def _ask(
        self, url: str, span: Span, intake: Intake, hosts: _Hosts, pace: Pace
    ) -> None:
        """Ask for a span and take in what comes.

        Raises:
            NotFetched: not all of it came, or the host has another file.
        """
        size = intake.want.size
        is_all = url in hosts.whole or (span.at == 0 and span.until == size)
        async with self._web.get(
            url,
            at=0 if is_all else span.at,
            until=None if is_all else span.until,
            etag=None if url in hosts.changed else hosts.etags.get(url),
            max_bytes=size,
        ) as answer:
            if not await self._goes_on(url, answer, intake, hosts):
                return
            intake.begin(answer.at)
            async for data in answer.chunks:
                self.arrived_bytes += len(data)
                try:
                    await intake.take(data)
                except WrongChunk as wrong:
                    why = f"bytes from {wrong.at} on are not what was signed"
                    raise _wrong(url, why, hosts) from wrong
                await pace.spend(len(data))
                if not intake.left:
                    return
                if not await pace.clear(within_s=LINGER_S):
                    return
        if not intake.reached(span.until):
            raise not_fetched(
                yarl.URL(url), Reason.CUT, "it ended before the range was whole"
            )

    async def _goes_on(
        self, url: str, answer: Answer, intake: Intake, hosts: _Hosts
    ) -> bool:
        """Tell whether an answer goes on where the host stopped.

        A host may have the same file with several ETags (many machines under one
        name), so that another one alone is no fault: the chunks decide.

        Raises:
            NotFetched: it has another file.
        """
        before, size = hosts.etags.get(url), intake.want.size
        if answer.etag:
            hosts.etags[url] = answer.etag
        is_changed = before is not None and answer.etag != before
        if is_changed:
            hosts.changed.add(url)
        if answer.total is not None and answer.total != size:
            raise not_fetched(
                yarl.URL(url),
                Reason.CHANGED if is_changed else Reason.WRONG_LENGTH,
                f"it has {answer.total} bytes, {size} are expected",
            )
        if not is_changed:
            return True
        was_clean = await intake.start_over()
        return was_clean or not answer.at


def _wrong(url: str, why: str, hosts: _Hosts) -> NotFetched:
    reason = Reason.CHANGED if url in hosts.changed else Reason.WRONG_HASH
    return not_fetched(yarl.URL(url), reason, why)
