"""`edgectl tuf-client`, in this process: the transport, and that nobody sees it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edged.cli.main import main
from edged.cli.parser import parser
from tests.fakes.static_host import static_host
from tests.fakes.tuf_repository import TufRepository


def test_it_is_not_in_the_help() -> None:
    """It is of no use to a technician."""
    assert "tuf-client" not in parser().format_help()


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"metadata/2.root.json": 500}, "host-error"),
        ({"metadata/timestamp.json": 403}, "not-found"),
        ({"metadata/timestamp.json": b" " * 20_000}, "endless-metadata"),
    ],
)
def test_what_the_host_answers_is_told_by_its_reason(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    broken: dict[str, bytes | int],
    reason: str,
) -> None:
    """As the updater would tell it."""
    host = TufRepository(datetime.now(UTC))
    (tmp_path / "r").write_bytes(host.first_root)
    client = ["tuf-client", "--metadata-dir", str(tmp_path / "m")]
    main([*client, "init", str(tmp_path / "r")])

    with static_host({**host.files, **broken}) as url:
        code = main([*client, "--metadata-url", f"{url}/metadata", "refresh"])

    assert (1, True) == (code, f"edgectl: {reason}: " in capsys.readouterr().err)


def test_a_host_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a traceback."""
    (tmp_path / "r").write_bytes(TufRepository(datetime.now(UTC)).first_root)
    client = ["tuf-client", "--metadata-dir", str(tmp_path / "m")]
    main([*client, "init", str(tmp_path / "r")])
    with static_host({}) as url:
        pass

    code = main([*client, "--metadata-url", f"{url}/metadata", "refresh"])

    assert (1, True) == (code, "unreachable" in capsys.readouterr().err)
