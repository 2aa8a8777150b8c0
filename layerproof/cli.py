"""The console command `layerproof`: the same tasks, without a tasks.py."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.program import Program

from layerproof import __version__
from layerproof.errors import UsageError
from layerproof.tasks import namespace
from layerproof.tasks.console import as_called, leave_pipe, write

NAME = "layerproof"
# The others of Invoke's are for tasks that run shell commands.
SHOWN = ("file", "help", "list", "print-completion-script", "root", "version")


class _Program(Program):
    """
    Invoke's own usage errors end with 1, as a failed proof does; here they end with 2. `--root` and `--file` stand
    before the task, and completion knows their values.
    """

    def run(self, argv: Any = None, exit: bool = True) -> None:  # noqa: A002  # the name is Invoke's
        try:
            super().run(argv, exit)
        except BrokenPipeError:
            leave_pipe(sys.stdout)
        finally:
            write("")

    def core_args(self) -> list[Argument]:
        own = [
            Argument(
                names=("root", "C"), help="Work on the project in this folder (default: found from here upwards)."
            ),
            Argument(
                names=("file", "f"),
                kind=list,
                help="A compose file, before the task; repeat it for several (default: found).",
            ),
        ]
        theirs = super().core_args()
        for argument in theirs:
            # -f is the compose file, as it is for docker compose.
            argument.names = tuple(name for name in argument.names if name != "f")
        return [*own, *theirs]

    def shown_context(self) -> ParserContext:
        """The flags before a task that help and completion speak of."""
        return ParserContext(args=[item for item in self.core_args() if item.name in SHOWN])

    def parse_core(self, argv: Any) -> None:
        self.normalize_argv(argv)
        _with_code(self.parse_core_args)
        if shell := self.args["print-completion-script"].value:
            _print_script(shell)
        if self.args["complete"].value:
            self._complete()
        _with_code(super().parse_core, argv)

    def parse_tasks(self) -> None:
        _with_code(super().parse_tasks)

    def update_config(self, merge: bool = True) -> None:
        super().update_config(merge=merge)
        root, files = self.args["root"].value, self.args["file"].value
        if root and not Path(root).is_dir():
            raise Exit(f"error: --root {root}: there is no such folder", code=2)
        if missing := [name for name in files if not Path(name).is_file()]:
            raise Exit(f"error: --file {missing[0]}: there is no such file", code=2)
        given = {"root": str(Path(root).resolve()) if root else ""}
        self.config.update({NAME: {**given, "files": [str(Path(name).resolve()) for name in files]}})

    def print_help(self) -> None:
        sys.stdout.write(f"Usage: {NAME} [--root DIR] [--file FILE] TASK [--options] [TASK ...]\n\nOptions:\n\n")
        self.print_columns(self.shown_context().help_tuples())
        self.list_tasks()

    def print_task_help(self, name: str) -> None:
        text = io.StringIO()
        with redirect_stdout(text):
            super().print_task_help(name)
        sys.stdout.write(as_called(text.getvalue()))

    def _complete(self) -> None:
        """
        Print what may stand where the cursor is.

        Raises:
            Exit: always; an error while completing is none of the user's.
        """
        from layerproof.completion import complete

        # `-- layerproof build --ser`, from the scripts; Invoke keeps what stands behind the dashes as one text.
        words = self.argv[self.argv.index("--") + 1 :] if "--" in self.argv else []
        tasks = {str(item.name): item for item in namespace.to_contexts()}
        found = complete(words[1:], core=self.shown_context(), tasks=tasks)
        for word in found:
            sys.stdout.write(f"{word}\n")
        raise Exit


def _print_script(shell: str) -> None:
    """
    Print what a shell has to read for completion.

    Raises:
        Exit: always; with code 2 for an unknown shell.
    """
    from layerproof.completion import completion_script

    try:
        sys.stdout.write(completion_script(shell))
    except UsageError as error:
        raise Exit(f"error: {error.message}\nnext: {error.hint}", code=error.exit_code) from error
    raise Exit


def _with_code(parse: Callable[..., None], *words: Any) -> None:
    """
    Run a part of Invoke's parsing.

    Raises:
        Exit: what it cannot parse is a usage error.
    """
    try:
        parse(*words)
    except ParseError as error:
        raise Exit(f"error: {error}", code=2) from error


program = _Program(name=NAME, binary=NAME, binary_names=[NAME], namespace=namespace, version=__version__)
