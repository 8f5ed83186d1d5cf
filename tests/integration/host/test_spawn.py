"""Real processes that are thrown away."""

import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edged.errors import Broken, NoMemory
from edged.host.spawn import ERRORS_BYTES, Bounds, Child, Ended
from tests.fakes.daemon import ROOT

ENV = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
TASK = b"task\n"


def child(source: str, *, seconds: float = 10.0, output_bytes: int = 1 << 16) -> Child:
    """Start Python on a source, with nothing but the standard library."""
    return Child(
        (sys.executable, "-S", "-P", "-c", source),
        stdin=TASK,
        env=ENV,
        bounds=Bounds(seconds=seconds, output_bytes=output_bytes),
    )


def ended(source: str, *, seconds: float = 10.0, output_bytes: int = 1 << 16) -> Ended:
    """Start Python on a source and wait for its end."""
    return child(source, seconds=seconds, output_bytes=output_bytes).wait()


def is_gone(pid: int, within_s: float = 5.0) -> bool:
    """Tell whether a process ends in time; a zombie has ended."""
    end = time.monotonic() + within_s
    while True:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
        if stat.rpartition(")")[2].split()[0] in "ZX":
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.01)


def test_it_gets_its_task_and_gives_its_answer() -> None:
    """Standard input is the task, output the answer, errors the reason."""
    source = """
import sys
print(sys.stdin.readline().upper(), end="")
print("a reason", file=sys.stderr)
sys.exit(3)
"""

    found = ended(source)

    assert (b"TASK\n", "a reason", 3) == (found.output, found.errors, found.status)
    assert not found.timed_out
    assert not found.talked_too_much


def test_a_signal_is_a_negative_status() -> None:
    """As `subprocess` says it."""
    assert -signal.SIGSEGV == ended("import ctypes; ctypes.string_at(0)").status


def test_its_environment_is_what_it_was_given() -> None:
    """Nothing of ours is inherited: no locale, no token, no notify socket."""
    found = ended("import os; print(sorted(os.environ))")

    assert {*ENV, "LC_CTYPE"} >= set(words(found.output))


def words(printed: bytes) -> list[str]:
    """Read a printed list of words."""
    return [word.strip(" '") for word in printed.decode().strip("[]\n").split(",")]


def test_no_descriptor_but_the_three_is_inherited(tmp_path: Path) -> None:
    """A secret that is open here is shut there."""
    with (tmp_path / "secret").open("w") as secret:
        fcntl.fcntl(secret, fcntl.F_SETFD, 0)  # not closed at an exec

        found = ended("import os; print(os.listdir('/proc/self/fd'))")

    assert {"0", "1", "2", "3"} >= set(words(found.output))


def test_it_steps_back() -> None:
    """Last for the CPU and the disk, first for the OOM killer, a session of its own."""
    source = """
import os, sys
sys.stdin.readline()
print(os.nice(0), open("/proc/self/oom_score_adj").read().strip(),
      os.getsid(0) == os.getpid(), os.getcwd())
"""

    assert b"10 1000 True /\n" == ended(source).output


def test_its_session_steps_back_as_well() -> None:
    """A niceness counts within a session's group alone, where the kernel makes them."""
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel groups nobody by session")
    source = (
        "import sys; sys.stdin.readline(); print(open('/proc/self/autogroup').read())"
    )

    assert ended(source).output.split()[1:] == [b"nice", b"10"]


def test_its_cpu_time_is_told() -> None:
    """Its own, whoever ran beside it."""
    source = "import time\nwhile time.process_time() < 0.3: pass"

    assert 0.3 <= ended(source).cpu_s < 3.0


def test_time_that_is_over_ends_it() -> None:
    """A sleeper and a spinner are killed, and that is told."""
    for source in ("import time; time.sleep(60)", "while True: pass"):
        found = ended(source, seconds=0.3)

        assert (-signal.SIGKILL, True) == (found.status, found.timed_out)


def test_time_ends_one_that_has_hung_up_too() -> None:
    """Closing its output does not make it look finished."""
    source = "import os, time; os.close(1); os.close(2); time.sleep(60)"

    found = ended(source, seconds=0.5)

    assert (-signal.SIGKILL, True) == (found.status, found.timed_out)


def test_output_beyond_the_bound_ends_it() -> None:
    """What was said until then stays; memory of ours is not its to take."""
    found = ended("while True: print('x' * 1000)", output_bytes=5000)

    assert (5000, -signal.SIGKILL) == (len(found.output), found.status)
    assert found.talked_too_much
    assert not found.timed_out


def test_output_up_to_the_bound_is_whole() -> None:
    """The bound itself is allowed."""
    found = ended("print('x' * 4999)", output_bytes=5000)

    assert (5000, 0) == (len(found.output), found.status)
    assert not found.talked_too_much


def test_of_its_errors_the_end_stays() -> None:
    """The reason stands last, however much stood before."""
    source = "import sys; sys.stderr.write('x' * 200_000 + ' the reason')"

    found = ended(source)

    assert ERRORS_BYTES == len(found.errors)
    assert found.errors.endswith("x the reason")


def test_one_that_does_not_want_its_task_is_no_error() -> None:
    """It may be gone before its task is written."""
    started = child("")
    assert is_gone(started._process.pid)

    found = started.wait()

    assert (0, b"") == (found.status, found.output)


def test_its_children_end_with_it() -> None:
    """A grandchild of the same session is killed as well, and holds nothing up."""
    source = """
import subprocess, time
print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""

    found = ended(source, seconds=1.5)

    assert is_gone(int(found.output))


def test_what_a_leader_leaves_behind_ends_with_it() -> None:
    """It ended well, by itself; what it started may not live on."""
    source = """
import subprocess
nowhere = subprocess.DEVNULL
print(subprocess.Popen(["sleep", "60"], stdout=nowhere, stderr=nowhere).pid)
"""

    found = ended(source)

    assert found.status == 0
    assert is_gone(int(found.output))


def test_a_grandchild_that_left_the_session_holds_nothing_up() -> None:
    """It keeps the pipes open; they are left to it."""
    source = """
import subprocess
print(subprocess.Popen(["sleep", "12"], start_new_session=True).pid, flush=True)
"""
    began = time.monotonic()

    found = ended(source, seconds=0.5)

    assert time.monotonic() - began < 10.0
    os.kill(int(found.output), signal.SIGKILL)


def test_another_thread_can_kill_it() -> None:
    """At any time, and once more when it is gone."""
    started = child("import time; time.sleep(60)")
    timer = threading.Timer(0.2, started.kill)
    timer.start()

    found = started.wait()
    started.kill()
    timer.join()

    assert (-signal.SIGKILL, False) == (found.status, found.timed_out)


def test_two_do_not_disturb_each_other() -> None:
    """One is killed for its time; the other gives its answer."""
    with ThreadPoolExecutor(2) as pool:
        bad = pool.submit(ended, "while True: pass", seconds=0.5)
        good = pool.submit(ended, "import time; time.sleep(1); print('fine')")

    assert bad.result().timed_out
    assert (b"fine\n", 0) == (good.result().output, good.result().status)


def test_a_program_that_is_not_there_is_named() -> None:
    """With the reason; it is no model's fault."""
    with pytest.raises(Broken, match=r"^cannot start /no/python: no such file"):
        Child(("/no/python",), stdin=b"", env={}, bounds=Bounds(seconds=1.0))


def test_where_there_is_no_room_for_a_process_it_may_be_tried_later() -> None:
    """Here it is descriptors that are used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(NoMemory, match="too many open files") as caught:
            child("")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert 60.0 == caught.value.retry_after_s


# --- it ends with us ---------------------------------------------------------------

PARENT = """
import sys
from edged.host.spawn import Bounds, Child
child = Child((sys.executable, "-P", "-c", sys.argv[1]), stdin=b"task\\n",
              env={"PYTHONPATH": ":".join(sys.path)}, bounds=Bounds(seconds=60))
print(child._process.pid, flush=True)
child.wait()
"""
TIED = """
import ctypes, os, sys
from edged.host.spawn import tie
sys.stdin.readline()
tie()
"""


@pytest.fixture
def parent() -> Iterator[list[subprocess.Popen[str]]]:
    """Return a place for a process that is killed at the end in any case."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.mark.parametrize(
    "then",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "ctypes.PyDLL(None).sleep(60)",  # in C, and Python's lock is held
    ],
)
def test_it_ends_when_we_are_killed(
    then: str, parent: list[subprocess.Popen[str]]
) -> None:
    """SIGKILL leaves us no time to say anything; the kernel says it."""
    env = {"PYTHONPATH": os.pathsep.join((str(ROOT), *filter(None, sys.path)))}
    command = (sys.executable, "-P", "-c", PARENT, TIED + then)
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    parent.append(started)
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    time.sleep(0.5)  # until it is tied and busy
    assert not is_gone(pid, within_s=0.0)

    started.kill()

    assert is_gone(pid)


def test_one_that_is_tied_too_late_ends_at_once() -> None:
    """We may be gone between its start and its tie."""
    source = """
import sys
from edged.host.spawn import tie
sys.stdin.read()
tie()
print("alive")
"""
    env = {"PYTHONPATH": os.pathsep.join((str(ROOT), *filter(None, sys.path)))}
    command = (sys.executable, "-P", "-c", source)

    found = subprocess.run(
        command, input=b"", capture_output=True, env=env, check=False
    )

    assert (b"", os.EX_UNAVAILABLE) == (found.stdout, found.returncode)
