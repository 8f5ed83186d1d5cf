"""One semantics, two doors: whatever is asked, both answer the same.

Status, framing headers, body, and what the answer says about the connection. The
models and the registry are the same; the bytes and where they are cut are drawn.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.host.peer import Peer
from edged.serve.live import Live
from edged.wire import oip
from edged.wire.oip_regions import Registration
from edged.wire.tensors import Datatype
from tests.fakes.doors import (
    Caller,
    Doors,
    Reply,
    binary,
    doors,
    doors_in_thread,
    post,
)
from tests.fakes.models import live_model, signature

#: Nothing came for so long: it is over. The longer one is for a doubt.
QUIET_S, PATIENT_S = 0.03, 1.5

USUAL = [
    "Accept: */*",
    "User-Agent: curl/8.5.0",
    "Content-Type: application/octet-stream",
    "Connection: keep-alive",
    "Accept-Encoding: gzip, deflate",
    "X-Request-Id: 7",
]
ODD = [
    "Connection: close",
    "Accept-Encoding: gzip",
    "Accept-Encoding: identity",
    "Expect: 100-continue",
    "Content-Encoding: identity",
    "Content-Length: 7",
    "Transfer-Encoding: chunked",
    "TE: trailers",
    "X : 1",
    "nonsense",
    "X: a\0b",
    "Origin: http://evil",
]
#: Answers, and whether the connection ended.
Heard = tuple[list[Reply], bool]

X = {
    "digits": {"x": np.array([[1, 2, 3, 4]], "<f4")},
    "pair": {"a": np.ones((2, 3), "<i4"), "b": np.ones((2, 3), "<i4")},
    "each-fp32": {"x": np.ones((2, 3), "<f4")},
    "each-fp64": {"x": np.full((1, 3), np.nan)},
    "each-bool": {"x": np.array([[True, False]])},
    "each-bytes": {"x": np.array([[b"a", b"bc"]], object)},
    "each-int64": {"x": np.empty((0, 5), "<i8")},
    "broken": {"x": np.ones((1, 4), "<f4")},
    "nobody": {"x": np.ones(1, "<f4")},
    "stats": {"x": np.ones(1, "<f4")},
}
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "binary_data_output": st.booleans(),
        "priority": st.sampled_from([0, 1, -1, "x"]),
        "timeout": st.sampled_from([0, 10_000_000]),
        "edged_variant": st.sampled_from(["best", "small", "none"]),
        "edged_preference": st.sampled_from(["performance", "economy", "cheap", 1]),
        "edged_min_accuracy": st.sampled_from([0, 0.0, 0.5, 1, -0.1, "high"]),
        "triton_x": st.just(1),
        "sequence_id": st.sampled_from([0, ""]),
        "sequence_start": st.just(True),  # noqa: FBT003  # the library's signature
    },
)
OUTPUTS = st.none() | st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["x", "y", "sum", "other"])},
        optional={
            "parameters": st.sampled_from(
                [{"binary_data": True}, {"binary_data": False}, {"classification": 2}]
            )
        },
    ),
    max_size=3,
)


@st.composite
def requests(draw: st.DrawFn, *, sound: bool) -> bytes:
    """Draw an infer request, right or slightly wrong; a sound head is never refused."""
    model = draw(
        st.sampled_from(sorted(set(X) - ({"nobody", "stats"} if sound else set())))
    )
    inputs = X[draw(st.sampled_from([model] * 5 + sorted(X)))]
    in_json = draw(st.integers(0, 3)) == 0
    raw = not in_json and draw(st.integers(0, 9)) == 0
    tensors, chunks = [], []
    for name, array in inputs.items():
        head = {
            "name": name,
            "datatype": oip.tensorbytes.datatype_of(array.dtype).value,
            "shape": list(array.shape),
        }
        chunk = bytes(oip.tensorbytes.tensor_buffer(array))
        if in_json and draw(st.booleans()):
            head["data"] = _plain(array)
        else:
            head["parameters"] = {"binary_data_size": len(chunk) - draw(_rarely(1))}
            chunks.append(chunk)
        tensors.append(head)
    said = {"inputs": tensors, "id": draw(st.sampled_from([None, "7", 7]))}
    said |= {"parameters": draw(PARAMETERS)}
    outputs = draw(OUTPUTS)
    said |= {} if outputs is None else {"outputs": outputs}
    text = b"" if raw else msgspec.json.encode(said)
    body = text + b"".join(chunks) + b"x" * draw(_rarely(3))
    wrong = draw(_rarely(-1) if sound else _rarely(-1, 500))
    json_bytes = max(0, len(text) + wrong) if chunks or raw else None
    fields = draw(st.lists(st.sampled_from(USUAL), max_size=3, unique=True))
    versions = ["", "/versions/" + ("1.4.0" if model == "digits" else "1.0.0")]
    if not sound:
        fields += draw(_rarely_one(ODD))
        versions.append("/versions/9")
    version = draw(st.sampled_from(versions))
    return post(
        body,
        *fields,
        model=model + version,
        json_bytes=json_bytes,
    )


def _rarely(*values: int) -> st.SearchStrategy[int]:
    return st.sampled_from([0] * 12 + list(values))


def _rarely_one(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.sampled_from([[]] * len(values) + [[value] for value in values])


def _plain(array: np.ndarray) -> list[object]:
    if array.dtype == object:
        return [element.decode() for element in array.ravel()]
    return [None if np.isnan(value) else value for value in array.ravel().tolist()]


@st.composite
def odd_ones(draw: st.DrawFn) -> list[bytes]:
    """Draw one request, whose head may be odd, maybe damaged, in pieces."""
    raw = draw(requests(sound=False))
    if draw(st.integers(0, 2)) == 0:
        at, lost = draw(st.integers(0, len(raw))), draw(st.integers(0, 2))
        raw = raw[:at] + draw(st.binary(max_size=2)) + raw[at + lost :]
    return draw(pieces_of(raw))


@st.composite
def several(draw: st.DrawFn) -> list[bytes]:
    """Draw requests that come at once, in pieces.

    Their heads are sound: aiohttp answers nothing that it reads together with a head
    that it refuses, and closes or not as the body was there or not.
    """
    raws = draw(st.lists(requests(sound=True), min_size=2, max_size=4))
    return draw(pieces_of(b"".join(raws)))


@st.composite
def pieces_of(draw: st.DrawFn, raw: bytes) -> list[bytes]:
    """Draw where bytes are cut."""
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=3)))
    ends = [*cuts, len(raw)]
    return [raw[a:b] for a, b in zip([0, *cuts], ends, strict=True) if a < b]


async def hear(here: Doors, pieces: list[bytes], quiet_s: float) -> list[Heard]:
    """Say the same at both doors; return what each answered."""
    heard: list[Heard] = []
    for path in (here.express, here.plain):
        with Caller(path) as caller:
            with suppress(ConnectionError):  # it was refused early
                await caller.send(*pieces)
            replies, ended = await caller.talk(quiet_s)
            heard.append(([_alike(reply) for reply in replies], ended))
    return heard


def _is_late(express: Heard, plain: Heard) -> bool:
    """Tell whether aiohttp only left out an answer before its refusal of what follows.

    It answers nothing that it reads together with a head that it refuses.
    """
    (replies, _), (refusal, _) = express, plain
    return len(refusal) == 1 and refusal[0].status == 400 and replies[1:] == refusal


def _is_surplus(express: Heard, plain: Heard) -> bool:
    """Tell whether it is aiohttp's word at both doors, and how bytes were cut decides.

    What follows a request that says `Connection: close` it refuses before it answers
    the request, if both come in one piece; the express door takes no such request.
    """
    heard = (express[0], plain[0])
    return all(len(replies) == 1 for replies in heard) and any(
        b"data after `connection: close`" in replies[0].body for replies in heard
    )


def _alike(reply: Reply) -> Reply:
    """Return an answer without what is of its moment."""
    body = re.sub(
        rb"request [0-9a-f]{8}|grep -A 30 [0-9a-f]{8}|_us\":\d+", b"", reply.body
    )
    return msgspec.structs.replace(reply, body=body)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("drawn", [odd_ones, several])
def test_both_doors_say_the_same(drawn: Callable[[], st.SearchStrategy]) -> None:
    """Usual, odd and damaged requests, cut anywhere, alone or one upon another."""
    with doors_in_thread() as (here, loop):

        @settings(max_examples=120, deadline=None)
        @given(pieces=drawn())
        def holds(pieces: list[bytes]) -> None:
            for quiet_s in (QUIET_S, PATIENT_S):
                hearing = asyncio.run_coroutine_threadsafe(
                    hear(here, pieces, quiet_s), loop
                )
                express, plain = hearing.result(20)
                if express == plain or _is_late(express, plain):
                    return
                if _is_surplus(express, plain):
                    return
            assert express == plain, pieces

        holds()


class Recorded(msgspec.Struct):
    """What a client sent, piece by piece, waiting for each answer.

    Attributes:
        express: whether such requests are for the express door.
    """

    client: str
    express: bool
    requests: list[list[str]]


RECORDED = msgspec.json.decode(
    (Path(__file__).parents[2] / "data" / "recorded_clients.json").read_bytes(),
    type=list[Recorded],
)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda row: row.client)
async def test_real_clients_are_answered_alike(recorded: Recorded) -> None:
    """As tritonclient, curl, node and http.client sent it; by the door that is said."""
    async with doors() as here:
        with Caller(here.express) as fast, Caller(here.plain) as plain:
            for pieces in recorded.requests:
                heard = []
                for caller in (fast, plain):
                    for piece in pieces:
                        await caller.send(piece.encode("latin-1"))
                        await asyncio.sleep(0.01)
                    reply = await caller.reply()
                    assert reply is not None
                    heard.append(_alike(reply))
                assert heard[0] == heard[1]
                assert 200 == heard[0].status
            assert recorded.express == here.is_express


async def test_a_real_clients_request_may_be_cut_anywhere() -> None:
    """At every byte, both doors answer as to the whole."""
    raw = RECORDED[0].requests[1][0].encode("latin-1")

    async with doors() as here:
        heard: list[set[Reply | None]] = []
        for path in (here.express, here.plain):
            replies = set()
            for at in range(1, len(raw) + 1):
                with Caller(path) as caller:
                    await caller.send(raw[:at], raw[at:])
                    replies.add(await caller.reply())
            heard.append(replies)

    assert heard[0] == heard[1]
    (whole,) = heard[0]
    assert whole is not None
    assert 200 == whole.status


def version(number: int, datatype: Datatype = Datatype.FP32) -> Live:
    """Return a release of the model `m`, an echo."""
    tensor = ("x", datatype, (-1,))
    return live_model("m", signature([tensor], [tensor]), dict, version=f"{number}")


#: What may stand for the numbers of a request that is known; most are no such numbers.
NUMBERS = (
    "1,2,3,4", "4.5, 1e3,-0,7", "1,2,3", "1,2,3,4,5", "1,2,3,true", "1,2,3,[4]",
    "1,2,3,4],[", "1e999,2,3,4", "1,2,3,NaN", "1,2,3,04", '1,2,3,"4"', "",
    "[1,2,3,4]", "1,2,3,1e39", "1,2,3,4,", "1,2,3,4",
)  # fmt: skip


@pytest.mark.parametrize("outputs", [b"", b',"outputs":[{"name":"y"}]'])
async def test_json_that_is_known_but_for_its_numbers_means_the_same(
    outputs: bytes,
) -> None:
    """On one connection, after one like it, both doors say the same to each."""
    text = b'{"id":"a","inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":['
    raws = [post(text + each.encode() + b"]}]" + outputs + b"}") for each in NUMBERS]
    heard: list[list[Reply | None]] = []

    async with doors() as here:
        for path in (here.express, here.plain):
            with Caller(path) as caller:
                heard.append([])
                for raw in raws:
                    await caller.send(raw)
                    heard[-1].append(await caller.reply())

    assert heard[0] == heard[1]
    assert {200, 400} == {reply.status for reply in heard[0] if reply}
    assert 4 == sum(reply.status == 200 for reply in heard[0] if reply)


async def test_json_that_is_known_is_held_against_the_new_release() -> None:
    """Plans of numbers go with their release, too."""
    text = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}]}'
    raw = post(text, model="m")
    heard = []

    async with doors(version(1)) as here:
        with Caller(here.express) as caller:
            for release in (None, version(2), version(3, Datatype.INT32)):
                if release is not None:
                    here.registry.switch(release)
                for _ in range(2):
                    await caller.send(raw)
                    reply = await caller.reply()
                    assert reply is not None
                    heard.append(
                        re.findall(rb'"model_version":"(.)"|it takes (\w+)', reply.body)
                    )

    assert [[(b"1", b"")]] * 2 + [[(b"2", b"")]] * 2 == heard[:4]
    assert [[(b"", b"INT32")]] * 2 == heard[4:]


async def test_a_switch_makes_plans_anew() -> None:
    """The same bytes are held against the new release's signature, at once."""
    raw = binary({"x": np.ones(3, "<f4")}, model="m")
    heard = []

    async with doors(version(1)) as here:
        with Caller(here.express) as caller:
            releases = [None, version(2), version(3, Datatype.INT32), version(4)]
            for release in releases:
                if release is not None:
                    here.registry.switch(release)
                for _ in range(3):
                    await caller.send(raw)
                    reply = await caller.reply()
                    assert reply is not None
                    told = re.search(
                        rb'"model_version":"(.)"|it takes (\w+)', reply.body
                    )
                    heard.append(told and told.group(1, 2))

    assert [(b"1", None)] * 3 + [(b"2", None)] * 3 == heard[:6]
    assert [(None, b"INT32")] * 3 + [(b"4", None)] * 3 == heard[6:]


async def test_a_named_version_is_held_while_its_body_arrives() -> None:
    """The head was accepted, so the answer is that release's; a later head's is not."""
    raw = binary({"x": np.ones(9000, "<f4")}, model="m/versions/1")

    async with doors(version(1)) as here:
        with Caller(here.express) as caller:
            await caller.send(raw)
            first = await caller.reply()
            await caller.send(raw[:500])
            await asyncio.sleep(0.02)
            here.registry.switch(version(2))
            await caller.send(raw[500:])
            second = await caller.reply()
            stayed = here.is_express
            await caller.send(raw)
            third = await caller.reply()

    assert first is not None
    assert first == second
    assert stayed
    assert third is not None
    assert 404 == third.status


async def test_an_unnamed_version_is_the_one_that_is_live_when_the_body_is_there() -> (
    None
):
    """Nobody insisted on the old one."""
    raw = binary({"x": np.ones(9000, "<f4")}, model="m")

    async with doors(version(1)) as here:
        with Caller(here.express) as caller:
            await caller.send(raw[:500])
            await asyncio.sleep(0.02)
            here.registry.switch(version(2))
            await caller.send(raw[500:])
            reply = await caller.reply()

    assert reply is not None
    assert b'"model_version":"2"' in reply.body


async def test_who_sends_a_thousand_at_once_does_not_keep_others_waiting() -> None:
    """Each connection has its turn after each answer."""
    raw = binary({"x": np.ones(3, "<f4")}, model="m")
    answered: list[int] = []
    flowing = asyncio.Event()

    async def flood(caller: Caller) -> None:
        await caller.send(raw * 1000)

    async def drink(caller: Caller) -> None:
        for number in range(1000):
            assert await caller.reply() is not None
            answered.append(number)
            if number == 10:
                flowing.set()

    async with doors(version(1)) as here:
        with Caller(here.express) as greedy, Caller(here.express) as modest:
            async with asyncio.TaskGroup() as group:
                group.create_task(flood(greedy))
                drinking = group.create_task(drink(greedy))
                await flowing.wait()
                await modest.send(raw)
                reply = await modest.reply()
                before = len(answered)
                await drinking

    assert reply is not None
    assert 200 == reply.status
    assert before < 500


@pytest.mark.parametrize("named", [False, True], ids=["all JSON", "its length named"])
async def test_a_request_whose_tensors_are_in_memory_is_planned(
    named: bool,  # noqa: FBT001  # both forms of one request
) -> None:
    """Stock clients name no JSON length then; a body without tensors is all JSON."""
    place = {"shared_memory_region": "r", "shared_memory_byte_size": 16}
    described = {"name": "x", "datatype": "FP32", "shape": [4], "parameters": place}
    wanted = {"name": "x", "parameters": {**place, "shared_memory_offset": 64}}
    text = msgspec.json.encode({"inputs": [described], "outputs": [wanted]})
    length = f"{oip.JSON_LENGTH_HEADER}: {len(text)}\r\n" if named else ""
    raw = (
        "POST /v2/models/m/infer HTTP/1.1\r\nHost: t\r\n"
        f"{length}Content-Length: {len(text)}\r\n\r\n"
    ).encode() + text
    me = Peer(pid=os.getpid(), uid=os.getuid(), gid=os.getgid())
    fd = os.memfd_create("edged-plan", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 4096)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)

    async with doors(version(1)) as here:
        whole = Registration(key="fd:0", byte_size=4096)
        here.regions.register(me, "test", "r", whole, [fd])
        with Caller(here.express) as caller:
            for value in (1.0, 2.0, 3.0):
                os.pwrite(fd, np.full(4, value, "<f4").tobytes(), 0)
                await caller.send(raw)
                reply = await caller.reply()

                assert reply is not None
                assert b'"shape":[4]' in reply.body
                assert [value] * 4 == np.frombuffer(
                    os.pread(fd, 16, 64), "<f4"
                ).tolist()
        plans = len(here.desk._plans["m"])

    os.close(fd)
    assert plans == 1
