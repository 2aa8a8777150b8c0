"""Which images a change affects: compared with a commit, in a real git repository, without an engine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from layerproof.engine import ComposeCall
from layerproof.errors import ConfigError, UsageError
from layerproof.model import AffectedReport
from layerproof.report.affected import affected_document, affected_matrix
from layerproof.testing import FakeEngine
from layerproof.workflow.affected import find_affected
from layerproof.workflow.load import load

ALL = ["base-node", "base-node-runtime", "api", "web"]


class Compose(FakeEngine):
    """A FakeEngine without a daemon, whose compose document is of the folder that is asked about."""

    change: Callable[[dict[str, Any]], None] | None = None
    home: Path = Path()

    def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
        document = json.loads(json.dumps(self.document).replace(str(self.home), str(call.root)))
        if call.root == self.home and self.change:
            self.change(document)
        if (call.root / "broken").exists():
            raise ConfigError("the compose file cannot be read")
        return dict(document)


@pytest.fixture
def compose(repo: Path, engine: FakeEngine) -> Compose:
    found = Compose(document=engine.document, absent=True)
    found.home = repo
    (repo / ".gitignore").write_text(".layerproof/\n")
    git(repo, "init", "--quiet", "--initial-branch=main")
    commit(repo, "one")
    return found


def git(folder: Path, *words: str) -> str:
    names = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def report(repo: Path, compose: Compose, base: str = "HEAD") -> AffectedReport:
    project = load(repo, engine=compose, environment={})
    return find_affected(project, base, engine=compose, environment={})


def reasons(repo: Path, compose: Compose, base: str = "HEAD") -> dict[str, str]:
    return {item.image: item.reason for item in report(repo, compose, base).images}


def test_nothing_is_affected_where_nothing_has_changed(repo: Path, compose: Compose) -> None:
    assert reasons(repo, compose) == {}


@pytest.mark.parametrize(
    ("path", "text", "affected"),
    [
        pytest.param("api/src/main.js", "// edited\n", {"api": "src/main.js"}, id="a source file"),
        pytest.param("api/src/new.js", "// new\n", {"api": "src/new.js"}, id="a new file"),
        pytest.param("web/Dockerfile", "FROM scratch\nCOPY src /\n", {"web": "Dockerfile"}, id="a Dockerfile"),
        pytest.param("web/.dockerignore", "README.md\n*.tmp\n", {"web": ".dockerignore"}, id="an ignore file"),
        pytest.param("api/README.md", "read me\n", {}, id="a file that the ignore file keeps out"),
        pytest.param("docs/page.md", "page\n", {}, id="a file of no context"),
    ],
)
def test_a_file_affects_the_images_that_it_reaches(
    repo: Path, compose: Compose, path: str, text: str, affected: dict[str, str]
) -> None:
    (repo / path).parent.mkdir(exist_ok=True)
    (repo / path).write_text(text)
    found = reasons(repo, compose)
    assert set(found) == set(affected)
    assert all(reason in found[name] for name, reason in affected.items())


def test_a_base_affects_what_is_built_on_it(repo: Path, compose: Compose) -> None:
    path = repo / "docker" / "base-node" / "Dockerfile"
    path.write_text(path.read_text().replace("make base", "make base again"))
    found = reasons(repo, compose)
    assert list(found) == ALL
    assert found["api"] == "it is built on base-node"


@pytest.mark.parametrize(
    "build",
    [
        pytest.param({"args": {"MODE": "fast"}}, id="an argument"),
        pytest.param({"labels": {"a": "b"}}, id="a label"),
        pytest.param({"target": "deps"}, id="a target"),
    ],
)
def test_what_the_compose_file_says_of_a_build_counts(repo: Path, compose: Compose, build: dict[str, Any]) -> None:
    compose.change = lambda document: document["services"]["api"]["build"].update(build)
    assert list(reasons(repo, compose)) == ["api"]


def test_what_the_compose_file_says_of_a_container_does_not(repo: Path, compose: Compose) -> None:
    compose.change = lambda document: document["services"]["api"].update(ports=[], environment={"A": "b"})
    assert reasons(repo, compose) == {}


def test_configuration_of_a_service_affects_it(repo: Path, compose: Compose) -> None:
    (repo / "pyproject.toml").write_text("[tool.layerproof.services.web]\nrebuild-budget-s = 5\n")
    assert reasons(repo, compose) == {"web": "[tool.layerproof.services.web]"}


def test_where_a_cache_is_kept_affects_nothing(repo: Path, compose: Compose) -> None:
    (repo / "pyproject.toml").write_text('[tool.layerproof.cache]\nfrom = "type=gha"\n')
    assert reasons(repo, compose) == {}


def test_a_new_image_is_affected(repo: Path, compose: Compose) -> None:
    (repo / "docker" / "base-new").mkdir()
    (repo / "docker" / "base-new" / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    dockerfile = repo / "web" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "COPY --from=base-new / /new\n")
    assert reasons(repo, compose)["base-new"] == "it is new"


def test_what_the_other_branch_has_changed_since_does_not_count(repo: Path, compose: Compose) -> None:
    git(repo, "checkout", "--quiet", "-b", "topic")
    (repo / "api" / "src" / "main.js").write_text("// topic\n")
    commit(repo, "topic")
    git(repo, "checkout", "--quiet", "main")
    (repo / "web" / "src" / "main.js").write_text("// main\n")
    commit(repo, "two")
    git(repo, "checkout", "--quiet", "topic")
    assert list(reasons(repo, compose, "main")) == ["api"]


def test_where_the_project_could_not_be_read_everything_is_affected(repo: Path, compose: Compose) -> None:
    (repo / "broken").touch()
    commit(repo, "broken")
    (repo / "broken").unlink()
    found = reasons(repo, compose)
    assert list(found) == ALL
    assert found["api"] == "the project as it was then cannot be read: the compose file cannot be read"


def test_compose_files_that_are_named_absolutely_are_those_of_the_commit(repo: Path, compose: Compose) -> None:
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    calls: list[ComposeCall] = []

    class Noting(Compose):
        def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
            calls.append(call)
            return super().compose_config(call)

    noting = Noting(document=compose.document, absent=True)
    noting.home = repo
    environment = {"COMPOSE_FILE": str(repo / "docker-compose.yml"), "PWD": str(repo)}
    project = load(repo, engine=noting, environment=environment)
    found = find_affected(project, "HEAD", engine=noting, environment=environment)
    assert [item.image for item in found.images] == ["api"]
    now, before = calls
    assert now.files == (repo / "docker-compose.yml",)
    assert before.files == (before.root / "docker-compose.yml",)
    assert before.environment["PWD"] == str(before.root) != str(repo)


def test_a_context_that_is_the_working_tree_whatever_the_commit_affects_all(repo: Path, compose: Compose) -> None:
    class Absolute(Compose):
        def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
            return self.document

    absolute = Absolute(document=compose.document, absent=True)
    found = reasons(repo, absolute)
    assert list(found) == ALL
    assert "the compose file has an absolute path" in found["api"]


def test_a_dotenv_file_in_a_context_has_not_changed(repo: Path, compose: Compose) -> None:
    (repo / ".gitignore").write_text(".layerproof/\n.env\n")
    (repo / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    commit(repo, "two")
    (repo / ".env").write_text("A=b\n")
    whole = {"image": "shop-all", "build": {"context": str(repo), "dockerfile": "Dockerfile"}}
    compose.document = {"name": "shop", "services": {**compose.document["services"], "all": whole}}
    assert reasons(repo, compose) == {}


def test_a_context_beside_the_project_is_looked_at_in_the_commit(repo: Path, compose: Compose) -> None:
    """The project lies in a folder of the repository, and builds a folder beside it."""
    deploy = repo / "deploy"
    deploy.mkdir()
    (deploy / "docker-compose.yml").write_text("services: {api: {build: ../api}}\n")
    commit(repo, "two")

    class Below(Compose):
        def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
            build = {"context": str(call.root.parent / "api"), "dockerfile": "Dockerfile"}
            return {"name": "shop", "services": {"api": {"image": "shop-api", "build": build}}}

    below = Below(absent=True)
    assert reasons(deploy, below) == {}
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    assert reasons(deploy, below) == {"api": "src/main.js"}


def test_what_the_commit_did_not_have_yet_affects_all(repo: Path, compose: Compose) -> None:
    (repo / "pyproject.toml").write_text("[tool.layerproof.profiles.ci]\n")
    project = load(repo, engine=compose, environment={}, profile="ci")
    found = find_affected(project, "HEAD", engine=compose, environment={})
    assert [item.image for item in found.images] == ALL
    assert "there is no profile 'ci'" in found.images[0].reason
    new = repo / "new"
    (repo / "api").rename(repo / "moved")
    new.mkdir()
    (repo / "moved").rename(new / "api")
    (repo / "web").rename(new / "web")
    (new / "docker-compose.yml").write_text("services: {api: {build: ./api}}\n")
    found = find_affected(load(new, engine=compose, environment={}), "HEAD", engine=compose, environment={})
    assert "has no folder new" in found.images[0].reason


def test_a_commit_that_is_not_there_is_an_error_with_the_next_step(
    repo: Path, compose: Compose, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(UsageError, match="there is no commit 'nope'"):
        report(repo, compose, "nope")
    commit(repo, "two")
    clone = tmp_path_factory.mktemp("shallow") / "clone"
    git(repo, "clone", "--quiet", "--depth=1", f"file://{repo}", str(clone))
    compose.home, compose.document = clone, json.loads(json.dumps(compose.document).replace(str(repo), str(clone)))
    with pytest.raises(UsageError) as caught:
        report(clone, compose, "HEAD^1")
    assert "fetch-depth" in caught.value.hint


def test_the_matrix_has_services_and_no_bases(repo: Path, compose: Compose) -> None:
    path = repo / "docker" / "base-node" / "Dockerfile"
    path.write_text(path.read_text().replace("make base", "make base again"))
    found = report(repo, compose)
    rows = [{"service": name, "image": name} for name in ("api", "web")]
    assert affected_matrix(found) == {"include": rows}
    document = affected_document(found)
    assert document["services"] == ["api", "web"]
    assert document["images"][0]["role"] == "base"
