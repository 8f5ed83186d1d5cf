"""Rules of the house that no linter knows, as tests.

Each gate names what it found, so that its failure reads as a list of things to do.
Style, types and import floors are held by `make lint` and `make type`.
"""

import ast
import graphlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Modules over 400 lines that stay whole, each with its reason; over 600 none may be.
WHOLE: dict[str, str] = {
    "edged/wire/endpoints.py": "one table, a row an endpoint",
}
# Modules that a test of another name reads line by line; all others have a mirror.
TESTED_BY: dict[str, str] = {
    "edged/activate/profile_due.py": "tests/integration/activate/test_profiler.py",
    "edged/activate/profile_shelf.py": "tests/integration/activate/test_profiler.py",
    "edged/activate/swapper.py": "tests/integration/activate/test_agent.py",
    "edged/activate/verifier.py": "tests/integration/activate/test_intake.py",
    "edged/api/connection.py": "tests/integration/api/test_bad_http.py",
    "edged/api/data.py": "tests/conformance/test_tritonclient.py",
    "edged/api/door.py": "tests/integration/api/test_drain.py",
    "edged/api/infer.py": "tests/conformance/test_bad_requests.py",
    "edged/api/server.py": "tests/integration/api/test_drain.py",
    "edged/cli/__main__.py": "tests/integration/cli/test_main.py",
    "edged/client/aio.py": "tests/integration/client/test_inference.py",
    "edged/client/triton.py": "tests/conformance/test_tritonclient.py",
    "edged/runtime/base.py": "tests/integration/runtime/test_backends.py",
    "edged/runtime/timing.py": "tests/integration/runtime/test_measure.py",
    "edged/serve/request.py": "tests/integration/serve/test_registry.py",
    "edged/serve/slot.py": "tests/integration/serve/test_regions.py",
    "edged/update/council.py": "tests/integration/update/test_courier.py",
    "edged/update/door.py": "tests/unit/fakes/test_updates.py",
    "edged/update/errand.py": "tests/integration/update/test_courier.py",
    "edged/update/helm.py": "tests/integration/update/test_courier.py",
    "edged/update/rounds.py": "tests/integration/update/test_courier.py",
    "edged/update/source.py": "tests/unit/fakes/test_updates.py",
    "edged/wire/endpoint.py": "tests/unit/wire/test_endpoints.py",
    "edged/wire/messages.py": "tests/unit/cli/test_pages.py",
    "edged/wire/oip_document.py": "tests/unit/wire/test_oip.py",
    "edged/wire/oip_models.py": "tests/unit/api/test_oip_models.py",
    "edged/wire/oip_options.py": "tests/unit/wire/test_oip.py",
    "edged/wire/oip_regions.py": "tests/conformance/test_shared_memory.py",
    "edged/wire/profiles.py": "tests/unit/cli/test_profiled.py",
}
IMPORTS_NOBODY_MAKES = {"pickle", "marshal", "shelve", "dill", "joblib", "mock"}
CALLS_NOBODY_MAKES = {
    "eval": "data must not run code",
    "exec": "data must not run code",
    "os.system": "no shell",
    "os.popen": "no shell",
    "os.fork": "children are exec'd, never forked: runtimes have threads",
    "yaml.load": "the strict loader reads YAML",
    "yaml.unsafe_load": "the strict loader reads YAML",
    "yaml.full_load": "the strict loader reads YAML",
    "asyncio.create_task": "use a TaskGroup",
    "asyncio.ensure_future": "use a TaskGroup",
    "asyncio.gather": "use a TaskGroup",
    "asyncio.to_thread": "use a named executor",
}
ARGUMENTS_NOBODY_PASSES = {("shell", True), ("allow_pickle", True)}
# Who may say an HTTP status in digits.
HTTP_NUMBERS = {"edged/api/problems.py"}
PAPERS = {"README.md": 120, "ARCHITECTURE.md": 200, "CONTRIBUTING.md": 200}


@cache
def modules() -> tuple[str, ...]:
    """Return the path of every module of edged, relative to the checkout."""
    found = sorted((ROOT / "edged").rglob("*.py"))
    return tuple(str(path.relative_to(ROOT)) for path in found)


@cache
def parsed(path: str) -> ast.Module:
    """Return a module's tree."""
    return ast.parse((ROOT / path).read_text(), path)


def calls(path: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call in a module, with the dotted name of what is called."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported(path: str, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the full name of every module that the nodes import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def papers() -> list[Path]:
    """Return every page that is written by hand or printed."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_modules_are_short() -> None:
    """400 lines, or a reason; 600 lines, never. A reason that is not needed goes."""
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in modules()}

    long = {path for path, count in lines.items() if count > 400}
    too_long = {path for path, count in lines.items() if count > 600}

    assert set() == too_long
    assert set(WHOLE) == long


def test_every_module_has_its_mirror_test() -> None:
    """`edged/x/y.py` is tested by `tests/*/x/test_y.py`, or the table says by what."""
    mirrors = {
        f"edged/{path.relative_to(kind).parent / path.name.removeprefix('test_')}"
        for kind in (ROOT / "tests").iterdir()
        for path in kind.rglob("test_*.py")
    }
    named = {path for path in modules() if not path.endswith("__init__.py")}

    alone = named - mirrors - TESTED_BY.keys()
    rows = {*TESTED_BY, *TESTED_BY.values()}
    missing = {path for path in rows if not (ROOT / path).exists()}

    assert set() == alone, "\n".join(sorted(alone))
    assert set() == missing


def test_nothing_dangerous_is_imported() -> None:
    """No module reads code out of data; no test replaces what it tests."""
    tests = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")]

    found = [
        f"{path}: {name}"
        for path in [*modules(), *tests]
        for name in imported(path, ast.walk(parsed(path)))
        if IMPORTS_NOBODY_MAKES & set(name.split("."))
    ]

    assert [] == found, "\n".join(found)


def test_nothing_dangerous_is_called() -> None:
    """Each call on the list has a better one."""
    found = [
        f"{path}:{call.lineno}: {name}: {CALLS_NOBODY_MAKES[name]}"
        for path in modules()
        for name, call in calls(path)
        if name in CALLS_NOBODY_MAKES
    ]

    assert [] == found, "\n".join(found)


def test_no_dangerous_switch_is_on() -> None:
    """`shell=True` and `allow_pickle=True` stand nowhere."""
    found = [
        f"{path}:{call.lineno}: {name}({keyword.arg}=True)"
        for path in modules()
        for name, call in calls(path)
        for keyword in call.keywords
        if isinstance(keyword.value, ast.Constant)
        and (keyword.arg, keyword.value.value) in ARGUMENTS_NOBODY_PASSES
    ]

    assert [] == found, "\n".join(found)


def test_blocking_work_has_an_executor_of_its_own() -> None:
    """`run_in_executor(None, ...)` would use a pool that belongs to nobody."""
    found = [
        f"{path}:{call.lineno}"
        for path in modules()
        for name, call in calls(path)
        if name.endswith(".run_in_executor") and ast.unparse(call.args[0]) == "None"
    ]

    assert [] == found, "\n".join(found)


def says_http_number(node: ast.AST) -> bool:
    """Tell whether a node gives a status in digits or by a framework's name."""
    if isinstance(node, ast.keyword):
        value = node.value
        return (
            node.arg in {"status", "status_code"}
            and isinstance(value, ast.Constant)
            and isinstance(value.value, int)
            and value.value > 0
        )
    return isinstance(node, ast.Attribute) and (
        re.match(r"HTTP(?!Exception)[A-Z][a-z]", node.attr) is not None
    )


def test_http_numbers_stand_in_one_table() -> None:
    """Everybody else raises an error that has a row there."""
    found = [
        f"{path}: {ast.unparse(node)}"
        for path in modules()
        if path not in HTTP_NUMBERS
        for node in ast.walk(parsed(path))
        if says_http_number(node)
    ]

    assert [] == found, "\n".join(found)


def test_exit_numbers_stand_in_one_table() -> None:
    """Commands end by an error that has a row there."""
    found = [
        f"{path}:{call.lineno}: {ast.unparse(call)}"
        for path in modules()
        if path.startswith("edged/cli/") and path != "edged/cli/exits.py"
        for name, call in calls(path)
        if name in {"sys.exit", "SystemExit", "os._exit", "exit"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]

    assert [] == found, "\n".join(found)


def test_imports_have_no_cycle() -> None:
    """Floors keep rooms apart; this keeps the modules of one room apart, too."""
    names = {
        path.removesuffix("/__init__.py").removesuffix(".py").replace("/", "."): path
        for path in modules()
    }
    graph = {
        name: names.keys() & set(imported(path, iter(parsed(path).body))) - {name}
        for name, path in names.items()
    }

    order = list(graphlib.TopologicalSorter(graph).static_order())

    assert len(names) == len(order)


def test_every_room_is_on_a_floor() -> None:
    """A new room cannot forget to say whom it may import."""
    cockpit = tomllib.loads((ROOT / "pyproject.toml").read_text())
    floors = cockpit["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {room.strip() for floor in floors for room in floor.split("|")}

    rooms = {
        "edged." + Path(path).relative_to("edged").parts[0].removesuffix(".py")
        for path in modules()
    } - {"edged.__init__"}

    assert placed == rooms


def test_versions_are_pinned_and_come_from_anywhere() -> None:
    """constraints.txt has exact versions and no address."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    loose = [
        line
        for line in lines
        if not line.startswith("#") and not re.fullmatch(r"[\w.-]+==[\w.+]+", line)
    ]

    assert [] == loose


@pytest.mark.parametrize("name", sorted(PAPERS))
def test_papers_are_short(name: str) -> None:
    """A page that grows past its bound is not read any more."""
    actual = len((ROOT / name).read_text().splitlines())

    assert actual <= PAPERS[name]


def test_links_between_papers_lead_somewhere() -> None:
    """Every relative link in every page is there."""
    link = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")

    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in papers()
        for target in link.findall(page.read_text())
        if not (page.parent / target).exists()
    ]

    assert [] == broken


def test_security_names_tests_that_exist() -> None:
    """A claim whose test was renamed is held by nobody."""
    text = (ROOT / "SECURITY.md").read_text()
    named = set(re.findall(r"`((?:[a-z_]+/)+test_\w+\.py)`", text))

    assert len(named) > 20
    assert set() == {path for path in named if not (ROOT / "tests" / path).exists()}


def test_architecture_names_what_exists() -> None:
    """Every path in it that looks like one of ours is one of ours."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:edged|tests|docs|tools|demo|benchmarks)/[\w./-]*)`", text)

    missing = [path for path in named if not (ROOT / path).exists()]

    assert named
    assert [] == missing


def test_the_glossary_is_in_order() -> None:
    """A word is found where its letter says."""
    text = (ROOT / "docs" / "glossary.md").read_text()
    words = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)

    assert sorted(words, key=str.casefold) == words
