"""The command line."""

import argparse

import pytest

from edged import __version__
from edged.cli.parser import NOUNS, UsageError, parser, seconds


@pytest.mark.parametrize(
    "words", [["--json", "status"], ["status", "--json"], ["--json", "models", "list"]]
)
def test_common_options_stand_anywhere(words: list[str]) -> None:
    """Nobody remembers whether `--json` goes before or after the noun."""
    assert parser().parse_args(words).json is True


def test_an_option_before_the_noun_survives_the_noun() -> None:
    """The noun's own default does not overwrite what stood before it."""
    args = parser().parse_args(["--socket", "/x", "models", "show", "digits"])

    assert ("/x", "digits") == (args.socket, args.name)


@pytest.mark.parametrize("noun", [noun.name for noun in NOUNS])
def test_every_noun_can_say_what_it_takes(
    noun: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`edgectl NOUN --help` prints and ends well."""
    with pytest.raises(SystemExit) as end:
        parser().parse_args([noun, "--help"])

    assert (0, True) == (
        end.value.code,
        capsys.readouterr().out.startswith(f"usage: edgectl {noun}"),
    )


def test_help_begins_with_what_the_command_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The options that every command has are one word of the usage."""
    with pytest.raises(SystemExit):
        parser().parse_args(["infer", "--help"])

    assert (
        "usage: edgectl infer [OPTION ...] [--variant ID] [--preference WISH] "
        "[--repeat N] [--print-curl] MODEL INPUT"
    ) == " ".join(capsys.readouterr().out.partition("\n\n")[0].split())


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["status", "--bogus"], "edgectl status"),
        (["models", "list", "more"], "edgectl models list"),
    ],
)
def test_what_is_left_over_leads_to_the_help_of_its_command(
    words: list[str], command: str
) -> None:
    """Not to that of edgectl, where the command's options do not stand."""
    with pytest.raises(UsageError) as refused:
        parser().parse_args(words)

    assert (f"{command} --help", True) == (
        refused.value.hint,
        words[-1] in refused.value.message,
    )


def test_a_word_like_no_other_leads_to_the_help() -> None:
    """`use` would change the box, and has little to do with `bogus`."""
    with pytest.raises(UsageError) as refused:
        parser().parse_args(["models", "bogus"])

    assert "edgectl models --help" == refused.value.hint


def test_commands_stand_before_the_options_of_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They are what somebody looks for."""
    with pytest.raises(SystemExit):
        parser().parse_args(["models", "--help"])

    out = capsys.readouterr().out
    assert 0 < out.index("commands:") < out.index("options of every command:")


def test_the_version_can_be_asked_for_as_anywhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--version` prints what it prints everywhere."""
    with pytest.raises(SystemExit) as end:
        parser().parse_args(["--version"])

    assert (0, f"edgectl {__version__}\n") == (end.value.code, capsys.readouterr().out)


@pytest.mark.parametrize("words", [[], ["stauts"], ["models"], ["infer", "--repeat"]])
def test_a_wrong_line_is_a_usage_error(words: list[str]) -> None:
    """The parser raises and does not exit behind our back."""
    with pytest.raises(UsageError):
        parser().parse_args(words)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_a_timeout_is_a_positive_number(text: str) -> None:
    """A deadline of nothing or of forever is none."""
    with pytest.raises(argparse.ArgumentTypeError, match="positive"):
        seconds(text)


def test_a_timeout_may_carry_its_unit() -> None:
    """`2s` and `2` are the same."""
    assert seconds("2s") == seconds("2") == 2.0
