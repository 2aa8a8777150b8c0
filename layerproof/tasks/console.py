"""What every task needs: the project's root, an engine, a console, and one way to end on an error."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

from invoke.exceptions import Exit

from layerproof.errors import ConfigError, LayerproofError, UsageError

if TYPE_CHECKING:
    from invoke.context import Context
    from rich.console import Console

    from layerproof.engine import Engine
    from layerproof.model import Project
    from layerproof.tasks.watching import DrawingWatcher

FORMATS = ("text", "json")
PROGRAM = "layerproof"
INTERRUPTED = 130
PIPE_WIDTH = 2000
GARBAGE_THRESHOLD = 100_000


def out() -> Console:
    """Results go to stdout; colours go away in a pipe."""
    return _console(sys.stdout)


def err() -> Console:
    """Progress and errors go to stderr, so that stdout stays what was asked for."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    """A pipe has no width: lines stay whole there, and tables get room."""
    from rich.console import Console

    class Called(Console):
        def print(self, *objects: Any, **how: Any) -> None:
            if _is_console_command():
                from layerproof.report.called import as_called as renamed

                objects = tuple(renamed(item, PROGRAM) for item in objects)
            super().print(*objects, **how)

        def on_broken_pipe(self) -> None:
            leave_pipe(self.file)  # and go on: the exit code is the task's

    piped = not stream.isatty()
    width = PIPE_WIDTH if piped else None
    # What is shown is what files and programs say: [slug] in a path is no style.
    return Called(file=stream, width=width, soft_wrap=piped, markup=False, highlight=False, emoji=False)


CACHE_HELP = {
    "cache-from": "Read build cache from here, as in type=registry,ref=REGISTRY/cache:{image}; repeat it.",
    "cache-to": "Write build cache to here; {image} stands for each image's name; repeat it.",
}
AFFECTED_HELP = "Only what has changed since this git commit affects, with what is built on it; an empty one means all."


def say(text: str) -> None:
    """Say what is about to happen."""
    err().print(text, style="dim")


def show(renderable: Any, document: Any, *, format: str) -> None:
    """Show a result as a person or a machine wants it."""
    if format == "json":
        write(json.dumps(document, indent=2) + "\n")
    else:
        out().print(renderable)


def write(text: str) -> None:
    """Write a result to stdout as it is; a reader that has gone changes nothing of what the task ends with."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        leave_pipe(sys.stdout)


def as_called(text: str) -> str:
    """A text that names tasks as the user has called this one."""
    from layerproof.report.called import as_called as renamed

    return str(renamed(text, PROGRAM)) if _is_console_command() else text


def _is_console_command() -> bool:
    called = Path(sys.argv[0])
    return called.stem == PROGRAM or called.parts[-2:] == (PROGRAM, "__main__.py")


def write_file(path: Path, data: bytes) -> None:
    """
    Write a result where the user wants it; folders are made.

    Raises:
        UsageError: it cannot be written there.
    """
    from layerproof.atomic import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error}", hint="Name a file in a folder of yours.") from error


@contextmanager
def exit_on_error(*, format: str = "text", known: Sequence[str] = FORMATS) -> Iterator[None]:
    """
    End the process with the error's code; a bug keeps its traceback. SIGTERM and a closed terminal end as Ctrl-C does.

    Python looks for garbage in all that is imported, again and again and when it exits, which takes a tenth of a
    second: in this process it does so rarely, and no more in what there is at the end of a task.

    Args:
        format: the output format that was asked for; one that is not known is refused before anything is done.
    """
    gc.set_threshold(GARBAGE_THRESHOLD)
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        if format not in known:
            is_file = format.endswith((".yml", ".yaml"))
            file = " A compose file is named before the task: layerproof --file FILE TASK." if is_file else ""
            raise UsageError(f"there is no format {format!r}", hint=f"Known: {', '.join(known)}.{file}")
        yield
    except LayerproofError as error:
        console = err()
        console.print(f"error: {error.message}", style="red")
        if error.hint:
            console.print(f"next: {error.hint}")
        raise Exit(code=error.exit_code) from error
    except KeyboardInterrupt as error:
        err().print("stopped", style="yellow")
        raise Exit(code=INTERRUPTED) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        gc.freeze()


def leave_pipe(stream: IO[str]) -> None:
    """The reader, as of `inv graph | head`, has what it wanted: nothing more is written, not even when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def confirmed(question: str) -> bool:
    """Ask on the terminal; no answer, as in a pipe, means no."""
    from rich.markup import escape
    from rich.prompt import Confirm

    try:
        return bool(Confirm.ask(escape(question), default=False, console=err()))
    except EOFError:
        return False


def affected_names(c: Context, project: Project, engine: Engine, base: str) -> frozenset[str]:
    """The names of the images that a change affects, after saying which and why; every image where no base is given."""
    if not base:
        return frozenset(image.name for image in project.images)
    from layerproof.workflow.affected import find_affected

    report = find_affected(project, base, engine=engine, environment=environment_of(c))
    for item in report.images:
        say(f"affected since {base}: {item.image}: {item.reason}")
    if not report.images:
        say(f"nothing that has changed since {base} affects an image")
    return frozenset(item.image for item in report.images)


def append_text(path: Path, text: str) -> None:
    """
    Append to a file, as the summary of a workflow step wants it.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error}", hint="Name a file in a folder of yours.") from error


def fail_unless(holds: bool) -> None:
    """Exit code 1 for findings and checks that do not hold; they are already shown."""
    if not holds:
        raise Exit(code=1)


def root_of(c: Context) -> Path:
    """The root that was given or that the tasks.py in use has configured, else the one found from here upwards."""
    from layerproof.roots import find_root

    configured = c.config.get("layerproof", {}).get("root")
    return Path(configured) if configured else find_root(Path.cwd())


def environment_of(c: Context) -> Mapping[str, str]:
    """The environment that a project is read in: compose files that were given stand in COMPOSE_FILE."""
    from layerproof.roots import naming_files

    files = c.config.get("layerproof", {}).get("files")
    if not files:
        return os.environ
    root = root_of(c)
    return naming_files(os.environ, [root / file for file in files], root=root)


def connect(*, builder: str | None = None) -> Engine:
    """The engine that the docker CLI talks to."""
    from layerproof.engine.docker import DockerEngine

    return DockerEngine(builder=builder or None)


def load_project(
    c: Context,
    engine: Engine,
    *,
    profile: str | None = None,
    overlays: tuple[str, ...] = (),
    cache_from: Sequence[str] = (),
    cache_to: Sequence[str] = (),
    will_bake: bool = False,
    needed_later: Sequence[str] = (),
) -> Project:
    """
    Read the project of this context. Places of the build cache that are given win over the configured ones; an empty
    one stands for none, as CI has it where an expression gives nothing.

    Args:
        will_bake: something of it is probably built next.
        needed_later: modules to import while Compose reads its files.
    """
    where, environment = root_of(c), environment_of(c)
    _ask_meanwhile(engine, where, environment=environment, overlays=overlays)
    for module in needed_later:
        import_module(module)
    if will_bake:
        engine.begin_bake()  # now and not before: Compose is waited for, and would get less of the processor

    from layerproof.cache_entries import lacks_token
    from layerproof.workflow.load import load

    given = {"from": cache_from, "to": cache_to}
    cache = {name: [entry for entry in entries if entry.strip()] for name, entries in given.items() if entries}
    project = load(
        where,
        engine=engine,
        environment=environment,
        profile=profile or None,
        overlays=overlays,
        on_broken=_leave_out,
        cache=cache,
    )
    if lacks_token(project.images, os.environ):
        say(
            "! type=gha is left out: ACTIONS_RUNTIME_TOKEN is not set; in a workflow crazy-max/ghaction-github-runtime "
            "sets it"
        )
    return project


def _leave_out(name: str, error: ConfigError) -> None:
    """Say what is left out of the project; what may not be ends the task."""
    from layerproof.workflow.images import refuse

    refuse(name, error)
    say(f"! {error.message}: it is left out")


def _ask_meanwhile(engine: Engine, root: Path, *, environment: Mapping[str, str], overlays: tuple[str, ...]) -> None:
    """Let Compose read its files while what reads its answer is imported; `load` tells what is wrong with them."""
    from layerproof.compose_files import find_compose_files
    from layerproof.config_file import configured_compose_file
    from layerproof.engine import ComposeCall

    root = root.resolve()
    with suppress(ConfigError):
        configured = configured_compose_file(root)
        files = find_compose_files(root, configured=configured, environment=environment, overlays=overlays)
        engine.ask_compose_config(ComposeCall(root, files, environment))


def load_stack(c: Context, engine: Engine, *, overlays: tuple[str, ...] = ()) -> Project:
    """Read what Compose knows of the project; a broken Dockerfile does not matter."""
    from layerproof.workflow.load import load

    return load(root_of(c), engine=engine, environment=environment_of(c), overlays=overlays, with_images=False)


def watcher(note: str = "", *, needed_later: Sequence[str] = ()) -> DrawingWatcher:
    """The watcher of a build; importing it takes what reading the project has imported already."""
    from layerproof.tasks.watching import DrawingWatcher

    return DrawingWatcher(note, needed_later=needed_later)
