"""Which release is live, and which one to go back to."""

import errno
from pathlib import Path

import pytest

from edged.errors import BadRelease, StoreFailed, UnknownVersion
from edged.host.files import Site
from edged.store.links import LinkState
from tests.fakes.bundles import Shop
from tests.fakes.files import RecordingFiles


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return an open store on a disk that can fail."""
    return Shop(tmp_path / "state", RecordingFiles()).open()


def _linked(shop: Shop) -> tuple[str | None, str | None]:
    return shop.links.current("pets"), shop.links.previous("pets")


def _disk(shop: Shop) -> RecordingFiles:
    assert isinstance(shop.files, RecordingFiles)
    return shop.files


def test_a_model_without_links_has_nothing_live(shop: Shop) -> None:
    """That is an answer, not damage."""
    assert (None, None) == _linked(shop)


def test_the_first_release_has_nothing_to_go_back_to(shop: Shop) -> None:
    """Only `current` is there."""
    first = shop.install(seq=1)

    assert (first.folder, None) == _linked(shop)


def test_a_switch_keeps_what_was_live(shop: Shop) -> None:
    """Relative links, so that the store can be moved as a whole."""
    first, second = shop.install(seq=1), shop.install(seq=2)

    assert (second.folder, first.folder) == _linked(shop)
    assert Path(f"releases/{second.folder}") == shop.layout.current("pets").readlink()


def test_switching_to_the_live_release_moves_nothing(shop: Shop) -> None:
    """A link that is right is left alone."""
    first, second = shop.install(seq=1), shop.install(seq=2)
    _disk(shop).ops.clear()

    shop.links.switch("pets", second.folder, previous=first.folder)

    assert (second.folder, first.folder) == _linked(shop)
    assert [] == _disk(shop).ops


def test_a_release_that_is_not_installed_cannot_go_live(shop: Shop) -> None:
    """Nothing has changed then."""
    first = shop.install(seq=1)

    with pytest.raises(UnknownVersion, match="it is not installed"):
        shop.links.switch("pets", "2-0123456789ab", previous=None)

    assert (first.folder, None) == _linked(shop)


def test_putting_back_leads_both_links_where_they_led(shop: Shop) -> None:
    """What was left is neither live nor the one to go back to."""
    first, second = shop.install(seq=1), shop.install(seq=2)
    shop.install(seq=3)

    shop.links.put_back("pets", second.folder, previous=first.folder)

    assert (second.folder, first.folder) == _linked(shop)


def test_putting_back_the_first_release_leaves_nothing_behind_it(shop: Shop) -> None:
    """There was none to go back to."""
    first = shop.install(seq=1)
    shop.install(seq=2)

    shop.links.put_back("pets", first.folder, previous=None)

    assert (first.folder, None) == _linked(shop)


def test_the_live_link_goes_back_first_and_forth_last(shop: Shop) -> None:
    """A power cut in between must leave the better release live."""
    first, second = shop.install(seq=1), shop.install(seq=2)
    ops = _disk(shop).ops
    ops.clear()

    shop.links.put_back("pets", first.folder, previous=second.folder)
    back = list(dict.fromkeys(op.site for op in ops))
    ops.clear()
    shop.links.switch("pets", second.folder, previous=first.folder)

    assert [Site.LINK_CURRENT, Site.LINK_PREVIOUS] == back
    assert back[::-1] == list(dict.fromkeys(op.site for op in ops))


def test_a_way_out_names_a_release_that_is_there(shop: Shop) -> None:
    """The newest of the others, by the number that `use` takes."""
    for seq in (1, 2, 3):
        shop.install(seq=seq)
    shop.layout.previous("pets").unlink()
    shop.layout.current("pets").unlink()
    shop.layout.current("pets").symlink_to("releases/9-0123456789ab")

    with pytest.raises(BadRelease, match="is not there") as caught:
        shop.links.current("pets")

    assert caught.value.hint.startswith("`edgectl models use pets 3`, or")


@pytest.mark.parametrize(
    ("target", "state", "why"),
    [
        ("releases/9-0123456789ab", LinkState.DANGLING, "which is not there"),
        ("/etc", LinkState.OUTSIDE, "must lead to releases"),
        ("../../../etc", LinkState.OUTSIDE, "must lead to releases"),
        ("releases/..", LinkState.OUTSIDE, "must lead to releases"),
        (None, LinkState.OUTSIDE, "is not a link"),
    ],
)
def test_a_link_that_leads_nowhere_is_told_apart(
    shop: Shop, target: str | None, state: LinkState, why: str
) -> None:
    """With the way out that this store has: back, since `previous` is whole."""
    first = shop.install(seq=1)
    shop.install(seq=2)
    current = shop.layout.current("pets")
    current.unlink()
    current.symlink_to(target) if target else current.write_bytes(b"")

    with pytest.raises(BadRelease, match=why) as caught:
        shop.links.current("pets")

    assert "edgectl models rollback pets" in caught.value.hint
    assert state is shop.links.look(current).state
    assert first.folder == shop.links.previous("pets")


def test_a_link_to_a_release_without_manifest_leads_nowhere(shop: Shop) -> None:
    """Such a folder was never installed like that. Here there is no way back."""
    first = shop.install(seq=1)
    (first.path / "model.yaml").unlink()

    with pytest.raises(BadRelease, match="is not there") as caught:
        shop.links.current("pets")

    assert "edgectl install" in caught.value.hint


def test_a_release_folder_that_is_a_link_leads_nowhere(
    shop: Shop, tmp_path: Path
) -> None:
    """It could lead out of the store."""
    first = shop.install(seq=1)
    first.path.rename(tmp_path / "elsewhere")
    first.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BadRelease, match="is not there"):
        shop.links.current("pets")


def test_clear_removes_both(shop: Shop) -> None:
    """Also where they lead nowhere, and where there is only one."""
    shop.install(seq=1)
    second = shop.install(seq=2)
    shop.releases.delete(second)

    shop.links.clear("pets")
    shop.links.clear("pets")

    assert (None, None) == _linked(shop)


@pytest.mark.parametrize("seen", [False, True], ids=["refused", "seen"])
@pytest.mark.parametrize("site", [Site.LINK_CURRENT, Site.LINK_PREVIOUS])
@pytest.mark.parametrize("verb", ["switch", "put_back"])
def test_a_move_that_fails_leaves_both_links(
    shop: Shop, verb: str, site: Site, *, seen: bool
) -> None:
    """Also when the link had moved and only its folder could not be synced."""
    first, second = shop.install(seq=1), shop.install(seq=2)
    third = shop.install(seq=3)
    _disk(shop).fail(site, OSError(errno.EIO, ""), seen=seen)
    move = getattr(shop.links, verb)

    with pytest.raises(StoreFailed):
        move("pets", first.folder, previous=third.folder)

    assert (third.folder, second.folder) == _linked(shop)


def test_a_first_switch_that_fails_leaves_no_link(shop: Shop) -> None:
    """There was none before."""
    _disk(shop).fail(Site.LINK_CURRENT, OSError(errno.EIO, ""), seen=True)

    with pytest.raises(StoreFailed):
        shop.install(seq=1)

    assert (None, None) == _linked(shop)


def test_when_even_going_back_fails_the_first_error_comes_out(shop: Shop) -> None:
    """A disk that fails twice cannot be helped; the links still lead somewhere."""
    first = shop.install(seq=1)
    _disk(shop).fail(Site.LINK_CURRENT, OSError(errno.EIO, ""), seen=True)
    _disk(shop).fail(Site.LINK_RESTORE, OSError(errno.EROFS, ""))

    with pytest.raises(StoreFailed) as caught:
        shop.install(seq=2)

    assert errno.EIO == caught.value.fields["errno"]
    assert shop.links.look(shop.layout.current("pets")).state is LinkState.RESOLVES
    assert first.folder == shop.links.previous("pets")


def test_a_model_that_cannot_be_looked_at_has_no_answer(shop: Shop) -> None:
    """Nothing live, nothing installed: both would be said of a store that is broken."""
    first = shop.install()
    shop.layout.model("pets").rename(shop.layout.model("elsewhere"))
    shop.layout.model("pets").symlink_to("pets")

    for look in (
        lambda: shop.links.current("pets"),
        lambda: shop.links.switch("pets", first.folder, previous=None),
        lambda: shop.links.clear("pets"),
    ):
        with pytest.raises(StoreFailed, match="cannot read"):
            look()
