"""What `layerproof init` has found and would write: for a person, and as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from layerproof.report.document import SCHEMA
from layerproof.starters import Starter
from layerproof.starters.plan import FoundService, InitPlan

_NAMES = {"node": "Node", "python": "Python", "go": "Go", "rust": "Rust", "java": "Java", "dotnet": ".NET"}
_STATES = {
    "starter": "no Dockerfile",
    "new": "new Dockerfile",
    "blocked": "no Dockerfile",
    "unknown": "no Dockerfile",
    "library": "no program",
    "pulled": "pulled",
    "inline": "inline Dockerfile",
    "elsewhere": "built elsewhere",
}
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def render_init(plan: InitPlan) -> RenderableType:
    """What was found, what a person has to know, and the changes as one diff."""
    parts: list[RenderableType] = []
    found = ", ".join(plan.compose_files) or "none"
    parts.append(Text.assemble(("compose file  ", "bold"), found))
    if plan.bases:
        parts.append(Text.assemble(("bases         ", "bold"), ", ".join(plan.bases)))
    if plan.services:
        parts.append(_services(plan))
    parts += [Text(f"note: {note}", style="yellow") for note in _notes(plan)]
    for change in plan.changes:
        for line in change.diff(plan.root).splitlines():
            parts.append(Text(line, style=_STYLES.get(line[:1], "")))
    return Group(*parts)


def render_end(plan: InitPlan, *, written: bool, dockerfiles: bool) -> RenderableType:
    """What became of it, and the next step."""
    names = [os.path.relpath(change.path, plan.root) for change in plan.changes]
    missing = [service.name for service in plan.services if service.is_missing]
    starters = [service.name for service in plan.services if service.state == "starter"]
    lines = []
    if written:
        lines.append(Text(f"wrote {', '.join(names)}", style="bold green"))
    elif names:
        lines.append(Text(f"nothing was written; --yes writes {', '.join(names)}", style="bold"))
    elif plan.services:
        lines.append(Text("no configuration is needed: everything here is found without one", style="bold green"))
    else:
        lines.append(Text("no compose file was found, and no folder that is a service", style="bold yellow"))
        lines.append(Text("next: inv init --dockerfiles --service NAME=FOLDER makes a folder one"))
    if missing:
        lines.append(Text(f"without a Dockerfile, see above: {', '.join(missing)}", style="bold red"))
    if starters and not dockerfiles:
        lines.append(Text(f"next: inv init --dockerfiles writes Dockerfiles for {', '.join(starters)}"))
    elif plan.compose_files or written:
        lines.append(Text("next: inv build, inv prove, inv check"))
    return Group(*lines)


def init_document(plan: InitPlan, *, written: bool) -> dict[str, Any]:
    """
    `{"schema", "compose_files", "bases", "services": [{"name", "state", "context", "dockerfile", "image", "language",
    "manager", "version", "framework", "port", "command", "reason", "notes"}], "settings", "changes": [{"path", "new",
    "diff"}], "written", "notes"}`; texts are "" and `port` null where there is none.
    """
    changes = [
        {
            "path": os.path.relpath(change.path, plan.root),
            "new": not change.path.exists(),
            "diff": change.diff(plan.root),
        }
        for change in plan.changes
    ]
    return {
        "schema": SCHEMA,
        "compose_files": list(plan.compose_files),
        "bases": list(plan.bases),
        "services": [_service_document(service) for service in plan.services],
        "settings": dict(plan.settings),
        "changes": changes,
        "written": written,
        "notes": list(plan.notes),
    }


def _services(plan: InitPlan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("service", "folder", "what", "builds from"):
        table.add_column(name, overflow="fold")
    for service in plan.services:
        has = service.dockerfile if service.state == "has a Dockerfile" else _STATES[service.state]
        table.add_row(*map(Text, (service.name, service.context, _what(service), has)))
    return table


def _what(service: FoundService) -> str:
    starter = service.starter
    if starter is None or not starter.language:
        return service.image
    parts = [f"{_NAMES[starter.language]} {starter.version}".strip(), starter.manager, starter.framework]
    if starter.values.get("static"):
        parts.append("static files")
    return ", ".join(dict.fromkeys(part for part in parts if part and part != starter.language)) + (
        f", port {starter.port}" if starter.port else ""
    )


def _notes(plan: InitPlan) -> Iterator[str]:
    for service in plan.services:
        starter = service.starter or Starter("")
        if starter.blocked:
            yield f"{service.name}: {starter.blocked}"
        elif service.state == "unknown":
            yield f"{service.name}: {service.dockerfile} is missing, and no manifest in its folder says what it is"
        elif service.state == "library":
            yield f"{service.name}: nothing in it starts; for a service: --service {service.name}={service.context}"
        elif service.state in ("new", "starter"):
            yield from (f"{service.name}: {note}" for note in starter.notes)
    yield from plan.notes


def _service_document(service: FoundService) -> dict[str, Any]:
    starter = service.starter or Starter("")
    return {
        "name": service.name,
        "state": service.state,
        "context": service.context,
        "dockerfile": service.dockerfile,
        "image": service.image,
        "language": starter.language,
        "manager": starter.manager,
        "version": starter.version,
        "framework": starter.framework,
        "port": starter.port,
        "command": list(starter.command),
        "reason": starter.blocked,
        "notes": list(starter.notes),
    }
