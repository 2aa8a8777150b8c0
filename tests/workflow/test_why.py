"""Why steps ran and will run, from what is on record; the engine is simulated."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from layerproof.engine import PastBuild, PastBuildDetails
from layerproof.errors import BuildError, UsageError
from layerproof.model import Explanation, Project
from layerproof.workflow.against import why_against
from layerproof.workflow.build import build
from layerproof.workflow.history import records_folder
from layerproof.workflow.load import load
from layerproof.workflow.posthoc import why_history
from layerproof.workflow.prove import prove
from layerproof.workflow.why import why_installed_again, why_last, why_next
from tests.workflow.conftest import SERVICE
from tests.workflow.simulated import SimulatedEngine

ALL = ("base-node", "base-node-runtime", "api", "web")


@pytest.fixture
def simulated(engine: SimulatedEngine) -> SimulatedEngine:
    found = SimulatedEngine(document=engine.document)
    for tag in engine.local:
        found.add_image(tag)
    return found


@pytest.fixture
def project(repo: Path, simulated: SimulatedEngine) -> Project:
    return load(repo, engine=simulated, environment={})


def said(explanations: tuple[Explanation, ...]) -> dict[str, dict[int, tuple[str, str]]]:
    """Cause and detail by image and line."""
    return {item.image: {cause.line: (cause.cause, cause.detail[-1]) for cause in item.causes} for item in explanations}


def run(project: Project, engine: SimulatedEngine, *names: str) -> None:
    build(project, engine=engine, names=names or ALL)


def test_before_any_build_there_is_nothing_to_explain(project: Project) -> None:
    with pytest.raises(UsageError, match="no build is on record here"):
        why_last(project)


def test_a_first_build_is_the_cause_of_all_its_steps(project: Project, simulated: SimulatedEngine) -> None:
    run(project, simulated)
    kinds = {kind for steps in said(why_last(project)).values() for kind, _ in steps.values()}
    assert kinds == {"first"}


def test_an_edit_is_named_with_the_steps_it_re_runs(repo: Path, project: Project, simulated: SimulatedEngine) -> None:
    run(project, simulated)
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    foretold = said(why_next(project, engine=simulated, builder="default"))
    run(project, simulated)
    found = why_last(project)
    assert said(found)["api"][5] == ("file", "src/main.js changed")
    assert said(found)["api"][6] == ("parent", "src/main.js changed")
    assert {item.image: item.note for item in found if not item.causes} == dict.fromkeys(
        ("base-node", "base-node-runtime", "web"), "unchanged: nothing was built"
    )
    assert foretold["api"].keys() >= said(found)["api"].keys()
    assert foretold["api"][5] == ("file", "src/main.js changed")


def test_a_change_of_a_base_is_found_through_the_images_on_it(
    repo: Path, project: Project, simulated: SimulatedEngine
) -> None:
    run(project, simulated)
    path = repo / "docker" / "base-node" / "Dockerfile"
    path.write_text(path.read_text().replace("make base", "make other"))
    changed = load(repo, engine=simulated, environment={})
    # The base by itself first: its image is not new any more when the services are built.
    run(changed, simulated, "base-node")
    run(changed, simulated)
    kind, detail = said(why_last(changed, names=["api"]))["api"][5]
    assert (kind, detail) == ("parent", "was `RUN make base`")


def test_a_step_that_had_failed_before_is_said_to(repo: Path, project: Project, simulated: SimulatedEngine) -> None:
    simulated.broken = ("npm run build",)
    with pytest.raises(BuildError):
        run(project, simulated, "api")
    simulated.broken = ()
    run(project, simulated, "api")
    causes = said(why_last(project, names=["api"]))["api"]
    assert causes[6][0] == "unfinished"


def test_a_build_that_failed_is_explained_as_well(repo: Path, project: Project, simulated: SimulatedEngine) -> None:
    run(project, simulated)
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    simulated.broken = ("npm run build",)
    with pytest.raises(BuildError):
        run(project, simulated)
    assert said(why_last(project, names=["api"]))["api"][5] == ("file", "src/main.js changed")


def test_a_dropped_cache_is_said_to_be_one(project: Project, simulated: SimulatedEngine) -> None:
    run(project, simulated)
    simulated.cache.clear()
    simulated.local.pop("shop-api:latest")
    run(project, simulated)
    assert {kind for kind, _ in said(why_last(project, names=["api"]))["api"].values()} == {"record-gone"}


def test_what_a_proof_has_built_is_in_the_cache(repo: Path, project: Project, simulated: SimulatedEngine) -> None:
    run(project, simulated)
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    assert said(why_next(project, engine=simulated, names=["api"], builder="default"))["api"]
    prove(project, engine=simulated, names=["api"], probes=["noop"])
    foretold = why_next(project, engine=simulated, names=["api"], builder="default")
    assert {item.note for item in foretold if item.image == "api"} == {"every step is in the cache, by the records"}
    assert said(why_next(project, engine=simulated, names=["api"], builder="another"))["api"]


def test_what_went_into_the_steps_is_traced_only_where_one_that_installs_ran(
    repo: Path, project: Project, simulated: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        pytest.fail("an edit of code was traced")

    build(project, engine=simulated, names=ALL)
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    report = build(project, engine=simulated, names=ALL)
    monkeypatch.setattr("layerproof.workflow.why._why", fails)
    assert why_installed_again(project, report) == ()


def test_an_install_that_ran_again_is_told_with_the_build(
    repo: Path, project: Project, simulated: SimulatedEngine
) -> None:
    first = build(project, engine=simulated, names=ALL)
    assert why_installed_again(project, first) == ()
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    assert why_installed_again(project, build(project, engine=simulated, names=ALL)) == ()
    (repo / "api" / "package.json").write_text('{"name": "x"}')
    again = why_installed_again(project, build(project, engine=simulated, names=ALL))
    assert [(cause.image, cause.line, cause.detail[-1]) for cause in again] == [("api", 3, "package.json changed")]


def test_damaged_records_are_told_and_passed_over(repo: Path, project: Project, simulated: SimulatedEngine) -> None:
    run(project, simulated)
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    run(project, simulated)
    oldest, newest = sorted((records_folder(project) / "builds").iterdir())
    oldest.write_text("{")
    told: list[str] = []
    assert {kind for kind, _ in said(why_last(project, names=["api"], warn=told.append))["api"].values()} == {"first"}
    assert "damaged" in told[0]
    for path in (records_folder(project) / "objects").iterdir():
        path.write_text("{")
    (found,) = why_last(project, names=["api"], warn=told.append)
    assert found.note == "what went into it is not on record any more"
    newest.unlink()
    with pytest.raises(UsageError):
        why_last(project)


def test_a_record_that_cannot_be_written_is_a_warning(project: Project, simulated: SimulatedEngine) -> None:
    folder = records_folder(project)
    folder.mkdir(parents=True)
    (folder / "builds").write_text("in the way")
    report = build(project, engine=simulated, names=ALL)
    assert any("cannot be kept on record" in warning for warning in report.warnings)


def test_a_file_that_is_saved_during_the_build_leaves_no_evidence(
    repo: Path, project: Project, simulated: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(project, simulated)
    (repo / "api" / "src" / "main.js").write_text("// edited\n")
    bake = simulated.bake

    def saving(*args: object, **given: object) -> object:
        done = bake(*args, **given)  # type: ignore[arg-type]  # whatever it is called with
        (repo / "api" / "src" / "main.js").write_text("// edited again\n")
        return done

    monkeypatch.setattr(simulated, "bake", saving)
    run(project, simulated)
    (found,) = why_last(project, names=["api"])
    assert found.note == "a file was saved while it was built: what went in is not known"


@pytest.fixture
def committed(repo: Path, project: Project) -> Project:
    (repo / ".gitignore").write_text(".layerproof/\n")
    git(repo, "init", "--quiet")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "one")
    return project


def git(folder: Path, *words: str) -> None:
    names = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True)


def test_a_tree_is_compared_with_a_commit_without_a_build(
    repo: Path, committed: Project, simulated: SimulatedEngine
) -> None:
    def against(commit: str) -> dict[str, dict[int, tuple[str, str]]]:
        return said(why_against(committed, commit, engine=simulated, environment={}))

    def relocated(root: Path) -> None:
        document = json.loads(json.dumps(simulated.document).replace(str(repo), str(root)))
        simulated.document = document

    config = simulated.compose_config
    simulated.compose_config = lambda call: json.loads(  # type: ignore[method-assign]
        json.dumps(config(call)).replace(str(repo), str(call.root))
    )
    assert not any(against("HEAD").values())
    (repo / "api" / "src" / "main.js").chmod(0o640)  # git does not know of it
    (repo / "api" / "src" / "new.js").write_text("// new\n")
    (repo / "web" / "src" / "main.js").chmod(0o755)
    found = against("HEAD")
    assert found["api"][5] == ("file", "src/new.js added")
    assert found["web"][5] == ("mode", "src/main.js mode 0644 → 0755")
    assert found["base-node"] == {}
    assert [verb for verb, _ in simulated.asked if verb == "bake"] == []
    with pytest.raises(UsageError, match="there is no commit 'nope'"):
        against("nope")


def test_outside_git_a_commit_is_an_error(project: Project, simulated: SimulatedEngine) -> None:
    with pytest.raises(UsageError) as caught:
        why_against(project, "HEAD", engine=simulated, environment={"GIT_CEILING_DIRECTORIES": "/"})
    assert "git repository" in caught.value.hint


def past_build(reference: str, text: str, states: dict[str, bool]) -> tuple[PastBuild, PastBuildDetails]:
    """A build as BuildKit's history tells of it: its steps by digest, and whether each was cached."""
    digests = {f"sha256:{n}": name for n, name in enumerate(states)}
    events = [
        {
            "digest": digest,
            "name": name,
            "inputs": ["sha256:x"],
            "started": "2026-01-01T00:00:00Z",
            "completed": "2026-01-01T00:00:01Z",
            "cached": states[name],
        }
        for digest, name in digests.items()
    ]
    lines = {name: number for number, name in enumerate(text.splitlines(), start=1)}
    locations = {
        f"step{n}": {"locations": [{"ranges": [{"start": {"line": lines[name.partition("] ")[2]]}}]}]}
        for n, name in enumerate(states)
    }
    source = {"infos": [{"data": base64.b64encode(text.encode()).decode()}], "locations": locations}
    provenance = {
        "buildConfig": {"digestMapping": {digest: f"step{n}" for n, digest in enumerate(digests)}},
        "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"source": source}},
        "materials": [{"uri": "pkg:docker/base-node@latest?platform=x", "digest": {"sha256": "1"}}],
    }
    build = PastBuild(reference, "api", "", 1_700_000_000.0, completed=True, labels={})
    return build, PastBuildDetails(provenance, (json.dumps({"vertexes": events}),))


def test_a_build_that_layerproof_did_not_make_is_explained_as_far_as_the_history_goes(
    project: Project, simulated: SimulatedEngine
) -> None:
    before = past_build("one", SERVICE, {"[deps 2/4] COPY package.json ./": False, "[deps 3/4] RUN npm ci": False})
    changed = SERVICE.replace("npm ci", "npm install")
    now = past_build("two", changed, {"[deps 2/4] COPY package.json ./": False, "[deps 3/4] RUN npm install": False})
    simulated.past = (now, before)
    (found,) = why_history(project, engine=simulated, names=["api"])
    causes = said((found,))["api"]
    assert causes[3] == ("instruction", "was `RUN npm ci`")
    assert causes[2][0] == "unknown"
    assert "which files of" in causes[2][1]
    simulated.past = (now,)
    assert {kind for kind, _ in said(why_history(project, engine=simulated))["api"].values()} == {"first"}
    simulated.past = ((replace(now[0], context="elsewhere/other"), now[1]),)
    with pytest.raises(UsageError, match="history has no build of these images"):
        why_history(project, engine=simulated)
