"""A starter to the texts of its Dockerfile, its ignore file and the compose file around it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from layerproof.starters import Folder, Starter, Wishes
from layerproof.starters.ignored import ignored_lines

if TYPE_CHECKING:
    from jinja2 import Environment


class Composed(Struct, frozen=True):
    """A service for a new compose file."""

    name: str
    context: str
    port: int | None
    published: int | None
    memory: str


def render_dockerfile(starter: Starter, service: str, wishes: Wishes) -> str:
    """
    The text of a Dockerfile.

    Args:
        wishes: the name of its last stage is the one that the compose file asks for, "runtime" where it asks for none.
    """
    values = {**starter.values}
    manifests = [*values.get("manifests", ()), *values.get("projects", ()), *values.get("locks", ())]
    values.update(
        starter=starter,
        service=service,
        target=wishes.target if wishes.target not in ("", "deps", "build") else "runtime",
        args=wishes.args,
        manifest_folders=_by_folder(manifests),
    )
    if starter.language == "node":
        values.update(_node_commands(starter))
    text = _environment().get_template(f"{starter.language}.Dockerfile.j2").render(values)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def render_ignore_file(starter: Starter, folder: Folder) -> str:
    """The text of an ignore file that keeps out what no image of this language needs."""
    lines = ignored_lines(starter, folder)
    return _environment().get_template("dockerignore.j2").render(lines=lines).rstrip("\n") + "\n"


def render_nginx_conf(starter: Starter) -> str:
    """The text of the nginx.conf of a front end."""
    values = {"starter": starter, **starter.values}
    return _environment().get_template("nginx.conf.j2").render(values).rstrip("\n") + "\n"


def render_compose_file(services: Collection[Composed]) -> str:
    """The text of a compose file that builds these services."""
    quoted = [
        Composed(_yaml(item.name), _yaml(item.context), item.port, item.published, item.memory) for item in services
    ]
    return _environment().get_template("compose.j2").render(services=quoted).rstrip("\n") + "\n"


def _node_commands(starter: Starter) -> dict[str, Any]:
    values, manager = starter.values, starter.manager
    locked = values["has_lock"]
    if manager == "npm":
        return {
            "cache": "/root/.npm",
            "install": "npm ci" if locked else "npm install --no-audit --no-fund",
            "prune": "npm prune --omit=dev && rm -rf node_modules/.package-lock.json",
            "prune_mount": "",
            "runner": "npm run",
        }
    if manager == "pnpm":
        return {
            "cache": "/root/.local/share/pnpm/store",
            "install": "pnpm install --frozen-lockfile" if locked else "pnpm install --no-frozen-lockfile",
            "prune": "CI=true pnpm prune --prod --ignore-scripts"
            " && rm -rf node_modules/.modules.yaml node_modules/.pnpm-workspace-state*.json",
            "prune_mount": "--mount=type=cache,target=/root/.local/share/pnpm/store ",
            "runner": "pnpm run",
        }
    if values["is_berry"]:
        return {
            "cache": "/usr/local/share/.cache/yarn",
            "install": "yarn install --immutable" if locked else "yarn install",
            "prune": "yarn workspaces focus --production && rm -rf node_modules/.yarn-state.yml",
            "prune_mount": "--mount=type=cache,target=/usr/local/share/.cache/yarn ",
            "runner": "yarn run",
        }
    return {
        "cache": "/usr/local/share/.cache/yarn",
        "install": "yarn install --frozen-lockfile" if locked else "yarn install",
        "prune": "yarn install --production --ignore-scripts --prefer-offline"
        + (" --frozen-lockfile" if locked else "")
        + " && rm -rf node_modules/.yarn-integrity",
        "prune_mount": "--mount=type=cache,target=/usr/local/share/.cache/yarn ",
        "runner": "yarn run",
    }


def _by_folder(paths: Collection[str]) -> dict[str, list[str]]:
    """Paths by their folder, `""` or one with a slash at its end."""
    found: dict[str, list[str]] = {}
    for path in paths:
        above = path.rpartition("/")[0]
        found.setdefault(f"{above}/" if above else "", []).append(path)
    return found


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Dockerfiles are no HTML; what is inserted is quoted where it is written.
    made = Environment(  # noqa: S701
        loader=PackageLoader("layerproof.starters"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    made.filters.update(json=lambda words: json.dumps(list(words)), word=_word, paths=_paths)
    return made


def _word(text: object) -> str:
    """A value as ENV and ARG take it."""
    plain = str(text)
    return plain if re.fullmatch(r"[\w./:@%+,=-]*", plain) else json.dumps(plain).replace("$", "\\$")


def _paths(files: list[str], folder: str) -> str:
    """What COPY takes, names with blanks too."""
    target = f"./{folder}"
    if any(re.search(r"\s", path) for path in (*files, target)):
        return json.dumps([*files, target])
    return f"{' '.join(files)} {target}"


def _yaml(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_./][\w./-]*", text) else json.dumps(text)
