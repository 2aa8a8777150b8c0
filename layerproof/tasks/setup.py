"""Make a machine ready, and show on it what the project does."""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import (
    connect,
    err,
    exit_on_error,
    fail_unless,
    load_project,
    load_stack,
    out,
    root_of,
    say,
    show,
    watcher,
)

if TYPE_CHECKING:
    from invoke.context import Context

    from layerproof.engine import Engine
    from layerproof.weights import HashWatcher

_INSTALL = (
    "Install what is missing (Docker Engine, buildx, Compose, mmdebstrap, Chromium) and start the daemon;"
    " Debian and Ubuntu, as root."
)


@task(help={"install": _INSTALL, "format": "text or json."})
def doctor(c: Context, install: bool = False, format: str = "text") -> None:
    """
    Check this machine: engine, plugins, GPU, disk, end-of-life images, weights. Exit code 3 without an engine.

    Examples:
        inv doctor
        sudo inv doctor --install
    """
    from layerproof.errors import LayerproofError, NoEngineError
    from layerproof.model import Check
    from layerproof.report.document import checks_document
    from layerproof.report.text import render_checks
    from layerproof.workflow import doctor as workflow
    from layerproof.workflow.load import configuration
    from layerproof.workflow.weights import check_presence

    with exit_on_error(format=format):
        engine = connect()
        if install:
            install_missing(engine)
        checks = list(workflow.check_machine(engine))
        try:
            project = load_project(c, engine)
            checks += workflow.check_project(project, today=datetime.datetime.now(tz=datetime.timezone.utc).date())
            checks += check_presence(project, config=configuration(project))
        except NoEngineError as error:
            # Without the Compose CLI nothing can be said about the project; the engine's own line is there already.
            checks.append(Check("project", "warning", f"not looked at: {error.message}"))
        except LayerproofError as error:
            checks.append(Check("project", "failed", error.message, error.hint))
        show(render_checks(checks), checks_document(checks), format=format)
        if checks[0].state == "failed":
            raise NoEngineError("there is no usable Docker Engine", hint=checks[0].hint)
        fail_unless(all(check.state != "failed" for check in checks))


@task(
    iterable=["service"],
    help={
        "service": "Check the weights of this service only; repeat it (default: every service that names weights).",
        "record": "Trust files without a published hash as they are now, and record their size and hash.",
        "format": "text or json (json on stdout, progress on stderr).",
    },
)
def weights(c: Context, service: list[str], record: bool = False, format: str = "text") -> None:
    """
    Check files that no image carries, such as model weights; exit code 1 when one is wrong that is needed now.

    Shows what each service needs, where it comes from and under which licence. Every file is read and compared with the
    hash of its manifest, else with the one that --record has noted in weights.lock.json beside the files.

    Examples:
        inv weights
        inv weights --service pose-service --record
        POSE_ENGINE=hmr2 inv weights
    """
    from layerproof.report.document import weights_document
    from layerproof.report.weights import render_weights
    from layerproof.workflow.load import configuration
    from layerproof.workflow.weights import check_weights

    with exit_on_error(format=format):
        project = load_stack(c, connect())
        reports = check_weights(
            project,
            config=configuration(project),
            services=service,
            record=record,
            watcher=_hash_watcher(),
            say=say,
        )
        show(render_weights(reports, root=project.root), weights_document(reports), format=format)
        fail_unless(all(report.passed for report in reports))


@task(name="shell-setup")
def shell_setup(c: Context) -> None:
    """Write the two BuildKit exports into ~/.bashrc and ~/.zshrc, once."""
    from pathlib import Path

    from layerproof.workflow.shell import write_exports

    with exit_on_error():
        for path, written in write_exports(Path.home(), shell=os.environ.get("SHELL", "")):
            out().print(
                f"{path}: {'exports written; open a new shell or source it' if written else 'has them already'}"
            )


@task(
    help={
        "remove": "Remove the stand-ins and leave the lab profile.",
        "auto": "Only where no registry answers: ask it for the upstream images first.",
        "profile": "Profiles beside `lab`, joined by commas: stand-ins for what they need.",
        "format": "text or json.",
    }
)
def lab(c: Context, remove: bool = False, auto: bool = False, profile: str = "", format: str = "text") -> None:
    """
    Build stand-ins for the upstream images, for machines that reach no image registry.

    Real images are never overwritten. The profile `lab` becomes this checkout's default until `inv lab --remove`.
    """
    from layerproof.report.document import lab_document
    from layerproof.report.text import render_lab
    from layerproof.workflow import lab as workflow

    with exit_on_error(format=format):
        engine = connect()
        if remove:
            for tag in workflow.remove_lab(root_of(c), engine=engine):
                out().print(f"removed {tag}")
            return
        if auto and not needs_lab(c, engine):
            out().print("the upstream images are there or come from their registry: no stand-in is needed")
            return
        workflow.refuse_without_recipes(root_of(c))
        project = load_project(c, engine, profile=workflow.with_lab(profile))
        results = workflow.build_lab(project, engine=engine, say=say, watcher=watcher())
        show(render_lab(results), lab_document(results), format=format)
        fail_unless(all(result.action != "unknown" for result in results))


@task(
    help={
        "install": _INSTALL,
        "photo": "A JPEG, PNG or WebP with one person (default: the astronaut of the scikit-image package).",
    }
)
def demo(c: Context, install: bool = False, photo: str = "") -> None:
    """
    From nothing to a verified stack that has analysed a photo.

    Finds or (with --install) installs an engine, takes the upstream images from their registry or builds the lab's
    stand-ins, builds everything, starts the stack, verifies it, sends a photo through the backend and prints the URLs.

    Examples:
        sudo inv demo --install
        inv demo --photo me.jpg
    """
    from pathlib import Path

    from layerproof.paths import STATE_FOLDER
    from layerproof.report.demo import render_analysis, render_end
    from layerproof.tasks.stack import show_checks, show_stack, start
    from layerproof.workflow import demo as workflow
    from layerproof.workflow import lab as workflow_lab

    with exit_on_error():
        engine = connect()
        if install:
            install_missing(engine)
        workflow.refuse_other_projects(load_project(c, engine), photo)
        if needs_lab(c, engine):
            project = load_project(c, engine, profile=workflow_lab.PROFILE)
            workflow_lab.build_lab(project, engine=engine, say=say, watcher=watcher())
        project = start(c, engine)
        holds = show_checks(c, engine)
        fail_unless(holds)
        folder = root_of(c) / STATE_FOLDER
        picture = Path(photo) if photo else workflow.sample_photo(folder, say=say)
        analysis = workflow.analyse(project, picture)
        out().print(render_analysis(analysis, picture))
        screenshot = workflow.screenshot(project, analysis["id"], folder / "demo.png", say=say)
        show_stack(project, engine)
        out().print(render_end(screenshot))


def _hash_watcher() -> HashWatcher:
    """A bar on a terminal, a line elsewhere."""
    from layerproof.report.weights import LineHashWatcher, LiveHashWatcher

    console = err()
    return LiveHashWatcher(console) if console.is_terminal else LineHashWatcher(console)


def install_missing(engine: Engine) -> None:
    """Install the engine and the optional tools where they are missing, and start the daemon where none answers."""
    from layerproof.engine import install as packages
    from layerproof.engine import process
    from layerproof.engine.docker import plugin_versions
    from layerproof.errors import NoEngineError
    from layerproof.workflow.doctor import OPTIONAL_TOOLS, check_engine

    if check_engine(engine)[1] is None:
        packages.refuse_beside_another_engine()
        try:
            plugin_versions()
            have_daemon = process.find_program("dockerd") is not None
        except NoEngineError:
            have_daemon = False
        if not have_daemon:
            packages.install_engine(say=say)
        if check_engine(engine)[1] is None:
            packages.start_daemon(say=say)
    missing = [names for program, (_, names) in OPTIONAL_TOOLS.items() if process.find_program(program) is None]
    if missing and os.geteuid() != 0:
        say(f"not installed, since that needs root: {', '.join(name for names in missing for name in names)}")
    elif missing:
        packages.install_packages([name for names in missing for name in names], say=say)


def needs_lab(c: Context, engine: Engine) -> bool:
    """Whether upstream images must be stood in for: some are missing and no registry answers, or the lab is in use."""
    from layerproof.workflow import lab as workflow

    project = load_project(c, engine)
    if workflow.is_lab(project.profile):
        return True
    missing = workflow.missing_upstreams(project, engine=engine)
    if not missing:
        return False
    say(f"asking the registry for {missing[0]}")
    reason = engine.pull(missing[0])
    if not workflow.is_unreachable(reason):
        return False
    say(f"no image registry can be reached: {reason}")
    say("building the lab's stand-ins, which are not the published images")
    return True
