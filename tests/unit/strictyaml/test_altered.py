"""What differs is written; the rest stays as it is."""

from edged.strictyaml.altered import Altered
from edged.strictyaml.kinds import Whole
from tests.unit.strictyaml.test_kinds import Point, read

WHOLE = Whole(0, 9)


def test_what_is_altered_keeps_the_rest() -> None:
    """Of the struct that it was given; and all of it is written."""
    kind = Altered(Point(x=3, y=4), {"the-y": ("y", Whole(0, 9)), "x": ("x", WHOLE)})

    assert Point(x=3, y=7) == read(kind, "{the-y: 7}")
    assert {"the-y": 4, "x": 3} == kind.write(Point(x=3, y=4))
    assert "`key: value` lines of the-y, x" == kind.allowed


def test_what_is_altered_reports_everything_wrong_with_it() -> None:
    """Unknown and bad keys come together."""
    kind = Altered(Point(x=3), {"the-y": ("y", WHOLE), "x": ("x", WHOLE)})

    assert [
        "k.y: cannot use this key, allowed the-y, x",
        "k.x: cannot use this number, found 99, allowed a whole number from 0 to 9",
    ] == read(kind, "{y: 1, x: 99}")
