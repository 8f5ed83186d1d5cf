"""What a publisher's commands print.

Law: pure: documents -> lines.
"""

from collections.abc import Iterable

from edged.cli.output import Align, fold, table, try_lines
from edged.publish.documents import (
    Added,
    Changed,
    Offered,
    Published,
    RoleState,
    Settled,
    Verified,
    Waiting,
)
from edged.publish.when import stages_text
from edged.wire.words import size_text, span_text

#: What people must sign takes them days to get at.
SOON_S = 30 * 86400

_PERCENT = 100

_RELEASE_ALIGN = (
    Align.LEFT,
    Align.RIGHT,
    Align.LEFT,
    Align.RIGHT,
    Align.RIGHT,
    Align.LEFT,
)


def added(report: Added, *, width: int) -> list[str]:
    """Say what was published."""
    release = report.release
    head = (
        f"{release.model} {release.version} is release {release.seq}: "
        f"{size_text(release.size_bytes)}, {size_text(report.new_bytes)} of it new"
    )
    rows = [
        (
            one.id,
            "-" if one.agreement is None else f"{one.agreement:.3f}",
            f"{one.costs[0].cpu_ms:.3g} ms" if one.costs else "-",
            size_text(one.held_bytes),
        )
        for one in report.variants
    ]
    return [
        *fold(head, width=width),
        *table(
            ("VARIANT", "AGREEMENT", "CPU HERE", "HOLDS"),
            rows,
            align=(Align.LEFT,) + (Align.RIGHT,) * 3,
        ),
        *fold(f"offered {_offer(release)}", width=width),
        *settled(report.settled, width=width),
    ]


def changed(report: Changed, *, width: int) -> list[str]:
    """Say what is listed now, and what was signed."""
    lines = []
    if report.release is not None:
        release = report.release
        text = f"{release.model} {release.version}, release {release.seq}, is "
        lines = fold(text + _offer(release), width=width)
    lines += settled(report.settled, width=width)
    if report.spent:
        lines += fold(f"no use any more: {report.spent}", width=width)
    return lines


def settled(settled: Settled, *, width: int) -> list[str]:
    """Say what was signed and put in place."""
    if not settled.wrote:
        return ["nothing new was signed"] if not settled.waiting else []
    parts = [
        f"{one.role} {one.version} until {one.expires[:10]}" for one in settled.wrote
    ]
    return fold(f"signed: {', '.join(parts)}", width=width)


def waiting(found: Iterable[Waiting], *, width: int) -> list[str]:
    """Say what devices do not see yet, and who must sign."""
    lines = []
    for one in found:
        lines += fold(
            f"{one.role} {one.version} waits: it has {one.signatures} of "
            f"{one.threshold} signatures; keys that may sign: {', '.join(one.keys)}",
            width=width,
        )
        role = one.role if one.role in {"root", "targets"} else None
        step = f"sign {role}" if role else "renew"
        hint = f"edgectl publish {step} --keys DIR"
        lines += try_lines(hint, width=width)
    return lines


def listing(report: Published, *, width: int) -> list[str]:
    """Set releases and roles in tables."""
    return [*_releases(report.releases), "", *_roles(report.roles, width=width)]


def verified(report: Verified, *, width: int) -> list[str]:
    """Say what a device would see, and what it would not get."""
    lines = [*_releases(report.releases), "", *_roles(report.roles, width=width), ""]
    good = report.files - len(report.lacking)
    lines += fold(f"{good} of {report.files} files are there", width=width)
    for one in report.lacking:
        lines += fold(f"{one.path}: {one.why}", width=width, first="- ")
    if report.resumes is False:
        lines += fold(
            "the server sends no parts of files: a download that is cut begins anew",
            width=width,
            first="- ",
        )
    return lines


def expiring(roles: Iterable[RoleState], *, width: int) -> list[str]:
    """Say what a person must sign soon."""
    lines = []
    for one in roles:
        if one.role in {"root", "targets"} and one.left_s < SOON_S:
            lines += fold(f"{one.role} {_left(one)}", width=width)
            lines += try_lines(f"edgectl publish sign {one.role}", width=width)
    return lines


def _offer(release: Offered) -> str:
    if release.revoked:
        return f"revoked: {release.revoked}"
    if release.halted:
        return "halted: nobody new takes it"
    text = f"for all boxes from {release.starts}"
    if release.rollout:
        text = f"for {stages_text(release.rollout)} from {release.starts}"
    if release.mandatory_by:
        text += f", mandatory by {release.mandatory_by}"
    return text


def _releases(releases: tuple[Offered, ...]) -> list[str]:
    if not releases:
        return ["no release is listed"]
    return table(
        ("MODEL", "SEQ", "VERSION", "SIZE", "BOXES", "OFFER"),
        [
            (
                one.model,
                str(one.seq),
                one.version,
                size_text(one.size_bytes),
                f"{one.share * _PERCENT:g}%",
                _offer(one),
            )
            for one in releases
        ],
        align=_RELEASE_ALIGN,
    )


def _roles(roles: tuple[RoleState, ...], *, width: int) -> list[str]:
    lines = table(
        ("ROLE", "VERSION", "EXPIRES", ""),
        [(one.role, str(one.version), one.expires, _left(one)) for one in roles],
        align=(Align.LEFT, Align.RIGHT, Align.LEFT, Align.LEFT),
    )
    return [line[:width] for line in lines]


def _left(role: RoleState) -> str:
    if role.left_s < 0:
        return f"has expired {span_text(-role.left_s)} ago"
    return f"expires in {span_text(role.left_s)}"
