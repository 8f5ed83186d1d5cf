"""Files and the command line -> settings; small real files, nothing else."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edged import config
from edged.config import LogLevel, Settings
from edged.errors import BadConfig


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root with the usual folders, all empty."""
    for folder in ("usr/lib/edged", "etc/edged", "run/edged"):
        (tmp_path / folder / "edged.d").mkdir(parents=True)
    return tmp_path


def origin(loaded: config.Loaded, key: str) -> str:
    """Return where a setting comes from."""
    return next(value.origin for value in loaded.effective if value.key == key)


def problems(error: BadConfig) -> list[str]:
    """Return each fault as `file name:line:column key`."""
    faults = error.fields["problems"]
    assert isinstance(faults, list)
    return [
        f"{Path(fault.file).name}:{fault.line}:{fault.column} {fault.key}".strip()
        for fault in faults
    ]


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    """A daemon without configuration is a daemon."""
    loaded = config.read(root=tmp_path)

    assert Settings() == loaded.settings
    assert loaded.files == ()
    assert {value.origin for value in loaded.effective} == {"default"}


def test_every_setting_has_a_row_with_its_value(root: Path) -> None:
    """`edgectl config show` prints them all, as people write them."""
    rows = {value.key: value.value for value in config.read(root=root).effective}

    assert rows["server.head-timeout"] == "10s"
    assert rows["server.mode"] == "0660"
    assert rows["server.tcp"] is None
    assert rows["control.admin-groups"] == ["edged-admin"]
    assert rows["server.socket"] == "/run/edged/edged.sock"


def test_the_administrator_overrides_the_vendor_key_by_key(root: Path) -> None:
    """Sections merge; each value knows its file and line."""
    vendor = root / "usr/lib/edged/edged.yaml"
    admin = root / "etc/edged/edged.yaml"
    vendor.write_text("log: {level: error}\nserve:\n  queue-length: 8\n")
    admin.write_text("# ours\nlog:\n  level: debug\n")

    loaded = config.read(root=root)

    assert (vendor, admin) == loaded.files
    assert loaded.settings.log.level is LogLevel.DEBUG
    assert loaded.settings.serve.queue_length == 8
    assert origin(loaded, "log.level") == f"{admin}:3"
    assert origin(loaded, "serve.queue-length") == f"{vendor}:3"


def test_drop_ins_of_all_folders_are_sorted_by_name(root: Path) -> None:
    """A later name wins, wherever its folder stands."""
    late = root / "usr/lib/edged/edged.d/90-late.yaml"
    late.write_text("log: {level: debug}\n")
    (root / "etc/edged/edged.d/10-early.yaml").write_text("log: {level: error}\n")
    (root / "etc/edged/edged.d/99-ignored.conf").write_text("log: {level: warning}\n")

    loaded = config.read(root=root)

    assert loaded.settings.log.level is LogLevel.DEBUG
    assert origin(loaded, "log.level") == f"{late}:1"


def test_lists_replace_and_do_not_grow(root: Path) -> None:
    """What an administrator writes is the whole list."""
    (root / "etc/edged/edged.yaml").write_text("control: {admin-groups: [a, b]}\n")
    (root / "etc/edged/edged.d/1.yaml").write_text("control: {admin-groups: [c]}\n")

    loaded = config.read(root=root)

    assert loaded.settings.control.admin_groups == ("c",)


def test_of_two_drop_ins_with_one_name_the_stronger_folder_counts(root: Path) -> None:
    """/etc beats /run beats /usr/lib, as for systemd's own."""
    weak, middle, strong = (
        root / folder / "edged/edged.d/50.yaml" for folder in ("usr/lib", "run", "etc")
    )
    weak.write_text("log: {level: debug}\n")
    middle.write_text("log: {level: warning}\n")

    before = config.read(root=root)
    strong.write_text("log: {level: error}\n")
    after = config.read(root=root)

    assert ((middle,), (strong,)) == (before.files, after.files)
    assert before.settings.log.level is LogLevel.WARNING
    assert after.settings.log.level is LogLevel.ERROR


def test_a_link_to_dev_null_masks_a_drop_in(root: Path) -> None:
    """A vendor's drop-in can be switched off without touching it."""
    (root / "usr/lib/edged/edged.d/50.yaml").write_text("nonsense: 1\n")
    (root / "etc/edged/edged.d/50.yaml").symlink_to("/dev/null")

    loaded = config.read(root=root)

    assert loaded.files == ()


def test_a_named_file_replaces_the_usual_ones_and_brings_its_drop_ins(
    root: Path, tmp_path: Path
) -> None:
    """`--config FILE` means that file and the edged.d beside it."""
    (root / "etc/edged/edged.yaml").write_text("nonsense: 1\n")
    named = tmp_path / "mine.yaml"
    named.write_text("log: {level: error}\n")
    (tmp_path / "edged.d").mkdir()
    drop_in = tmp_path / "edged.d" / "a.yaml"
    drop_in.write_text("serve: {queue-length: 9}\n")

    loaded = config.read(named, root=root)

    assert (named, drop_in) == loaded.files
    assert loaded.settings.log.level is LogLevel.ERROR
    assert loaded.settings.serve.queue_length == 9


def test_the_command_line_wins(root: Path) -> None:
    """Overrides are read by the same table and say where they come from."""
    (root / "etc/edged/edged.yaml").write_text("store: {state-dir: /srv}\n")

    loaded = config.read(
        root=root, overrides={"store.state-dir": "/srv/x", "runtime-dir": "/run/r"}
    )

    assert loaded.settings.store.state_dir == Path("/srv/x")
    assert origin(loaded, "store.state-dir") == "command line"


def test_sockets_move_with_the_runtime_directory(root: Path) -> None:
    """Bare names stand in it, full paths stay where they are."""
    (root / "etc/edged/edged.yaml").write_text(
        "runtime-dir: /run/box\nserver: {control-socket: /run/other/c.sock}\n"
    )

    server = config.read(root=root).settings.server

    assert Path("/run/box/edged.sock") == server.socket
    assert Path("/run/other/c.sock") == server.control_socket


@pytest.mark.parametrize("text", ["", "# nothing\n", "server:\n", "log: {}\n"])
def test_a_file_may_say_nothing(root: Path, text: str) -> None:
    """All of it may be commented out, or all of a section."""
    (root / "etc/edged/edged.yaml").write_text(text)

    assert Settings() == config.read(root=root).settings


def test_all_faults_of_all_files_come_at_once(root: Path) -> None:
    """One look, one repair; overridden values must hold too."""
    (root / "usr/lib/edged/edged.yaml").write_text("log: {level: loud}\nlgo: 1\n")
    (root / "etc/edged/edged.yaml").write_text("log: {level: debug}\nlog: {}\n")
    (root / "etc/edged/edged.d/1.yaml").write_text("serve:\n  queue-length: yes\n")
    (root / "etc/edged/edged.d/2.yaml").write_text("serve: [\n")
    (root / "etc/edged/edged.d/3.yaml").mkdir()

    with pytest.raises(BadConfig) as caught:
        config.read(root=root, overrides={"server.tcp": "0.0.0.0:80"})

    assert problems(caught.value) == [
        "edged.yaml:1:14 log.level",
        "edged.yaml:2:1 lgo",
        "edged.yaml:2:1 log",
        "1.yaml:2:17 serve.queue-length",
        "2.yaml:2:1",
        "3.yaml:0:0",
        "command line:0:0 server.tcp",
    ]
    assert caught.value.message.startswith("cannot use the configuration: 7 problems\n")
    assert "did you mean 'log'?" in caught.value.message


def test_a_named_file_that_is_absent_is_a_fault(tmp_path: Path) -> None:
    """The usual files may be absent; one that somebody named may not."""
    named = tmp_path / "no.yaml"

    with pytest.raises(BadConfig) as caught:
        config.load(named)

    assert f"{named}: cannot read the file: no such file" in caught.value.message


def test_a_pipe_is_a_fault_and_not_a_wait(tmp_path: Path) -> None:
    """Opening one would hang the daemon's start."""
    pipe = tmp_path / "edged.yaml"
    os.mkfifo(pipe)

    with pytest.raises(BadConfig, match="not a regular file"):
        config.load(pipe)


def test_a_dangling_link_is_a_fault(root: Path) -> None:
    """A file that should be there and is not must not be silently left out."""
    (root / "etc/edged/edged.yaml").symlink_to(root / "gone")

    with pytest.raises(BadConfig, match="no such file"):
        config.read(root=root)


def test_unknown_overrides_are_faults() -> None:
    """The command line is checked like a file."""
    with pytest.raises(
        BadConfig, match=r"command line: server\.tpc: cannot use this key"
    ):
        config.load("/dev/null", overrides={"server.tpc": "x"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "server: {socket: one.sock, control-socket: one.sock}\n",
            "edged.yaml:1:44 server.control-socket",
        ),
        ("runtime-dir: /var/lib/edged\n", "edged.yaml:1:14 runtime-dir"),
        (f"server: {{socket: /{'a' * 107}}}\n", "edged.yaml:1:18 server.socket"),
        (
            "update: {sources: [{name: a, url: 'https://h'}]}\n",
            "edged.yaml:1:20 update.sources[0]",
        ),
    ],
)
def test_settings_must_agree_with_each_other(
    root: Path, text: str, expected: str
) -> None:
    """Cross-field faults point at the value that a person wrote."""
    (root / "etc/edged/edged.yaml").write_text(text)

    with pytest.raises(BadConfig) as caught:
        config.read(root=root)

    assert [expected] == problems(caught.value)


def test_a_socket_path_too_long_names_the_limit(root: Path) -> None:
    """Both sockets follow a runtime directory that is too deep."""
    with pytest.raises(BadConfig) as caught:
        config.read(root=root, overrides={"runtime-dir": f"/{'a' * 100}"})

    assert "allowed 107" in caught.value.message
    assert problems(caught.value) == ["command line:0:0 runtime-dir"] * 2


@given(st.binary(max_size=80))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_raise_anything_but_bad_config(tmp_path: Path, data: bytes) -> None:
    """A broken file is a list of faults, never a traceback."""
    file = tmp_path / "edged.yaml"
    file.write_bytes(data)

    try:
        found = config.load(file)
    except BadConfig as error:
        found = error.fields["problems"]

    assert found
