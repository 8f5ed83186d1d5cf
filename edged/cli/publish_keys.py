"""`edgectl publish`: who signs.

Law: as `cli/publish`, whose verbs these are.
"""

import argparse

from edged.cli import published
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.parser import Parser, UsageError
from edged.cli.publish_desk import passphrases, publisher, tell
from edged.publish.when import span


def fill_keys(made: dict[str, Parser]) -> None:
    """Add the arguments of those verbs."""
    init = made["init"]
    init.add_argument(
        "--root-keys", metavar="N", type=int, default=3, help="how many root keys (3)"
    )
    init.add_argument(
        "--threshold",
        metavar="N",
        type=int,
        default=2,
        help="how many of them must sign a change of keys (2)",
    )
    init.add_argument(
        "--expiry",
        metavar="ROLE=TIME",
        action="append",
        default=[],
        help="how long signatures hold: root=365d, targets=180d, snapshot=30d and"
        " timestamp=7d by default",
    )
    made["sign"].add_argument("role", choices=("root", "targets"), help="what to sign")
    rotate = made["rotate"]
    rotate.add_argument(
        "role", choices=("root", "targets", "online"), help="whose key is replaced"
    )
    rotate.add_argument(
        "--key", metavar="ID", help="which, where there are several: its first digits"
    )


def init(desk: Desk, args: argparse.Namespace) -> Exit:
    """Set a folder up."""
    from edged.publish.settings import chosen  # noqa: PLC0415  # as the law says

    settings = chosen(_pairs(args.expiry))
    maker = publisher(desk, args)
    report = maker.init(
        settings,
        root_keys=args.root_keys,
        threshold=args.threshold,
        passphrase=passphrases(desk).fresh(),
    )
    code = tell(desk, report)
    if not desk.as_json:
        home, screen = maker.home, desk.screen
        screen.line(f"boxes need {home.first_root}: copy it to each as root.json")
        screen.line(
            f"put offline: {home.keys}/root-*.pem, each to another place; "
            f"{args.threshold} of {args.root_keys} change keys"
        )
        screen.talk("  try: edgectl publish add BUNDLE")
    return code


def sign(desk: Desk, args: argparse.Namespace) -> Exit:
    """Sign what waits, or anew."""
    return tell(desk, publisher(desk, args).sign(args.role))


def rotate(desk: Desk, args: argparse.Namespace) -> Exit:
    """Replace a key."""
    maker = publisher(desk, args)
    passphrase = passphrases(desk).fresh()
    return tell(desk, maker.rotate(args.role, key=args.key, passphrase=passphrase))


def renew(desk: Desk, args: argparse.Namespace) -> Exit:
    """Sign the timestamp; fail where that cannot be done, so that somebody is told."""
    maker = publisher(desk, args)
    report = maker.renew()
    code = tell(desk, report)
    for line in published.expiring(maker.list().roles, width=desk.screen.width):
        desk.screen.talk(line)
    is_done = any(one.role == "timestamp" for one in report.settled.wrote)
    return code if is_done else Exit.FAILED


def _pairs(said: list[str]) -> dict[str, float]:
    """Read `timestamp=3d` into seconds by role."""
    pairs = {}
    for text in said:
        role, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"cannot read the expiry {text!r}",
                hint="edgectl publish init --expiry timestamp=3d",
            )
        pairs[role] = span(value).total_seconds()
    return pairs
