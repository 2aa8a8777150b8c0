"""Loading monorepos that are built another way than ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layerproof.dockerfile import this_platform
from layerproof.errors import ConfigError, UsageError
from layerproof.graph import bake_definition
from layerproof.model import Image, Project
from layerproof.testing import FakeEngine
from layerproof.workflow.build import plan_build
from layerproof.workflow.lab import upstream_references
from layerproof.workflow.load import load


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def project_of(root: Path, services: dict[str, Any], *, engine: FakeEngine | None = None) -> Project:
    write(root / "compose.yaml", "services: {}\n")
    engine = engine or FakeEngine()
    engine.document = {"name": "shop", "services": services}
    return load(root, engine=engine, environment={})


def built(root: Path, dockerfile: str = "Dockerfile", **more: Any) -> dict[str, Any]:
    return {"build": {"context": str(root), "dockerfile": dockerfile, **more}}


def image(project: Project, name: str) -> Image:
    return next(item for item in project.images if item.name == name)


def test_a_docker_folder_that_holds_the_services_dockerfiles_holds_no_bases(tmp_path: Path) -> None:
    write(tmp_path / "docker" / "api" / "Dockerfile", "FROM node:18\n")
    project = project_of(tmp_path, {"backend": built(tmp_path, "docker/api/Dockerfile")})
    assert [item.name for item in project.images] == ["backend"]


def test_a_folder_named_after_the_image_it_starts_from_is_no_base(tmp_path: Path) -> None:
    write(tmp_path / "docker" / "nginx" / "Dockerfile", "FROM nginx:latest\n")
    write(tmp_path / "web" / "Dockerfile", "FROM nginx\n")
    project = project_of(tmp_path, {"web": built(tmp_path / "web")})
    assert [item.name for item in project.images] == ["web"]
    assert upstream_references(project) == ("nginx:latest",)


def test_a_base_with_a_dot_in_its_name_gets_a_name_that_bake_takes(tmp_path: Path) -> None:
    write(tmp_path / "docker" / "python3.10" / "Dockerfile", "FROM debian\n")
    project = project_of(tmp_path, {})
    assert [(item.name, item.tag) for item in project.images] == [("python3_10", "python3.10:latest")]


def test_an_image_that_another_service_builds_is_not_pulled(tmp_path: Path) -> None:
    write(tmp_path / "api" / "Dockerfile", "FROM node:18\n")
    services = {"api": {**built(tmp_path / "api"), "image": "shop-api"}, "worker": {"image": "shop-api"}}
    assert upstream_references(project_of(tmp_path, services)) == ("node:18",)


def test_two_services_may_share_one_build_but_not_one_tag_of_two_builds(tmp_path: Path) -> None:
    write(tmp_path / "api" / "Dockerfile", "FROM node:18 AS one\nFROM one AS two\n")
    same = {**built(tmp_path / "api"), "image": "shop"}
    assert len(project_of(tmp_path, {"api": same, "worker": same}).images) == 2
    other = {**built(tmp_path / "api", target="one"), "image": "shop"}
    with pytest.raises(ConfigError, match="different builds of one tag, shop:latest"):
        project_of(tmp_path, {"api": same, "worker": other})


def test_two_services_may_share_one_text_in_the_compose_file(tmp_path: Path) -> None:
    build = {"context": str(tmp_path), "dockerfile_inline": "FROM debian\nCOPY . /app\n"}
    services = {name: {"image": "app", "build": build} for name in ("web", "worker")}
    assert len(project_of(tmp_path, services).images) == 2


def test_a_folder_that_is_called_like_a_service_and_is_the_base_of_nothing_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "docker" / "web" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "web" / "Dockerfile", "FROM node:18\n")
    project = project_of(tmp_path, {"web": built(tmp_path / "web")})
    assert [(item.name, item.role) for item in project.images] == [("web", "service")]


def test_a_dockerfile_in_small_letters_is_found_as_buildx_finds_it(tmp_path: Path) -> None:
    write(tmp_path / "api" / "dockerfile", "FROM node:18\n")
    assert image(project_of(tmp_path, {"api": built(tmp_path / "api")}), "api").dockerfile.path.name == "dockerfile"
    with pytest.raises(ConfigError, match="no such Dockerfile"):
        project_of(tmp_path, {"api": built(tmp_path / "api", dockerfile="other")})


def test_a_stage_that_is_called_like_its_base_is_refused(tmp_path: Path) -> None:
    """BuildKit would put the image in the place of the whole stage."""
    write(tmp_path / "docker" / "base" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "api" / "Dockerfile", "FROM base AS Base\nRUN make\nFROM base\n")
    with pytest.raises(ConfigError, match=r"api/Dockerfile:1: stage Base is called like the image base"):
        project_of(tmp_path, {"api": built(tmp_path / "api")})
    write(tmp_path / "api" / "Dockerfile", "FROM base AS base\nFROM base\nRUN make\n")
    assert image(project_of(tmp_path, {"api": built(tmp_path / "api")}), "api").parents == ("base",)


@pytest.mark.parametrize("where", ["platform", "platforms"])
def test_a_service_and_its_bases_are_built_for_its_platform(tmp_path: Path, where: str) -> None:
    write(tmp_path / "docker" / "base" / "Dockerfile", "FROM debian AS on-s390x\nFROM on-$TARGETARCH\n")
    write(tmp_path / "api" / "Dockerfile", "FROM base AS on-s390x\nRUN make\nFROM on-${TARGETARCH}\n")
    service = built(tmp_path / "api", **({"platforms": ["linux/s390x"]} if where == "platforms" else {}))
    service |= {"platform": "linux/s390x"} if where == "platform" else {}
    project = project_of(tmp_path, {"api": service})
    assert [item.options.get("platforms") for item in project.images] == [["linux/s390x"]] * 2
    assert [item.dockerfile.stages[-1].base for item in project.images] == ["on-s390x"] * 2
    assert image(project, "api").parents == ("base",)


def test_a_base_is_one_image_and_cannot_be_of_two_platforms(tmp_path: Path) -> None:
    write(tmp_path / "docker" / "base" / "Dockerfile", "FROM debian\n")
    for name in ("api", "web"):
        write(tmp_path / name / "Dockerfile", "FROM base\n")
    services = {"api": {**built(tmp_path / "api"), "platform": "linux/s390x"}, "web": built(tmp_path / "web")}
    with pytest.raises(ConfigError, match=r"base is needed for linux/\w+ and linux/s390x"):
        project_of(tmp_path, services)
    services["api"]["platform"] = this_platform()
    assert image(project_of(tmp_path, services), "base").options["platforms"] == [this_platform()]


def test_options_of_a_build_reach_the_builder(tmp_path: Path) -> None:
    write(tmp_path / "api" / "Dockerfile", "FROM node:18\n")
    hosts = ["a=1.2.3.4", "a=1.2.3.5", "v6=::1"]
    build = built(tmp_path / "api", privileged=True, extra_hosts=hosts, ssh=["default", "k: /tmp/k"])
    options = image(project_of(tmp_path, {"api": build}), "api").options
    assert options["extra-hosts"] == {"a": "1.2.3.4,1.2.3.5", "v6": "::1"}
    assert options["ssh"] == ["default", "k=/tmp/k"]
    assert options["entitlements"] == ["security.insecure"]


def test_a_named_context_that_is_an_image_of_the_project_is_a_parent(tmp_path: Path) -> None:
    write(tmp_path / "docker" / "base" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "api" / "Dockerfile", "FROM below\n")
    contexts = {"below": "docker-image://base:latest"}
    project = project_of(tmp_path, {"api": built(tmp_path / "api", additional_contexts=contexts)})
    assert image(project, "api").parents == ("base",)
    assert dict(image(project, "api").contexts) == {"below": "target:base"}


def test_a_configured_context_is_relative_to_the_root_and_its_files_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "api" / "Dockerfile", "FROM scratch AS wheels\nFROM debian\nCOPY --from=wheels / /w\n")
    write(tmp_path / "wheels" / "a.whl", "1")
    write(tmp_path / "pyproject.toml", "[tool.layerproof.contexts]\nwheels = 'wheels'\n")
    monkeypatch.chdir(tmp_path / "api")
    engine = FakeEngine()
    project = project_of(tmp_path, {"api": built(tmp_path / "api")}, engine=engine)
    assert image(project, "api").contexts == {"wheels": str(tmp_path / "wheels")}
    before = plan_build(project, engine=engine, names=["api"]).fingerprints
    write(tmp_path / "wheels" / "a.whl", "2")
    assert plan_build(project, engine=engine, names=["api"]).fingerprints != before


@pytest.mark.parametrize(
    ("table", "profile"),
    [
        pytest.param("contexts", None, id="a general one"),
        pytest.param("profiles.local.contexts", "local", id="one of a profile"),
        pytest.param("profiles.local.contexts", "lab,local", id="one of a joined profile"),
    ],
)
def test_a_configured_context_that_does_not_exist_is_an_error_that_names_its_folder(
    tmp_path: Path, table: str, profile: str | None
) -> None:
    write(tmp_path / "Dockerfile", "FROM scratch AS wheels\nFROM debian\nCOPY --from=wheels / /w\n")
    write(tmp_path / "compose.yaml", "services: {}\n")
    text = f"[tool.layerproof.{table}]\nwheels = 'sources/my wheels'\n[tool.layerproof.profiles.lab]\n"
    write(tmp_path / "pyproject.toml", text)
    engine = FakeEngine(document={"name": "shop", "services": {"api": built(tmp_path)}})
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, engine=engine, environment={}, profile=profile)
    folder = tmp_path / "sources" / "my wheels"
    assert caught.value.message == f"named context wheels: {folder}: there is no such folder"
    assert "'wheels' in [tool.layerproof]" in caught.value.hint
    folder.mkdir(parents=True)
    project = load(tmp_path, engine=engine, environment={}, profile=profile)
    assert image(project, "api").contexts == {"wheels": str(folder)}


def test_a_context_of_a_profile_that_is_not_chosen_need_not_exist(tmp_path: Path) -> None:
    write(tmp_path / "Dockerfile", "FROM debian\n")
    write(tmp_path / "pyproject.toml", "[tool.layerproof.profiles.local.contexts]\nwheels = 'gone'\n")
    assert image(project_of(tmp_path, {"api": built(tmp_path)}), "api").contexts == {}


@pytest.mark.parametrize(
    "address",
    [
        "docker-image://alpine:3.20",
        "https://github.com/org/repo.git#main",
        "http://mirror.local/wheels.tar.gz",
        "git://example.com/r.git",
        "ssh://git@example.com/r.git",
        "git@github.com:org/repo.git",
        "oci-layout:///tmp/x",
        "target:base",
        "service:base",
    ],
)
def test_a_configured_context_that_is_an_address_stays_as_it_is(tmp_path: Path, address: str) -> None:
    write(tmp_path / "docker" / "base" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "Dockerfile", "FROM scratch AS wheels\nFROM debian\nCOPY --from=wheels / /w\n")
    write(tmp_path / "pyproject.toml", f"[tool.layerproof.contexts]\nwheels = '{address}'\n")
    project = project_of(tmp_path, {"api": built(tmp_path)})
    assert image(project, "api").contexts == {"wheels": address}


def test_layerproofs_own_state_changes_no_fingerprint(tmp_path: Path) -> None:
    write(tmp_path / "Dockerfile", "FROM debian\nCOPY . .\n")
    engine = FakeEngine()
    project = project_of(tmp_path, {"api": built(tmp_path)}, engine=engine)
    before = plan_build(project, engine=engine, names=["api"])
    write(tmp_path / ".layerproof" / "records" / "x.json", "{}")
    after = plan_build(project, engine=engine, names=["api"])
    assert after.fingerprints == before.fingerprints
    assert ".layerproof/ reaches the build context of api" in after.warnings[0]


def test_a_compose_file_named_in_the_environment_file_is_used(tmp_path: Path) -> None:
    write(tmp_path / ".env", "COMPOSE_FILE=infra/stack.yaml\n")
    write(tmp_path / "infra" / "stack.yaml", "services: {}\n")
    assert project_of(tmp_path, {}).compose_files == (tmp_path / "infra" / "stack.yaml",)


@pytest.mark.parametrize("context", ["https://example.com/r.git", "git@example.com:r.git"])
def test_a_service_that_is_built_from_elsewhere_is_left_out(tmp_path: Path, context: str) -> None:
    write(tmp_path / "api" / "Dockerfile", "FROM node:18\n")
    services = {"api": built(tmp_path / "api"), "mail": {"build": {"context": context}}}
    project = project_of(tmp_path, services)
    assert [item.name for item in project.images] == ["api"]
    assert upstream_references(project) == ("node:18",)


def test_a_context_that_the_system_cannot_look_up_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        project_of(tmp_path, {"api": built(tmp_path / ("a" * 5000))})


def test_a_configured_service_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.layerproof.services.fronted]\ngpu = true\n")
    with pytest.raises(UsageError) as caught:
        project_of(tmp_path, {"frontend": {"image": "x"}})
    assert "did you mean frontend?" in caught.value.hint


def test_what_looks_like_an_expression_of_bake_reaches_buildkit_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "Dockerfile", "FROM debian\nARG A\n")
    project = project_of(tmp_path, {"api": built(tmp_path, args={"A": "a${b}%{c}$d"})})
    assert bake_definition(project.images)["target"]["api"]["args"] == {"A": "a$${b}%%{c}$d"}


def test_ulimits_are_written_as_bake_wants_them(tmp_path: Path) -> None:
    write(tmp_path / "Dockerfile", "FROM debian\n")
    limits = {"nofile": {"soft": 1, "hard": 2}, "nproc": 3}
    project = project_of(tmp_path, {"api": built(tmp_path, ulimits=limits)})
    assert image(project, "api").options["ulimits"] == ["nofile=1:2", "nproc=3"]


def test_a_dockerfile_in_the_docker_folder_that_nothing_is_built_on_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "docker" / "ci" / "Dockerfile", "FROM debian\nCOPY package.json ./\n")
    write(tmp_path / "docker" / "base" / "Dockerfile", "FROM below AS build\nFROM below AS runtime\n")
    write(tmp_path / "docker" / "below" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "api" / "Dockerfile", "FROM base\n")
    services = {"api": built(tmp_path / "api")}
    assert {item.name for item in project_of(tmp_path, services).images} == {"api", "base", "base-runtime", "below"}
    write(tmp_path / "layerproof.toml", 'bases = "docker"\n')
    assert "ci" in {item.name for item in project_of(tmp_path, services).images}


def test_bases_are_named_by_their_tag_wherever_they_lie(tmp_path: Path) -> None:
    write(tmp_path / "images" / "py" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "ci" / "Node.Dockerfile", "FROM debian AS one\nFROM acme/py:3 AS two\n")
    write(tmp_path / "api" / "Dockerfile", "FROM registry.acme.io/node:20\n")
    write(
        tmp_path / "layerproof.toml",
        '[base-images]\n"acme/py:3" = "images/py"\n'
        '"registry.acme.io/node:20" = { dockerfile = "ci/Node.Dockerfile", context = ".", target = "two" }\n',
    )
    project = project_of(tmp_path, {"api": built(tmp_path / "api")})
    assert [(item.tag, item.role) for item in project.images] == [
        ("acme/py:3", "base"),
        ("registry.acme.io/node:20", "base"),
        ("shop-api:latest", "service"),
    ]
    assert project.images[1].context == tmp_path
    assert project.images[2].parents == ("registry_acme_io_node_20",)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param('"images/gone"', "images/gone", id="no such Dockerfile"),
        pytest.param(
            '{ dockerfile = "api/Dockerfile", context = "gone" }', "which is its build context", id="no folder"
        ),
        pytest.param('{ dockerfile = "api/Dockerfile", target = "x" }', "there is no stage 'x'", id="no such stage"),
    ],
)
def test_a_named_base_that_is_not_there_is_an_error(tmp_path: Path, entry: str, message: str) -> None:
    write(tmp_path / "api" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "layerproof.toml", f'[base-images]\n"acme/py:3" = {entry}\n')
    with pytest.raises(ConfigError, match=message):
        project_of(tmp_path, {"api": built(tmp_path / "api")})


def test_what_is_kept_of_builds_is_ignored_by_git(tmp_path: Path) -> None:
    write(tmp_path / "Dockerfile", "FROM debian\n")
    engine = FakeEngine()
    plan_build(project_of(tmp_path, {"api": built(tmp_path)}, engine=engine), engine=engine, names=["api"])
    assert (tmp_path / ".layerproof" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(("reference", "is_there"), [("base:pinned", True), ("acme/base", False)])
def test_a_base_that_is_meant_by_another_tag_stays_an_image_of_the_project(
    tmp_path: Path, reference: str, is_there: bool
) -> None:
    write(tmp_path / "docker" / "base" / "Dockerfile", "FROM debian\n")
    write(tmp_path / "api" / "Dockerfile", f"FROM {reference}\n")
    names = {item.name for item in project_of(tmp_path, {"api": built(tmp_path / "api")}).images}
    assert ("base" in names) is is_there
