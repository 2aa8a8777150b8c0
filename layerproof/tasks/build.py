"""Build, look at what was built, and keep the cache in hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit
from invoke.tasks import task

from layerproof.tasks.console import (
    AFFECTED_HELP,
    CACHE_HELP,
    affected_names,
    append_text,
    confirmed,
    connect,
    err,
    exit_on_error,
    load_project,
    out,
    root_of,
    say,
    show,
    watcher,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from invoke.context import Context

    from layerproof.engine import Engine
    from layerproof.model import Project

_HELP = {
    "format": "text or json (json on stdout, progress on stderr).",
    "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
    "builder": "A buildx builder by name; default: the current one.",
    "no-cache": "Run every step of what is named again, cached or not.",
    **CACHE_HELP,
    "summary": "Append the table to this file as Markdown, as $GITHUB_STEP_SUMMARY wants it.",
}


@task(iterable=["cache_from", "cache_to"], help=_HELP)
def bases(
    c: Context,
    profile: str = "",
    builder: str = "",
    no_cache: bool = False,
    format: str = "text",
    cache_from: list[str] | None = None,
    cache_to: list[str] | None = None,
    summary: str = "",
) -> None:
    """
    Build the shared base images, in one graph.

    Examples:
        inv bases
        inv bases --no-cache
    """
    with exit_on_error(format=format):
        engine = connect(builder=builder)
        project = _load(c, engine, profile=profile, cache_from=cache_from, cache_to=cache_to)
        names = [image.name for image in project.images if image.role == "base"]
        if not names:
            say(f"{root_of(c)} has no base images: there is no folder with a Dockerfile below the `bases` folder")
            return
        _build(project, engine, names, no_cache=no_cache, summary=summary, format=format)


@task(
    iterable=["service", "cache_from", "cache_to"],
    help={
        **_HELP,
        "service": "Build this service and its bases only; repeat it (default: everything).",
        "affected": AFFECTED_HELP,
    },
)
def build(
    c: Context,
    service: list[str],
    profile: str = "",
    builder: str = "",
    no_cache: bool = False,
    format: str = "text",
    cache_from: list[str] | None = None,
    cache_to: list[str] | None = None,
    affected: str = "",
    summary: str = "",
) -> None:
    """
    Build services, bases first, and only what is stale.

    With --cache-to, what is not stale is sent to the builder too, so that its cache gets there. Every image has a place
    of its own: its name is {image}, or else the tag, the scope or the folder below the one that is given.

    Examples:
        inv build
        inv build --service pose-service
        inv build --service backend-api --service frontend --format json
        inv build --cache-from type=gha --cache-to type=gha
        inv build --affected origin/main --cache-from type=registry,ref=registry.example/cache:{image}
    """
    with exit_on_error(format=format):
        engine = connect(builder=builder)
        project = _load(c, engine, profile=profile, cache_from=cache_from, cache_to=cache_to)
        from layerproof.workflow.load import select_images

        chosen = affected_names(c, project, engine, affected)
        names = [name for name in select_images(project, service) if name in chosen]
        _build(project, engine, names, no_cache=no_cache, summary=summary, format=format)


@task(help={"format": "text, json or bake (the definition that is passed to buildx).", "profile": _HELP["profile"]})
def graph(c: Context, format: str = "text", profile: str = "") -> None:
    """
    Show what is built from what.

    Examples:
        inv graph
        inv graph --format bake > bake.json && docker buildx bake -f bake.json
    """
    from layerproof.graph import bake_definition
    from layerproof.report.document import graph_document
    from layerproof.report.text import render_graph

    with exit_on_error(format=format, known=("text", "json", "bake")):
        project = load_project(c, connect(), profile=profile)
        if format == "bake":
            write(json.dumps(bake_definition(project.images), indent=2) + "\n")
        else:
            show(render_graph(project), graph_document(project), format=format)


@task(help={"format": _HELP["format"], "profile": _HELP["profile"]})
def images(c: Context, profile: str = "", format: str = "text") -> None:
    """List the images of this project: size, age, and which are stale or missing."""
    from layerproof.report.document import images_document
    from layerproof.report.text import render_images
    from layerproof.workflow.build import plan_build

    with exit_on_error(format=format):
        engine = connect()
        project = load_project(c, engine, profile=profile)
        stale = plan_build(project, engine=engine, names=[image.name for image in project.images]).stale
        local = engine.images()
        show(render_images(project, local, stale), images_document(project, local, stale), format=format)


@task(help={"builder": _HELP["builder"], "format": _HELP["format"]})
def cache(c: Context, builder: str = "", format: str = "text") -> None:
    """Show how much build cache there is, by kind."""
    from layerproof.report.document import cache_document
    from layerproof.report.text import render_cache

    with exit_on_error(format=format):
        usage = connect(builder=builder).cache_usage()
        show(render_cache(usage), cache_document(usage), format=format)


@task(
    help={
        "builder": _HELP["builder"],
        "all": "Clear everything, also what images share and what was used a minute ago.",
        "older-than": "Only cache not used for this long, for example 48h (default: whatever no image shares).",
        "yes": "Do not ask.",
    }
)
def prune(c: Context, all: bool = False, older_than: str = "", yes: bool = False, builder: str = "") -> None:
    """
    Drop build cache; asks first. Images, containers and volumes are never touched.

    Examples:
        inv prune --older-than 48h
        inv prune --all
    """
    from layerproof.report.text import render_cache

    with exit_on_error():
        engine = connect(builder=builder)
        out().print(render_cache(engine.cache_usage()))
        what = "ALL build cache" if all else "build cache that no image shares"
        age = f" not used for {older_than}" if older_than else ""
        if not yes and not confirmed(f"Drop {what}{age} of this builder, other projects' included?"):
            err().print("nothing was dropped")
            raise Exit(code=1)
        out().print(engine.prune_cache(everything=all, older_than=older_than))


def _load(
    c: Context, engine: Engine, *, profile: str, cache_from: Sequence[str] | None, cache_to: Sequence[str] | None
) -> Project:
    return load_project(
        c,
        engine,
        profile=profile,
        cache_from=cache_from or (),
        cache_to=cache_to or (),
        will_bake=True,
        needed_later=["layerproof.workflow.build", "layerproof.tasks.watching"],
    )


def _build(
    project: Project, engine: Engine, names: Collection[str], *, no_cache: bool, summary: str, format: str
) -> None:
    from layerproof import graph

    engine.ask_images(graph.local_tags(graph.with_parents(project.images, names)))
    from layerproof.workflow import build as workflow

    note = f"profile: {project.profile}" if project.profile else ""
    later = ("layerproof.report.document", "layerproof.report.markdown", "layerproof.workflow.why", "filelock")
    drawing = watcher(note, needed_later=later)
    try:
        report = workflow.build(project, engine=engine, names=names, watcher=drawing, no_cache=no_cache)
    finally:
        drawing.say_note()
    from msgspec.structs import replace

    from layerproof.report.document import build_document
    from layerproof.report.markdown import build_markdown
    from layerproof.report.text import render_build
    from layerproof.workflow.why import why_installed_again

    report = replace(report, causes=why_installed_again(project, report))
    if summary:
        append_text(Path(summary), build_markdown(report))
    show(render_build(report), build_document(report), format=format)
