"""Before and after on the real engine: a small repo of its own, nothing of the user's touched, no time asserted."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import COMMAND, LIMIT_S, Repo

# An upstream image that this repo needs anyway, so that it is here.
UPSTREAM = "node:18-bookworm-slim"
FILES = {
    "compose.yaml": """\
        services:
          api:
            build: {context: ./api, target: runtime}
          page:
            image: NAME-own/page:1
            build: {context: ./page}
        """,
    "docker/NAME-base/Dockerfile": """\
        FROM UPSTREAM AS build
        RUN echo built > /base.txt
        FROM UPSTREAM AS runtime
        RUN echo ran > /base.txt
        """,
    "api/Dockerfile": """\
        FROM NAME-base:latest AS deps
        WORKDIR /app
        COPY requirements.txt ./
        RUN --mount=type=cache,target=/root/.cache/pip cat requirements.txt > /installed
        FROM deps AS build
        COPY src ./src
        RUN cat src/main.js > built.js
        FROM NAME-base:runtime AS runtime
        COPY --from=build /app/built.js /app/
        """,
    "api/requirements.txt": "none",
    "api/src/main.js": "console.log('api')",
    "page/Dockerfile": """\
        FROM NAME-base:runtime
        COPY index.html /
        """,
    "page/index.html": "<p>hello</p>",
    "bench/naive/api/Dockerfile": """\
        FROM UPSTREAM
        COPY . /app
        RUN cp /usr/local/bin/node /installed && cat /app/src/main.js > /built.js
        """,
    "pyproject.toml": """\
        [tool.layerproof.services.api]
        dependency-steps = ["requirements.txt"]
        [tool.layerproof.bench.goals]
        size-to-naive = 0.001
        """,
}


class Shop(Repo, frozen=True):
    """That repo, and the name that its tags start with."""

    name: str = ""

    def tags(self) -> dict[str, str]:
        """Every tag of this engine that is the repo's or a benchmark's of it, with its image."""
        done = self.call(["docker", "image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"])
        found = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.count(" ") == 1)
        return {tag: image for tag, image in found.items() if self.name in tag}

    def tree(self) -> dict[str, tuple[str, int]]:
        """Digest and time of every file, without layerproof's own."""
        paths = (path for path in sorted(self.root.rglob("*")) if path.is_file())
        return {
            str(path.relative_to(self.root)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in paths
            if ".layerproof" not in path.parts
        }


@pytest.fixture
def shop(repo: Repo, tmp_path: Path) -> Iterator[Shop]:
    name = f"lpshop{uuid.uuid4().hex[:8]}"
    root = tmp_path / "a shop"
    for path, text in FILES.items():
        target = root / path.replace("NAME", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = text.replace("UPSTREAM", UPSTREAM).replace("NAME", name).splitlines()
        target.write_text("\n".join(line.removeprefix("        ") for line in lines) + "\n")
    dropped = ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "LAYERPROOF_PROFILE")
    environment = {key: value for key, value in repo.environment.items() if key not in dropped}
    found = Shop(root, {**environment, "COMPOSE_PROJECT_NAME": name}, name)
    yield found
    tags = list(found.tags())
    if tags:
        found.call(["docker", "image", "rm", "--force", *tags], check=False)


def benchmark_images(shop: Repo) -> set[str]:
    """The images of every benchmark that is going on or has left something, tagged or not."""
    listed = shop.call(["docker", "image", "ls", "--all", "--no-trunc", "--filter", "label=dev.layerproof.project"])
    ids = sorted(
        set(listed.stdout.split()) & set(shop.call(["docker", "image", "ls", "-aq", "--no-trunc"]).stdout.split())
    )
    if not ids:
        return set()
    done = shop.call(["docker", "image", "inspect", *ids], check=False)
    projects = {
        image["Id"]: (image["Config"].get("Labels") or {}).get("dev.layerproof.project", "")
        for image in json.loads(done.stdout or "[]")
    }
    return {image for image, project in projects.items() if project.startswith("layerproof-bench-")}


def measured(document: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(item["kind"], item["service"], item["contestant"]): item for item in document["measurements"]}


def test_everybody_builds_every_edit_and_nothing_of_the_user_is_touched(shop: Shop) -> None:
    shop.build()
    tags, tree, before = shop.tags(), shop.tree(), benchmark_images(shop)
    done = shop.run("bench", "--rounds", "1", "--format", "json", check=False)
    assert done.returncode == 1, done.stderr  # the goal cannot be reached
    document = json.loads(done.stdout)
    found = measured(document)
    tools = ("inv build", "docker buildx bake", "docker compose build", "docker build")
    assert {who for kind, service, who in found if (kind, service) == ("edit", "api")} == {*tools, "naive"}
    assert {who for kind, service, who in found if (kind, service) == ("cold", "")} == set(tools)
    assert {who for kind, service, who in found if (kind, service) == ("manifest", "api")} == {"inv build", "naive"}
    for (kind, _, _), item in found.items():
        assert len(item["times_s"]) == len(item["ran"]) == 1
        assert all(item["times_s"])
        assert all(ran == 0 for ran in item["ran"]) if kind == "noop" else all(item["ran"]), item
    # A cold build runs every step. The new files of api and page on the same base are one step.
    assert {found["cold", "", who]["ran"][0] for who in tools} == {12}
    # The copies and the steps of an edit: COPY src, RUN, COPY --from; index.html.
    assert {tuple(found["edit", "api", who]["ran"]) for who in tools} == {(3,)}
    assert {tuple(found["edit", "page", who]["ran"]) for who in tools} == {(1,)}
    assert [goal["held"] for goal in document["goals"]] == [False]
    assert "page" in " ".join(document["notes"])
    assert shop.tags() == tags
    assert shop.tree() == tree
    assert benchmark_images(shop) <= before
    kept = list((shop.root / ".layerproof" / "bench").iterdir())
    assert [json.loads(path.read_text()) for path in kept] == [document]
    assert not (shop.root / ".layerproof" / "proofs").exists()
    chart = shop.root / "chart.svg"
    again = shop.run("bench", "--from-file", str(kept[0]), "--chart", str(chart), check=False)
    assert again.returncode == 1
    assert "missed" in again.stdout
    assert chart.read_text().startswith("<svg")


def test_a_build_that_fails_is_no_number(shop: Shop) -> None:
    with (shop.root / "bench" / "naive" / "api" / "Dockerfile").open("a") as stream:
        stream.write("RUN echo so it fails; false\n")
    before = benchmark_images(shop)
    done = shop.run("bench", "--part", "naive", "--only", "api", check=False)
    assert done.returncode == 4
    assert "so it fails" in done.stderr
    assert not shop.tags()
    assert benchmark_images(shop) <= before


def test_an_edit_that_reaches_no_step_is_no_number(shop: Shop) -> None:
    (shop.root / "bench" / "naive" / "api" / ".dockerignore").write_text("src\n")
    (shop.root / "bench" / "naive" / "api" / "Dockerfile").write_text(f"FROM {UPSTREAM}\nCOPY . /app\n")
    done = shop.run("bench", "--part", "naive", "--only", "api", check=False)
    assert done.returncode == 1
    assert "code edit of api, naive: the build ran no step" in done.stderr


def test_an_interrupted_benchmark_leaves_nothing(shop: Shop) -> None:
    before = benchmark_images(shop)
    with (shop.root / "api" / "Dockerfile").open("a") as stream:
        stream.write("RUN sleep 60\n")
    child = subprocess.Popen(
        [str(COMMAND), "bench", "--part", "tools"],
        cwd=shop.root,
        env=shop.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Tests that run in the background of a shell inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    limit = time.monotonic() + LIMIT_S
    while not any(tag.startswith("layerproof-bench-") for tag in shop.tags()):
        assert child.poll() is None
        assert time.monotonic() < limit
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=LIMIT_S) == 130
    assert not shop.tags()
    assert benchmark_images(shop) <= before
    assert not (shop.root / ".layerproof" / "proofs").exists()


def test_a_repo_without_naive_dockerfiles_is_measured_all_the_same(shop: Shop) -> None:
    target = shop.root / "bench"
    target.rename(shop.root / "no-bench")
    done = shop.run(
        "bench",
        "--part",
        "tools",
        "--part",
        "naive",
        "--only",
        "api",
        "--rounds",
        "1",
        "--cold-rounds",
        "0",
        "--format",
        "json",
    )
    document = json.loads(done.stdout)
    assert not any(item["contestant"] == "naive" for item in document["measurements"])
    assert any("not compared with naive Dockerfiles: api" in note for note in document["notes"])
