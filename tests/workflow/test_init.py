"""`layerproof init` on repositories on the disk: what it finds, what it writes, and what it never touches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from layerproof.changes import apply_changes
from layerproof.config import load_config
from layerproof.errors import ConfigError, UsageError
from layerproof.starters.plan import FoundService, InitPlan
from layerproof.testing import FakeEngine
from layerproof.workflow.check import check
from layerproof.workflow.init import Wanted, plan_init
from tests.starter_samples import SAMPLES, write_sample

COMPOSE = "services:\n  api:\n    build: ./api\n"


def engine_of(root: Path, **services: Any) -> FakeEngine:
    """An engine whose Compose knows these services, by their folder or their whole body."""
    bodies = {
        name: body if isinstance(body, dict) else {"build": {"context": str(root / body)}}
        for name, body in services.items()
    }
    return FakeEngine(document={"name": "shop", "services": bodies})


USAGE = 2


def planned(root: Path, engine: FakeEngine | None = None, **wanted: Any) -> InitPlan:
    return plan_init(root, engine=engine or FakeEngine(), wanted=Wanted(**wanted), environment={})


def written(root: Path, engine: FakeEngine | None = None, **wanted: Any) -> list[str]:
    """What is written, by path."""
    plan = planned(root, engine, **wanted)
    apply_changes(plan.changes)
    return sorted(os.path.relpath(change.path, root) for change in plan.changes)


def states(plan: InitPlan) -> dict[str, str]:
    return {service.name: service.state for service in plan.services}


def one(plan: InitPlan, name: str) -> FoundService:
    return next(service for service in plan.services if service.name == name)


def reason(service: FoundService) -> str:
    return service.starter.blocked if service.starter else ""


def test_a_repository_that_needs_nothing_gets_nothing(repo: Path, engine: FakeEngine) -> None:
    plan = planned(repo, engine, dockerfiles=True)
    assert states(plan) == {"api": "has a Dockerfile", "web": "has a Dockerfile", "db": "pulled"}
    assert plan.bases == ("base-node",)
    assert plan.changes == ()


def test_git_is_told_to_ignore_the_build_records_once(repo: Path, engine: FakeEngine) -> None:
    (repo / ".git").mkdir()
    (repo / ".gitignore").write_bytes(b"node_modules\r\n.env")
    assert written(repo, engine) == [".gitignore"]
    assert (repo / ".gitignore").read_bytes() == b"node_modules\r\n.env\r\n.layerproof/\r\n"
    assert written(repo, engine) == []


def test_the_folder_of_the_bases_is_noted_where_it_is_another(repo: Path, engine: FakeEngine) -> None:
    (repo / "docker").rename(repo / "images")
    assert planned(repo, engine).settings == {"bases": "images"}


def test_a_service_that_reserves_a_gpu_is_noted(tmp_path: Path) -> None:
    write_sample(tmp_path, "pip")
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    body = {
        "build": {"context": str(tmp_path / "pip")},
        "deploy": {"resources": {"reservations": {"devices": [{"driver": "nvidia", "capabilities": ["gpu"]}]}}},
    }
    engine = engine_of(tmp_path, **{"pose.service": body})
    assert written(tmp_path, engine) == ["layerproof.toml"]
    assert load_config(tmp_path).service("pose.service").gpu
    assert written(tmp_path, engine) == []


def test_the_compose_file_is_asked_for_where_several_could_be_meant(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "compose.yaml").write_text("services: {}\n")
    with pytest.raises(ConfigError, match=r"one/compose\.yaml, two/compose\.yaml") as caught:
        planned(tmp_path)
    assert "--compose-file one/compose.yaml" in caught.value.hint
    assert planned(tmp_path, compose_file="two/compose.yaml").settings == {"compose-file": "two/compose.yaml"}


def test_a_pyproject_keeps_every_byte_and_gets_a_table_at_its_end(tmp_path: Path) -> None:
    text = '# mine\r\n[project]  # x\r\nname = "a"\r\n[tool.ruff]\r\nline-length=100'
    (tmp_path / "pyproject.toml").write_bytes(text.encode())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "compose.yaml").write_text("services: {}\n")
    assert written(tmp_path, compose_file="b/compose.yaml") == ["pyproject.toml"]
    now = (tmp_path / "pyproject.toml").read_bytes().decode()
    assert now == f'{text}\r\n\r\n[tool.layerproof]\r\ncompose-file = "b/compose.yaml"\r\n'
    assert load_config(tmp_path).compose_file == "b/compose.yaml"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.layerproof]\nbases = "docker"\n'),
        ("pyproject.toml", 'tool = {layerproof = {bases = "docker"}}\n'),
        ("pyproject.toml", "[tool]\nlayerproof.bases = 'docker'\n"),
        ("layerproof.toml", 'bases = "docker"\n'),
    ],
)
def test_a_configuration_that_is_there_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "compose.yaml").write_text("services: {}\n")
    plan = planned(tmp_path, compose_file="b/compose.yaml")
    assert plan.changes == ()
    assert 'compose-file = "b/compose.yaml"' in " ".join(plan.notes)


def test_without_a_compose_file_folders_with_a_program_are_services(tmp_path: Path) -> None:
    for name in ("npm", "pip", "go"):
        write_sample(tmp_path / "services", name)
    write_sample(tmp_path, "go", "tests/helper")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "package.json").write_text('{"name": "lib", "exports": "./a.js"}')
    plan = planned(tmp_path)
    assert states(plan) == {"npm": "starter", "pip": "starter", "go": "starter", "lib": "library"}
    assert plan.changes == ()


def test_dockerfiles_ignore_files_and_a_compose_file_are_written_once(tmp_path: Path) -> None:
    write_sample(tmp_path, "npm", "my api")
    write_sample(tmp_path, "yarn", "web")
    expected = [
        "docker-compose.yml",
        "my api/.dockerignore",
        "my api/Dockerfile",
        "web/.dockerignore",
        "web/Dockerfile",
    ]
    assert written(tmp_path, dockerfiles=True) == expected
    composed = (tmp_path / "docker-compose.yml").read_text()
    assert 'my-api:\n    build: "./my api"\n    ports: ["127.0.0.1:3000:3000"]' in composed
    assert 'web:\n    build: ./web\n    ports: ["127.0.0.1:3001:3000"]' in composed
    engine = engine_of(tmp_path, **{"my-api": "my api", "web": "web"})
    assert written(tmp_path, engine, dockerfiles=True) == []


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    folder = write_sample(tmp_path, "pip", "api")
    (folder / ".dockerignore").write_text("mine\n")
    (folder / "Dockerfile").symlink_to("nowhere")
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    plan = planned(tmp_path, engine_of(tmp_path, api="api"), dockerfiles=True)
    assert plan.changes == ()
    assert "leads nowhere" in reason(one(plan, "api"))
    (folder / "Dockerfile").unlink()
    plan = planned(tmp_path, engine_of(tmp_path, api="api"), dockerfiles=True)
    assert [change.path.name for change in plan.changes] == ["Dockerfile"]
    assert "api/.dockerignore is left as it is" in " ".join(plan.notes)


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    folder = write_sample(tmp_path, "pip")
    plan = planned(tmp_path, dockerfiles=True)
    (folder / "Dockerfile").write_text("FROM mine\n")
    with pytest.raises(ConfigError, match="changed meanwhile"):
        apply_changes(plan.changes)
    assert (folder / "Dockerfile").read_text() == "FROM mine\n"


def test_a_folder_that_cannot_be_written_is_an_error_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sample(tmp_path, "pip")
    plan = planned(tmp_path, dockerfiles=True)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("layerproof.changes.write_atomically", refuse)
    with pytest.raises(ConfigError, match="Dockerfile: cannot be written"):
        apply_changes(plan.changes)


def test_the_compose_file_says_port_stage_arguments_and_the_dockerfile(tmp_path: Path) -> None:
    write_sample(tmp_path, "page", "web")
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    body = {
        "build": {
            "context": str(tmp_path / "web"),
            "dockerfile": "docker.prod",
            "target": "prod",
            "args": {"VITE_API": "x"},
        },
        "ports": [{"target": 8181, "published": "80"}],
    }
    assert written(tmp_path, engine_of(tmp_path, web=body), dockerfiles=True) == [
        "web/.dockerignore",
        "web/docker.prod",
        "web/nginx.conf",
    ]
    text = (tmp_path / "web" / "docker.prod").read_text()
    assert "FROM scratch AS prod" in text
    assert "ARG VITE_API" in text
    assert "EXPOSE 8181" in text
    assert "listen 8181;" in (tmp_path / "web" / "nginx.conf").read_text()


@pytest.mark.parametrize(
    ("context", "said"),
    [("nowhere", "is no folder"), ("..", "outside of this repository"), ("empty", "")],
)
def test_a_service_that_cannot_have_a_dockerfile_is_missing_one(tmp_path: Path, context: str, said: str) -> None:
    root = tmp_path / "repo"
    (root / "empty").mkdir(parents=True)
    (root / "compose.yaml").write_text(COMPOSE)
    plan = planned(root, engine_of(root, api=context), dockerfiles=True)
    service = one(plan, "api")
    assert service.is_missing
    assert said in reason(service)


def test_a_manifest_that_links_out_of_its_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "requirements.txt").write_text("flask==3\n")
    (tmp_path / "api" / "requirements.txt").symlink_to("../requirements.txt")
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    service = one(planned(tmp_path, engine_of(tmp_path, api="api")), "api")
    assert "leads out of its build context" in reason(service)


def test_a_remote_and_an_inline_build_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    engine = engine_of(
        tmp_path,
        remote={"build": {"context": "https://example.com/repo.git"}},
        inline={"build": {"context": str(tmp_path), "dockerfile_inline": "FROM scratch"}},
    )
    assert states(planned(tmp_path, engine, dockerfiles=True)) == {"remote": "elsewhere", "inline": "inline"}


def test_a_folder_that_is_named_is_a_service_beside_the_compose_file(tmp_path: Path) -> None:
    write_sample(tmp_path, "go", "worker")
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    plan = planned(tmp_path, dockerfiles=True, services=("jobs=worker",))
    assert states(plan) == {"jobs": "new"}
    assert "jobs: {build: ./worker}" in " ".join(plan.notes)
    assert not any(change.path.name == "docker-compose.yml" for change in plan.changes)


@pytest.mark.parametrize("text", ["worker", "=worker", "jobs=", "jobs=nowhere", "jobs=..", "a b=worker"])
def test_a_service_that_is_named_wrongly_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "repo" / "worker").mkdir(parents=True)
    with pytest.raises(UsageError):
        planned(tmp_path / "repo", services=(text,))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_written_passes_every_rule(tmp_path: Path, name: str) -> None:
    write_sample(tmp_path, name, "api")
    (tmp_path / "compose.yaml").write_text(
        "services:\n  api:\n    build: ./api\n    ports: ['127.0.0.1:1:8080']\n    mem_limit: 512m\n"
    )
    body = {
        "build": {"context": str(tmp_path / "api"), "dockerfile": "Dockerfile"},
        "ports": [{"host_ip": "127.0.0.1", "target": 8080, "published": "1", "protocol": "tcp"}],
        "mem_limit": "536870912",
    }
    engine = engine_of(tmp_path, api=body)
    assert {"api/.dockerignore", "api/Dockerfile"} <= set(written(tmp_path, engine, dockerfiles=True))
    report = check(tmp_path, engine=engine, environment={}, tools=("layerproof",))
    assert [(item.rule, item.line, item.message) for item in report.findings] == []


def command(root: Path, *words: str, code: int = 0) -> str:
    """What `layerproof WORDS` shows: its result, or why it refuses the words."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("layerproof")), *words],
        cwd=root,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "80"},
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code == USAGE else done.stdout


def test_without_a_terminal_the_diff_is_shown_and_nothing_written(tmp_path: Path) -> None:
    write_sample(tmp_path, "pip", "api")
    text = command(tmp_path, "init", "--dockerfiles")
    assert "+++ b/api/Dockerfile" in text
    assert "nothing was written; --yes writes api/Dockerfile" in text
    assert not (tmp_path / "api" / "Dockerfile").exists()
    assert "wrote api/Dockerfile, api/.dockerignore, docker-compose.yml" in command(
        tmp_path, "init", "--dockerfiles", "--yes"
    )


def test_the_diff_is_one_that_patch_takes(tmp_path: Path) -> None:
    write_sample(tmp_path, "pip", "api")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    text = command(tmp_path, "init", "--dockerfiles", "--diff")
    diff = text[text.index("--- ") : text.index("nothing was written")]
    subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=tmp_path, check=True)
    assert (tmp_path / ".gitignore").read_text() == ".layerproof/\n"
    assert (tmp_path / "api" / "Dockerfile").is_file()


def test_the_json_says_what_was_found_and_what_would_change(tmp_path: Path) -> None:
    write_sample(tmp_path, "go", "api")
    document = json.loads(command(tmp_path, "init", "--dockerfiles", "--format", "json"))
    assert document["schema"] == 1
    assert document["written"] is False
    service = document["services"][0]
    assert (service["name"], service["language"], service["port"], service["state"]) == ("api", "go", 8090, "new")
    assert [change["path"] for change in document["changes"]] == [
        "api/Dockerfile",
        "api/.dockerignore",
        "docker-compose.yml",
    ]


def test_what_cannot_be_written_is_told_by_the_exit_code_and_only_where_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "package.json").write_text("{\n")
    named = ("--service", "api=api")
    assert "without a Dockerfile, see above: api" in command(tmp_path, "init", *named)
    assert "package.json:2: not valid JSON" in command(tmp_path, "init", "--dockerfiles", *named, code=1)
    assert "package.json:2: not valid JSON" in command(tmp_path, "init", "--dockerfiles")


def test_an_empty_repository_is_told_how_to_begin(tmp_path: Path) -> None:
    assert "--service NAME=FOLDER" in command(tmp_path, "init")


def test_a_wrong_combination_is_a_usage_error(tmp_path: Path) -> None:
    assert "--yes and --diff exclude each other" in command(tmp_path, "init", "--yes", "--diff", code=USAGE)
    assert "'x' is no service" in command(tmp_path, "init", "--service", "x", code=USAGE)
