"""The console command `layerproof`: the same tasks, without a tasks.py."""

from collections.abc import Callable
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from layerproof import __version__
from layerproof.tasks import namespace


class _Program(Program):
    """Invoke's own usage errors end with 1, as a failed proof does; here they end with 2."""

    def parse_core(self, argv: Any) -> None:
        _with_code(super().parse_core, argv)

    def parse_tasks(self) -> None:
        _with_code(super().parse_tasks)


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


program = _Program(name="layerproof", binary="layerproof", namespace=namespace, version=__version__)
