"""Python services: pip, uv and Poetry; Django, FastAPI, Flask, scripts and packages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from layerproof.starters import NO_START, Folder, Starter, Wishes
from layerproof.starters.ports import find_port
from layerproof.starters.python_start import start_of
from layerproof.starters.sources import find_health_path, reads_port, sources
from layerproof.starters.versions import python_version

UV_VERSION = "0.9.5"
POETRY_VERSION = "2.2.1"
_REQUIREMENTS = (
    *("requirements.txt", "requirements.lock", "requirements/production.txt", "requirements/prod.txt"),
    *("requirements/base.txt", "requirements-prod.txt"),
)
# Packages without wheels, or whose wheels need libraries of the system: to build with, and to run with.
_SYSTEM: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "psycopg2": (("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    # Version 3 binds to the library in Python, unless its wheel has it inside.
    "psycopg": ((), ("libpq5",)),
    "psycopg-c": (("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    "mysqlclient": (("gcc", "libc6-dev", "default-libmysqlclient-dev", "pkg-config"), ("libmariadb3",)),
    "uwsgi": (("gcc", "libc6-dev"), ()),
    "python-ldap": (("gcc", "libc6-dev", "libldap-dev", "libsasl2-dev"), ("libldap-2.5-0", "libsasl2-2")),
    "pyodbc": ((), ("unixodbc",)),
    "opencv-python": ((), ("libgl1", "libglib2.0-0")),
    "python-magic": ((), ("libmagic1",)),
    "weasyprint": ((), ("libpango-1.0-0", "libpangoft2-1.0-0")),
}
_FRAMEWORKS = ("django", "fastapi", "flask", "starlette", "litestar", "sanic", "aiohttp", "tornado", "streamlit")


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with a Python project is; None where no manifest of one is there."""
    project, error = _pyproject(folder)
    if error:
        return Starter("python", blocked=error)
    manager = _manager(folder, project)
    if not manager:
        return _without_manifest(folder)
    table, poetry = _tables(project)
    asked = (str(table.get("requires-python") or ""), str((poetry.get("dependencies") or {}).get("python") or ""))
    version, unmet = python_version(asked, folder)
    starter = Starter("python", manager, version, notes=(unmet,) if unmet else ())
    if reason := _blocked(folder, project, manager):
        return replace(starter, blocked=reason)
    return _described(starter, folder, project, wishes)


def _described(starter: Starter, folder: Folder, project: Mapping[str, Any], wishes: Wishes) -> Starter:
    manager, (table, poetry) = starter.manager, _tables(project)
    names = {_normal(name) for name in _dependency_names(folder, project, manager)}
    framework = next((name for name in _FRAMEWORKS if name in names), "")
    texts = dict(sources(folder, ".py"))
    text = "\n".join(texts.values())
    scripts = {**(table.get("scripts") or {}), **(poetry.get("scripts") or {})}
    start = start_of(folder, names, scripts=scripts, project=str(table.get("name") or poetry.get("name") or ""))
    is_server = bool(framework or start.binds or wishes.port)
    port = wishes.port or (start.port if is_server else None) or find_port(texts, start.program)
    packaged = _packaged(folder, project) and start.needs_package
    # readme = "README.md", license = {file = "LICENSE.md"}
    texts_of_package = re.findall(r"[\"']([\w./-]+\.md)[\"']", folder.read("pyproject.toml") if packaged else "")
    values = {
        **_install_values(folder, manager, names),
        "packaged": packaged,
        "copies_source": not packaged or start.needs_source,
        "environment": {"PORT": str(port)} if port and reads_port(text) else {},
        "pythonpath": start.pythonpath if not packaged else "",
    }
    return replace(
        starter,
        manager={"requirements": "pip", "pyproject": "pip"}.get(manager, manager),
        framework=framework,
        command=tuple(word.replace("{port}", str(port)) for word in start.command),
        port=port,
        health_path=find_health_path(text) if is_server else "",
        values=values,
        keeps=tuple(f"!{path}" for path in dict.fromkeys(texts_of_package)),
        notes=(*starter.notes, *start.notes, *_notes(folder, manager, bool(start.command), port)),
    )


def _notes(folder: Folder, manager: str, has_command: bool, port: int | None) -> Iterator[str]:
    if not has_command:
        yield f"{NO_START}: set CMD at the end of the Dockerfile"
    elif port is None:
        yield "its port was not found: no EXPOSE and no HEALTHCHECK; add them if it answers"
    if manager == "requirements" and not _is_pinned(folder):
        yield "requirements.txt pins no versions, so each install may bring others: pip freeze, or uv pip compile"
    if manager == "pyproject":
        yield "there is no lock file, so each install may bring other versions: commit uv.lock (uv lock)"


def _tables(project: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """[project] and [tool.poetry]; empty where they are not there."""
    return project.get("project") or {}, (project.get("tool") or {}).get("poetry") or {}


def _pyproject(folder: Folder) -> tuple[dict[str, Any], str]:
    import tomli

    if "pyproject.toml" not in folder.paths:
        return {}, ""
    try:
        return _tidy(tomli.loads(folder.read("pyproject.toml"))), ""
    except RecursionError:
        return {}, "pyproject.toml:1: nested too deeply"
    except tomli.TOMLDecodeError as error:
        return {}, f"pyproject.toml:{error.lineno}: not valid TOML: {error.msg}; mend it"


def _tidy(document: dict[str, Any]) -> dict[str, Any]:
    """A document in which the tables that are looked at are tables."""
    tool = _table(document.get("tool"))
    tool |= {name: _table(tool[name]) for name in ("poetry", "uv", "hatch", "setuptools") if name in tool}
    if "poetry" in tool:
        tool["poetry"] |= {name: _table(tool["poetry"].get(name)) for name in ("dependencies", "scripts")}
    tidy = {**document, "tool": tool}
    if "project" in document:
        project = _table(document["project"])
        listed = project.get("dependencies")
        tidy["project"] = {
            **project,
            "scripts": _table(project.get("scripts")),
            "dependencies": listed if isinstance(listed, list) else [],
        }
    return tidy


def _table(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _manager(folder: Folder, project: Mapping[str, Any]) -> str:
    tool = project.get("tool") or {}
    if "uv.lock" in folder.paths:
        return "uv"
    if "poetry.lock" in folder.paths or "poetry" in tool:
        return "poetry"
    if folder.first(*_REQUIREMENTS):
        return "requirements"
    if "Pipfile" in folder.paths or "pdm.lock" in folder.paths or "environment.yml" in folder.paths:
        return "other"
    if isinstance(project.get("project"), dict):
        return (
            "uv-project"
            if any("[tool.uv.workspace]" in above.read("pyproject.toml") for above in folder.above)
            else "pyproject"
        )
    return "setup.py" if "setup.py" in folder.paths or "setup.cfg" in folder.paths else ""


def _without_manifest(folder: Folder) -> Starter | None:
    """A folder of Python without dependencies is a service all the same where it has a program at its top."""
    programs = [
        path
        for path in folder.top()
        if path.endswith(".py") and path not in ("setup.py", "conftest.py", "tasks.py", "noxfile.py")
    ]
    if not programs or folder.first("package.json", "go.mod", "Cargo.toml", "pom.xml"):
        return None
    if not any("__name__" in folder.read(path) for path in programs):
        return None
    return Starter("python", blocked="it names no dependencies: add a requirements.txt, empty if it needs none")


def _blocked(folder: Folder, project: Mapping[str, Any], manager: str) -> str:
    tool = project.get("tool") or {}
    if manager == "other":
        return "Pipenv, PDM and conda are not handled: pip, uv and Poetry are"
    if manager == "setup.py":
        return "its dependencies are in setup.py, which needs the source to be read: list them in pyproject.toml"
    if manager == "uv-project":
        return "it is part of a uv workspace and its lock file lies outside of its build context: that is not handled"
    if "workspace" in (tool.get("uv") or {}):
        return "it is the root of a uv workspace: that is not handled"
    if manager == "poetry" and "poetry.lock" not in folder.paths:
        return "there is no poetry.lock: run `poetry lock`, and this again"
    local = re.search(r"(?:path|editable)\s*=\s*[\"']([^\"']+)", folder.read("pyproject.toml")) if project else None
    if local and manager in ("uv", "poetry") and local[1] not in (".", "./"):
        return f"a dependency is the folder {local[1]}: that is not handled"
    for name, line, text in _requirement_lines(folder) if manager == "requirements" else ():
        # -e ., ./lib, ../shared
        if re.match(r"(-e|--editable)\s|\.{1,2}(/|$)|file:", text):
            return f"{name}:{line}: `{text}` installs a folder: that is not handled"
    return ""


def _install_values(folder: Folder, manager: str, names: set[str]) -> dict[str, Any]:
    needed = [_SYSTEM[name] for name in names if name in _SYSTEM and f"{name}-binary" not in names]
    build = {package for packages, _ in needed for package in packages}
    run = {package for _, packages in needed for package in packages}
    build |= {"git"} if _installs_by_git(folder, manager) else set()
    requirements = folder.first(*_REQUIREMENTS)
    manifests = (
        {
            "uv": ("pyproject.toml", "uv.lock"),
            "poetry": ("pyproject.toml", "poetry.lock"),
            "pyproject": ("pyproject.toml",),
        }.get(manager)
        or tuple(dict.fromkeys(name for name, _, _ in _requirement_lines(folder)))
        or (requirements,)
    )
    # # This file is automatically @generated by Poetry 1.8.3 and should not be changed by hand.
    made = (
        re.search(r"@generated by Poetry (\d+\.\d+\.\d+)", folder.read("poetry.lock")) if manager == "poetry" else None
    )
    return {
        "how": manager,
        "manifests": manifests,
        "requirements": requirements,
        "uv_version": UV_VERSION,
        "poetry_version": made[1] if made else POETRY_VERSION,
        "build_packages": tuple(sorted(build)),
        "run_packages": tuple(sorted(run)),
        "poetry_groups": "",
    }


def _packaged(folder: Folder, project: Mapping[str, Any]) -> bool:
    """Whether the project itself can be installed: it names a build backend, and its package is there."""
    tool = project.get("tool") or {}
    if not project.get("build-system") or (tool.get("poetry") or {}).get("package-mode") is False:
        return False
    name = str((project.get("project") or {}).get("name") or (tool.get("poetry") or {}).get("name") or "")
    module = re.sub(r"[-.]+", "_", name).lower()
    return any(folder.has(f"{above}{module}/__init__.py") for above in ("src/", "")) or "packages" in str(
        tool.get("poetry") or tool.get("hatch") or tool.get("setuptools") or ""
    )


def _requirement_lines(folder: Folder, name: str = "", seen: tuple[str, ...] = ()) -> Iterator[tuple[str, int, str]]:
    """The lines of the requirement files, of those that they name too; each file has one line at least."""
    name = name or folder.first(*_REQUIREMENTS)
    if not name or name in seen:
        return
    yield name, 0, ""
    for number, line in enumerate(folder.read(name).splitlines(), start=1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        # -r base.txt, -c constraints.txt
        if named := re.match(r"(?:-r|-c|--requirement|--constraint)[ =]*(\S+)", text):
            above = name.rpartition("/")[0]
            path = re.sub(r"^\./", "", f"{above}/{named[1]}" if above else named[1])
            yield from _requirement_lines(folder, path, (*seen, name)) if path in folder.paths else ()
            continue
        yield name, number, text


def _dependency_names(folder: Folder, project: Mapping[str, Any], manager: str) -> Iterator[str]:
    # uvicorn[standard]>=0.30; python_version > "3.8"
    named = r"[A-Za-z0-9][\w.-]*(?:\[[\w, -]*\])?"
    texts = [text for _, _, text in _requirement_lines(folder)] if manager == "requirements" else []
    table = project.get("project")
    if isinstance(table, dict) and manager != "requirements":
        texts += [str(item) for item in table.get("dependencies") or ()]
    poetry = (project.get("tool") or {}).get("poetry") or {}
    texts += [_with_extras(*item) for item in (poetry.get("dependencies") or {}).items()] if manager == "poetry" else []
    for text in texts:
        if found := re.match(named, text):
            base, _, extras = found[0].partition("[")
            yield base
            if extras and _normal(base) == "fastapi":
                yield "uvicorn"  # fastapi[standard], fastapi[all]
            if _normal(base) == "psycopg":
                # psycopg[binary,pool]
                yield from (f"psycopg-{extra}" for extra in re.findall(r"\b(?:binary|c)\b", extras))


def _installs_by_git(folder: Folder, manager: str) -> bool:
    if manager == "requirements":
        return any("git+" in text for _, _, text in _requirement_lines(folder))
    # mylib = { git = "https://..." }, "mylib @ git+https://...", type = "git"
    text = "\n".join(map(folder.read, ("pyproject.toml", folder.first("uv.lock", "poetry.lock"))))
    return re.search(r"\bgit\+\w+://|\bgit\s*=\s*[\"']|^type\s*=\s*[\"']git[\"']", text, re.MULTILINE) is not None


def _with_extras(name: object, value: object) -> str:
    # fastapi = {extras = ["standard"], version = "^0.115"}
    extras = value.get("extras") if isinstance(value, dict) else None
    return f"{name}[{', '.join(map(str, extras))}]" if isinstance(extras, list) and extras else str(name)


def _is_pinned(folder: Folder) -> bool:
    """Whether most requirements name their version; one without any is as good as pinned."""
    lines = [text for _, number, text in _requirement_lines(folder) if number and not text.startswith("-")]
    return not lines or sum("==" in text or " @ " in text for text in lines) * 2 > len(lines)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
