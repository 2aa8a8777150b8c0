"""Run the stack with Docker Compose, and look at it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from invoke.exceptions import Exit
from invoke.tasks import task

from layerproof.tasks.console import (
    confirmed,
    connect,
    environment_of,
    err,
    exit_on_error,
    fail_unless,
    load_project,
    load_stack,
    out,
    say,
    show,
    watcher,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke.context import Context

    from layerproof.engine import Engine
    from layerproof.model import Project

_SERVICE = "This service only; repeat it (default: all)."
_PROFILE = "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose."
WAIT_S = 180


@task(
    iterable=["service"],
    help={
        "service": _SERVICE,
        "profile": _PROFILE,
        "dev": "Lay docker-compose.dev.yml over it: mounted source, hot reload.",
        "build": "Build what is stale first (--no-build: do not).",
        "timeout": f"Seconds to wait until all are healthy (default: {WAIT_S}).",
    },
)
def up(
    c: Context, service: list[str], dev: bool = False, build: bool = True, timeout: int = WAIT_S, profile: str = ""
) -> None:
    """
    Build what is stale, start the stack and wait until it is healthy.

    Without an NVIDIA runtime, services that reserve a GPU run on the CPU, and this says so.

    Examples:
        inv up
        inv up --dev
        inv up --service backend-api
    """
    with exit_on_error():
        engine = connect()
        project = start(c, engine, services=service, dev=dev, build=build, timeout_s=timeout, profile=profile)
        show_stack(project, engine)


@task(help={"volumes": "Remove the project's volumes too, with all data in them; asks first.", "yes": "Do not ask."})
def down(c: Context, volumes: bool = False, yes: bool = False) -> None:
    """Stop the stack and remove its containers and network; volumes stay."""
    with exit_on_error():
        engine = connect()
        project = load_stack(c, engine)
        if (
            volumes
            and not yes
            and not confirmed(f"Remove the volumes of the Compose project {project.name} and all data in them?")
        ):
            err().print("nothing was removed")
            raise Exit(code=1)
        _compose(project, engine, ["down", *(["--volumes"] if volumes else [])])


@task(help={"format": "text or json."})
def ps(c: Context, format: str = "text") -> None:
    """Show the stack's containers, stopped ones included, and where they answer."""
    with exit_on_error(format=format):
        engine = connect()
        show_stack(load_stack(c, engine), engine, format=format)


@task(
    iterable=["service"],
    help={
        "service": _SERVICE,
        "follow": "Keep following, until Ctrl-C.",
        "tail": "Lines to show of each (default: all).",
    },
)
def logs(c: Context, service: list[str], follow: bool = False, tail: str = "all") -> None:
    """
    Show what the services printed.

    Examples:
        inv logs --service pose-service --tail 50
        inv logs --follow
    """
    with exit_on_error():
        engine = connect()
        project = _known(load_stack(c, engine), service)
        _compose(project, engine, ["logs", "--tail", tail, *(["--follow"] if follow else []), *service])


@task(iterable=["service"], help={"service": _SERVICE})
def restart(c: Context, service: list[str]) -> None:
    """Restart services as they are and wait until they are healthy; `inv up` is what takes a new image."""
    with exit_on_error():
        engine = connect()
        project = _known(load_stack(c, engine), service)
        _compose(project, engine, ["restart", *service])
        # restart does not wait; `up` of what runs already does nothing else.
        words = ["up", "--detach", "--no-build", "--no-recreate", "--no-deps", "--wait", "--wait-timeout", str(WAIT_S)]
        _compose(project, engine, [*words, *service])


@task(iterable=["service"], help={"service": _SERVICE})
def watch(c: Context, service: list[str]) -> None:
    """Follow the source: sync or rebuild on every save, as `develop.watch` in docker-compose.dev.yml says."""
    with exit_on_error():
        engine = connect()
        project = _known(load_stack(c, engine, overlays=_overlays(c, engine, dev=True)), service)
        _compose(project, engine, ["watch", *service])


@task(help={"format": "text or json."})
def verify(c: Context, format: str = "text") -> None:
    """
    Check that the running stack holds what it should: health, answers, connections, logs.

    Exit code 1 when a check fails.
    """
    with exit_on_error(format=format):
        fail_unless(show_checks(c, connect(), format=format))


def start(
    c: Context,
    engine: Engine,
    *,
    services: Sequence[str] = (),
    dev: bool = False,
    build: bool = True,
    timeout_s: int = WAIT_S,
    profile: str = "",
) -> Project:
    """Build, refuse taken ports, start, wait. Raises StackError when something does not become healthy."""
    from layerproof.errors import StackError
    from layerproof.workflow import build as building
    from layerproof.workflow import stack
    from layerproof.workflow.load import compose_call, select_images

    overlays = _overlays(c, engine, dev=dev)
    project = _known(load_project(c, engine, profile=profile, overlays=overlays), services)
    started = stack.services_to_start(project, named=services, environment=environment_of(c))
    if _is_local_engine():
        stack.refuse_taken_ports(project, engine=engine, services=started)
    built = [service.name for service in started if service.build]
    if build and built:
        from layerproof.report.text import render_build

        names = select_images(project, built)
        out().print(render_build(building.build(project, engine=engine, names=names, watcher=watcher())))
    words = ["up", "--detach", "--no-build", "--wait", "--wait-timeout", str(timeout_s), *services]
    try:
        code = engine.compose(compose_call(project), words)
    except KeyboardInterrupt:
        say("interrupted: what was started goes on running; inv ps shows it, inv down removes it")
        raise
    if code != 0:
        sick = stack.unhealthy(project, engine=engine)
        states = [f"{item.service} ({item.health or item.state})" for item in sick]
        raise StackError(
            f"the stack did not become healthy: {', '.join(states) or 'see the lines above'}",
            hint=f"inv logs --service {sick[0].service}; inv down removes what was started."
            if sick
            else "inv down removes what was started.",
        )
    return project


def show_stack(project: Project, engine: Engine, *, format: str = "text") -> None:
    """The containers and their addresses."""
    from layerproof.report.document import stack_document
    from layerproof.report.text import render_stack
    from layerproof.workflow.load import compose_call, configuration
    from layerproof.workflow.stack import addresses

    containers = engine.containers(compose_call(project))
    where = addresses(project, configuration(project))
    show(render_stack(containers, where), stack_document(containers, where), format=format)


def show_checks(c: Context, engine: Engine, *, format: str = "text") -> bool:
    """Run `verify`, showing each check as it is made; True when all hold."""
    from layerproof.report.document import checks_document
    from layerproof.report.text import render_check
    from layerproof.workflow.load import configuration
    from layerproof.workflow.stack import verify as run_checks

    project = load_stack(c, engine)
    checks = []
    for item in run_checks(project, engine=engine, config=configuration(project), environment=environment_of(c)):
        checks.append(item)
        if format == "text":
            out().print(render_check(item))
    if format != "text":
        show(None, checks_document(checks), format=format)
    return all(item.state != "failed" for item in checks)


def _overlays(c: Context, engine: Engine, *, dev: bool) -> tuple[str, ...]:
    from layerproof.workflow.stack import needs_cpu_overlay

    kinds = ["dev"] if dev else []
    if needs_cpu_overlay(load_stack(c, engine), engine=engine):
        say("no NVIDIA runtime: GPU services run on the CPU (docker-compose.cpu.yml)")
        kinds.append("cpu")
    return tuple(kinds)


def _is_local_engine() -> bool:
    """Whether published ports appear on this machine."""
    return os.environ.get("DOCKER_HOST", "unix://").startswith("unix://")


def _known(project: Project, services: Sequence[str]) -> Project:
    from layerproof.workflow.load import check_names

    check_names(services, [service.name for service in project.services], kind="service")
    return project


def _compose(project: Project, engine: Engine, words: Sequence[str]) -> None:
    from layerproof.workflow.load import compose_call

    code = engine.compose(compose_call(project), words)
    if code != 0:
        # Compose has said why; where no engine answers, the error and its code are the same as everywhere.
        engine.info()
        raise Exit(code=code)
