"""When answers leave: alone at once, in company together."""

import asyncio

import pytest

from edged.api.express_outbox import CLOSING, Outbox, closing, left_of


class Line:
    """Who sends, as the outbox sees it."""

    def __init__(self, sent: list["Line"]) -> None:
        self._sent = sent

    def send(self) -> None:
        """Write down that it did."""
        self._sent.append(self)


async def test_one_who_is_alone_does_not_wait() -> None:
    """Its second answer, and all that follow, leave in the same breath."""
    sent: list[Line] = []
    outbox, line = Outbox(), Line(sent)
    outbox.put(line)
    await asyncio.sleep(0)

    outbox.put(line)

    assert [line, line] == sent


async def test_answers_of_one_turn_leave_together_and_in_order() -> None:
    """None of them wakes its client while others are still made."""
    sent: list[Line] = []
    outbox = Outbox()
    lines = [Line(sent) for _ in range(3)]

    for line in lines:
        outbox.put(line)
    before = list(sent)
    await asyncio.sleep(0)

    assert ([], lines, "0 answers to send") == (before, sent, repr(outbox))


async def test_an_answer_waits_for_one_turn_only() -> None:
    """What is put while others leave is of the next turn."""
    sent: list[Line] = []
    outbox = Outbox()
    late = Line(sent)

    class Rushing(Line):
        def send(self) -> None:
            super().send()
            outbox.put(late)

    rushing = Rushing(sent)
    outbox.put(rushing)
    await asyncio.sleep(0)
    first = list(sent)
    await asyncio.sleep(0)

    assert ([rushing], [rushing, late]) == (first, sent)


async def test_a_connection_that_has_ended_is_forgotten() -> None:
    """So the outbox keeps none alive."""
    sent: list[Line] = []
    outbox, line = Outbox(), Line(sent)
    outbox.put(line)
    await asyncio.sleep(0)

    outbox.forget(line)

    outbox.put(line)
    assert [line] == sent
    await asyncio.sleep(0)
    assert [line, line] == sent


@pytest.mark.parametrize("sent", range(8))
def test_what_is_left_is_all_that_was_not_sent(sent: int) -> None:
    """Wherever the kernel stopped; parts may be empty, and not of bytes."""
    parts = (b"abc", b"", memoryview(bytearray(b"defg")).cast("I"))

    left = left_of(parts, sent)

    assert b"abcdefg"[sent:] == b"".join(left)
    assert all(left)


def test_the_last_answer_says_so_once() -> None:
    """In its headers, whatever its body looks like."""
    begin = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}\r\n\r\n"

    said = closing(begin)

    assert b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n{}\r\n\r\n" == said
    assert len(CLOSING) == len(said) - len(begin)
