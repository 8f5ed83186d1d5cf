"""A task crosses the pipe as it was."""

import msgspec

from edged.activate.task import Task


def test_a_task_comes_out_of_the_pipe_as_it_went_in() -> None:
    """One line of JSON; counts of threads stay in their order."""
    task = Task(release="/r", variant="int8", threads=(2, 1, 4), memory_bytes=1 << 30)

    line = msgspec.json.encode(task)

    assert b"\n" not in line
    assert msgspec.json.decode(line, type=Task) == task
