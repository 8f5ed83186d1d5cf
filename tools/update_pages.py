"""Write docs/reference/updates.md from the table of faults that the tests run.

Run it after a change of tests/fakes/faults.py: `python -m tools.update_pages`; a test
fails while the page is stale.
"""

from collections.abc import Sequence
from pathlib import Path

from edged.host.partial import LARGEST
from edged.update.fetch import GOES
from edged.update.flow import Limits
from edged.update.intake import FLUSH_CHUNKS
from edged.wire.listing import CHUNK_BYTES
from edged.wire.updates import Reason
from tests.fakes.faults import ROWS, TLS_ROWS, WAY_ROWS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "updates.md"

_LIMITS = Limits()

_HEAD = f"""\
# What can go wrong on the way

<!-- Written by tools/update_pages.py from tests/fakes/faults.py. -->

Files of a release come in chunks of {CHUNK_BYTES >> 10} KiB.
Each is checked against the signed index before it counts;
{FLUSH_CHUNKS * CHUNK_BYTES >> 20} MiB of them at most is not synced yet.
So whatever goes wrong costs no more than that, and nothing of it is ever mixed up.

Each row of these tables is a test, most of them with a real nginx and a proxy in
front of it that spoils its answers: `tests/integration/update/test_faults.py`.
The code is what `edgectl update why`, the status, the metrics and the journal say.
An empty code means that the file arrives all the same.

"Next mirror" is the next URL of the same source.
"Back-off" is a random pause that grows with each failure in a row.

## The host and what is in between

"""

_BOUNDS = f"""\

## Bounds

| what | bound |
|---|---|
| name, connection and TLS together | {_LIMITS.connect_s:.0f} s |
| between two bytes, and before the first | {_LIMITS.gap_s:.0f} s |
| least rate | {_LIMITS.slow_bytes_s / 1024:.0f} KiB/s over each \
{_LIMITS.slow_over_s:.0f} s of waiting for the host |
| a file as a whole | {_LIMITS.spare_s:.0f} s and its size at the least rate |
| redirects | {_LIMITS.redirects}, never from https to http |
| cuts in a row that bring no whole chunk | {GOES} |
| `Retry-After` | 1 day |
| a file | {LARGEST >> 40} TiB |

Only time that the host makes us wait counts, not that of a rate limit, of the disk or
of inference with the right of way.
Of cookies, proxies in the environment and compressed bodies nothing is taken.
What is told of a URL never has its user, password or query.
"""


def page() -> str:
    """Return the page."""
    way = [(row.fault, row.reason, row.does) for row in WAY_ROWS]
    tls = [(row.fault, row.reason, row.does) for row in TLS_ROWS]
    host = [(row.fault, row.reason, row.does) for row in ROWS]
    return (
        f"{_HEAD}{_table(host)}\n## Certificates\n\n{_table(tls)}"
        f"\n## Ways that lead nowhere\n\n{_table(way)}{_BOUNDS}"
    )


def _table(rows: Sequence[tuple[str, Reason | None, str]]) -> str:
    lines = [
        f"| {fault} | {f'`{reason.value}`' if reason else ''} | {does} |\n"
        for fault, reason, does in rows
    ]
    return "| fault | code | what edged does |\n|---|---|---|\n" + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
