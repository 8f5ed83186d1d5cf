"""Text that every YAML reader reads the same."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.strictyaml import emit
from edged.strictyaml.kinds import Plain


def test_leaves_stand_on_one_line_and_the_rest_in_blocks() -> None:
    """It looks as a person would write it."""
    value: dict[str, Plain] = {
        "name": "digits",
        "signature": {"inputs": [{"name": "x", "shape": [1, 2]}]},
        "variants": [{"id": "a", "io": {"x": {"layout": "NHWC"}}}],
        "empty": {},
        "matrix": [[1], [2]],
    }

    assert emit.document(value) == (
        "name: digits\n"
        "signature:\n"
        "  inputs:\n"
        "    - {name: x, shape: [1, 2]}\n"
        "variants:\n"
        "  - id: a\n"
        "    io:\n"
        "      x: {layout: NHWC}\n"
        "empty: {}\n"
        "matrix: [[1], [2]]\n"
    )


def test_what_does_not_fit_on_a_line_becomes_a_block() -> None:
    """Nobody scrolls sideways on a serial console."""
    value: dict[str, Plain] = {"names": ["n" * 50, "m" * 50, "o" * 50]}

    found = emit.document(value).splitlines()

    assert found == ["names:", *(f"  - {letter * 50}" for letter in "nmo")]


@pytest.mark.parametrize(
    "text",
    ["digits", "digits_fp32.onnx", "1.4.0", "/var/lib/edged", "30s", "64MiB", "a" * 64],
)
def test_common_words_need_no_quotes(text: str) -> None:
    """Names, files, versions, quantities and digests."""
    assert text == emit.flow(text)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "On", "y", "null", "True", "", "~", "1", "1.10", "1e5", "0660", "0x1F"),
        *("1:20", "2020-01-01", "a: b", "a #b", "- a", "{a", "a,b", ">=0.1", "<<", "="),
        *(
            "1e" + "0" * 62,
            " a",
            "a ",
            "\x85",
            "\u2028",
            "\ufeff",
            "\x00",
            "\U0001f600",
        ),
    ],
)
def test_what_could_be_something_else_is_quoted(text: str) -> None:
    """A YAML 1.1 reader reads text as text."""
    found = emit.flow(text)

    assert found.startswith('"')
    assert text == yaml.safe_load(found)


@given(
    st.dictionaries(
        st.text(max_size=70),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(max_size=70)
            | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.text(max_size=9), inner, max_size=4)
            ),
            max_leaves=12,
        ),
        max_size=4,
    )
)
@settings(deadline=None)
def test_another_reader_reads_the_same(value: dict[str, Plain]) -> None:
    """PyYAML's safe loader, a YAML 1.1 reader, finds what was written."""
    assert value == (yaml.safe_load(emit.document(value)) or {})
