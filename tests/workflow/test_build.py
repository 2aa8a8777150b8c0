"""Building: what is stale, what is sent to the engine, what is remembered."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from layerproof.engine import BakeResult
from layerproof.errors import BuildError, ConfigError
from layerproof.model import Project
from layerproof.testing import FakeEngine
from layerproof.workflow.build import build, plan_build, records_folder
from layerproof.workflow.lab import LAB_LABEL
from layerproof.workflow.load import load

ALL = ("base-node", "base-node-runtime", "api", "web")


def run(project: Project, engine: FakeEngine, *names: str) -> dict[str, str]:
    report = build(project, engine=engine, names=names or ALL)
    return {result.image: result.action for result in report.images}


def test_a_first_build_sends_everything_in_one_bake_run(project: Project, engine: FakeEngine) -> None:
    assert set(run(project, engine).values()) == {"built"}
    assert [verb for verb, _ in engine.asked] == ["bake"]
    assert set(engine.asked[0][1]) == set(ALL)


def test_a_second_build_asks_the_engine_for_nothing(project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    engine.asked.clear()
    assert set(run(project, engine).values()) == {"unchanged"}
    assert engine.asked == []


def test_local_images_are_looked_at_once_where_nothing_is_stale_and_twice_around_a_build(
    project: Project, engine: FakeEngine
) -> None:
    run(project, engine)
    assert engine.looked == 2
    run(project, engine)
    assert engine.looked == 3


@pytest.mark.parametrize(
    ("exported", "metadata", "looked"),
    [
        pytest.param(["api"], {}, 3, id="seen before docker had loaded it"),
        pytest.param([], {}, 2, id="not seen before the end"),
        pytest.param(["base-node"], {}, 2, id="another one was exported"),
    ],
)
def test_an_image_that_was_looked_at_too_early_is_looked_at_again(
    project: Project, engine: FakeEngine, exported: list[str], metadata: dict[str, str], looked: int
) -> None:
    run(project, engine)
    (project.root / "api" / "src" / "main.js").write_text("// edited\n")
    vertices = [
        {"digest": f"sha256:{n}", "name": f"[{name}] exporting to image", "completed": "2026-01-01T00:00:01Z"}
        | {"started": "2026-01-01T00:00:00Z"}
        for n, name in enumerate(["x", *exported])
    ]
    engine.bakes.append(BakeResult(0, (json.dumps({"vertexes": vertices}),), metadata))
    engine.looked = 0
    report = build(project, engine=engine, names=["api"])
    assert {result.id for result in report.images if result.image == "api"} == {engine.images()["shop-api:latest"].id}
    assert engine.looked == looked + 1


def test_one_service_brings_its_bases_and_no_other_service(project: Project, engine: FakeEngine) -> None:
    assert set(run(project, engine, "api")) == {"base-node", "base-node-runtime", "api"}


def test_an_edit_makes_only_its_service_stale(repo: Path, project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    assert plan_build(project, engine=engine, names=ALL).stale == ("api",)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("api/README.md", id="the readme"),
        pytest.param("api/server.log", id="a log"),
        pytest.param("api/data/big.bin", id="a data file"),
        pytest.param("api/src/__pycache__/x.pyc", id="byte code"),
        pytest.param("api/.env", id="the environment file"),
        pytest.param("notes.txt", id="a file outside every context"),
    ],
)
def test_an_unrelated_file_makes_nothing_stale(repo: Path, project: Project, engine: FakeEngine, path: str) -> None:
    run(project, engine)
    (repo / path).parent.mkdir(parents=True, exist_ok=True)
    (repo / path).write_text("x")
    assert plan_build(project, engine=engine, names=ALL).stale == ()


def test_a_touched_file_makes_nothing_stale(repo: Path, project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    os.utime(repo / "api" / "src" / "main.js", (1, 1))
    assert plan_build(project, engine=engine, names=ALL).stale == ()


def test_a_changed_base_makes_its_dependents_stale(repo: Path, project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    with (repo / "docker" / "base-node" / "Dockerfile").open("a") as stream:
        stream.write("RUN more\n")
    changed = load(repo, engine=engine, environment={})
    assert set(plan_build(changed, engine=engine, names=ALL).stale) == set(ALL)


@pytest.mark.parametrize(
    ("option", "value"),
    [("labels", {"team": "snow"}), ("tags", ["shop-api:next"]), ("network", "host"), ("shm-size", "1gb")],
)
def test_another_option_of_a_build_makes_its_image_stale(
    project: Project, engine: FakeEngine, option: str, value: object
) -> None:
    run(project, engine)
    images = tuple(
        replace(image, options={**image.options, option: value}) if image.name == "api" else image
        for image in project.images
    )
    assert plan_build(replace(project, images=images), engine=engine, names=ALL).stale == ("api",)


def test_an_image_that_was_removed_is_built_again(project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    engine.remove_images(["shop-api:latest"])
    assert plan_build(project, engine=engine, names=ALL).stale == ("api",)


def test_an_image_that_another_tool_rebuilt_is_built_again(project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    engine.add_image("shop-api")
    assert plan_build(project, engine=engine, names=ALL).stale == ("api",)


def test_a_new_upstream_image_makes_everything_on_it_stale(project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    engine.add_image("node:18-bookworm-slim")
    assert set(plan_build(project, engine=engine, names=ALL).stale) == set(ALL)


def test_a_failed_build_names_the_step_and_records_nothing(repo: Path, project: Project, engine: FakeEngine) -> None:
    failed = {
        "digest": "sha256:1",
        "name": "[api deps 2/2] RUN npm ci",
        "started": "2026-01-01T00:00:00Z",
        "completed": "2026-01-01T00:00:01Z",
        "error": "process did not complete successfully: exit code: 1",
    }
    log = {"vertex": "sha256:1", "data": "bnBtIEVSUiEgbWlzc2luZwo="}
    lines = (json.dumps({"vertexes": [failed]}), json.dumps({"logs": [log]}))
    engine.bakes.append(BakeResult(1, lines))
    with pytest.raises(BuildError) as caught:
        run(project, engine)
    assert f"{repo / 'api' / 'Dockerfile'}:3: " in caught.value.message
    assert "npm ERR! missing" in caught.value.message
    assert "shop-api:latest" not in engine.images()
    assert not list(records_folder(project).glob("*.json"))


@pytest.mark.parametrize(
    ("printed", "is_download"),
    [
        pytest.param("E: Failed to fetch http://deb.example.org/x.deb  Unable to connect to it", True, id="apt"),
        pytest.param("npm error code ECONNRESET", True, id="npm"),
        pytest.param(
            "npm error network request to https://x failed, reason: connect ETIMEDOUT", True, id="npm, no answer"
        ),
        pytest.param("WARNING: Retrying: ReadTimeoutError('Read timed out.'): /simple/flask", True, id="pip"),
        pytest.param("go: golang.org/x/net: dial tcp 1.2.3.4:443: i/o timeout", True, id="go"),
        pytest.param("curl: (6) Could not resolve host: github.com", True, id="curl"),
        pytest.param("npm error missing script: build", False, id="a script that is not there"),
        pytest.param("curl: (28) Operation timed out after 30000 milliseconds", True, id="curl, no answer"),
        pytest.param("E   psycopg.OperationalError: 127.0.0.1:5432 connection refused", False, id="a test's database"),
        pytest.param("npm error ERESOLVE could not resolve dependency: peer react@18", False, id="a conflict"),
        pytest.param('error: Could not resolve "./page"', False, id="a bundler"),
        pytest.param("E: Unable to locate package libfoo", False, id="a package that is not there"),
        pytest.param(
            "W: Failed to fetch http://deb.example.org/x  Could not connect\n" + 40 * "E: Unable to locate package x\n",
            True,
            id="apt, no list",
        ),
        pytest.param("Error: test exceeded timeout of 5000 ms", False, id="a test that takes too long"),
        pytest.param("src/a.ts(1,1): error TS2307: Cannot find module './connect'", False, id="a compiler"),
    ],
)
def test_a_download_that_failed_is_told_from_a_step_to_mend(
    project: Project, engine: FakeEngine, printed: str, is_download: bool
) -> None:
    failed = {"digest": "sha256:1", "name": "[api deps 2/2] RUN npm ci", "error": "exit code: 1"}
    log = {"vertex": "sha256:1", "data": base64.b64encode(f"{printed}\n".encode()).decode()}
    engine.bakes.append(BakeResult(1, (json.dumps({"vertexes": [failed]}), json.dumps({"logs": [log]}))))
    with pytest.raises(BuildError) as caught:
        run(project, engine)
    assert ("a download failed" in caught.value.hint) == is_download
    assert caught.value.hint.startswith("Mend that step") != is_download


def test_a_failed_step_of_a_base_is_placed_in_the_base_whatever_its_label(
    repo: Path, project: Project, engine: FakeEngine
) -> None:
    failed = {"digest": "sha256:1", "name": "[api build 2/2] RUN make base", "error": "exit code: 1"}
    engine.bakes.append(BakeResult(1, (json.dumps({"vertexes": [failed]}),)))
    with pytest.raises(BuildError) as caught:
        run(project, engine)
    assert caught.value.message.startswith(f"{repo / 'docker' / 'base-node' / 'Dockerfile'}:2: ")


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(BakeResult(1, ("ERROR: no builder\n",)), id="a failure without one event"),
        pytest.param(BakeResult(0, ()), id="success without one event"),
    ],
)
def test_a_build_that_reported_nothing_is_no_success(project: Project, engine: FakeEngine, result: BakeResult) -> None:
    engine.bakes.append(result)
    with pytest.raises(BuildError):
        run(project, engine)


def test_a_damaged_record_is_a_warning_and_a_rebuild(project: Project, engine: FakeEngine) -> None:
    run(project, engine)
    damaged = next(records_folder(project).glob("shop-api*.json"))
    damaged.write_text("{")
    plan = plan_build(project, engine=engine, names=ALL)
    assert plan.stale == ("api",)
    assert damaged.name in plan.warnings[0]


def test_stand_ins_are_reported(project: Project, engine: FakeEngine) -> None:
    assert build(project, engine=engine, names=ALL).lab is False
    engine.add_image("node:18-bookworm-slim", labels={LAB_LABEL: "node:18-bookworm-slim"})
    assert build(project, engine=engine, names=ALL).lab is True


def test_a_context_that_is_gone_is_a_clear_error(repo: Path, project: Project, engine: FakeEngine) -> None:
    (repo / "api").rename(repo / "moved")
    with pytest.raises(ConfigError, match="build context"):
        run(project, engine)


def test_without_the_cache_the_named_image_is_built_and_its_bases_are_left_alone(
    project: Project, engine: FakeEngine
) -> None:
    run(project, engine)
    engine.asked.clear()
    report = build(project, engine=engine, names=["api"], no_cache=True)
    assert {result.image for result in report.images if result.action == "built"} == {"api"}
    assert engine.asked == [("bake", ("api",))]
