"""What is printed stands as it is."""

from __future__ import annotations

import pytest
from rich.table import Table

from layerproof.tasks.console import out


def test_brackets_in_what_files_and_programs_say_are_no_style(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table.grid()
    table.add_row("/app/[slug]/page.js")
    table.add_row("RUN sed -e 's#[/.]#-#g' a")
    out().print(table)
    out().print("uvicorn[standard]")
    assert capsys.readouterr().out.split("\n")[:3] == [
        "/app/[slug]/page.js      ",
        "RUN sed -e 's#[/.]#-#g' a",
        "uvicorn[standard]",
    ]
