"""What each probe edits and asks for, on small repositories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from layerproof.context import list_context
from layerproof.dockerfile import find_stage
from layerproof.errors import ConfigError
from layerproof.prove.plan import NOOP_BUDGET_S, PROBES, budget_s, plan_probe
from layerproof.prove.subject import Subject, load_subjects
from layerproof.prove.trial import Skip, Trial
from layerproof.testing import FakeEngine
from layerproof.workflow.load import configuration, load
from layerproof.workflow.workspace import make_workspace

NPM = "FROM node\nWORKDIR /a\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n"
NPM_FILES = {"package.json": "{}", "package-lock.json": "{}", "src/index.js": "", "README.md": ""}
PIP = "FROM python\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\nCOPY . .\n"


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def load_it(root: Path, builds: Mapping[str, Mapping[str, Any]], name: str) -> Subject:
    """The subject of a service, of a repository that is on the disk; `builds` by service, as Compose answers."""
    services = {
        service: {"image": f"shop-{service}", "build": {**build, "context": str(root / build["context"])}}
        for service, build in builds.items()
    }
    (root / "compose.yaml").touch()
    project = load(root, engine=FakeEngine(document={"name": "shop", "services": services}), environment={})
    image = next(image for image in project.images if image.name == name)
    with make_workspace(project, project.images) as workspace:
        files_of = workspace.files_of
    (subject,) = load_subjects([image], project=project, config=configuration(project), files_of=files_of)
    return subject


def one(root: Path, dockerfile: str, files: Mapping[str, str], *, config: str = "") -> Subject:
    """The subject of the only service, `web`, in a folder of its own."""
    write(root / "web", {"Dockerfile": dockerfile, **files})
    if config:
        write(root, {"pyproject.toml": f"[tool.layerproof.services.web]\n{config}\n"})
    return load_it(root, {"web": {"context": "web", "dockerfile": "Dockerfile"}}, "web")


def trials(subject: Subject, probe: str, *, full: bool = False) -> tuple[Trial, ...]:
    plan = plan_probe(subject, probe, full=full)
    assert not isinstance(plan, Skip), plan
    return plan


def edited(subject: Subject, probe: str) -> list[str]:
    """What the trials of a probe edit, from the build context."""
    return [
        edit.path.relative_to(subject.image.context).as_posix()
        for trial in trials(subject, probe)
        for edit in trial.edits
    ]


@pytest.mark.parametrize(
    ("dockerfile", "files", "expected"),
    [
        pytest.param(NPM, NPM_FILES, ["package.json", "package-lock.json"], id="npm with its lock"),
        pytest.param(
            NPM,
            {**NPM_FILES, ".dockerignore": "package-lock.json\n"},
            ["package.json", "package-lock.json"],
            id="npm with a lock that is ignored",
        ),
        pytest.param(
            NPM,
            {"package.json": "{}", "index.js": "", "tools/package.json": "{}"},
            ["package.json"],
            id="npm, the nearest of two manifests",
        ),
        pytest.param(
            "FROM node\nCOPY package.json package-lock.json ./\nCOPY packages/a/package.json packages/a/\nRUN npm ci\n"
            "COPY . .\n",
            {"package.json": "{}", "package-lock.json": "{}", "packages/a/package.json": "{}", "packages/a/i.js": ""},
            ["package.json", "package-lock.json"],
            id="npm workspaces",
        ),
        pytest.param(
            PIP, {"requirements.txt": "", "app.py": ""}, ["requirements.txt"], id="pip with one list of requirements"
        ),
        pytest.param(
            "FROM python\nCOPY requirements*.txt ./\nRUN pip install -r requirements.txt -r requirements-prod.txt\n"
            "COPY . .\n",
            {"requirements.txt": "", "requirements-prod.txt": "", "requirements-dev.txt": "", "app.py": ""},
            ["requirements-prod.txt", "requirements.txt"],
            id="pip with two lists, and a third that it does not read",
        ),
        pytest.param(
            "FROM python\nCOPY requirements requirements\nRUN pip install -r requirements/prod.txt\nCOPY . .\n",
            {"requirements/prod.txt": "", "requirements/dev.txt": "", "app.py": ""},
            ["requirements/prod.txt"],
            id="pip with lists in a folder",
        ),
        pytest.param(
            "FROM python\nCOPY requirements.txt pyproject.toml ./\nRUN pip install -r requirements.txt\nCOPY . .\n",
            {"requirements.txt": "", "pyproject.toml": "[tool.ruff]\n", "app.py": ""},
            ["requirements.txt"],
            id="pip beside a project file that holds configuration only",
        ),
        pytest.param(
            "FROM python\nRUN pip install --requirement=requirements.txt\nCOPY . .\n",
            {"requirements.txt": "", "pyproject.toml": "", "app.py": ""},
            ["requirements.txt"],
            id="pip with a list that no step copies",
        ),
        pytest.param(
            "FROM python\nRUN --mount=source=requirements.txt,target=/r.txt pip install -r /r.txt\nCOPY . .\n",
            {"requirements.txt": "", "app.py": ""},
            ["requirements.txt"],
            id="pip with a list under another name",
        ),
        pytest.param(
            "FROM python\nCOPY pyproject.toml ./\nRUN pip install .\nCOPY . .\n",
            {"pyproject.toml": "[project]\n", "app.py": ""},
            ["pyproject.toml"],
            id="pip with a project file",
        ),
        pytest.param(
            "FROM python\nCOPY pyproject.toml uv.lock ./\nRUN uv sync --no-install-project\nCOPY . .\nRUN uv sync\n",
            {"pyproject.toml": "", "uv.lock": "", "app.py": ""},
            ["pyproject.toml", "uv.lock"],
            id="uv",
        ),
        pytest.param(
            "FROM python\nRUN pip install poetry\nCOPY . .\nRUN poetry install\n",
            {"pyproject.toml": "", "poetry.lock": "", "app.py": ""},
            ["pyproject.toml", "poetry.lock"],
            id="poetry that is installed before the source",
        ),
        pytest.param(
            "FROM golang\nCOPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go build\n",
            {"go.mod": "module a\nrequire x v1\n", "go.sum": "", "main.go": ""},
            ["go.mod", "go.sum"],
            id="go",
        ),
        pytest.param(
            "FROM sdk\nCOPY *.csproj ./\nRUN dotnet restore\nCOPY . .\nRUN dotnet publish\n",
            {"App.csproj": "<Project/>", "Program.cs": ""},
            ["App.csproj"],
            id="dotnet",
        ),
    ],
)
def test_the_manifests_that_an_install_reads_are_edited_one_by_one(
    tmp_path: Path, dockerfile: str, files: Mapping[str, str], expected: list[str]
) -> None:
    subject = one(tmp_path, dockerfile, files)
    assert sorted(edited(subject, "manifest")) == sorted(expected)
    assert all(len(trial.edits) == 1 for trial in trials(subject, "manifest"))


def test_the_install_has_to_run_after_a_change_of_its_manifest(tmp_path: Path) -> None:
    for trial in trials(one(tmp_path, NPM, NPM_FILES), "manifest"):
        assert trial.must_run == {4}
        assert trial.may_run == "own steps"
        assert trial.stop


def test_only_a_full_proof_lets_an_install_run_to_its_end_and_only_with_a_manifest_that_stays_valid(
    tmp_path: Path,
) -> None:
    text = NPM.replace("npm ci", "yarn").replace("package*.json", "package.json yarn.lock")
    subject = one(tmp_path, text, {"package.json": "{}", "yarn.lock": "", "a.js": ""})
    stops = {trial.edits[0].path.name: trial.stop for trial in trials(subject, "manifest", full=True)}
    assert stops == {"package.json": False, "yarn.lock": True}


@pytest.mark.parametrize(
    ("dockerfile", "files", "outcome", "words"),
    [
        pytest.param("FROM nginx\nCOPY . .\n", {"a.html": ""}, "not applicable", "no dependencies", id="none at all"),
        pytest.param(
            "FROM python\nRUN pip install flask\nCOPY . .\n",
            {"a.py": ""},
            "not applicable",
            "Dockerfile itself",
            id="named",
        ),
        pytest.param(
            "FROM debian\nRUN apt-get install -y a\nCOPY . .\n", {"a.py": ""}, "not applicable", "no dep", id="system"
        ),
        pytest.param(
            "FROM node\nCOPY . .\nRUN ./install.sh\n",
            {"package.json": '{"dependencies": {"a": "1"}}', "a.js": ""},
            "unproven",
            "known",
            id="unknown",
        ),
        pytest.param(
            "FROM python\nRUN pip install --upgrade pip\nCOPY . .\nRUN make install\n",
            {"requirements.txt": "flask\n", "a.py": ""},
            "unproven",
            "requirements.txt names dependencies",
            id="unknown, beside a known one of a tool",
        ),
        pytest.param("FROM node\nCMD x\n", {"package.json": "{}"}, "not applicable", "no step", id="no step"),
    ],
)
def test_the_manifest_probe_says_why_there_is_nothing_to_edit(
    tmp_path: Path, dockerfile: str, files: Mapping[str, str], outcome: str, words: str
) -> None:
    plan = plan_probe(one(tmp_path, dockerfile, files), "manifest")
    assert isinstance(plan, Skip)
    assert (plan.outcome, words in plan.reason) == (outcome, True), plan
    assert bool(plan.hint) is (outcome == "unproven")


def test_a_tool_that_is_installed_by_its_name_reads_no_manifest(tmp_path: Path) -> None:
    subject = one(tmp_path, "FROM node\nRUN npm i -g serve\nCOPY . .\n", {"package.json": "{}", "a.js": ""})
    plan = plan_probe(subject, "manifest")
    assert isinstance(plan, Skip)
    assert plan.outcome == "not applicable"


def test_the_manifest_beside_a_step_that_is_named_is_edited(tmp_path: Path) -> None:
    subject = one(
        tmp_path,
        "FROM node\nCOPY package.json .\nRUN ./bootstrap.sh\nCOPY . .\n",
        {"package.json": "{}", "a.js": ""},
        config='dependency-steps = ["bootstrap.sh"]',
    )
    (trial,) = trials(subject, "manifest")
    assert [edit.path.name for edit in trial.edits] == ["package.json"]
    assert trial.must_run == {3}


@pytest.mark.parametrize(
    ("dockerfile", "files", "expected"),
    [
        pytest.param(NPM, NPM_FILES, "src/index.js", id="code rather than a text"),
        pytest.param(
            NPM, {**NPM_FILES, "src/a.js": "", "src/z/index.js": ""}, "src/index.js", id="an entry near the top"
        ),
        pytest.param(
            NPM, {"package.json": "{}", "tests/main.js": "", "src/deep/util.js": ""}, "src/deep/util.js", id="no test"
        ),
        pytest.param(NPM, {"package.json": "{}", "vite.config.js": "", "zoo.js": ""}, "zoo.js", id="no configuration"),
        pytest.param(NPM, {"package.json": "{}", "notes.txt": ""}, "notes.txt", id="anything where there is no code"),
        pytest.param(
            NPM,
            {**NPM_FILES, ".dockerignore": "src/index.js\n", "src/b.js": ""},
            "src/b.js",
            id="nothing that is ignored",
        ),
        pytest.param(
            "FROM node\nCOPY package.json setup.js ./\nRUN npm ci\nCOPY . .\n",
            {"package.json": "{}", "setup.js": "", "index.js": ""},
            "setup.js",
            id="the one that the install stands on",
        ),
        pytest.param(
            "FROM node\nCOPY package.json .\nRUN npm ci\nCOPY lib lib\nRUN make\nCOPY src src\n",
            {"package.json": "{}", "lib/util.js": "", "src/index.js": ""},
            "lib/util.js",
            id="the one that re-runs most",
        ),
        pytest.param(
            "FROM python\nCOPY setup.py setup.cfg ./\nRUN pip install -e .\nCOPY . .\n",
            {"setup.py": "", "setup.cfg": "", "app.py": ""},
            "app.py",
            id="no setup.py",
        ),
    ],
)
def test_the_source_file_whose_edit_costs_most_is_taken(
    tmp_path: Path, dockerfile: str, files: Mapping[str, str], expected: str
) -> None:
    subject = one(tmp_path, dockerfile, files)
    assert edited(subject, "source") == [expected]


def test_an_application_step_has_to_run_after_an_edit_of_the_source(tmp_path: Path) -> None:
    (trial,) = trials(one(tmp_path, NPM, NPM_FILES), "source")
    assert trial.must_run == {5, 6}
    assert trial.may_run == "application"
    assert not trial.stop


def test_where_no_source_is_taken_the_source_probe_does_not_apply(tmp_path: Path) -> None:
    plan = plan_probe(one(tmp_path, "FROM node\nCOPY package.json .\nRUN npm ci\n", NPM_FILES), "source")
    assert isinstance(plan, Skip)
    assert plan.outcome == "not applicable"


def test_a_source_that_is_named_wins_and_has_to_exist(tmp_path: Path) -> None:
    config = 'probe-source = "README.md"'
    assert edited(one(tmp_path, NPM, NPM_FILES, config=config), "source") == ["README.md"]
    with pytest.raises(ConfigError, match="no such file"):
        one(tmp_path, NPM, {}, config='probe-source = "gone.js"')


def test_a_source_that_no_step_takes_is_expected_to_run_something_all_the_same(tmp_path: Path) -> None:
    text = "FROM node\nCOPY src src\nRUN make\n"
    (trial,) = trials(one(tmp_path, text, {"src/a.js": "", "b.js": ""}, config='probe-source = "b.js"'), "source")
    assert trial.must_run == {2, 3}


@pytest.mark.parametrize("name", ["GIT_SHA", "BUILD_DATE", "VCS_REF", "git_commit", "COMMIT", "REVISION", "CI_JOB_ID"])
def test_an_argument_that_changes_with_every_build_gets_another_value(tmp_path: Path, name: str) -> None:
    subject = one(tmp_path, f"FROM node\nARG {name}=x\nCOPY . .\n", NPM_FILES)
    (first,), (second,) = trials(subject, "source"), trials(subject, "source")
    assert set(first.arguments) == {name}
    assert first.arguments[name]
    assert first.arguments != second.arguments


@pytest.mark.parametrize(
    "name",
    [
        "NODE_VERSION",
        "UPDATE",
        "REVIEWER",
        "SHARED",
        "RUNTIME",
        "TIMEOUT",
        "TIMEZONE",
        "CACHEBUST",
        "BUILD_TYPE",
        "SHAPE",
    ],
)
def test_an_argument_that_stays_keeps_its_value(tmp_path: Path, name: str) -> None:
    (trial,) = trials(one(tmp_path, f"FROM node\nARG {name}=x\nCOPY . .\n", NPM_FILES), "source")
    assert trial.arguments == {}


# answers to: the download fails.
@pytest.mark.parametrize("name", ["UV_SHA256", "NODE_SHA", "TOOL_COMMIT", "LLAMA_CPP_REVISION", "MODEL_REVISION"])
def test_an_argument_that_pins_something_keeps_its_value(tmp_path: Path, name: str) -> None:
    text = f"FROM node\nARG {name}=0123abc\nRUN fetch-tool ${name}\nCOPY . .\n"
    (trial,) = trials(one(tmp_path, text, NPM_FILES), "source")
    assert trial.arguments == {}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("ARG IMAGE_DATE=20240212\nFROM ubuntu:jammy-${IMAGE_DATE}\n", id="an image"),
        pytest.param(
            "FROM node\nARG GIT_REF=main\nRUN git clone --branch ${GIT_REF} https://x.example/y\n", id="a clone"
        ),
        pytest.param("FROM node\nARG GIT_SHA=main\nRUN git init \\\n && git fetch x $GIT_SHA\n", id="a commit"),
        pytest.param("FROM node\nARG BUILD_DATE\nRUN curl -O https://x.example/$BUILD_DATE.tar\n", id="a download"),
        pytest.param("FROM node\nARG BUILD_REF=a\nADD https://x.example/$BUILD_REF.tar /\n", id="an address"),
    ],
)
def test_an_argument_that_says_what_is_taken_keeps_its_value(tmp_path: Path, text: str) -> None:
    (trial,) = trials(one(tmp_path, f"{text}COPY . .\n", NPM_FILES), "source")
    assert trial.arguments == {}


def test_the_probes_that_must_run_nothing_say_so(tmp_path: Path) -> None:
    subject = one(tmp_path, NPM, NPM_FILES)
    for probe in ("noop", "unrelated", "touch"):
        (trial,) = trials(subject, probe)
        assert (trial.may_run, trial.must_run, trial.stop) == ("nothing", frozenset(), False)
    assert edited(subject, "noop") == []
    said = " ".join(sorted(edited(subject, "unrelated")))
    for part in (".env", "README.md", "__pycache__/", "data/", ".log", ".pkl", "node_modules/"):
        assert part in said
    assert set(edited(subject, "touch")) == {"Dockerfile", *NPM_FILES}


def test_a_package_that_is_called_data_is_source(tmp_path: Path) -> None:
    subject = one(tmp_path, PIP, {"requirements.txt": "flask", "data/models.py": "", "app.py": ""})
    assert not [path for path in edited(subject, "unrelated") if path.startswith("data/") and path.endswith(".bin")]


def test_a_readme_that_the_package_needs_is_not_unrelated(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask", "app.py": "", "README.md": "", "pyproject.toml": 'readme = "README.md"'}
    assert "README.md" not in edited(one(tmp_path, PIP, files), "unrelated")


def test_links_and_large_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "link.js").symlink_to("src/index.js")
    (tmp_path / "web" / "large.bin").write_bytes(b"0" * ((1 << 20) + 1))
    assert set(edited(one(tmp_path, NPM, NPM_FILES), "touch")) == {"Dockerfile", *NPM_FILES}


def test_every_edit_is_one_that_no_build_has_seen(tmp_path: Path) -> None:
    subject = one(tmp_path, NPM, NPM_FILES)
    for probe in ("source", "manifest", "unrelated"):
        first, second = ([edit.data for trial in trials(subject, probe) for edit in trial.edits] for _ in range(2))
        assert not set(first) & set(second)


def test_a_budget_is_for_builds_that_run_to_their_end(tmp_path: Path) -> None:
    subject = one(tmp_path, NPM, NPM_FILES, config="rebuild-budget-s = 7.5")
    budgets = {probe: budget_s(subject, probe) for probe in PROBES}
    assert budgets == {
        "noop": NOOP_BUDGET_S,
        "source": 7.5,
        "manifest": None,
        "unrelated": NOOP_BUDGET_S,
        "touch": NOOP_BUDGET_S,
        "sibling": NOOP_BUDGET_S,
        "base": None,
    }


def monorepo(root: Path, dockerfile: str, *, ignores: Mapping[str, str] | None = None) -> Subject:
    """Two services, `api` and `web`, of one context, each with a Dockerfile and a source folder of its name."""
    for name in ("api", "web"):
        write(root, {f"docker-{name}/Dockerfile": dockerfile.format(name=name), f"{name}/main.js": ""})
        if ignores:
            write(root, {f"docker-{name}/Dockerfile.dockerignore": ignores[name]})
    write(root, {"package.json": "{}", "shared/index.js": ""})
    builds = {name: {"context": ".", "dockerfile": f"docker-{name}/Dockerfile"} for name in ("api", "web")}
    return load_it(root, builds, "web")


SHARED = "FROM node\nCOPY package.json .\nRUN npm ci\nCOPY {name} {name}\nCOPY shared shared\n"


def test_a_sibling_in_the_same_context_is_edited_in_its_own_folder(tmp_path: Path) -> None:
    assert edited(monorepo(tmp_path, SHARED), "sibling") == ["api/main.js"]


def test_in_a_shared_context_a_file_that_the_service_takes_is_edited(tmp_path: Path) -> None:
    subject = monorepo(tmp_path, SHARED)
    assert edited(subject, "source") in (["web/main.js"], ["shared/index.js"])


def test_a_source_that_the_services_own_ignore_file_keeps_out_is_not_taken(tmp_path: Path) -> None:
    text = "FROM node\nCOPY package.json .\nRUN npm ci\nCOPY . .\n"
    subject = monorepo(tmp_path, text, ignores={"api": "web\nREADME.md\n", "web": "api\nshared\nweb/main.js\n"})
    write(tmp_path, {"web/z.js": ""})
    subject = load_it(
        tmp_path, {n: {"context": ".", "dockerfile": f"docker-{n}/Dockerfile"} for n in ("api", "web")}, "web"
    )
    assert subject.source is not None
    assert subject.lets_in(subject.source)
    assert edited(subject, "source") == ["web/z.js"]


def test_siblings_that_share_all_their_source_are_unproven(tmp_path: Path) -> None:
    for name in ("api", "web"):
        write(tmp_path, {f"{name}.Dockerfile": "FROM node\nCOPY . .\n"})
    write(tmp_path, {"src/index.js": ""})
    builds = {name: {"context": ".", "dockerfile": f"{name}.Dockerfile"} for name in ("api", "web")}
    plan = plan_probe(load_it(tmp_path, builds, "web"), "sibling")
    assert isinstance(plan, Skip)
    assert (plan.outcome, "api" in plan.reason) == ("unproven", True)


def in_one_context(root: Path, dockerfiles: Mapping[str, str], subject: str) -> Subject:
    """Services with a Dockerfile each, all at the root, which is the context of all."""
    write(root, {f"{name}.Dockerfile": text for name, text in dockerfiles.items()})
    builds = {name: {"context": ".", "dockerfile": f"{name}.Dockerfile"} for name in dockerfiles}
    return load_it(root, builds, subject)


@pytest.mark.parametrize("folder", ["", "srv/"])
def test_a_server_and_a_worker_that_install_from_one_folder_are_one_application(tmp_path: Path, folder: str) -> None:
    text = (
        f"FROM python\nCOPY {folder}requirements.txt .\nRUN pip install -r requirements.txt\nCOPY {folder or '.'} .\n"
    )
    write(tmp_path, {f"{folder}requirements.txt": "flask", f"{folder}shop/tasks.py": "", f"{folder}main.py": ""})
    subject = in_one_context(tmp_path, {"web": f"{text}CMD gunicorn\n", "jobs": f"{text}CMD celery\n"}, "web")
    plan = plan_probe(subject, "sibling")
    assert isinstance(plan, Skip)
    assert plan.outcome == "not applicable"


def test_of_one_application_what_only_the_other_part_takes_is_edited_all_the_same(tmp_path: Path) -> None:
    text = "FROM python\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY {} .\n"
    write(tmp_path, {"requirements.txt": "flask", "one/main.py": "", "two/main.py": ""})
    assert edited(in_one_context(tmp_path, {"a": text.format("one"), "b": text.format("two")}, "a"), "sibling") == [
        "two/main.py"
    ]


def test_a_source_that_is_configured_tells_what_installs_from_one_folder_apart(tmp_path: Path) -> None:
    text = "FROM python\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"
    config = '[tool.layerproof.services.b]\nprobe-source = "two/main.py"\n'
    write(tmp_path, {"requirements.txt": "flask", "two/main.py": "", "pyproject.toml": config})
    assert edited(in_one_context(tmp_path, {"a": text, "b": text + "CMD x\n"}, "a"), "sibling") == ["two/main.py"]


def test_a_second_manifest_below_the_first_is_no_home(tmp_path: Path) -> None:
    python = "FROM python\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n"
    node = "FROM node AS page\nCOPY page/package.json .\nRUN npm ci\n"
    write(
        tmp_path, {"requirements.txt": "", "app.py": "", "page/package.json": "{}", "page/index.js": "", "one/a.js": ""}
    )
    dockerfiles = {"site": f"{node}{python}COPY --from=page / /page\nCOPY . .\n", "other": "FROM node\nCOPY one .\n"}
    assert edited(in_one_context(tmp_path, dockerfiles, "site"), "source") == ["app.py"]


@pytest.mark.parametrize(
    ("a", "b", "files"),
    [
        pytest.param("COPY . .", "COPY . .", {"main.py": "", "scripts/x.py": ""}, id="by the ignore file alone"),
        pytest.param("COPY lib lib", "COPY lib two ./", {"lib/main.py": "", "two/x.py": ""}, id="what is edited most"),
    ],
)
def test_a_file_apart_proves_nothing_where_the_rest_is_shared(
    tmp_path: Path, a: str, b: str, files: Mapping[str, str]
) -> None:
    write(tmp_path, {**files, "a.Dockerfile.dockerignore": "scripts\n"})
    plan = plan_probe(in_one_context(tmp_path, {"a": f"FROM x\n{a}\n", "b": f"FROM x\n{b}\n"}, "a"), "sibling")
    assert isinstance(plan, Skip)
    assert plan.outcome == "unproven"


def test_the_folder_of_its_manifest_is_the_services_own_whatever_it_is_called(tmp_path: Path) -> None:
    text = "FROM x\nCOPY {0} {0}\nRUN cd {1} && {2}\nCOPY . .\n"
    write(tmp_path, {"ui/package.json": "{}", "ui/page.js": "", "srv/requirements.txt": "", "srv/main.py": ""})
    dockerfiles = {
        "site": text.format("ui/package.json", "ui", "npm ci"),
        "core": text.format("srv/requirements.txt", "srv", "pip install -r requirements.txt"),
    }
    subject = in_one_context(tmp_path, dockerfiles, "site")
    assert edited(subject, "sibling") == ["srv/main.py"]
    assert edited(subject, "source") == ["ui/page.js"]


def test_where_no_folder_tells_a_file_that_only_the_other_takes_is_the_siblings(tmp_path: Path) -> None:
    write(tmp_path, {"lib/a.py": "", "one/main.py": "", "two/main.py": ""})
    dockerfiles = {"a": "FROM x\nCOPY lib one ./\n", "b": "FROM x\nCOPY lib two ./\n"}
    subject = in_one_context(tmp_path, dockerfiles, "a")
    assert edited(subject, "sibling") == ["two/main.py"]


def test_a_stage_that_takes_no_source_has_none_that_could_be_another_services(tmp_path: Path) -> None:
    api = "FROM node AS deps\nCOPY api/package.json ./\nRUN npm ci\nFROM deps\nCOPY api/src ./src\n"
    write(tmp_path, {"api/Dockerfile": api, "api/package.json": "{}", "api/src/index.js": ""})
    write(tmp_path, {"web/Dockerfile": "FROM nginx\nCOPY web/page.js /\n", "web/page.js": ""})
    builds = {
        "api": {"context": ".", "dockerfile": "api/Dockerfile"},
        "tests": {"context": ".", "dockerfile": "api/Dockerfile", "target": "deps"},
        "web": {"context": ".", "dockerfile": "web/Dockerfile"},
    }
    assert edited(load_it(tmp_path, builds, "web"), "sibling") == ["api/src/index.js"]


def test_services_of_one_dockerfile_are_no_siblings(tmp_path: Path) -> None:
    write(tmp_path / "web", {"Dockerfile": NPM, **NPM_FILES})
    builds = {name: {"context": "web", "dockerfile": "Dockerfile"} for name in ("web", "worker")}
    plan = plan_probe(load_it(tmp_path, builds, "web"), "sibling")
    assert isinstance(plan, Skip)
    assert plan.outcome == "not applicable"


def test_siblings_with_contexts_of_their_own_are_all_edited_at_once(tmp_path: Path) -> None:
    for name in ("api", "web", "jobs"):
        write(tmp_path / name, {"Dockerfile": NPM, **NPM_FILES})
    builds = {name: {"context": name, "dockerfile": "Dockerfile"} for name in ("api", "web", "jobs")}
    (trial,) = trials(load_it(tmp_path, builds, "web"), "sibling")
    assert {edit.path.relative_to(tmp_path).as_posix() for edit in trial.edits} == {
        "api/src/index.js",
        "jobs/src/index.js",
    }


def test_a_sibling_whose_context_holds_this_one_is_edited_outside_of_it(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM node\nCOPY . .\n", "main.js": "", "web/Dockerfile": NPM, "web/index.js": ""})
    builds = {
        "root": {"context": ".", "dockerfile": "Dockerfile"},
        "web": {"context": "web", "dockerfile": "Dockerfile"},
    }
    (trial,) = trials(load_it(tmp_path, builds, "web"), "sibling")
    assert [edit.path for edit in trial.edits] == [tmp_path / "main.js"]


BASE = "FROM node AS build\nRUN make\nFROM debian AS runtime\nRUN trim\nFROM build AS extra\nRUN x\n"


def with_base(root: Path, dockerfile: str, base: str = BASE) -> Subject:
    write(root, {"docker/base-node/Dockerfile": base})
    return one(root, dockerfile, NPM_FILES)


@pytest.mark.parametrize(
    ("tag", "target", "reaches"),
    [
        pytest.param("base-node:latest", "build", True, id="the stage that builds"),
        pytest.param("base-node", "build", True, id="without a tag"),
        pytest.param("docker.io/library/base-node:latest", "build", True, id="by its whole name"),
        pytest.param("base-node:runtime", "runtime", True, id="the stage that runs"),
    ],
)
def test_the_marker_of_a_base_goes_to_the_end_of_the_stage_that_is_published(
    tmp_path: Path, tag: str, target: str, *, reaches: bool
) -> None:
    (trial,) = trials(with_base(tmp_path, f"FROM {tag}\nCOPY . .\n"), "base")
    assert trial.changed is not None
    stages = {stage.name: stage.instructions for stage in trial.changed.dockerfile.stages}
    marked = [name for name, items in stages.items() if any(trial.marker in item.text for item in items)]
    assert marked == [target]
    assert trial.marker in stages[target][-1].text
    assert (trial.reaches_service, trial.may_run, trial.stop) == (reaches, "anything", True)
    (edit,) = trial.edits
    assert edit.kind == "write"
    assert edit.path == tmp_path / "docker" / "base-node" / "Dockerfile"
    assert edit.data.decode() == trial.changed.dockerfile.text
    published = find_stage(trial.changed.dockerfile, trial.changed.target)
    assert published is not None
    assert published.name == target


def test_both_bases_of_a_service_are_probed_and_a_base_that_is_only_copied_from_need_not_reach_it(
    tmp_path: Path,
) -> None:
    subject = with_base(tmp_path, "FROM base-node:runtime\nCOPY --from=base-node:latest /a /a\nCOPY . .\n")
    reaches = {trial.changed.tag: trial.reaches_service for trial in trials(subject, "base") if trial.changed}
    assert reaches == {"base-node:latest": False, "base-node:runtime": True}


def test_a_base_below_a_chain_of_stages_reaches_the_service(tmp_path: Path) -> None:
    subject = with_base(tmp_path, "FROM base-node AS a\nENV x=1\nFROM a AS b\nFROM b\nCOPY . .\n")
    (trial,) = trials(subject, "base")
    assert trial.reaches_service


@pytest.mark.parametrize(
    "base",
    [
        pytest.param("FROM node AS build\nRUN make", id="no line end"),
        pytest.param("FROM node AS build\r\nRUN make\r\nFROM x AS runtime\r\n", id="Windows line ends"),
        pytest.param("FROM node AS build\nRUN <<EOF\nmake\nEOF\nFROM x AS runtime\n", id="a here-document at the end"),
        pytest.param("FROM node AS build\nRUN make \\\n  # why\n  all\nFROM x AS runtime\n", id="a continued line"),
        pytest.param("FROM node AS build\nFROM x AS runtime\nRUN y\n", id="a stage of nothing"),
        pytest.param("FROM node AS build\nONBUILD RUN y\n", id="a trigger at the end"),
        pytest.param("# escape=`\nFROM node AS build\nRUN make `\n  all\n", id="another escape character"),
        pytest.param("FROM node AS build\nRUN echo a\x0bb\nFROM x AS runtime\n", id="a character that splits lines"),
    ],
)
def test_a_base_with_a_marker_still_parses_and_says_what_it_said(tmp_path: Path, base: str) -> None:
    path = tmp_path / "docker" / "base-node" / "Dockerfile"
    path.parent.mkdir(parents=True)
    path.write_bytes(base.encode())
    subject = one(tmp_path, "FROM base-node\nCOPY . .\n", NPM_FILES)
    (trial,) = trials(subject, "base")
    assert trial.changed is not None
    before, after = subject.parents[0].dockerfile.stages, trial.changed.dockerfile.stages
    assert [stage.name for stage in after] == [stage.name for stage in before]
    assert [item.values for item in after[0].instructions[:-1]] == [item.values for item in before[0].instructions]
    assert [[item.values for item in stage.instructions] for stage in after[1:]] == [
        [item.values for item in stage.instructions] for stage in before[1:]
    ]


@pytest.mark.parametrize(
    ("tag", "start"), [("redis:custom", "redis:7"), ("ghcr.io/me/app:latest", "ghcr.io/me/app:deps")]
)
def test_an_image_that_is_called_like_its_upstream_is_no_base_of_its_own(tmp_path: Path, tag: str, start: str) -> None:
    write(tmp_path / "web", {"Dockerfile": f"FROM {start}\nCOPY a /\n", "a": ""})
    services = {"web": {"image": tag, "build": {"context": str(tmp_path / "web"), "dockerfile": "Dockerfile"}}}
    (tmp_path / "compose.yaml").touch()
    project = load(tmp_path, engine=FakeEngine(document={"name": "shop", "services": services}), environment={})
    with make_workspace(project, project.images) as workspace:
        found = load_subjects(
            project.images, project=project, config=configuration(project), files_of=workspace.files_of
        )
        plan = plan_probe(next(iter(found)), "base")
    assert isinstance(plan, Skip)
    assert plan.outcome == "not applicable"


def test_without_a_base_of_the_project_the_probe_does_not_apply(tmp_path: Path) -> None:
    plan = plan_probe(one(tmp_path, NPM, NPM_FILES), "base")
    assert isinstance(plan, Skip)
    assert plan.outcome == "not applicable"


def test_an_image_that_only_names_another_has_nothing_to_probe_but_its_base(tmp_path: Path) -> None:
    subject = with_base(tmp_path, "FROM base-node\nCMD x\n")
    for probe in PROBES:
        assert isinstance(plan_probe(subject, probe), Skip) is (probe != "base"), probe
    (trial,) = trials(subject, "base")
    assert not trial.reaches_service


def test_the_files_of_a_subject_are_those_of_its_context(tmp_path: Path) -> None:
    subject = one(tmp_path, NPM, {**NPM_FILES, ".dockerignore": "README.md\n"})
    context = subject.image.context
    assert set(subject.files[context]) == set(list_context(context, dockerfile=context / "Dockerfile"))
    assert not subject.lets_in(context / "README.md")
    assert subject.lets_in(context / "not-yet-there.js")
    assert not subject.lets_in(tmp_path / "elsewhere.js")


def test_a_script_that_the_install_runs_is_no_source(tmp_path: Path) -> None:
    dockerfile = NPM.replace("RUN npm ci", "COPY scripts/after.js scripts/\nRUN npm ci")
    files = {
        **NPM_FILES,
        "scripts/after.js": "",
        "package.json": '{"scripts": {"postinstall": "node scripts/after.js"}}',
    }
    assert edited(one(tmp_path, dockerfile, files), "source") == ["src/index.js"]


@pytest.mark.parametrize(
    ("install", "file"),
    [
        pytest.param("pip install $(cat requirements.txt)", "requirements.txt", id="names from a file"),
        pytest.param("xargs pip install < requirements.txt", "requirements.txt", id="names from the input"),
        pytest.param("npm i --registry https://npm.example", "package.json", id="an option with a value"),
        pytest.param("pnpm install --filter @m/api...", "package.json", id="a part of a workspace"),
    ],
)
def test_an_install_that_seems_to_name_its_packages_is_driven_by_a_manifest(
    tmp_path: Path, install: str, file: str
) -> None:
    dockerfile = f"FROM x\nCOPY {file} ./\nRUN {install}\nCOPY . .\n"
    assert edited(one(tmp_path, dockerfile, {file: "", "src/main.py": ""}), "manifest") == [file]


def test_what_pnpm_fetches_depends_on_its_lock_file_alone(tmp_path: Path) -> None:
    dockerfile = "FROM x\nCOPY pnpm-lock.yaml ./\nRUN pnpm fetch\nCOPY . .\nRUN pnpm install --offline\n"
    subject = one(tmp_path, dockerfile, {"pnpm-lock.yaml": "", "package.json": "{}", "main.js": ""})
    assert edited(subject, "manifest") == ["pnpm-lock.yaml"]


def test_a_lock_file_has_to_reach_the_install_and_not_only_a_later_one(tmp_path: Path) -> None:
    dockerfile = (
        "FROM x\nCOPY pyproject.toml ./\nRUN uv sync --no-install-project\nCOPY uv.lock ./\nCOPY src src\nRUN uv sync\n"
    )
    subject = one(tmp_path, dockerfile, {"pyproject.toml": "", "uv.lock": "", "src/main.py": ""})
    assert {trial.must_run for trial in trials(subject, "manifest")} == {frozenset({3})}


@pytest.mark.parametrize("path", ["../api/main.js", "/etc/hostname", "src/../../x.js"])
def test_a_source_outside_of_the_build_context_is_refused(tmp_path: Path, path: str) -> None:
    write(tmp_path, {"api/main.js": "", "x.js": ""})
    with pytest.raises(ConfigError, match="no such file in the build context"):
        one(tmp_path, NPM, NPM_FILES, config=f'probe-source = "{path}"')


def test_one_sibling_that_cannot_be_told_apart_leaves_the_probe_unproven(tmp_path: Path) -> None:
    write(tmp_path, {"a.Dockerfile": "FROM x\nCOPY . .\n", "b.Dockerfile": "FROM x\nCOPY . .\n", "main.py": ""})
    write(tmp_path / "web", {"Dockerfile": "FROM x\nCOPY . .\n", "page.js": ""})
    builds = {
        "a": {"context": ".", "dockerfile": "a.Dockerfile"},
        "b": {"context": ".", "dockerfile": "b.Dockerfile"},
        "web": {"context": "web", "dockerfile": "Dockerfile"},
    }
    plan = plan_probe(load_it(tmp_path, builds, "a"), "sibling")
    assert isinstance(plan, Skip)
    assert (plan.outcome, "b" in plan.reason) == ("unproven", True)


@pytest.mark.parametrize("value", ["unknown", "0000000", "dev", "20240101", ""])
def test_a_placeholder_of_a_commit_or_a_time_is_no_pin(tmp_path: Path, value: str) -> None:
    name = "BUILD_TIME" if value == "20240101" else "GIT_SHA"
    subject = one(tmp_path, NPM.replace("RUN npm ci", f"ARG {name}={value}\nRUN npm ci"), NPM_FILES)
    assert name in trials(subject, "source")[0].arguments
