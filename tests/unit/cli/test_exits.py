"""Exit numbers."""

from edged.cli.exits import MEANING, TABLE, Exit, exit_of
from edged.errors import BadConfig, EdgedError, NoDaemon, tree


def test_every_error_has_an_exit_number() -> None:
    """The table is total over the error tree, and names nothing that is gone."""
    codes = {error.code for error in tree()}

    assert codes == set(TABLE)


def test_every_exit_number_has_a_meaning() -> None:
    """The man page can explain every number."""
    assert set(Exit) == set(MEANING)


def test_an_error_ends_with_its_own_number() -> None:
    """Scripts can tell a dead daemon from a bad configuration."""
    assert (69, 78) == (exit_of(NoDaemon("cannot")), exit_of(BadConfig("cannot")))


def test_an_unknown_error_ends_as_its_parent_does() -> None:
    """A class that only a newer daemon knows is judged by what it is a kind of."""

    class FromTheFuture(NoDaemon):
        code = "from-the-future"

    found = exit_of(FromTheFuture("cannot"))
    FromTheFuture.code = NoDaemon.code  # the tree is everybody's

    assert Exit.NO_DAEMON == found


def test_a_plain_error_is_a_failure() -> None:
    """The root of the tree has the number for everything else."""
    assert Exit.FAILED == exit_of(EdgedError("cannot"))
