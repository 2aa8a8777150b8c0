"""
A base holds no application source.

A base with the source of a service changes with every edit of it, and every service on top of it is built again. What
the base's own build runs (a script that trims or checks) is no application.

Bad:
    FROM node:20-slim
    WORKDIR /app
    COPY src ./src

Good:
    FROM node:20-slim
    COPY check.js /opt/
    RUN node /opt/check.js

Fix: Copy the source in the Dockerfile of the service that it belongs to.

Source: R2 (US-1, US-3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from layerproof.dockerfile import copied_from, find_stage, reachable_stages
from layerproof.flow import Node
from layerproof.manifests import is_manifest
from layerproof.model import Stage
from layerproof.policy import Breach, BuildSubject, target_stage
from layerproof.references import normalize_reference

_PROGRAMS = (
    *(".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".jsx", ".tsx", ".vue", ".svelte", ".go", ".rs", ".java", ".kt"),
    *(".scala", ".rb", ".php", ".cs", ".fs", ".ex", ".exs", ".erl", ".clj", ".swift", ".dart"),
)
_SOURCE_FOLDERS = ("src", "app", "lib", "source", "server", "client", "backend", "frontend")
# gunicorn.conf.py, vite.config.ts, .eslintrc.js, healthcheck.py, entrypoint.py, sitecustomize.py
_FOR_ALL = re.compile(r"conf|rc\.\w+$|settings|health|entrypoint|wait|customize", re.IGNORECASE)
# COPY tool.py /usr/local/bin/; rootfs/etc/cont-init.d/x.py
_TOOL_FOLDER = re.compile(r"(^|/)(s?bin|libexec|etc|docker-entrypoint[\w.-]*)(/|$)")


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Contexts and images of services that a base takes from, and each program it copies and its build does not use."""
    image = subject.image
    if _is_a_program(subject):
        return
    services = {item.context: item.service for item in subject.project.images if item.role == "service"}
    inside = sorted(name for folder, name in services.items() if image.context in (folder, *folder.parents))
    if inside:
        yield target_stage(image).line, f"the base's build context holds the one of {', '.join(inside)}"
    for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts):
        for line, name in _references(stage):
            if taken := _of_service(subject, stage, name, services):
                yield line, f"it takes files from {taken}"
    used = _used(subject)
    for node in subject.flow.nodes.values():
        if node.instruction.keyword in ("COPY", "ADD") and (program := _program(subject, node, used)):
            words = " ".join(node.instruction.values[:-1])
            yield node.line, f"{node.instruction.keyword} of {words} puts {program} into a base: application source"


def _is_a_program(subject: BuildSubject) -> bool:
    """Whether it is none of the bases of this project but something to run, which is built elsewhere."""
    path = subject.image.dockerfile.path
    names = {item.name for item in subject.project.images if item.dockerfile.path == path}
    if any(names.intersection(item.parents) for item in subject.project.images if item.dockerfile.path != path):
        return False
    keywords = ("CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK")
    return any(item.keyword in keywords for item in target_stage(subject.image).instructions)


def _references(stage: Stage) -> Iterator[tuple[int, str]]:
    yield stage.line, stage.base
    for instruction in stage.instructions:
        for name in dict.fromkeys(copied_from(instruction)):
            yield instruction.line, name


def _of_service(subject: BuildSubject, stage: Stage, name: str, services: dict[Path, str]) -> str:
    """The service that a named context or image belongs to, in words; "" for none."""
    image = subject.image
    context = image.contexts.get(name)
    if context is None and find_stage(image.dockerfile, name, before=stage):
        return ""
    if context is not None and not context.startswith("target:"):
        folder = Path(context)
        for other, service in services.items():
            # A service that is built from the whole repository holds the bases as well.
            below = other in folder.parents and other not in image.context.parents
            if folder.is_absolute() and (folder == other or folder in other.parents or below):
                return f"the build context of {service} (named context {name})"
        return ""
    for item in subject.project.images:
        named = item.tag == normalize_reference(name) if context is None else f"target:{item.name}" == context
        if named and item.role == "service":
            return f"the image of {item.service}"
    return ""


def _used(subject: BuildSubject) -> str:
    """The text of what the base's own build runs, and of what every container on top of it starts with."""
    stages = subject.image.dockerfile.stages
    keywords = ("RUN", "ENTRYPOINT", "HEALTHCHECK", "SHELL")
    return "\n".join(item.text for stage in stages for item in stage.instructions if item.keyword in keywords)


def _program(subject: BuildSubject, node: Node, used: str) -> str:
    """A program of an application that a step copies from the build context; "" for none."""
    folder = subject.image.context
    if not any(source.folder == folder for source in node.sources):
        return ""
    target = node.instruction.values[-1]
    if _TOOL_FOLDER.search(target) or _is_named(target.rstrip("/"), used):
        return ""
    listed = subject.files.get(folder, ())
    taken = [path for path in listed if node.takes(f"{folder}/{path}") and path.endswith(_PROGRAMS)]
    programs = [path for path in taken if not _is_for_every_container(path)]
    patterns = [source.pattern for source in node.sources if source.folder == folder]
    if not listed:  # nothing is known of the folder: what is written has to do
        programs = [item for item in patterns if item.endswith(_PROGRAMS) or item.partition("/")[0] in _SOURCE_FOLDERS]
    if any(_is_named(path.rpartition("/")[2], used) for path in (*taken, *programs)):
        return ""  # and what lies beside it
    return "" if any(_is_named(item, used) for item in patterns if item != ".") else next(iter(programs), "")


def _is_for_every_container(path: str) -> bool:
    name = path.rpartition("/")[2]
    return is_manifest(path) or _FOR_ALL.search(name) is not None or _TOOL_FOLDER.search(path) is not None


def _is_named(word: str, text: str) -> bool:
    """Whether a text has a file or folder as a word or the end of a path."""
    if len(word.strip("./")) < 2 or "*" in word or "$" in word:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text) is not None
