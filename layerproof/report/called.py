"""Texts name the tasks `inv build`, ...; whoever runs the console command reads `layerproof build`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

# Run `inv doctor --install`; next: inv build
_TASK = re.compile(r"(?<![\w./-])inv(?=\s+[a-z-])")


def as_called(shown: Any, program: str) -> Any:
    """A text, or a renderable of texts, with the tasks named as tasks of another program."""
    if isinstance(shown, str):
        return _TASK.sub(program, shown)
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    if isinstance(shown, Text):
        return _renamed(shown, program)
    if isinstance(shown, Group):
        return Group(*(as_called(part, program) for part in shown.renderables))
    if isinstance(shown, Padding):
        shown.renderable = as_called(shown.renderable, program)
    if isinstance(shown, Table):
        for column in shown.columns:
            column._cells = [as_called(cell, program) for cell in column.cells]
    return shown


def _renamed(text: Text, program: str) -> Text:
    for match in reversed(list(_TASK.finditer(text.plain))):
        text = text[: match.start()].append(program).append_text(text[match.end() :])
    return text
