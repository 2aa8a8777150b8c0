"""The program that a Python project starts, by its framework, its scripts or its files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from layerproof.starters import Folder
from layerproof.starters.ports import find_port
from layerproof.starters.sources import sources

ANYWHERE = "0.0.0.0"  # noqa: S104  # a container's own address
# app = FastAPI(...), application: Flask = Flask(__name__)
_APPLICATION = r"^(\w+)\s*(?::\s*[\w.]+\s*)?=\s*(?:\w+\.)?{name}\("
# def create_app():, def build() -> FastAPI:
_FACTORY = re.compile(
    r"^def (create_app|make_app|get_app|build_app|create_application)\(|"
    r"^def (\w+)\([^)]*\)\s*->\s*[\"']?(?:\w+\.)?(?:FastAPI|Flask|Starlette|Litestar|Sanic)\b",
    re.MULTILINE,
)
# uvicorn.run(app), bot.polling() at the left edge: a program without a guard
_RUNS = re.compile(r"^(?:\w+\.)*(?:run|run_app|serve|serve_forever|start)\(", re.MULTILINE)
_KINDS = ("FastAPI", "Starlette", "Litestar", "Sanic")
_OF_FRAMEWORKS = frozenset(("django", "flask", *(kind.lower() for kind in _KINDS)))
_MAIN = re.compile(r"^if __name__ == ['\"]__main__['\"]", re.MULTILINE)
_PROGRAMS = ("main.py", "app.py", "server.py", "run.py", "bot.py", "worker.py", "start.py", "cli.py")


class Start(Struct, frozen=True):
    """
    `command` may hold `{port}`; `binds` says that it listens. `needs_package` says that the project itself has to be
    installed to be found, `needs_source` that its files have to lie in the working folder, with `pythonpath` below it.
    """

    command: tuple[str, ...] = ()
    port: int | None = None
    binds: bool = False
    module: str = ""
    pythonpath: str = ""
    needs_package: bool = False
    needs_source: bool = True
    notes: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """The file, or the folder of the package, that starts; "" where that is not known."""
        file = next((word for word in self.command if word.endswith(".py")), "")
        return file or self.module.partition(".")[0]


def start_of(folder: Folder, names: set[str], *, scripts: Mapping[str, object], project: str) -> Start:
    """The command; an empty one where nothing says which it is."""
    found = (
        (_django(folder, names) if "django" in names else None)
        or _asgi(folder, names)
        or (_flask(folder, names) if "flask" in names else None)
        or (_streamlit(folder) if "streamlit" in names else None)
    )
    return found or _script(scripts, project) or _module(folder, names) or Start()


def _django(folder: Folder, names: set[str]) -> Start | None:
    manage = next((path for path in folder.paths if path == "manage.py" or path.endswith("/manage.py")), "")
    above = manage.rpartition("/")[0]
    wsgi = next((path for path in folder.paths if path.endswith("wsgi.py") and path.startswith(above)), "")
    asgi = next((path for path in folder.paths if path.endswith("asgi.py") and path.startswith(above)), "")
    if not manage:
        return None
    start = Start(port=8000, binds=True, pythonpath=above)
    if wsgi and "gunicorn" in names:
        return replace(start, command=_gunicorn(f"{_dotted(wsgi, above)}:application"))
    if asgi and "uvicorn" in names:
        return replace(start, command=_uvicorn(f"{_dotted(asgi, above)}:application"))
    if asgi and "daphne" in names:
        command = ("daphne", "-b", ANYWHERE, "-p", "{port}", f"{_dotted(asgi, above)}:application")
        return replace(start, command=command)
    note = "it starts Django's development server: add gunicorn to its dependencies and run this again"
    return replace(start, command=("python", manage, "runserver", "--noreload", f"{ANYWHERE}:{{port}}"), notes=(note,))


def _asgi(folder: Folder, names: set[str]) -> Start | None:
    kinds = [kind for kind in _KINDS if kind.lower() in names]
    named = next((found for kind in kinds if (found := _application(folder, kind))), None)
    path, variable = named or (_made(folder) or _factory(folder) if kinds else None) or ("", "")
    if not path:
        return None
    place = _place(folder, path)
    start = replace(place, port=8000, binds=True)
    target, is_factory = f"{place.module}:{variable.removesuffix('()')}", variable.endswith("()")
    factory = ("--factory",) if is_factory else ()
    if "uvicorn" in names:
        return replace(start, command=_uvicorn(target, *factory))
    if "hypercorn" in names:
        target = f"{target}()" if is_factory else target
        return replace(start, command=("hypercorn", target, "--bind", f"{ANYWHERE}:{{port}}"))
    if "granian" in names:
        listen = ("--host", ANYWHERE, "--port", "{port}")
        return replace(start, command=("granian", "--interface", "asgi", *factory, *listen, target))
    if _MAIN.search(folder.read(path)):
        return replace(start, command=("python", path), needs_source=True)
    return replace(start, notes=("no server such as uvicorn is among its dependencies",))


def _flask(folder: Folder, names: set[str]) -> Start | None:
    path, variable = _application(folder, "Flask") or _made(folder) or _factory(folder) or ("", "")
    if not path:
        return None
    place = _place(folder, path)
    start = replace(place, port=find_port({path: folder.read(path)}) or 5000, binds=True)
    target = f"{place.module}:{variable}"
    if "gunicorn" in names:
        return replace(start, command=_gunicorn(target))
    if "waitress" in names:
        call = ("--call",) if variable.endswith("()") else ()
        listen = f"--listen={ANYWHERE}:{{port}}"
        return replace(start, command=("waitress-serve", listen, *call, target.removesuffix("()")))
    text = folder.read(path)
    if _MAIN.search(text) and ANYWHERE in text:
        return replace(start, command=("python", path), needs_source=True)
    note = "it starts Flask's development server: add gunicorn to its dependencies and run this again"
    command = ("flask", "--app", target.removesuffix("()"), "run", "--host", ANYWHERE, "--port", "{port}")
    return replace(start, command=command, notes=(note,))


def _streamlit(folder: Folder) -> Start | None:
    path = next((path for path, text in sources(folder, ".py") if "import streamlit" in text), "")
    command = ("streamlit", "run", path, "--server.port", "{port}", "--server.address", ANYWHERE)
    return Start(command, port=8501, binds=True) if path else None


def _script(scripts: Mapping[str, object], project: str) -> Start | None:
    """The only script of a project, or the one that is called like it."""
    name = project if project in scripts else next(iter(scripts), "") if len(scripts) == 1 else ""
    return Start((name,), needs_package=True, needs_source=False) if name else None


def _module(folder: Folder, names: set[str]) -> Start | None:
    """`python main.py`, the only program at the top, or `python -m package`."""
    programs = [path for path in folder.top() if path.endswith(".py") and _MAIN.search(folder.read(path))]
    name = folder.first(*_PROGRAMS)
    # A module that only makes an application ends as soon as it has.
    if name not in programs and not names.isdisjoint(_OF_FRAMEWORKS) and not _RUNS.search(folder.read(name)):
        name = ""
    name = name or (programs[0] if len(programs) == 1 else "")
    if name:
        return Start(("python", name))
    packages = [path for path in folder.paths if path.endswith("/__main__.py") and path.count("/") <= 2]
    if len(packages) == 1:
        place = _place(folder, packages[0])
        return replace(place, command=("python", "-m", place.module.removesuffix(".__main__")))
    return None


def _application(folder: Folder, kind: str) -> tuple[str, str] | None:
    pattern = re.compile(_APPLICATION.format(name=kind), re.MULTILINE)
    return next(((path, found[1]) for path, text in sources(folder, ".py") if (found := pattern.search(text))), None)


def _factories(folder: Folder) -> list[tuple[str, str]]:
    """The functions that make an application: path and name."""
    return [(path, found[1] or found[2]) for path, text in sources(folder, ".py") for found in _FACTORY.finditer(text)]


def _made(folder: Folder) -> tuple[str, str] | None:
    """The variable of a module that holds what such a function has made."""
    calls = "|".join(re.escape(name) for _, name in _factories(folder))
    # app = create_app(), application: FastAPI = factory.create_app()
    pattern = re.compile(_APPLICATION.format(name=f"(?:{calls})"), re.MULTILINE)
    found = ((path, pattern.search(text)) for path, text in sources(folder, ".py")) if calls else ()
    return next(((path, match[1]) for path, match in found if match), None)


def _factory(folder: Folder) -> tuple[str, str] | None:
    return next(((path, f"{name}()") for path, name in _factories(folder)), None)


def _place(folder: Folder, path: str) -> Start:
    """
    How a file is imported: from an installed package below `src`, from its own folder where it imports what lies beside
    it by its bare name, else from the working folder.
    """
    if path.startswith("src/") and f"{'/'.join(path.split('/')[:2])}/__init__.py" in folder.paths:
        return Start(module=_dotted(path, "src"), pythonpath="src", needs_package=True, needs_source=False)
    above = path.rpartition("/")[0]
    # from routes import router, where src/routes.py lies beside src/main.py
    imported = re.findall(r"^(?:from|import)\s+(\w+)", folder.read(path), re.MULTILINE)
    if above and any(folder.has(f"{above}/{name}.py") or folder.has(f"{above}/{name}") for name in imported):
        return Start(module=_dotted(path, above), pythonpath=above)
    return Start(module=_dotted(path, ""))


def _dotted(path: str, above: str) -> str:
    inner = path.removeprefix(f"{above}/") if above else path
    return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _gunicorn(target: str) -> tuple[str, ...]:
    return ("gunicorn", "--bind", f"{ANYWHERE}:{{port}}", target)


def _uvicorn(target: str, *options: str) -> tuple[str, ...]:
    return ("uvicorn", *options, target, "--host", ANYWHERE, "--port", "{port}")
