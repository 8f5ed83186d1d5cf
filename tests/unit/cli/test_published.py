"""How a publisher's documents are set in lines."""

from msgspec.structs import replace

from edged.cli import published
from edged.publish.documents import (
    Added,
    Changed,
    Lacking,
    Offered,
    Published,
    RoleState,
    Settled,
    Verified,
    Waiting,
    Wrote,
)
from edged.wire.listing import Stage
from edged.wire.proofs import Cost, VariantProof

BEGIN, END = "2026-03-01T12:00:00Z", "2026-04-01T00:00:00Z"
RELEASE = Offered(
    model="digits",
    seq=14,
    version="1.4.0",
    size_bytes=2048,
    issued="2026-03-01T12:00:00Z",
    starts="2026-03-01T12:00:00Z",
    rollout=(Stage(share=0.01, after_s=0), Stage(share=1, after_s=86400)),
    share=0.01,
)
SETTLED = Settled(
    wrote=(Wrote(role="timestamp", version=7, expires="2026-03-08T12:00:00Z"),)
)
WAITING = Waiting(
    role="root", version=2, signatures=1, threshold=2, keys=("0a0a0a0a", "1b1b")
)
ROLE = RoleState(
    role="targets", version=3, expires="2026-03-08T12:00:00Z", left_s=7 * 86400
)


def test_a_release_is_said_with_its_proofs_and_its_offer() -> None:
    """And what was signed for it."""
    report = Added(
        release=RELEASE,
        variants=(
            VariantProof(
                id="fp32",
                agreement=1.0,
                costs=(Cost(threads=1, cpu_ms=0.0151, busy_ms=0.0, wall_ms=0.0),),
                held_bytes=1 << 20,
            ),
            VariantProof(id="int8"),
        ),
        new_bytes=1024,
        settled=SETTLED,
    )

    assert [
        "digits 1.4.0 is release 14: 2.0 KiB, 1.0 KiB of it new",
        "VARIANT  AGREEMENT   CPU HERE    HOLDS",
        "fp32         1.000  0.0151 ms  1.0 MiB",
        "int8             -          -      0 B",
        "offered for 1%@0h,100%@24h from 2026-03-01T12:00:00Z",
        "signed: timestamp 7 until 2026-03-08",
    ] == published.added(report, width=80)


def test_a_change_is_said_in_one_sentence() -> None:
    """Whatever the offer is now."""
    offers = [
        replace(RELEASE, revoked="ghosts", halted=True),
        replace(RELEASE, halted=True),
        replace(RELEASE, rollout=(), mandatory_by=END),
    ]

    said = [
        published.changed(Changed(release=one, settled=SETTLED), width=200)[0]
        for one in offers
    ]

    assert [
        "digits 1.4.0, release 14, is revoked: ghosts",
        "digits 1.4.0, release 14, is halted: nobody new takes it",
        f"digits 1.4.0, release 14, is for all boxes from {BEGIN}, mandatory by {END}",
    ] == said


def test_a_key_of_no_use_is_named() -> None:
    """So that it can be destroyed."""
    report = Changed(settled=SETTLED, spent="/x/keys/root-0a0a0a0a.pem")

    assert (
        "no use any more: /x/keys/root-0a0a0a0a.pem"
        == (published.changed(report, width=80)[-1])
    )


def test_nothing_signed_is_said_only_where_nothing_waits() -> None:
    """What waits is told apart."""
    assert ["nothing new was signed"] == published.settled(Settled(), width=80)
    assert [] == published.settled(Settled(waiting=(WAITING,)), width=80)


def test_what_waits_says_who_may_sign_and_how() -> None:
    """A role that people sign, and one that a job signs."""
    online = replace(WAITING, role="snapshot")

    assert [
        "root 2 waits: it has 1 of 2 signatures; keys that may sign: 0a0a0a0a, 1b1b",
        "  try: edgectl publish sign root --keys DIR",
    ] == published.waiting([WAITING], width=100)
    assert (
        "  try: edgectl publish renew --keys DIR"
        == (published.waiting([online], width=100)[-1])
    )


def test_a_list_has_a_table_of_releases_and_one_of_roles() -> None:
    """With the share of boxes, now."""
    report = Published(releases=(RELEASE,), roles=(ROLE,))

    assert [
        "MODEL   SEQ  VERSION     SIZE  BOXES  OFFER",
        f"digits   14  1.4.0    2.0 KiB     1%  for 1%@0h,100%@24h from {BEGIN}",
        "",
        "ROLE     VERSION  EXPIRES",
        "targets        3  2026-03-08T12:00:00Z  expires in 7 d",
    ] == published.listing(report, width=80)


def test_an_empty_list_says_so() -> None:
    """A table of nothing tells nothing."""
    assert "no release is listed" == published.listing(Published(), width=80)[0]


def test_what_a_device_would_not_get_is_listed() -> None:
    """With why; and a server that cannot resume is told."""
    report = Verified(
        place="www",
        ok=False,
        files=6,
        lacking=(Lacking(path="blobs/ab", why="not found"),),
        resumes=False,
    )

    assert [
        "5 of 6 files are there",
        "- blobs/ab: not found",
        "- the server sends no parts of files: a download that is cut begins anew",
    ] == published.verified(report, width=80)[-3:]


def test_what_people_must_sign_is_told_a_month_before() -> None:
    """What the job signs is not."""
    roles = [
        ROLE,
        replace(ROLE, role="root", left_s=-60),
        replace(ROLE, role="root", left_s=31 * 86400),
        replace(ROLE, role="timestamp"),
    ]

    assert [
        "targets expires in 7 d",
        "  try: edgectl publish sign targets",
        "root has expired 1 min ago",
        "  try: edgectl publish sign root",
    ] == published.expiring(roles, width=80)
