"""Callers' own threads of state through a stateful model.

Law: a sequence has a rung of its own, so state never leaks between callers. Bounded
in number; a sequence that is idle too long ends by itself. A switch of the release
lets open sequences end on the release they began on.
Source: Triton's sequence extension: sequence_id, sequence_start, sequence_end.
"""

import asyncio
from collections.abc import Hashable
from functools import partial
from typing import NamedTuple

from edged.errors import Conflict, DeadlineExceeded, NotReady, QueueFull
from edged.serve.ladder import Rung, load_rung
from edged.serve.live import Live
from edged.serve.request import Sequence
from edged.wire.release import Variant


class Key(NamedTuple):
    """A sequence's name: ids are its caller's own."""

    peer: Hashable
    id: str


class Open:
    """One open sequence."""

    def __init__(self, live: Live, rung: Rung) -> None:
        self.live = live
        self.rung = rung
        self.users = 0
        self.ended = False
        self.idle: asyncio.TimerHandle | None = None


class Sequences:
    """The open sequences of one model, by id. Call on the loop only."""

    def __init__(self, model: str, *, limit: int, idle_s: float) -> None:
        self._model = model
        self._limit = limit
        self._idle_s = idle_s
        self._open: dict[Key, Open] = {}
        self._starting = 0
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._open)

    def find(self, sequence: Sequence, peer: Hashable) -> Open | None:
        """Return the open sequence that a request goes on in; None if it starts one."""
        return None if sequence.start else self._open.get(Key(peer, sequence.id))

    def release_of(self, version: str | None) -> Live | None:
        """Return the release of that version on which a sequence is open, if any."""
        return next(
            (p.live for p in self._open.values() if p.live.version == version), None
        )

    async def enter(
        self,
        live: Live,
        sequence: Sequence,
        variant: Variant,
        *,
        peer: Hashable,
        deadline_s: float,
    ) -> Open:
        """Return the sequence's place, made anew where the request starts one.

        Every `enter` is followed by one `leave`. A sequence is its peer's alone: who
        guesses another one's id finds nothing open.

        Raises:
            Conflict: it was never started, or has ended, or idled out.
            QueueFull: as many sequences are open as the bound allows.
            DeadlineExceeded: its instance could not be loaded in time.
            NotReady: the model was unloaded meanwhile.
        """
        if sequence.start:
            try:
                async with asyncio.timeout_at(deadline_s):
                    await self._start(live, Key(peer, sequence.id), variant)
            except TimeoutError as error:
                raise DeadlineExceeded(
                    f"cannot start sequence {sequence.id!r} of {self._model}: its "
                    "deadline passed while its instance was loading",
                    hint="allow more time for the first request of a sequence",
                ) from error
        place = self._open.get(Key(peer, sequence.id))
        if place is None:
            raise Conflict(
                f"cannot continue sequence {sequence.id!r} of {self._model}: it is "
                f"not open; a sequence ends after {self._idle_s:g} s without a request",
                hint="send sequence_start: true with its first request",
            )
        place.users += 1
        if place.idle is not None:
            place.idle.cancel()
            place.idle = None
        return place

    async def _start(self, live: Live, key: Key, variant: Variant) -> None:
        self._end(key)
        if len(self._open) + self._starting >= self._limit:
            raise QueueFull(
                f"cannot start sequence {key.id!r} of {self._model}: {self._limit} are "
                "open, which is the bound",
                retry_after_s=self._idle_s,
                hint="end sequences with sequence_end: true",
            )
        self._starting += 1
        epoch = self._epoch
        threads = live.residence.threads(variant.id)
        live.hold()
        try:
            rung = await live.scheduler.on_thread(
                partial(load_rung, live.release, variant, threads=threads),
                unwanted=Rung.close,
            )
        except BaseException:
            live.let_go()
            raise
        finally:
            self._starting -= 1
        rung.ear = live.ear
        place = Open(live, rung)
        if epoch != self._epoch:
            self._close_if_unused(place)
            raise NotReady(
                f"cannot start sequence {key.id!r} of {self._model}: the model was "
                "unloaded or exchanged meanwhile",
                hint="start it again",
            )
        self._end(key)  # it may have been started twice, meanwhile
        self._open[key] = place

    def leave(self, sequence: Sequence, place: Open, peer: Hashable) -> None:
        """Finish one request of a sequence."""
        key = Key(peer, sequence.id)
        place.users -= 1
        if sequence.end and self._open.get(key) is place:
            self._end(key)
        elif place.ended:
            self._close_if_unused(place)
        elif not place.users:
            loop = asyncio.get_running_loop()
            place.idle = loop.call_later(self._idle_s, self._end, key)

    def end_all(self) -> None:
        """End every sequence, also those that are starting: the model is unloaded."""
        self._epoch += 1
        for key in tuple(self._open):
            self._end(key)

    def end_on(self, live: Live) -> None:
        """End those on one release, and whatever is starting: it must not go on."""
        self._epoch += 1
        for key, place in tuple(self._open.items()):
            if place.live is live:
                self._end(key)

    def end(self, sequence: Sequence, peer: Hashable) -> None:
        """End one, if it is open; its last request may still run."""
        self._end(Key(peer, sequence.id))

    def _end(self, key: Key) -> None:
        place = self._open.pop(key, None)
        if place is None:
            return
        if place.idle is not None:
            place.idle.cancel()
        place.ended = True
        self._close_if_unused(place)

    def _close_if_unused(self, place: Open) -> None:
        if not place.users:
            place.rung.close()
            place.live.let_go()
