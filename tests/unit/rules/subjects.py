"""The subjects of rules from texts, without a disk and without Docker; and what a rule finds in one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from layerproof.compose import parse_services
from layerproof.context import ignorer, parse_ignore
from layerproof.dockerfile import parse_dockerfile
from layerproof.errors import ConfigError
from layerproof.flow import load_flow
from layerproof.kinds import load_kinds
from layerproof.model import Image, Project
from layerproof.policy import (
    BrokenSubject,
    BuildSubject,
    ComposeSubject,
    ContextSubject,
    Keys,
    PipelinesSubject,
    Place,
    Rule,
    ScriptSubject,
    SilenceSubject,
    load_rules,
)
from layerproof.policy.suppression import find_suppressions
from layerproof.settings import Config, ServiceConfig
from layerproof.workflow.images import link
from layerproof.yaml_text import YamlNode, parse_yaml

ROOT = Path("/project")
RULES = {rule.id: rule for rule in load_rules()}
# Which service needs a GPU is said in the configuration, which a rule's page does not show.
CONFIG = Config(services={"pose-service": ServiceConfig(gpu=True)})
# What lies in a build context unless a test says otherwise.
FILES = (
    "package.json",
    "package-lock.json",
    "requirements.txt",
    "src/app.js",
    "src/app.py",
    "main.go",
    "tsconfig.json",
)


def block(rule: Rule, name: str) -> str:
    """The `Bad:` or `Good:` block of a rule's page."""
    # "Bad:", then lines that are indented or empty
    found = re.search(rf"^{name}:\n((?:    .*\n|\n)+)", rule.page, re.MULTILINE)
    assert found is not None, f"the page of {rule.id} has no {name} block"
    return textwrap.dedent(found[1])


def build(
    text: str,
    *,
    role: Any = "service",
    target: str | None = None,
    args: Mapping[str, str] | None = None,
    files: Sequence[str] = FILES,
    others: Sequence[Image] = (),
    compose: str = "",
    config: Config = CONFIG,
) -> BuildSubject:
    """
    The subject of an image called `web`.

    Args:
        others: more images of the project; those that the Dockerfile names become its parents.
        compose: the compose file, of which the service `web` belongs to the image.
    """
    file = parse_dockerfile(text, path=ROOT / "web" / "Dockerfile", args=args)
    service = "web" if role == "service" else ""
    image = Image("web", "web:latest", role, ROOT / "web", file, target, args or {}, service=service)
    images = link([*others, image])
    services = parse_services(resolved(compose)) if compose else ()
    project = Project(ROOT, "p", (ROOT / "compose.yml",), services, tuple(images))
    flow = load_flow(images[-1])
    reached = {ROOT / "web": tuple(files)}
    kinds = load_kinds(flow, files=reached, config=config.service("web"))
    return BuildSubject(images[-1], project, config, flow, kinds, reached)


def base_image(name: str, text: str, *, tag: str = "latest", target: str | None = None) -> Image:
    """A base of the project, for `others`."""
    file = parse_dockerfile(text, path=ROOT / "docker" / name / "Dockerfile")
    image = name if tag == "latest" else f"{name}-{tag}"
    return Image(image, f"{name}:{tag}", "base", ROOT / "docker" / name, file, target)


def resolved(text: str) -> dict[str, Any]:
    """The document as `docker compose config` gives it, as far as rules look; `${NAME:-default}` gives the default."""
    document: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+(?::?-([^}]*))?\}", lambda found: found[1] or "", text))
    for body in (document.get("services") or {}).values():
        if isinstance(body.get("build"), str):
            body["build"] = {"context": body["build"]}
        if "build" in body:
            body["build"]["context"] = str(Path(ROOT, body["build"].get("context", ".")))
        body["volumes"] = [_mount(mount) for mount in body.get("volumes", ())]
        body["ports"] = [_port(str(port)) if not isinstance(port, dict) else port for port in body.get("ports", ())]
        if isinstance(body.get("command"), str):
            body["command"] = ["sh", "-c", body["command"].removeprefix("sh -c ").strip('"')]
        if isinstance(body.get("environment"), list):
            body["environment"] = dict(str(entry).partition("=")[::2] for entry in body["environment"])
        if isinstance(body.get("depends_on"), list):
            body["depends_on"] = {name: {"condition": "service_started"} for name in body["depends_on"]}
    return document


def _mount(mount: Any) -> dict[str, Any]:
    if isinstance(mount, dict):
        return mount
    source, target = mount.split(":")[:2]
    return {"type": "bind" if source[0] in "./" else "volume", "source": source, "target": target}


def _port(text: str) -> dict[str, Any]:
    # 127.0.0.1:27017:27017, 8080:80, 80, 53:53/udp
    text, _, protocol = text.partition("/")
    *host, target = text.split(":")
    port: dict[str, Any] = {"mode": "ingress", "target": int(target), "protocol": protocol or "tcp"}
    if host:
        port["published"] = host[-1]
    if len(host) > 1:
        port["host_ip"] = host[0]
    return port


def compose(
    text: str,
    *,
    dockerfiles: Mapping[str, str] | None = None,
    config: Config = CONFIG,
    overlay: str = "",
    others: Sequence[Image] = (),
    name: str = "compose.yml",
) -> ComposeSubject:
    """
    The subject of a compose file.

    Args:
        dockerfiles: the Dockerfile of each service that is built; `FROM scratch` where a test does not care.
        others: bases.
        name: of the file.
    """
    services = parse_services(resolved(text))
    images = list(others)
    for item in services:
        if item.build:
            folder = Path(item.build["context"])
            file = parse_dockerfile((dockerfiles or {}).get(item.name, "FROM x:1\n"), path=folder / "Dockerfile")
            target = item.build.get("target")
            contexts = item.build.get("additional_contexts") or {}
            tag = item.image if ":" in item.image else f"{item.image}:latest"
            one = Image(item.name, tag, "service", folder, file, target, contexts=contexts, service=item.name)
            options = {"cache-to": item.build["cache_to"]} if "cache_to" in item.build else {}
            images.append(replace(one, args=item.build.get("args") or {}, options=options))
    path, node = ROOT / name, parse_yaml(text, path=ROOT / name)

    def written(keys: Keys) -> str | None:
        found, above = node.get(*keys), node.get(*keys[:-1])
        entries = [item.scalar or "" for item in above.items.values()] if above and not found else []
        entry = next((entry for entry in entries if entry.startswith(f"{keys[-1]}=")), None)
        return found.scalar if found else entry and entry.partition("=")[2]

    project = Project(ROOT, "p", (path,), services, tuple(link(images)))
    return ComposeSubject(project, config, written, lambda _: path, ROOT, overlay)


def context(
    text: str | None,
    *,
    files: Mapping[str, int] | None = None,
    dockerfile: str = "FROM x:1\n",
    strays: Sequence[str] = (),
    config: Config = CONFIG,
) -> ContextSubject:
    """
    The subject of a build context by the text of its ignore file.

    Args:
        files: sizes in bytes of what gets past it.
        dockerfile: what is built from it.
    """
    flow = load_flow(Image("web", "web:latest", "service", ROOT, parse_dockerfile(dockerfile, path=ROOT), None))
    rows = [(pattern, n) for n, line in enumerate((text or "").split("\n"), 1) for pattern in parse_ignore(line)]
    patterns = None if text is None else tuple(pattern for pattern, _ in rows)
    found = tuple(ROOT / stray for stray in strays)
    lines = tuple(n for _, n in rows)
    return ContextSubject(ROOT, ROOT / ".dockerignore", patterns, lines, files or {}, (flow,), found, config)


def script(text: str, *, name: str = "run.sh") -> ScriptSubject:
    return ScriptSubject(ROOT / name, text)


def pipelines(
    *workflows: str, scripts: Mapping[str, str] | None = None, project: Project | None = None
) -> PipelinesSubject:
    """The workflows 0.yml, 1.yml, ... and the scripts of a project."""
    paths = [ROOT / ".github" / "workflows" / f"{n}.yml" for n in range(len(workflows))]
    nodes: dict[Path, YamlNode] = {p: parse_yaml(text, path=p) for p, text in zip(paths, workflows, strict=True)}
    given = {ROOT / name: text for name, text in (scripts or {}).items()}
    return PipelinesSubject(nodes, given, project or Project(ROOT, "p", (), (), ()))


def silence(text: str) -> SilenceSubject:
    """The comments of a Dockerfile in which LP011 speaks of every RUN."""
    file = parse_dockerfile(text, path=ROOT / "Dockerfile")
    runs = [item for stage in file.stages for item in stage.instructions if item.keyword == "RUN"]
    ends = {item.line: item.end_line for item in runs}
    comments = tuple(find_suppressions(text, ends=ends))
    return SilenceSubject(ROOT / "Dockerfile", comments, {("LP011", item.line) for item in runs}, {"LP003", "LP011"})


def broken(text: str) -> BrokenSubject | None:
    """What a Dockerfile that does not parse gives; None for one that does."""
    try:
        parse_dockerfile(text, path=ROOT / "Dockerfile")
    except ConfigError as error:
        return BrokenSubject("web", error)
    return None


def from_page(rule: Rule, name: str) -> Any:
    """The subject that a block of a rule's page describes."""
    text = block(rule, name)
    makers: Mapping[str, Any] = {
        "service": build,
        "image": build,
        "base": _base_of_page,
        "context": _context_of_page,
        "compose": compose,
        "script": script,
        "pipelines": lambda text: pipelines(text, project=_project_of_pages()),
        "silence": silence,
        "broken": broken,
    }
    return makers[rule.subject](text)


def _base_of_page(text: str) -> BuildSubject:
    """The base with two services on top of it."""
    file = parse_dockerfile("FROM web\n", path=ROOT / "Dockerfile")
    services = [Image(name, f"{name}:1", "service", ROOT / name, file, None, service=name) for name in ("api", "jobs")]
    return build(text, role="base", others=services)


def _project_of_pages() -> Project:
    """What the workflows on pages build: a service `job` that starts from the base base-py."""
    base = base_image("base-py", "FROM python:3.12-slim\n")
    text = "services:\n  job:\n    build: job\n"
    return compose(text, dockerfiles={"job": "FROM base-py:latest\n"}, others=[base]).project


def _context_of_page(text: str) -> ContextSubject:
    """What is around an ignore file stands in comments of it: files, other ignore files, what the Dockerfile takes."""
    # "# in the context: docs/talk.mp4 (4000 kB)", "# also there: docker/.dockerignore", "# the Dockerfile: COPY . ."
    files = {path: int(size) * 1000 for path, size in re.findall(r"^# in the context: (\S+) \((\d+) kB\)$", text, re.M)}
    strays = re.findall(r"^# also there: (\S+)$", text, re.M)
    dockerfile = "\n".join(["FROM x:1", *re.findall(r"^# the Dockerfile: (.+)$", text, re.M), ""])
    ignored = ignorer(parse_ignore(text))
    kept = {path: size for path, size in files.items() if not ignored(path)}
    return context(text, files=kept, dockerfile=dockerfile, strays=strays)


def findings(identifier: str, subject: Any) -> list[tuple[Any, str]]:
    """Where a rule is broken, as it yields it, and the message."""
    return [] if subject is None else list(RULES[identifier].check(subject))


def lines(identifier: str, subject: Any) -> list[int]:
    """The lines of a rule's findings; of a place its line, of a key path the line in the compose text is not known."""
    return [where.line if isinstance(where, Place) else where for where, _ in findings(identifier, subject)]
