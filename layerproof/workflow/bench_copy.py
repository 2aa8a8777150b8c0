"""
The copies that a benchmark builds: one for each contestant, with tags of its own, so that neither the working tree nor
a tag of the user is ever touched.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from layerproof.bench.commands import DEFINITION
from layerproof.bench.texts import rename_reference, renamed, uncached
from layerproof.config_file import PYPROJECT, STANDALONE
from layerproof.dockerfile import load_dockerfile
from layerproof.engine import Engine
from layerproof.engine.documents import each_text
from layerproof.errors import ConfigError
from layerproof.graph import bake_definition
from layerproof.model import Image, Project
from layerproof.paths import STATE_FOLDER
from layerproof.workflow.build import PROJECT_LABEL
from layerproof.workflow.load import compose_call, configuration, load
from layerproof.workflow.workspace import Workspace

# What no fresh checkout has; it would only make the naive builds slower.
_NOT_IN_A_CHECKOUT = (".git", STATE_FOLDER, ".venv", "venv", "node_modules", "__pycache__", "*.pyc")
# Of a build in the compose file; tags, caches and labels are the benchmark's own.
_BUILD_KEYS = (
    *("target", "dockerfile_inline", "secrets", "ssh", "network", "extra_hosts", "ulimits", "shm_size", "platforms"),
    *("entitlements", "privileged", "isolation"),
)
_TASKS = """\
from pathlib import Path

from layerproof.tasks import namespace

namespace.configure({"layerproof": {"root": str(Path(__file__).parent)}})
"""


class Copy(Struct, frozen=True):
    """
    One contestant's copy of the project.

    Attributes:
        mark: the name of the Compose project, and with it the value of the label of every image.
        names: what each repository of the project's tags is called here.
    """

    project: Project
    workspace: Workspace
    mark: str
    names: Mapping[str, str]

    @property
    def root(self) -> Path:
        """The copy of the project's root."""
        return self.workspace.at(self.project.root)

    @property
    def compose_file(self) -> Path:
        """The compose file of the copy: the resolved one, whole."""
        return self.workspace.at(self.project.compose_files[0])

    def write(self, nonce: str, *, engine: Engine, environment: Mapping[str, str]) -> tuple[Image, ...]:
        """
        Write Dockerfiles that no cache knows anything of, and everything that goes with them.

        Returns:
            The images of the copy.

        Raises:
            ConfigError: the copy is not the same project under other names, so it must not be built.
        """
        for image in self.project.images:
            if not image.inline:
                _replace(self._dockerfile(image), self._text(image, nonce))
        document = engine.compose_config(compose_call(self.project, environment))
        self.compose_file.parent.mkdir(parents=True, exist_ok=True)
        for file in self.project.compose_files:
            _replace(self.workspace.at(file), "services: {}\n")
        # The document is read as a compose file again: each $ is doubled.
        text = json.dumps(each_text(self._document(document, nonce), lambda text: text.replace("$", "$$")), indent=1)
        _replace(self.compose_file, text)
        _replace(self.root / "tasks.py", _TASKS)
        for name in (PYPROJECT, STANDALONE, ".env"):
            if (self.project.root / name).is_file():
                _replace(self.root / name, (self.project.root / name).read_text(encoding="utf-8"))
        found = load(self.root, engine=engine, environment=environment, profile=self.project.profile)
        self._check(found)
        definition = bake_definition(found.images, labels={PROJECT_LABEL: self.mark})
        _replace(self.root / DEFINITION, json.dumps(definition, indent=1))
        return found.images

    def _text(self, image: Image, nonce: str) -> str:
        return uncached(renamed(image.dockerfile.text, self.names), nonce)

    def _dockerfile(self, image: Image) -> Path:
        path = self.workspace.at(image.dockerfile.path)
        if image.role == "base":
            folder = path.parent.with_name(self.names[_repository(image.tag)])
            if path.parent.is_dir():
                path.parent.rename(folder)
            return folder / path.name
        return path

    def _document(self, document: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        images = {image.service: image for image in self.project.images if image.service}
        services: dict[str, Any] = {}
        for name, body in document["services"].items():
            image = images.get(name)
            services[name] = {"image": rename_reference(str(body.get("image") or name), self.names)}
            if image is not None:
                services[name]["image"] = rename_reference(image.tag, self.names)
                services[name]["build"] = self._build(body["build"], image, nonce)
        kept = {"secrets": document["secrets"]} if document.get("secrets") else {}
        return {"name": self.mark, "services": services, **kept}

    def _build(self, build: Mapping[str, Any], image: Image, nonce: str) -> dict[str, Any]:
        """A service's build from the copy, with the arguments and contexts of the profile in it."""
        asked = build.get("additional_contexts") or {}
        contexts = {name: asked.get(name, value) for name, value in image.contexts.items()}
        made = {key: build[key] for key in _BUILD_KEYS if build.get(key)}
        made["context"] = str(self.workspace.at(image.context))
        made["args"] = {key: rename_reference(value, self.names) for key, value in image.args.items()}
        made["additional_contexts"] = {name: self._context(value) for name, value in contexts.items()}
        made["labels"] = {PROJECT_LABEL: self.mark}
        if image.inline:
            made["dockerfile_inline"] = self._text(image, nonce)
        else:
            made["dockerfile"] = str(self.workspace.at(image.dockerfile.path))
        return {key: value for key, value in made.items() if value}

    def _context(self, value: str) -> str:
        path = Path(value)
        if path.is_absolute():
            return str(self.workspace.at(path)) if path.is_relative_to(self.workspace.common) else value
        return rename_reference(value, self.names)

    def _check(self, found: Project) -> None:
        """Whatever could move a tag of the user, or build something else, is refused before anything is built."""
        shape = {rename_reference(image.tag, self.names): self._parents(image) for image in self.project.images}
        by_name = {image.name: image.tag for image in found.images}
        built = {image.tag: frozenset(by_name[name] for name in image.parents) for image in found.images}
        if built != shape or not all(tag.startswith(f"{self.mark}-") for tag in built):
            raise ConfigError(
                "the copy for the benchmark would not be the same project under other tags",
                hint="Name the images that this project builds in FROM, --from and ARG lines, each by its whole name.",
            )

    def _parents(self, image: Image) -> frozenset[str]:
        tags = {other.name: other.tag for other in self.project.images}
        return frozenset(rename_reference(tags[name], self.names) for name in image.parents)


def make_copy(project: Project, workspace: Workspace, *, mark: str, contestant: str) -> Copy:
    """The copy of a contestant; `contestant` is a short word that is part of its tags."""
    names = {
        _repository(image.tag): f"{mark}-{contestant}-{_repository(image.tag).replace('/', '-').replace(':', '-')}"
        for image in project.images
    }
    return Copy(project, workspace, mark, names)


class NaiveService(Struct, frozen=True):
    """One service in a folder of its own, with the naive Dockerfile over what a fresh checkout of it has."""

    service: str
    folder: Path
    source: Path
    tag: str
    args: Mapping[str, str]
    is_single_stage: bool

    def write(self, nonce: str) -> None:
        """Write a Dockerfile that no cache knows anything of."""
        text = (self.source / "Dockerfile").read_bytes().decode("utf-8", "replace")
        _replace(self.folder / "Dockerfile", uncached(text, nonce))

    def command(self, label: str) -> tuple[str, ...]:
        """`docker build`, as its README would have it."""
        given = [word for name, value in self.args.items() for word in ("--build-arg", f"{name}={value}")]
        return ("docker", "build", "--tag", self.tag, "--label", label, *given, str(self.folder))


def naive_folders(project: Project) -> dict[str, Path]:
    """The folders with a naive Dockerfile, by service."""
    folder = project.root / configuration(project).bench.naive
    services = {image.service for image in project.images if image.service}
    return {name: folder / name for name in sorted(services) if (folder / name / "Dockerfile").is_file()}


def make_naive(project: Project, service: str, *, below: Path, mark: str) -> NaiveService:
    """Lay a naive Dockerfile over a copy of a service's build context, without the ignore file that ours has."""
    source = naive_folders(project)[service]
    image = next(image for image in project.images if image.service == service)
    folder = below / service
    shutil.copytree(image.context, folder, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_IN_A_CHECKOUT))
    for name in (".dockerignore", "Dockerfile", "Dockerfile.dockerignore"):
        (folder / name).unlink(missing_ok=True)
    shutil.copytree(source, folder, dirs_exist_ok=True)
    given = configuration(project).overlay(project.profile).args
    dockerfile = load_dockerfile(source / "Dockerfile", args=given)
    args = {name: value for name, value in given.items() if name in dockerfile.declared_args}
    tag = f"{mark}-naive-{service.lower()}:latest"
    return NaiveService(service, folder, source, tag, args, is_single_stage=len(dockerfile.stages) == 1)


def _repository(tag: str) -> str:
    """base-node:latest to base-node; localhost:5000/api:1 to localhost:5000/api."""
    head, slash, last = tag.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _replace(path: Path, text: str) -> None:
    """Write a file of the copy anew: it may be a link to the real one, which must not change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(text.encode("utf-8"))
