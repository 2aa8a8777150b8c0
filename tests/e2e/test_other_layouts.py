"""A monorepo that is not ours: include, extends, profiles, inline Dockerfile, secrets, no bases, no configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from .conftest import Repo

# An upstream image that this repo needs anyway, so that it is here.
UPSTREAM = "node:18-bookworm-slim"
FILES = {
    "compose.yaml": """\
        include: [more/compose.yaml]
        name: layerproof-other
        services:
          app:
            build: {context: ./my app, secrets: [token], args: {GREETING: "${GREETING:-hi}"}}
          inline.one:
            build:
              context: ./my app
              dockerfile_inline: |
                FROM UPSTREAM
                COPY src /src
          tool:
            profiles: [tools]
            image: layerproof-other/tool:1
            build: {context: ./tool, target: two, additional_contexts: {app: "service:app"}}
        secrets:
          token: {file: ./token.txt}
        """,
    "more/compose.yaml": """\
        services:
          page: {extends: {file: base.yaml, service: base}}
        """,
    "more/base.yaml": """\
        services:
          base: {build: {context: ../page}}
        """,
    "page/Dockerfile": """\
        FROM scratch
        COPY index.html /
        """,
    "page/index.html": "hello",
    "my app/Dockerfile": """\
        FROM UPSTREAM
        ARG GREETING=hello
        RUN --mount=type=secret,id=token test -s /run/secrets/token && echo $GREETING > /greeting
        COPY src /src
        """,
    "my app/src/main.js": "// main",
    "tool/Dockerfile": """\
        FROM UPSTREAM AS one
        RUN echo one
        FROM one AS two
        COPY --from=app /greeting /greeting
        """,
    "token.txt": "secret",
}


@pytest.fixture
def other(repo: Repo, tmp_path: Path) -> Iterator[Repo]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = text.replace("UPSTREAM", UPSTREAM).splitlines()
        path.write_text("\n".join(line.removeprefix("        ") for line in lines) + "\n")
    environment = {key: value for key, value in repo.environment.items() if not key.startswith("COMPOSE_")}
    found = replace(repo, root=tmp_path, environment=environment)
    yield found
    tags = [f"layerproof-other-{name}" for name in ("app", "inline.one", "page")] + ["layerproof-other/tool:1"]
    found.call(["docker", "image", "rm", "--force", *tags], check=False)


def actions(images: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: image["action"] for name, image in images.items()}


def test_every_service_is_found_built_and_left_alone_afterwards(other: Repo) -> None:
    assert actions(other.build()) == dict.fromkeys(("app", "inline_one", "page", "tool"), "built")
    assert set(actions(other.build()).values()) == {"unchanged"}


def test_an_edit_rebuilds_what_uses_it_and_nothing_else(other: Repo) -> None:
    other.build()
    (other.root / "page" / "index.html").write_text("changed")
    assert {name for name, action in actions(other.build()).items() if action == "built"} == {"page"}


def test_an_argument_from_the_environment_counts(other: Repo) -> None:
    other.build()
    done = json.loads(other.run("build", "--service", "app", "--format", "json", GREETING="moin").stdout)
    assert {image["image"]: image["action"] for image in done["images"]} == {"app": "built"}


def test_a_service_is_found_by_its_own_name(other: Repo) -> None:
    assert set(other.build("--service", "inline.one")) == {"inline_one"}
