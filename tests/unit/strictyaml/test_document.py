"""Bytes -> nodes: what is refused, where, and that nothing else happens."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.strictyaml import document
from edged.strictyaml.place import ListNode, MapNode, Node, Place, ScalarNode


def faults(text: str | bytes) -> list[str]:
    """Return the faults of a text as `line:column key: message`."""
    data = text if isinstance(text, bytes) else text.encode()
    report = document.read(data, "f").report
    return [
        f"{fault.line}:{fault.column} {fault.key}: {fault.message}"
        for fault in report.in_order()
    ]


def test_nodes_know_their_place() -> None:
    """Lines and columns count from zero in nodes."""
    top = document.read(b"a: 1\nb:\n  - x\n  - 'y'\n", "f")

    expected = MapNode(
        0,
        0,
        {
            "a": ScalarNode(0, 0, "a", plain=True),
            "b": ScalarNode(1, 0, "b", plain=True),
        },
        {
            "a": ScalarNode(0, 3, "1", plain=True),
            "b": ListNode(
                2,
                2,
                (
                    ScalarNode(2, 4, "x", plain=True),
                    ScalarNode(3, 4, "y", plain=False),
                ),
            ),
        },
    )
    assert expected == top.node
    assert top.report.faults == []


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~", "null"])
def test_a_file_that_says_nothing_is_null(text: str) -> None:
    """All of a file may be commented out."""
    node = document.read(text.encode(), "f").node

    assert isinstance(node, ScalarNode)
    assert node.is_null


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1 a: cannot say a key twice, first in line 1"),
        ("a: {b: 1, b: 2}\n", "1:11 a.b: cannot say a key twice, first in line 1"),
        ("a: &x 1\n", "1:4 a: cannot use anchors, aliases or merge keys"),
        ("a: !!str 1\n", "1:4 a: cannot use a tag, allowed plain values"),
        ("a: !x [1]\n", "1:4 a: cannot use a tag, allowed plain values"),
        ("a: {<<: {b: 1}}\n", "1:5 a: cannot use anchors, aliases or merge keys"),
        ("1: a\n", "1:1 : cannot use the key 1, allowed text"),
        ("a: {true: 1}\n", "1:5 a: cannot use the key true, allowed text"),
        ("a: {1.5e3: 1}\n", "1:5 a: cannot use the key 1.5e3, allowed text"),
        ("{~: a}\n", "1:2 : cannot use the key ~, allowed text"),
        ("? [a]\n: b\n", "1:3 : cannot use a list or map as a key"),
        ("a: 1\n---\nb: 2\n", "2:1 : cannot read a second document"),
        ("a: [1\n", "2:1 : cannot read the YAML: while parsing a flow sequence"),
        ("a:\n\tb: 1\n", "2:1 : cannot read the YAML: while scanning for the next"),
        ("a: \x1b[0m\n", "1:4 : cannot read the character U+001B"),
        ("a: 1\nb: x\ufeff\n", "2:5 : cannot read the character U+FEFF"),
    ],
)
def test_what_hides_meaning_is_refused_in_its_place(text: str, expected: str) -> None:
    """Each thing that a strict file may not have is one fault with its line."""
    (found,) = faults(text)

    assert found.startswith(expected)


def test_an_alias_is_refused_where_it_is_used() -> None:
    """Both the anchor and its use are named."""
    found = faults("a: &x [1]\nb: *x\n")

    assert ["1:4 a", "2:4 b"] == [text.split(":  ")[0][:5] for text in found]


def test_quoted_keys_may_look_like_anything() -> None:
    """ONNX tensors are named "11", and a quoted key is text."""
    top = document.read(b'"11": a\n"<<": b\n"true": c\n', "f")

    assert list(top.entries()) == ["11", "<<", "true"]
    assert top.report.faults == []


def test_yaml_1_1_words_are_plain_keys() -> None:
    """`on:` and `no:` are names like any other."""
    top = document.read(b"on: 1\nno: 2\ny: 3\n", "f")

    assert list(top.entries()) == ["on", "no", "y"]


def test_bytes_that_are_not_utf8_are_refused_in_their_place() -> None:
    """The first wrong byte has a line and a column."""
    assert faults(b"a: 1\nb: \xff\n") == ["2:4 : cannot read the text: it is not UTF-8"]


def test_a_byte_order_mark_in_front_is_ignored() -> None:
    """Editors on other systems write one."""
    top = document.read(b"\xef\xbb\xbfa: 1\n", "f")

    assert list(top.entries()) == ["a"]


def test_a_file_over_the_limit_is_not_parsed() -> None:
    """256 KiB are far more than any manifest needs."""
    size = document.MAX_BYTES + 1

    found = faults(b"#" * size)

    assert found == [f"0:0 : cannot read the file, found {size} bytes, allowed 262144"]


def test_sixteen_levels_are_read_and_no_more() -> None:
    """Depth is refused before anything recurses into it."""
    deepest = document.MAX_DEPTH

    assert faults("[" * deepest + "]" * deepest) == []
    assert faults("[" * 200_000) == [
        f"1:17 {'[0]' * 16}: cannot nest deeper than 16 levels"
    ]


def test_all_faults_come_at_once() -> None:
    """A person repairs a file in one go."""
    found = faults("a: 1\na: 2\nb: !x 1\n2: c\n")

    assert [text.split(":")[0] for text in found] == ["2", "3", "4"]


def test_the_python_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML without libyaml is slower and nothing else."""
    text = b"a: 1\nb:\n  - x\n  - 'y'\n  - |\n    z\nb: *x\n"
    fast = document.read(text, "f")

    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    slow = document.read(text, "f")

    assert fast.node == slow.node
    assert fast.report.faults == slow.report.faults


def only_text(node: Node) -> object:
    """Return nodes as plain lists, maps and texts."""
    match node:
        case MapNode(values=values):
            return {key: only_text(value) for key, value in values.items()}
        case ListNode(items=items):
            return [only_text(item) for item in items]
        case ScalarNode(text=text):
            return text
        case _:
            return None


@given(
    st.recursive(
        st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=10,
    )
)
@settings(deadline=None)
def test_it_reads_what_pyyaml_writes(value: object) -> None:
    """The strict subset is YAML: another writer's file means the same."""
    text = yaml.dump(value, default_style='"', allow_unicode=True)

    top = document.read(text.encode(), "f")

    if not top.report.faults:  # deep values are refused
        assert value == only_text(top.node)
    else:
        assert all("nest deeper" in fault.message for fault in top.report.faults)


YAMLISH = st.lists(
    st.sampled_from(
        [
            *"ab01:{}[]-,&*!|>'\"\n \t#%@`?~.",
            "<<: ",
            "---\n",
            "...",
            "%YAML 9.9\n",
            "!%ff",
        ]
    ),
    max_size=40,
).map("".join)


@given(st.binary(max_size=64) | YAMLISH.map(str.encode))
@settings(deadline=None, max_examples=300)
def test_bytes_never_raise(data: bytes) -> None:
    """Whatever the bytes, there are nodes or faults, and faults are printable."""
    top = document.read(data, "f")

    assert isinstance(top, Place)
    for fault in top.report.faults:
        assert all(line.isprintable() for line in str(fault).split("\n"))
    if type(top.node) is Node:
        assert top.report.faults
