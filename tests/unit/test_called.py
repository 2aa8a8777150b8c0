"""How texts name the tasks for those who run the console command."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from layerproof.report.called import as_called


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("next: inv build --service api", "next: layerproof build --service api"),
        ("`inv check --fix` does", "`layerproof check --fix` does"),
        ("what `inv\nlab` chose", "what `layerproof\nlab` chose"),
        ("/opt/inv build", "/opt/inv build"),
        ("inv --list", "layerproof --list"),
        ("an inv. no. 7", "an inv. no. 7"),
    ],
)
def test_only_the_name_of_the_program_changes(text: str, expected: str) -> None:
    assert as_called(text, "layerproof") == expected


def test_styles_and_tables_stay_as_they_are() -> None:
    table = Table("name", "next", box=None)
    table.add_row("api", Text.assemble(("inv up", "bold"), " then inv verify"))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(as_called(Group(table, Padding("inv ps", 0)), "layerproof"))
    assert console.export_text().splitlines()[1].split("  ") == [" api", " layerproof up then layerproof verify "]
    cell = as_called(Text.assemble(("inv up", "bold"), " now"), "layerproof")
    assert (cell.plain, cell.spans[-1].style) == ("layerproof up now", "bold")
