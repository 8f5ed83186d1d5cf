"""What a start does with whatever a machine that died left behind."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edged.activate.ledger import Places
from edged.activate.machine import UNDER_WAY, check
from edged.activate.recovery import (
    CRASHES_ENOUGH,
    Facts,
    Mark,
    Next,
    Open,
    Plan,
    Return,
    reconcile,
)
from edged.wire.changes import ENDS, Change, Step, StepTaken, Which, Wish


def _which(seq: int) -> Which:
    digest = f"{seq:x}" * 64
    return Which(
        version=f"{seq}.0", seq=seq, digest=digest, folder=f"{seq}-{digest[:12]}"
    )


#: The one before the old one, the old one, and the new one; and one that is held.
OLDER, OLD, NEW, HELD = map(_which, (1, 2, 3, 4))
BACK = Places(current=OLD.folder, previous=OLDER.folder)
ID = 7


def _open(
    *steps: Step,
    id_: int = ID,
    wish: Wish = Wish.INSTALL,
    release: Which | None = NEW,
    before: Which | None = OLD,
    places: Places | None = None,
    crashes: int = 0,
) -> Open:
    change = Change(
        id=id_,
        model="pets",
        wish=wish,
        by="ada",
        release=release,
        before=before,
        steps=tuple(StepTaken(step=step, at_utc="") for step in steps),
    )
    return Open(change=change, places=places, crashes=crashes)


def _facts(
    current: Which | None,
    previous: Which | None,
    *opened: Open,
    installed: tuple[Which, ...] = (OLDER, OLD, NEW),
    quarantined: tuple[Which, ...] = (),
    kept: tuple[Which, ...] = (),
) -> Facts:
    return Facts(
        links=Places(
            current=current.folder if current else None,
            previous=previous.folder if previous else None,
        ),
        installed=installed,
        committed=frozenset({OLDER.folder, OLD.folder}),
        quarantined=frozenset(release.folder for release in quarantined),
        open=opened,
        kept=frozenset(release.folder for release in kept),
    )


# --- every place at which a machine can die ---------------------------------------

SWITCHING = (Step.STAGED, Step.TRIAL, Step.ARMED, Step.SWITCHING)
PROBATION = (*SWITCHING, Step.PROBATION)
BACKWARDS = (*PROBATION, Step.ROLLING_BACK)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A crash, and the start after it.

    Attributes:
        live: what serves then.
        back: what `previous` leads to then.
        ends: the steps that are recorded of the change, in their order.
    """

    facts: Facts
    live: Which | None = OLD
    back: Which | None = OLDER
    ends: tuple[Step, ...] = (Step.REFUSED,)
    resumes: bool = False
    marks: tuple[Which, ...] = ()
    deletes: tuple[Which, ...] = ()


def _switching(
    current: Which | None, previous: Which | None, crashes: int = 0
) -> Facts:
    return _facts(current, previous, _open(*SWITCHING, places=BACK, crashes=crashes))


def _probation(current: Which | None, crashes: int = 0) -> Facts:
    return _facts(current, OLD, _open(*PROBATION, places=BACK, crashes=crashes))


def _backwards(current: Which, previous: Which, *quarantined: Which) -> Facts:
    opened = _open(*BACKWARDS, places=BACK)
    return _facts(current, previous, opened, quarantined=quarantined)


CASES = {
    # Install: nothing has moved yet.
    "staged": Case(
        facts=_facts(OLD, OLDER, _open(Step.STAGED), installed=(OLDER, OLD)),
    ),
    "in its trial": Case(
        facts=_facts(OLD, OLDER, _open(Step.STAGED, Step.TRIAL)), deletes=(NEW,)
    ),
    "armed": Case(
        facts=_facts(OLD, OLDER, _open(Step.STAGED, Step.TRIAL, Step.ARMED)),
        deletes=(NEW,),
    ),
    "the first of its model, armed": Case(
        facts=_facts(None, None, _open(Step.STAGED, Step.ARMED), installed=(NEW,)),
        live=None,
        back=None,
        deletes=(NEW,),
    ),
    "chosen among the installed, armed": Case(
        facts=_facts(
            OLD, OLDER, _open(Step.STAGED, Step.TRIAL, Step.ARMED, wish=Wish.USE)
        ),
    ),
    "installed a second time, staged": Case(
        facts=_facts(OLD, OLDER, _open(Step.STAGED), kept=(NEW,)),
    ),
    "staged while the same release is held": Case(
        facts=_facts(
            OLD,
            OLDER,
            _open(Step.STAGED, Step.TRIAL, Step.HELD, id_=ID - 1),
            _open(Step.STAGED),
        ),
    ),
    "staged, and somebody linked it": Case(
        facts=_facts(NEW, OLD, _open(Step.STAGED)), live=NEW, back=OLD
    ),
    "held": Case(
        facts=_facts(OLD, OLDER, _open(Step.STAGED, Step.TRIAL, Step.HELD)), ends=()
    ),
    "held, and gone": Case(
        facts=_facts(
            OLD,
            OLDER,
            _open(Step.STAGED, Step.TRIAL, Step.HELD),
            installed=(OLDER, OLD),
        ),
        ends=(Step.SUPERSEDED,),
    ),
    # The switch, step by step.
    "switching, not attempted": Case(
        facts=_facts(OLD, OLDER, _open(*SWITCHING)), deletes=(NEW,)
    ),
    "switching, loading": Case(facts=_switching(OLD, OLDER), deletes=(NEW,)),
    "switching, loading crashed once": Case(
        facts=_switching(OLD, OLDER, 1), deletes=(NEW,)
    ),
    "switching, loading crashed twice": Case(
        facts=_switching(OLD, OLDER, 2), ends=(Step.QUARANTINED,), marks=(NEW,)
    ),
    "switching, previous is moved": Case(facts=_switching(OLD, OLD), deletes=(NEW,)),
    "switching, previous is moved, crashed twice": Case(
        facts=_switching(OLD, OLD, 2), ends=(Step.QUARANTINED,), marks=(NEW,)
    ),
    "switching, linked": Case(
        facts=_switching(NEW, OLD),
        live=NEW,
        back=OLD,
        ends=(Step.PROBATION,),
        resumes=True,
    ),
    "switching, linked, crashed twice": Case(
        facts=_switching(NEW, OLD, 2),
        ends=(Step.ROLLING_BACK, Step.QUARANTINED),
        marks=(NEW,),
    ),
    "switching, linked, and the attempt was lost with a damaged line": Case(
        facts=_facts(NEW, OLD, _open(*SWITCHING)),
        live=NEW,
        back=OLD,
        ends=(Step.PROBATION,),
        resumes=True,
    ),
    "the first of its model, linked": Case(
        facts=_facts(NEW, None, _open(*SWITCHING, places=Places()), installed=(NEW,)),
        live=NEW,
        back=None,
        ends=(Step.PROBATION,),
        resumes=True,
    ),
    "the first of its model, linked, crashed twice": Case(
        facts=_facts(
            NEW, None, _open(*SWITCHING, places=Places(), crashes=2), installed=(NEW,)
        ),
        live=None,
        back=None,
        ends=(Step.ROLLING_BACK, Step.QUARANTINED),
        marks=(NEW,),
    ),
    # Probation.
    "in probation": Case(
        facts=_probation(NEW), live=NEW, back=OLD, ends=(), resumes=True
    ),
    "in probation, crashed once": Case(
        facts=_probation(NEW, 1), live=NEW, back=OLD, ends=(), resumes=True
    ),
    "in probation, crashed twice": Case(
        facts=_probation(NEW, 2),
        ends=(Step.ROLLING_BACK, Step.QUARANTINED),
        marks=(NEW,),
    ),
    "in probation, and quarantined": Case(
        facts=_facts(NEW, OLD, _open(*PROBATION, places=BACK), quarantined=(NEW,)),
        ends=(Step.ROLLING_BACK, Step.QUARANTINED),
    ),
    "in probation, and somebody linked another one": Case(
        facts=_probation(OLDER), live=OLDER, back=OLD, ends=(Step.SUPERSEDED,)
    ),
    "in probation, and its folder is broken": Case(
        facts=_facts(NEW, OLD, _open(*PROBATION, places=BACK), installed=(OLDER, OLD)),
        back=None,
        ends=(Step.SUPERSEDED,),
    ),
    # Back, step by step.
    "rolling back, nothing moved": Case(
        facts=_backwards(NEW, OLD), ends=(Step.QUARANTINED,), marks=(NEW,)
    ),
    "rolling back, current is moved": Case(
        facts=_backwards(OLD, OLD), ends=(Step.QUARANTINED,), marks=(NEW,)
    ),
    "rolling back, both are moved": Case(
        facts=_backwards(OLD, OLDER), ends=(Step.QUARANTINED,), marks=(NEW,)
    ),
    "rolling back, quarantined": Case(
        facts=_backwards(OLD, OLDER, NEW), ends=(Step.QUARANTINED,)
    ),
    "rolling back, and the old one is broken": Case(
        facts=_facts(NEW, OLD, _open(*BACKWARDS, places=BACK), installed=(OLDER, NEW)),
        live=OLDER,
        back=None,
        ends=(Step.QUARANTINED,),
        marks=(NEW,),
    ),
    # A person goes back from a committed release.
    "going back, nothing moved": Case(
        facts=_facts(
            OLD,
            OLDER,
            _open(Step.ROLLING_BACK, wish=Wish.ROLLBACK, release=OLDER, before=OLD),
        ),
        live=OLDER,
        back=None,
        ends=(Step.DONE,),
        marks=(OLD,),
    ),
    "going back, current is moved": Case(
        facts=_facts(
            OLDER,
            OLDER,
            _open(Step.ROLLING_BACK, wish=Wish.ROLLBACK, release=OLDER, before=OLD),
        ),
        live=OLDER,
        back=None,
        ends=(Step.DONE,),
        marks=(OLD,),
    ),
    "going back, and there is nothing any more": Case(
        facts=_facts(
            OLD,
            None,
            _open(Step.ROLLING_BACK, wish=Wish.ROLLBACK, release=OLDER, before=OLD),
            installed=(OLD, NEW),
        ),
        live=None,
        back=None,
        ends=(Step.DONE,),
        marks=(OLD,),
    ),
    "going back, quarantined": Case(
        facts=_facts(
            OLDER,
            None,
            _open(Step.ROLLING_BACK, wish=Wish.ROLLBACK, release=OLDER, before=OLD),
            quarantined=(OLD,),
        ),
        live=OLDER,
        back=None,
        ends=(Step.DONE,),
    ),
    "going back from a broken one, nothing moved": Case(
        facts=_facts(
            None,
            OLD,
            _open(Step.ROLLING_BACK, wish=Wish.ROLLBACK, release=None, before=None),
        ),
        back=None,
        ends=(Step.DONE,),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_crash_is_recovered_from(name: str) -> None:
    """To the old release or the new one, never to a mixture."""
    case = CASES[name]

    plan = reconcile(case.facts)

    after = _followed(case.facts, plan)
    assert _facts(case.live, case.back).links == after.links
    assert case.ends == tuple(
        taken.step for taken in (*plan.steps, *plan.ends) if taken.change == ID
    )
    assert (case.resumes, case.live is not None) == (plan.resume == ID, plan.load)
    assert case.marks == tuple(mark.release for mark in plan.marks)
    assert tuple(r.folder for r in case.deletes) == plan.delete


def test_nothing_open_and_all_well_is_nothing_to_do() -> None:
    """But to load."""
    assert Plan(load=True) == reconcile(_facts(OLD, OLDER))


def test_one_that_served_without_a_note_is_taken_for_good() -> None:
    """A later switch left it as the release to go back to; only the disk was silent."""
    silent = _open(*SWITCHING, release=OLD, places=Places(current=OLDER.folder))

    plan = reconcile(_facts(NEW, OLD, silent))

    assert [Step.COMMITTED] == [taken.step for taken in plan.steps]
    assert () == plan.delete


def test_one_that_was_the_way_back_already_has_not_served_by_that() -> None:
    """It was being loaded again, and the daemon stopped."""
    again = _open(*SWITCHING, release=OLDER, places=BACK, wish=Wish.USE)

    plan = reconcile(_facts(OLD, OLDER, again))

    assert [Step.REFUSED] == [taken.step for taken in (*plan.steps, *plan.ends)]


def test_a_newer_one_that_is_loaded_beside_a_probation_leaves_that_alone() -> None:
    """The newer is refused, the one in probation goes on."""
    watched = _open(*PROBATION, id_=1, places=BACK)
    newer = _open(*SWITCHING, id_=2, release=HELD, before=NEW, places=BACK)
    facts = _facts(NEW, OLD, watched, newer, installed=(OLDER, OLD, NEW, HELD))

    plan = reconcile(facts)

    assert (1, None) == (plan.resume, plan.links)
    assert [(2, Step.REFUSED)] == [(s.change, s.step) for s in plan.steps]


def test_a_newer_one_that_is_linked_takes_the_place_of_the_one_in_probation() -> None:
    """The way back of both is the last committed release."""
    watched = _open(*PROBATION, id_=1, places=BACK)
    newer = _open(*SWITCHING, id_=2, release=HELD, before=NEW, places=BACK)
    facts = _facts(HELD, OLD, watched, newer, installed=(OLDER, OLD, NEW, HELD))

    plan = reconcile(facts)

    assert (2, None) == (plan.resume, plan.links)
    assert [(2, Step.PROBATION), (1, Step.SUPERSEDED)] == [
        (taken.change, taken.step) for taken in plan.steps
    ]


def test_of_two_probations_of_one_release_the_newer_goes_on() -> None:
    """A release is watched once."""
    older, newer = (_open(*PROBATION, id_=n, places=BACK) for n in (1, 2))

    plan = reconcile(_facts(NEW, OLD, older, newer))

    assert 2 == plan.resume
    assert [(1, Step.SUPERSEDED)] == [(s.change, s.step) for s in plan.steps]


# --- links that somebody or something broke ---------------------------------------


def test_a_live_release_that_is_broken_is_gone_back_from() -> None:
    """It is damaged, not bad: nothing is quarantined, and it is in the history."""
    facts = _facts(OLD, OLDER, installed=(OLDER,))

    plan = reconcile(facts)

    why = f"no whole release was live: {OLDER.folder} is live again"
    assert plan == Plan(
        begin=Return(left=None, why=why),
        links=Places(current=OLDER.folder),
        load=True,
        why=why,
    )


def test_without_previous_the_newest_that_was_committed_is_gone_back_to() -> None:
    """What was never committed stays where it is."""
    plan = reconcile(_facts(None, None))

    assert Places(current=OLD.folder) == plan.links


def test_where_no_release_was_ever_good_none_is_loaded() -> None:
    """The daemon lives, is not ready, and says why; the links are left as found."""
    plan = reconcile(_facts(None, None, installed=(NEW,)))

    why = "no release is live, and none that is installed was ever good"
    assert Plan(why=why) == plan


def test_a_quarantined_release_that_is_linked_by_hand_is_gone_back_from() -> None:
    """A person lifts a quarantine by its verb, not by a link."""
    plan = reconcile(_facts(NEW, OLD, quarantined=(NEW,)))

    why = f"{NEW.folder} is quarantined: {OLD.folder} is live again"
    assert plan == Plan(
        begin=Return(left=NEW, why=why),
        links=Places(current=OLD.folder),
        load=True,
        why=why,
    )


@pytest.mark.parametrize(
    "opened",
    [
        _open(
            Step.ROLLING_BACK,
            wish=Wish.ROLLBACK,
            release=OLDER,
            before=None,
            places=Places(current=NEW.folder, previous=OLDER.folder),
        ),
        _open(
            Step.SWITCHING,
            wish=Wish.USE,
            release=OLD,
            before=NEW,
            places=Places(current=NEW.folder, previous=OLD.folder),
        ),
    ],
)
def test_a_start_that_puts_the_link_right_may_die_anywhere(opened: Open) -> None:
    """What it began comes after what it found: it rests on where that led."""
    facts = _facts(NEW, None, opened, quarantined=(NEW,))
    plan = reconcile(facts)
    assert plan.begin is not None
    whole = _followed(facts, plan)

    for done in range(len(list(_steps(plan)))):
        half = _followed(facts, plan, done)
        after = _followed(half, reconcile(half))

        assert (whole.links, _ways(whole)) == (after.links, _ways(after)), done


def test_a_quarantined_release_serves_where_there_is_no_other() -> None:
    """Somebody put it there; better with a warning than not at all."""
    plan = reconcile(_facts(NEW, None, installed=(NEW,), quarantined=(NEW,)))

    assert (True, None) == (plan.load, plan.links)
    assert "is quarantined and serves all the same" in plan.why


def test_a_roll_back_by_a_crash_is_told() -> None:
    """With the number of crashes."""
    plan = reconcile(_probation(NEW, 3))

    why = "the daemon crashed 3 times in this boot with it"
    assert f"{NEW.folder} is gone back from: {why}" == plan.why
    assert (Mark(release=NEW, why=why),) == plan.marks


# --- whatever the facts -----------------------------------------------------------

RELEASES = (OLDER, OLD, NEW, HELD)
_release = st.sampled_from(RELEASES)
_folder = st.none() | st.sampled_from([r.folder for r in RELEASES])
_places = st.builds(
    lambda current, previous: Places(current=current, previous=previous),
    _folder,
    _folder,
)
_folders = st.sets(st.sampled_from([r.folder for r in RELEASES])).map(frozenset)


def _is_under_way(opened: Open) -> bool:
    return opened.change.last.step in UNDER_WAY


def _any_open(wishes: list[Wish], steps: list[Step]) -> st.SearchStrategy[Open]:
    return st.builds(
        lambda step, wish, release, before, places, crashes: _open(
            step,
            wish=wish,
            release=release,
            before=before,
            # What a start began has neither: see `Return`.
            places=None if (wish, release) == (Wish.ROLLBACK, None) else places,
            crashes=crashes,
        ),
        st.sampled_from(steps),
        st.sampled_from(wishes),
        st.none() | _release,
        st.none() | _release,
        st.none() | _places,
        st.integers(0, CRASHES_ENOUGH + 1),
    )


_changes = st.lists(
    _any_open([Wish.INSTALL, Wish.USE], [step for step in Step if step not in ENDS])
    | _any_open([Wish.ROLLBACK], [Step.ROLLING_BACK]),
    max_size=3,
).filter(lambda opened: sum(map(_is_under_way, opened)) <= 1)


@st.composite
def _any_facts(draw: st.DrawFn) -> Facts:
    installed = tuple(draw(st.just(set(RELEASES)) | st.sets(_release)))
    there = {release.folder for release in installed}
    links = draw(_places)
    return Facts(
        links=Places(
            current=links.current if links.current in there else None,
            previous=links.previous if links.previous in there else None,
        ),
        installed=tuple(sorted(installed, key=lambda release: release.seq)),
        committed=draw(_folders),
        quarantined=draw(_folders),
        open=tuple(
            msgspec.structs.replace(
                opened, change=msgspec.structs.replace(opened.change, id=n)
            )
            for n, opened in enumerate(draw(_changes), 1)
        ),
        kept=draw(_folders),
    )


def _good(facts: Facts) -> set[str]:
    """Return the folders that a start may go back to."""
    there = {release.folder for release in facts.installed}
    good = facts.committed | {facts.links.previous}
    return {f for f in good if f in there and f not in facts.quarantined}


@given(_any_facts())
def test_a_quarantined_release_is_not_loaded_where_a_good_one_is(facts: Facts) -> None:
    """Whatever the facts."""
    plan = reconcile(facts)

    after = _followed(facts, plan)
    is_bad = after.links.current in after.quarantined
    assert not (plan.load and is_bad and _good(after))


@given(_any_facts())
def test_where_a_committed_release_is_whole_one_is_live(facts: Facts) -> None:
    """Whatever the facts, and what is loaded is whole."""
    plan = reconcile(facts)

    after = _followed(facts, plan)
    there = {release.folder for release in after.installed}
    assert plan.load == (after.links.current in there)
    assert plan.load or not _good(after)


@given(_any_facts())
def test_following_a_plan_leaves_nothing_to_do(facts: Facts) -> None:
    """The second start finds what the first one made, and keeps it."""
    once = reconcile(facts)

    again = reconcile(_followed(facts, once))

    assert (once.load, once.resume) == (again.load, again.resume)
    assert Plan(load=again.load, resume=again.resume, why=again.why) == again


@given(_any_facts(), st.integers(0, 20))
def test_a_start_that_dies_half_way_is_taken_up_by_the_next(
    facts: Facts, done: int
) -> None:
    """It comes to the same, at whatever place the machine died."""
    plan = reconcile(facts)
    half = _followed(facts, plan, done)
    assume(half != facts)

    after = _followed(half, reconcile(half))

    whole = _followed(facts, plan)
    assert whole.links.current == after.links.current
    assert whole.quarantined == after.quarantined
    assert whole.installed == after.installed
    assert _ways(whole) == _ways(after)


@given(_any_facts())
def test_every_step_of_a_plan_is_in_the_table(facts: Facts) -> None:
    """The journal would refuse another one in the middle of a start."""
    plan = reconcile(facts)

    last = {opened.change.id: opened.change.last.step for opened in facts.open}
    for taken in (*plan.steps, *plan.ends):
        check(last[taken.change], taken.step)
        last[taken.change] = taken.step
    assert plan.resume is None or last[plan.resume] is Step.PROBATION


@given(_any_facts())
def test_only_what_is_live_goes_on_and_not_after_two_crashes(facts: Facts) -> None:
    """A probation is of what serves."""
    plan = reconcile(facts)

    live = _followed(facts, plan).links.current
    for opened in facts.open:
        if opened.change.id == plan.resume:
            assert opened.change.release
            assert opened.change.release.folder == live
            assert opened.crashes < CRASHES_ENOUGH


@given(_any_facts())
def test_nothing_is_deleted_that_somebody_may_want(facts: Facts) -> None:
    """Neither what is linked, nor what was good, nor what a person decides about."""
    plan = reconcile(facts)

    links = _followed(facts, plan).links
    held = {
        opened.change.release.folder
        for opened in facts.open
        if opened.change.release and opened.change.last.step is Step.HELD
    }
    wanted = facts.kept | facts.committed | held | {links.current, links.previous}
    assert not set(plan.delete) & wanted


# --- following a plan -------------------------------------------------------------

Do = Callable[[Facts], Facts]


def _followed(facts: Facts, plan: Plan, until: int | None = None) -> Facts:
    """Return the facts after a plan, or after its first durable steps."""
    for do in list(_steps(plan))[:until]:
        facts = do(facts)
    return facts


def _steps(plan: Plan) -> Iterator[Do]:
    begun = 99
    for mark in plan.marks:
        yield _marked(mark.release.folder)
    for folder in plan.delete:
        yield _deleted(folder)
    for taken in plan.steps:
        yield _step(taken)
    if plan.begin:
        change = _open(
            Step.ROLLING_BACK,
            id_=begun,
            wish=Wish.ROLLBACK,
            release=None,
            before=plan.begin.left,
        )
        yield lambda facts: msgspec.structs.replace(facts, open=(*facts.open, change))
    if plan.links:
        yield _link(current=plan.links.current)
        yield _link(previous=plan.links.previous)
    for taken in plan.ends:
        yield _step(taken)
    if plan.begin:
        yield _step(Next(change=begun, step=Step.DONE, why=""))


def _link(**moved: str | None) -> Do:
    return lambda facts: msgspec.structs.replace(
        facts, links=msgspec.structs.replace(facts.links, **moved)
    )


def _marked(folder: str) -> Do:
    return lambda facts: msgspec.structs.replace(
        facts, quarantined=facts.quarantined | {folder}
    )


def _deleted(folder: str) -> Do:
    return lambda facts: msgspec.structs.replace(
        facts, installed=tuple(r for r in facts.installed if r.folder != folder)
    )


def _step(taken: Next) -> Do:
    def do(facts: Facts) -> Facts:
        opened = []
        for other in facts.open:
            change = other.change
            if change.id == taken.change:
                step = StepTaken(step=taken.step, at_utc="", why=taken.why)
                change = msgspec.structs.replace(change, steps=(*change.steps, step))
            if not change.is_over:
                opened.append(msgspec.structs.replace(other, change=change))
        return msgspec.structs.replace(facts, open=tuple(opened))

    return do


def _ways(facts: Facts) -> dict[int, Step]:
    return {opened.change.id: opened.change.last.step for opened in facts.open}
