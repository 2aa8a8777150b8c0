"""The rules: each one's page is its first test, then the edges."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from layerproof.compose import parse_services
from layerproof.config import Config, ServiceConfig
from layerproof.context import parse_ignore
from layerproof.dockerfile import parse_dockerfile
from layerproof.model import Image, Project
from layerproof.policy import ComposeSubject, IgnoreSubject, Rule, ScriptSubject, load_rules

ROOT = Path("/project")
RULES = {rule.id: rule for rule in load_rules()}
# Which service needs a GPU is said in the configuration, which a rule's page does not show.
CONFIG = Config(services={"pose-service": ServiceConfig(gpu=True)})


def block(rule: Rule, name: str) -> str:
    # "Bad:" or "Good:", then lines that are indented or empty
    found = re.search(rf"^{name}:\n((?:    .*\n|\n)+)", rule.page, re.MULTILINE)
    assert found is not None, f"the page of {rule.id} has no {name} block"
    return textwrap.dedent(found[1])


def resolved(text: str) -> dict[str, Any]:
    """The document as `docker compose config` gives it, as far as rules look: absolute paths, mounts in long form."""
    document: dict[str, Any] = yaml.safe_load(text)
    for body in document["services"].values():
        if isinstance(body.get("build"), str):
            body["build"] = {"context": body["build"]}
        if "build" in body:
            body["build"]["context"] = str(Path(ROOT, body["build"]["context"]))
        mounts = (mount.split(":") for mount in body.get("volumes", ()))
        body["volumes"] = [
            {"type": "bind" if source[0] in "./" else "volume", "source": source, "target": target}
            for source, target in mounts
        ]
        if isinstance(body.get("command"), str):
            body["command"] = ["sh", "-c", body["command"].removeprefix("sh -c ").strip('"')]
    return document


def dockerfile(text: str, *, target: str | None = None) -> Image:
    return Image("web", "web:latest", "service", ROOT, parse_dockerfile(text, path=Path("Dockerfile")), target)


def compose(text: str, *, config: Config = CONFIG) -> ComposeSubject:
    services = parse_services(resolved(text))
    file = parse_dockerfile("FROM x\n", path=Path("Dockerfile"))
    images = [
        Image(item.name, f"{item.name}:latest", "service", Path(item.build["context"]), file, None, service=item.name)
        for item in services
        if item.build
    ]
    lines = text.splitlines()

    def line_of(keys: tuple[str, ...]) -> int:
        return next((n for n, line in enumerate(lines, start=1) if line.strip().startswith(f"{keys[1]}:")), 1)

    return ComposeSubject(Project(ROOT, "p", (ROOT / "compose.yml",), services, tuple(images)), config, line_of)


def ignore(text: str | None) -> IgnoreSubject:
    return IgnoreSubject(ROOT / ".dockerignore", None if text is None else parse_ignore(text))


def script(text: str, *, name: str = "run.sh") -> ScriptSubject:
    return ScriptSubject(ROOT / name, text)


SUBJECTS: Mapping[str, Any] = {"dockerfile": dockerfile, "compose": compose, "ignore": ignore, "script": script}


def breaches(identifier: str, subject: Any) -> list[tuple[int, str]]:
    return list(RULES[identifier].check(subject))


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_the_bad_example_on_a_rules_page_breaks_it_and_the_good_one_does_not(rule: Rule) -> None:
    make = SUBJECTS[rule.subject]
    assert list(rule.check(make(block(rule, "Bad")))) != []
    assert list(rule.check(make(block(rule, "Good")))) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rules_page_names_its_requirement_and_its_file_its_id(rule: Rule) -> None:
    assert re.search(rf"^Source: {rule.requirement}\b", rule.page, re.MULTILINE)
    assert rule.module.__name__.rsplit(".", 1)[-1].startswith(rule.id.lower() + "_")


def test_ids_are_used_once() -> None:
    assert len(RULES) == len(load_rules())


DEPS = "FROM base AS deps\n"


@pytest.mark.parametrize(
    ("identifier", "text", "lines"),
    [
        pytest.param("LP001", "FROM a AS Deps\nFROM a AS BUILD\nFROM a AS Runtime\n", [], id="LP001 takes any case"),
        pytest.param(
            "LP001", "FROM a AS deps\nFROM a AS lint\nFROM a AS build\nFROM a AS runtime\n", [], id="LP001 more"
        ),
        pytest.param("LP001", "FROM a AS build\nFROM a AS deps\nFROM a AS runtime\n", [1], id="LP001 another order"),
        pytest.param("LP001", "ARG V=1\n\nFROM a AS deps\nFROM a AS build\n", [3], id="LP001 a missing stage"),
        pytest.param("LP002", DEPS + "COPY package.json src ./\n", [2], id="LP002 a folder beside a manifest"),
        pytest.param("LP002", DEPS + "COPY --from=x /all /all\n", [], id="LP002 a copy from an image"),
        pytest.param("LP002", DEPS + "ADD git@example.com:x.git /x\nADD https://x/y.tgz /y\n", [], id="LP002 URLs"),
        pytest.param("LP002", DEPS + "COPY <<EOF /etc/x\na\nEOF\n", [], id="LP002 a here-document"),
        pytest.param("LP002", DEPS + 'COPY ["package.json", "a b.js", "/x/"]\n', [2], id="LP002 the JSON form"),
        pytest.param("LP002", DEPS + "RUN --mount=type=bind,target=/src make\n", [2], id="LP002 a mount of everything"),
        pytest.param("LP002", DEPS + "RUN --mount=type=cache,target=/c make\n", [], id="LP002 a cache mount"),
        pytest.param("LP002", "FROM a AS build\nCOPY . .\n", [], id="LP002 another stage"),
        pytest.param(
            "LP003", DEPS + "COPY . .\nFROM deps AS build\nRUN npm ci\n", [4], id="LP003 source in the parent"
        ),
        pytest.param("LP003", DEPS + 'COPY src src\nRUN ["npm", "ci"]\n', [3], id="LP003 the exec form"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN <<EOF\nset -e\nnpm ci\nEOF\n", [3], id="LP003 a here-document"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN apt-get install -y yarn\n", [], id="LP003 system packages"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN echo npm ci\n", [], id="LP003 words only"),
        pytest.param("LP003", DEPS + "RUN --mount=type=bind,target=/s npm ci\n", [2], id="LP003 a mount of the source"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN npm ci\nFROM x AS runtime\n", [], id="LP003 a stage not built"),
        pytest.param(
            "LP003",
            DEPS + "COPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n",
            [],
            id="LP003 source after the install",
        ),
    ],
)
def test_dockerfile_rules(identifier: str, text: str, lines: list[int]) -> None:
    assert [line for line, _ in breaches(identifier, dockerfile(text))] == lines


SERVICE = "services:\n  web:\n    image: web\n"
TWO = "services:\n  a:\n    build: {{context: {0}}}\n  b:\n    build: {{context: {1}}}\n"
GPU = "    deploy: {resources: {reservations: {devices: [{driver: nvidia, capabilities: [gpu]}]}}}\n"


@pytest.mark.parametrize(
    ("identifier", "text", "words"),
    [
        pytest.param("LP004", TWO.format("./x", "./x"), ["b shares its build context with a"], id="LP004 one context"),
        pytest.param("LP004", TWO.format("./x", "./x/y"), ["of a encloses the one of b"], id="LP004 inside"),
        pytest.param("LP004", TWO.format("./x", "./xy"), [], id="LP004 a common beginning of the name"),
        pytest.param("LP006", SERVICE + GPU, ["web reserves a GPU it does not need"], id="LP006 one too many"),
        pytest.param(
            "LP006", SERVICE.replace("web", "pose-service"), ["pose-service needs a GPU"], id="LP006 one too few"
        ),
        pytest.param("LP006", SERVICE.replace("web", "pose-service") + GPU, [], id="LP006 the one that is needed"),
        pytest.param(
            "LP006",
            SERVICE.replace("web", "pose-service") + "    gpus: [{count: -1}]\n",
            ["driver unset"],
            id="LP006 the short form names no driver",
        ),
        pytest.param("LP006", SERVICE + "    deploy: {resources: {limits: {cpus: 1}}}\n", [], id="LP006 limits only"),
        pytest.param("LP008", SERVICE + "    volumes: ['/mnt/data/x:/x']\n", [], id="LP008 a disk of Linux"),
        pytest.param("LP008", SERVICE + "    volumes: ['data:/mnt/c']\n", [], id="LP008 a path in the container"),
        pytest.param("LP008", SERVICE + "    build: {context: /mnt/d/web}\n", ["build context"], id="LP008 a context"),
        pytest.param(
            "LP009", SERVICE + "    entrypoint: [pip, install, x]\n", ["entrypoint"], id="LP009 an entrypoint"
        ),
        pytest.param(
            "LP009",
            SERVICE + "    healthcheck: {test: [CMD-SHELL, 'apt-get install -y curl && curl x']}\n",
            ["health check"],
            id="LP009 a health check",
        ),
        pytest.param("LP009", SERVICE + "    command: npm run install-hooks\n", [], id="LP009 a script's name"),
        pytest.param("LP009", SERVICE + "    healthcheck: {disable: true}\n", [], id="LP009 no health check"),
    ],
)
def test_compose_rules(identifier: str, text: str, words: list[str]) -> None:
    found = [message for _, message in breaches(identifier, compose(text))]
    assert len(found) == len(words)
    assert all(part in message for part, message in zip(words, found, strict=True))


def test_a_windows_drive_that_is_allowed_is_no_breach() -> None:
    text = SERVICE + "    volumes: ['/mnt/c/x:/x']\n"
    assert [line for line, _ in breaches("LP008", compose(text))] == [2]
    assert breaches("LP008", compose(text, config=Config.model_validate({"allow-mnt": True}))) == []


GOOD_IGNORE = block(RULES["LP005"], "Good")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, ["there is no .dockerignore"], id="no file"),
        pytest.param("**\n!src\n", [], id="everything but the source"),
        pytest.param(GOOD_IGNORE.replace("**/data/", "data/*"), [], id="the content of a folder"),
        pytest.param(GOOD_IGNORE.replace("**/*.log", "*.log"), ["pkg/app.log"], id="at the top only"),
        pytest.param(GOOD_IGNORE + "!app.log\n", ["app.log"], id="an exception that lets one through"),
        pytest.param(GOOD_IGNORE.replace("**/.env\n", ""), [".env reaches"], id="secrets"),
    ],
)
def test_ignore_files(text: str | None, words: list[str]) -> None:
    found = [message for _, message in breaches("LP005", ignore(text))]
    assert len(found) == len(words)
    assert all(part in message for part, message in zip(words, found, strict=True))


def test_an_empty_ignore_file_lets_all_eight_through() -> None:
    assert len(breaches("LP005", ignore(""))) == 8


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        pytest.param("run.sh", "#!/bin/sh\n# npm install\necho npm install\nnpm start\n", [], id="words about it"),
        pytest.param("run.sh", "cd web && npm ci\nexec pip install x\n", [1, 2], id="two lines"),
        pytest.param("run.sh", "true # npm install\n", [], id="a comment at the end of a line"),
        pytest.param("package.json", '{"scripts": {"start": "node ."}}', [], id="npm scripts that install nothing"),
        pytest.param(
            "package.json", '{"name": "start",\n"scripts": {\n"start": "npm i && node ."}}', [3], id="an npm script"
        ),
        pytest.param(
            "package.json", '{"scripts": {"setup": "npm i"}}', [], id="a script that npm never runs by itself"
        ),
        pytest.param("package.json", '{"scripts": ["npm i"]}', [], id="scripts that are no table"),
        pytest.param("package.json", '{"scripts": null}', [], id="no scripts"),
        pytest.param("package.json", "[]", [], id="a list"),
        pytest.param("package.json", "{", [], id="broken JSON"),
    ],
)
def test_scripts(name: str, text: str, lines: list[int]) -> None:
    assert [line for line, _ in breaches("LP007", script(text, name=name))] == lines
