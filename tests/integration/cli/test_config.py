"""`edgectl config`."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from edged.cli.config import layout
from edged.wire.messages import ConfigValue, ConfigView
from tests.fakes.control import FakeControl
from tests.fakes.daemon import Daemon

Edgectl = Callable[..., tuple[int, str, str]]


def test_the_daemon_says_what_it_uses(edgectl: Edgectl, box: Daemon) -> None:
    """With the place that each setting comes from."""
    code, out, err = edgectl("config", "show", "--origin", "--runtime-dir", box.runtime)

    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert (0, "", [str(box.state), "command", "line"], ["64", "default"]) == (
        code,
        err,
        rows["store.state-dir"],
        rows["serve.queue-length"],
    )


def test_the_files_answer_for_a_dead_daemon(edgectl: Edgectl, home: Path) -> None:
    """It is said that these are not the settings of a running daemon."""
    config = home / "edged.yaml"
    config.write_text("serve:\n  queue-length: 7\n")

    code, out, err = edgectl(
        "config", "show", "--origin", "--runtime-dir", home, "--config", config
    )

    assert (0, True, True) == (
        code,
        any(
            line.split() == ["serve.queue-length", "7", f"{config}:2"]
            for line in out.splitlines()
        ),
        "these settings are of the files" in " ".join(err.split()),
    )


def test_a_good_file_is_named(edgectl: Edgectl, tmp_path: Path) -> None:
    """Silence would leave a doubt about which file was read."""
    config = tmp_path / "edged.yaml"
    config.write_text("log:\n  level: debug\n")

    assert (0, f"{config}: good\n", "") == edgectl("config", "check", config)


def test_every_fault_of_every_file_is_told(edgectl: Edgectl, tmp_path: Path) -> None:
    """With line, caret and the nearest name, on stderr; exit 78."""
    for name, text in (("a.yaml", "serveur: {}\n"), ("b.yaml", "log:\n  level: x\n")):
        (tmp_path / name).write_text(text)

    code, out, err = edgectl(
        "config", "check", tmp_path / "a.yaml", tmp_path / "b.yaml"
    )

    assert (78, "", True, True, True) == (
        code,
        out,
        f"{tmp_path}/a.yaml:1:1: serveur: " in err,
        f"{tmp_path}/b.yaml:2:10: log.level: " in err,
        "\n    ^" in err,
    )


def test_faults_are_a_document(edgectl: Edgectl, tmp_path: Path) -> None:
    """An editor can jump to them."""
    config = tmp_path / "edged.yaml"
    config.write_text("log:\n  level: x\n")

    code, out, _ = edgectl("config", "check", "--json", config)

    document = json.loads(out)
    assert (78, False, [(2, 10)]) == (
        code,
        document["ok"],
        [(fault["line"], fault["column"]) for fault in document["faults"]],
    )


def test_a_missing_file_is_a_fault(edgectl: Edgectl, tmp_path: Path) -> None:
    """Somebody named it, so it should be there."""
    assert 78 == edgectl("config", "check", tmp_path / "none.yaml")[0]


def test_the_daemons_own_files_are_checked(
    edgectl: Edgectl, fake: FakeControl, home: Path
) -> None:
    """Whatever it was started with; the status leads here without a file name."""
    config = home / "other.yaml"
    config.write_text("log:\n  level: x\n")
    fake.answer("GET /v1/config", ConfigView(files=(str(config),)))

    code, _, err = edgectl("config", "check", "--runtime-dir", home)

    assert (78, True) == (code, f"{config}:2:10: log.level: " in err)


def test_a_dead_daemons_own_file_is_checked(
    edgectl: Edgectl, box: Daemon, home: Path
) -> None:
    """Its last words tell how it was started."""
    config = home / "other.yaml"
    config.write_text("log:\n  level: x\n")
    status = box.status()
    process = replace(status.process, command=("edged", "--config", str(config)))
    (home / "status.json").write_bytes(
        msgspec.json.encode(replace(status, process=process))
    )

    code, _, err = edgectl("config", "check", "--runtime-dir", home)

    assert (78, True) == (code, f"{config}:2:10: log.level: " in err)


def test_a_long_origin_stands_under_its_setting() -> None:
    """Nothing is wider than the screen but a path that is wider itself."""
    view = ConfigView(
        values=(
            ConfigValue(key="log.level", value="info", origin="default"),
            ConfigValue(key="server.group", value=None, origin=f"/{'x' * 60}.yaml:1"),
        )
    )

    assert [
        "log.level     info  default",
        "server.group  null",
        f"    /{'x' * 60}.yaml:1",
    ] == layout(view, width=80, origin=True)


def test_a_source_whose_root_is_not_there_is_told(
    edgectl: Edgectl, tmp_path: Path
) -> None:
    """Or is something else: the first look would say so, at night."""
    root, config = tmp_path / "root.json", tmp_path / "edged.yaml"
    config.write_text(
        "update:\n"
        f"  ca-file: {tmp_path}/ca.pem\n"
        "  sources:\n"
        f"    - {{name: main, url: 'https://a.example', root: {root}}}\n"
    )
    (tmp_path / "ca.pem").write_text("")

    absent = edgectl("config", "check", config)
    root.write_text('{"signed": {"_type": "targets"}}')
    (tmp_path / "ca.pem").unlink()
    other = edgectl("config", "check", config)
    code, out, _ = edgectl("config", "check", "--json", config)
    root.write_text('{"signed": {"_type": "root"}}')
    (tmp_path / "ca.pem").write_text("")
    good = edgectl("config", "check", config)

    assert (78, "") == absent[:2]
    assert f"{config}:4:1: update.sources: cannot trust source main" in absent[2]
    assert "cannot be read: no such file or directory" in absent[2]
    assert "is targets metadata, not root" in other[2]
    assert f"update.ca-file: cannot read {tmp_path}/ca.pem" in other[2]
    assert (78, ["update.sources", "update.ca-file"]) == (
        code,
        [fault["key"] for fault in json.loads(out)["faults"]],
    )
    assert (0, f"{config}: good\n", "") == good
