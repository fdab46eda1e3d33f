"""Three floors with arrows only downwards, and the rules of the house, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import connectors
import listener
import storage

ROOT = Path(__file__).parents[1]
FLOORS = ("connectors", "storage", "listener")
MODULES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 60

MAY_IMPORT = {
    "connectors": ("connectors",),
    "storage": ("storage", "connectors.post"),
    "listener": ("listener", "storage", "connectors"),
}
HTTPX_CONSTRUCTION = {
    "Client",
    "AsyncClient",
    "HTTPTransport",
    "AsyncHTTPTransport",
    "get",
    "post",
    "stream",
    "request",
}
MAY_BUILD_CLIENTS = {"connectors/http.py"}

WORLD = {
    *(f"datetime.{name}" for name in ("now", "utcnow", "today")),
    "date.today",
    *(f"time.{name}" for name in ("time", "time_ns", "monotonic", "perf_counter", "sleep", "localtime", "gmtime")),
    *(f"os.{name}" for name in ("environ", "environb", "getenv", "urandom")),
    *(f"random.{name}" for name in ("random", "uniform", "choice", "randint", "shuffle", "sample", "seed")),
    "uuid.uuid4",
}
"""What reads the clock, the environment or chance, as it is written in the source."""

LEGITIMATE = {
    # Patience with a locked file, with whoever comes first, and with SQLite's steps of opening: how long, never what time.
    "storage/sqlite.py": {"time.monotonic", "time.sleep"},
    "storage/sqlite_connections.py": {"time.monotonic", "time.sleep"},
    "storage/claims.py": {"time.monotonic", "time.sleep"},
    # Defaults of arguments, so that a stranger may use the part alone.
    "connectors/http.py": {"time.monotonic", "time.sleep"},
    "listener/alerts/outbox.py": {"time.sleep"},
}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), _name(path))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Absolute names of what is imported, a relative import as it stands with its dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _reads_of_the_world(tree: ast.Module) -> set[str]:
    spelled = {_dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    tails = {".".join(name.split(".")[-2:]) for name in spelled | imported}
    return tails & WORLD


def test_the_modules_are_ours() -> None:
    for package in (connectors, storage, listener):
        assert package.__file__ is not None
        assert Path(package.__file__).parent == ROOT / package.__name__
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_arrows_point_downwards(path: Path) -> None:
    floor = _name(path).partition("/")[0]
    ours = [name for name in _imports(_tree(path)) if name.lstrip(".").split(".")[0] in (*FLOORS, "tests")]
    for name in ours:
        assert any(f"{name}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[floor]), f"{floor} imports {name}"
    assert not [name for name in _imports(_tree(path)) if name.startswith(".")], "relative imports hide the floor"


def test_every_floor_rests_on_those_below_it() -> None:
    used = {
        name.split(".")[0] for path in MODULES if _name(path).startswith("listener/") for name in _imports(_tree(path))
    }
    assert {"connectors", "storage"} <= used


def test_only_one_place_opens_connections() -> None:
    builders = {
        _name(path)
        for path in MODULES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and (called := _dotted(node.func)).startswith("httpx.")
        and called.removeprefix("httpx.") in HTTPX_CONSTRUCTION
    }
    assert builders == MAY_BUILD_CLIENTS
    others = {"requests", "urllib.request", "aiohttp", "urllib3", "http.client"}
    for path in MODULES:
        taken = {name for name in _imports(_tree(path)) for other in others if f"{name}.".startswith(f"{other}.")}
        assert not taken, f"{_name(path)} has a way out of its own: {taken}"


def test_httpx_is_known_to_connectors_alone() -> None:
    for path in MODULES:
        if any(name.split(".")[0] == "httpx" for name in _imports(_tree(path))):
            assert _name(path).startswith("connectors/")


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_clock_chance_and_environment_are_arguments_below_the_composition_root(path: Path) -> None:
    name = _name(path)
    if name == "listener/app.py" or name.startswith("listener/cli/"):
        return
    assert _reads_of_the_world(_tree(path)) <= LEGITIMATE.get(name, set())


def test_what_is_allowed_is_used() -> None:
    for name, allowed in LEGITIMATE.items():
        assert _reads_of_the_world(_tree(ROOT / name)) >= allowed - {"time.sleep"}, name


@pytest.mark.parametrize("path", [path for path in MODULES if path.read_text(encoding="utf-8").strip()], ids=_name)
def test_every_module_says_what_it_is(path: Path) -> None:
    if path.name != "__main__.py":
        assert ast.get_docstring(_tree(path))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_file_is_taken_in_at_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_function_is_taken_in_at_a_glance(path: Path) -> None:
    functions = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


def test_nothing_is_called_by_what_it_is_not() -> None:
    assert not [_name(path) for path in MODULES if path.stem in ("utils", "helpers", "manager", "misc", "common")]
