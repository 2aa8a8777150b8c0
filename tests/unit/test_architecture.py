"""Imports point one way, down; every module has a level. What may start a process, print or import what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import layerproof

PACKAGE = Path(layerproof.__file__).parent
LEVELS = {
    0: ("errors", "model", "paths"),
    1: (
        "atomic",
        "builds",
        "cache_entries",
        "cache_events",
        "config",
        "config_file",
        "settings",
        "dockerfile",
        "changes",
        "compose",
        "compose_files",
        "progress",
        "context",
        "digests",
        "downloads",
        "evidence",
        "kept",
        "records",
        "scope",
        "secret_names",
        "references",
        "engine",
        "commands",
        "manifests",
        "package_managers",
        "programs",
        "shell",
        "validation",
        "volatile",
        "weights",
        "yaml_text",
    ),
    2: ("graph", "flow", "ingredients", "kinds", "roots", "selection", "starters", "testing"),
    3: ("policy", "prove", "explain", "audit", "bench"),
    4: ("report",),
    5: ("workflow",),
    6: ("tasks", "cli", "completion", "sessions"),
    7: ("__main__",),
}
LEVEL_OF = {name: level for level, names in LEVELS.items() for name in names}
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
PURE = (
    "progress",
    "graph",
    "policy",
    "dockerfile",
    "compose",
    "context",
    "weights",
    "flow",
    "ingredients",
    "explain",
    "audit",
    "bench",
    "starters",
)


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def importers(library: str) -> set[str]:
    return {
        str(path.relative_to(PACKAGE)) for path in FILES if library in {name.split(".")[0] for name in imports(path)}
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_points_up(path: Path) -> None:
    assert part(path) in LEVEL_OF, f"give {part(path)} a level"
    used = {name.split(".")[1] for name in imports(path) if name.startswith("layerproof.")} - {"__version__"}
    assert [name for name in used if LEVEL_OF[name] > LEVEL_OF[part(path)]] == []


@pytest.mark.parametrize("path", [path for path in FILES if part(path) in PURE], ids=lambda path: path.stem)
def test_pure_modules_know_no_process_and_no_terminal(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)}.isdisjoint({"subprocess", "rich", "invoke"})


def test_one_module_starts_processes_and_one_knows_python_on_whales() -> None:
    assert importers("subprocess") == {"engine/process.py"}
    assert importers("python_on_whales") == {"engine/docker.py"}


def test_values_are_structs() -> None:
    assert importers("dataclasses") == {"testing.py"}


def test_only_the_tasks_print() -> None:
    calls = (
        (part(path), node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    )
    assert {where for where, call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"} <= {"tasks"}


def imports_at_once(path: Path) -> set[str]:
    """What importing a module imports: at its top, and in turn at the top of what it imports of layerproof."""
    seen, waiting = set[str](), [path]
    while waiting:
        top = [
            node
            for node in ast.parse(waiting.pop().read_text(encoding="utf-8")).body
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        found = {name for node in top for name in _names(node)} - seen
        seen |= found
        files = (PACKAGE.parent.joinpath(*name.split(".")) for name in found if name.startswith("layerproof"))
        waiting += [
            file for base in files for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()
        ]
    return {name.split(".")[0] for name in seen}


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        yield alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("name", ["tasks/__init__", "compose_files", "config_file", "roots", "engine/docker"])
def test_what_comes_before_the_first_answer_of_docker_is_imported_quickly(name: str) -> None:
    slow = {"dataclasses", "rich", "python_on_whales", "yaml", "dockerfile", "requests", "jinja2", "filelock"}
    assert imports_at_once(PACKAGE / f"{name}.py").isdisjoint(slow)
