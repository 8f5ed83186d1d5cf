"""Which operators an ONNX file calls, and whether anybody here has them."""

import pytest

from edged.errors import BadModel
from edged.runtime import onnx_ops
from edged.runtime.onnx_ops import DOMAINS, MAIN, Calls
from edged.runtime.protobuf import Fields


@pytest.fixture
def calls() -> Calls:
    """Return the calls of a file that has none yet."""
    return Calls(Fields("m.onnx", memoryview(b"")))


def _chain(calls: Calls, *, length: int, times: int) -> None:
    """Let each function call the next one, the last one an operator."""
    calls.call(MAIN, b"L", b"F1", b"")
    for number in range(1, length + 1):
        calls.define(number, b"L", b"F%d" % number, b"")
        for _ in range(times):
            if number < length:
                calls.call(number, b"L", b"F%d" % (number + 1), b"")
            else:
                calls.call(number, b"", b"Relu", b"")


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_operators_that_are_here_pass(calls: Calls, domain: str) -> None:
    """Whether there is one of that name is the runtime's to say."""
    calls.call(MAIN, domain.encode(), b"Op", b"")

    calls.check()


@pytest.mark.parametrize(
    "domain",
    ["com.acme", "com.ms.internal.nhwc", "ai.onnx.preview.training", "AI.ONNX"],
)
def test_a_strange_domain_is_refused_with_its_operator(
    calls: Calls, domain: str
) -> None:
    """Both in the sentence."""
    calls.call(MAIN, domain.encode(), b"Magic", b"")

    with pytest.raises(BadModel, match=f"operator Magic is of the domain '{domain}'"):
        calls.check()


def test_a_function_of_the_file_may_have_any_domain(calls: Calls) -> None:
    """Its own operators are judged."""
    calls.call(MAIN, b"pkg.torch", b"Linear", b"")
    calls.define(1, b"pkg.torch", b"Linear", b"")
    calls.call(1, b"ai.onnx", b"MatMul", b"")

    calls.check()


def test_an_overload_that_is_not_there_is_refused(calls: Calls) -> None:
    """It is part of a function's name."""
    calls.call(MAIN, b"L", b"F", b"other")
    calls.define(1, b"L", b"F", b"")

    with pytest.raises(BadModel, match="operator F is of the domain 'L'"):
        calls.check()


def test_an_operator_inside_a_function_is_judged(calls: Calls) -> None:
    """Also in one that nobody calls."""
    calls.define(1, b"L", b"F", b"")
    calls.call(1, b"com.acme", b"Magic", b"")

    with pytest.raises(BadModel, match="operator Magic"):
        calls.check()


def test_a_function_that_calls_itself_is_refused(calls: Calls) -> None:
    """By way of a second one."""
    calls.call(MAIN, b"L", b"F", b"")
    calls.define(1, b"L", b"F", b"")
    calls.call(1, b"L", b"G", b"")
    calls.define(2, b"L", b"G", b"")
    calls.call(2, b"L", b"F", b"")

    with pytest.raises(BadModel, match="its function L:F calls itself"):
        calls.check()


def test_functions_that_unfold_to_a_million_are_refused(calls: Calls) -> None:
    """Twenty that call the next one twice: a few hundred bytes."""
    _chain(calls, length=20, times=2)

    with pytest.raises(BadModel, match="unfold to more than 1000000 nodes"):
        calls.check()


def test_functions_of_a_real_size_pass(calls: Calls) -> None:
    """Ten levels of two calls are two thousand nodes."""
    _chain(calls, length=10, times=2)

    calls.check()


@pytest.mark.parametrize("length", [102, 5000])
def test_functions_that_nest_too_deep_are_refused(calls: Calls, length: int) -> None:
    """A runtime unfolds them by recursion."""
    _chain(calls, length=length, times=1)

    with pytest.raises(BadModel, match="nest deeper than 100 levels"):
        calls.check()


def test_depth_is_counted_also_where_it_is_known_already(calls: Calls) -> None:
    """Sixty levels that were unfolded before hang below sixty others."""
    for number in range(1, 121):
        calls.define(number, b"L", b"F%d" % number, b"")
        if number < 120:
            calls.call(number, b"L", b"F%d" % (number + 1), b"")
    calls.call(MAIN, b"L", b"F61", b"")
    calls.call(MAIN, b"L", b"F1", b"")

    with pytest.raises(BadModel, match="nest deeper than 100 levels"):
        calls.check()


def test_two_functions_of_one_name_are_refused(calls: Calls) -> None:
    """Which of them would be called?"""
    calls.define(1, b"", b"F", b"")

    with pytest.raises(BadModel, match="two functions F"):
        calls.define(2, b"ai.onnx", b"F", b"")


def test_a_name_of_any_length_is_refused(calls: Calls) -> None:
    """It is kept until the end."""
    with pytest.raises(BadModel, match="more than 1000 bytes"):
        calls.call(MAIN, b"", b"x" * 1001, b"")


def test_distinct_names_are_bounded(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them takes memory; the same one again takes none."""
    monkeypatch.setattr(onnx_ops, "MAX_CALLS", 3)
    for name in (b"A", b"B", b"B", b"B", b"C"):
        calls.call(MAIN, b"", name, b"")

    with pytest.raises(BadModel, match="more than 3 different operators"):
        calls.define(1, b"", b"D", b"")
