"""Write what is known of the project into one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.errors import UsageError
from layerproof.tasks.console import connect, exit_on_error, load_project, root_of, say, show, write_file

if TYPE_CHECKING:
    from invoke.context import Context


@task(
    help={
        "output": "The file to write (default: .layerproof/report.html).",
        "builds": "How many of the newest builds and proofs it shows.",
        "check": "Run `inv check` for it (the default), or leave it out; it takes most of the time.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "open": "Open the page in the browser.",
        "format": "text, or json: the data on stdout, and no page.",
    },
)
def report(
    c: Context,
    output: str = "",
    builds: int = 200,
    check: bool = True,
    profile: str = "",
    open: bool = False,
    format: str = "text",
) -> None:
    """
    Write one HTML page that needs no network: builds step by step, images, the last proof, findings, audit, sizes.

    It shows what is on record of builds, `inv prove` and `inv audit`; only `inv check` is run for it.

    Examples:
        inv report
        inv report --no-check --open
        inv report --output public/index.html --builds 50
        inv report --format json | jq '.totals'
    """
    import webbrowser

    from layerproof.paths import STATE_FOLDER
    from layerproof.report.page import render_page
    from layerproof.report.text import size
    from layerproof.workflow.report import collect

    with exit_on_error(format=format):
        if builds < 1:
            raise UsageError(f"--builds {builds}: a report shows at least one", hint="Leave it out for all on record.")
        engine = connect()
        project = load_project(c, engine, profile=profile)
        found = collect(project, engine=engine, builds=builds, with_check=check, warn=lambda text: say(f"! {text}"))
        if format == "json":
            show("", found, format=format)
            return
        path = Path(output) if output else root_of(c) / STATE_FOLDER / "report.html"
        page = render_page(found).encode("utf-8", "replace")
        write_file(path, page)
        show(f"{path}  {size(len(page))}", found, format=format)
        if open:
            webbrowser.open(path.resolve().as_uri())
