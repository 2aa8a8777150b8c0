"""Whole proofs on a small repository, with an engine that answers as BuildKit does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from junitparser import JUnitXml
from msgspec.structs import replace as replace_verdict
from rich.console import Console

from layerproof.errors import NoEngineError, UsageError
from layerproof.model import ProofReport, Verdict
from layerproof.prove.plan import PROBES
from layerproof.prove.watcher import WARM_UP, ProofWatcher
from layerproof.report.document import proof_document
from layerproof.report.junit import proof_junit
from layerproof.report.proof import LineProofWatcher, render_proof
from layerproof.tasks import proof as tasks
from layerproof.workflow.load import load
from layerproof.workflow.prove import ATTEMPTS, prove

from .conftest import document
from .simulated import SimulatedEngine


@pytest.fixture
def real(repo: Path) -> SimulatedEngine:
    for name in ("api", "web"):
        (repo / name / "package.json").write_text('{"dependencies": {"x": "1"}}')
        (repo / name / "package-lock.json").write_text("{}")
        path = repo / name / "Dockerfile"
        path.write_text(path.read_text().replace("COPY package.json ./", "COPY package*.json ./"))
    engine = SimulatedEngine(document=document(repo))
    engine.add_image("node:18-bookworm-slim")
    return engine


def run(repo: Path, engine: SimulatedEngine, *probes: str, service: str = "web", full: bool = False) -> ProofReport:
    project = load(repo, engine=engine, environment={})
    return prove(project, engine=engine, names=[service], probes=probes, full=full)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def reasons(report: ProofReport) -> dict[str, str]:
    return {verdict.probe: verdict.reason for verdict in report.verdicts if not verdict.passed}


def test_every_probe_of_a_good_project_holds(repo: Path, real: SimulatedEngine) -> None:
    report = prove(load(repo, engine=real, environment={}), engine=real)
    assert reasons(report) == {}
    assert [(item.image, item.probe) for item in report.verdicts] == list(itertools.product(("api", "web"), PROBES))
    assert {verdict.outcome for verdict in report.verdicts} == {"held"}
    assert report.lab is False


def test_a_full_proof_builds_the_result_again(repo: Path, real: SimulatedEngine) -> None:
    report = run(repo, real, "manifest", "base", full=True)
    assert reasons(report) == {}
    # Before any edit; two manifests and two bases, each twice.
    assert real.builds == 9


DEFECTS = {
    "source before the install": (
        "web/Dockerfile",
        "COPY package*.json ./",
        "COPY . .",
        {"source": "deps 2/9 `RUN npm ci` ran again because `COPY . .` on line 2 takes src/main.js before it"},
    ),
    "a lock file that is not copied": (
        "web/Dockerfile",
        "COPY package*.json ./",
        "COPY package.json ./",
        {
            "manifest": "package-lock.json was edited, and `RUN npm ci` (Dockerfile:3) did not run:"
            " nothing before it copies that file"
        },
    ),
    "an install after the source": (
        "web/Dockerfile",
        "RUN npm run build",
        "RUN npm ci && npm run build",
        {
            "source": "build 2/9 `RUN npm ci && npm run build` ran again because `COPY src ./src` on line 5 takes"
            " src/main.js before it"
        },
    ),
    "a commit above the install": (
        "web/Dockerfile",
        "RUN npm ci",
        "ARG GIT_SHA\nRUN npm ci",
        {
            "source": "deps 2/9 `RUN npm ci` ran again because ARG GIT_SHA on line 3, whose value changes with every"
            " build, stands above it"
        },
    ),
    "logs in the context": (
        "web/.dockerignore",
        "**/*.log\n",
        "",
        {},
    ),
    "a base of another tag": (
        "web/Dockerfile",
        "FROM base-node:latest AS deps",
        "FROM base-node:old AS deps",
        {"base": "line 1 starts from base-node:old, not built here: no change of base-node:latest arrives"},
    ),
    "a source that is shut out": (
        "web/.dockerignore",
        "README.md",
        "README.md\nsrc/main.js",
        {"source": "the ignore file keeps out all source that a step would take, such as src/main.js"},
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_fails_its_probe_with_its_cause(repo: Path, real: SimulatedEngine, name: str) -> None:
    file, old, new, expected = DEFECTS[name]
    replace(repo / file, old, new)
    assert reasons(run(repo, real)) == expected


def test_what_lies_around_fails_where_all_is_copied(repo: Path, real: SimulatedEngine) -> None:
    replace(repo / "web" / "Dockerfile", "COPY src ./src", "COPY . .")
    replace(repo / "web" / ".dockerignore", "**/*.log\n", "")
    report = run(repo, real)
    assert reasons(report) == {"unrelated": "build 1/9 `COPY . .` ran again because it takes *.log (line 5)"}
    (verdict,) = (item for item in report.verdicts if item.probe == "unrelated")
    assert verdict.hint == "Add to web/.dockerignore: **/*.log"


def test_files_that_everybody_may_write_to_fail_the_touch_probe(repo: Path, real: SimulatedEngine) -> None:
    (repo / "web" / "src" / "main.js").chmod(0o666)
    reason = reasons(run(repo, real))["touch"]
    assert reason.startswith("`COPY src ./src` on line 5 takes src/main.js, which everybody may write to here")


def test_events_that_another_build_took_away_are_asked_for_again(repo: Path, real: SimulatedEngine) -> None:
    real.dropped = ATTEMPTS - 1
    assert reasons(run(repo, real, "source")) == {}


def test_an_event_stream_that_stays_cut_fails_every_probe(repo: Path, real: SimulatedEngine) -> None:
    real.dropped = 10**6
    report = run(repo, real)
    assert {verdict.outcome for verdict in report.verdicts} == {"failed"}
    assert all("event stream is not whole" in verdict.reason for verdict in report.verdicts)


@pytest.mark.parametrize(
    ("forgotten", "holds"),
    [
        pytest.param({2: "npm ci"}, True, id="once, as after a build from a cache elsewhere"),
        pytest.param({2: "npm ci", 3: "npm ci"}, False, id="each time"),
    ],
)
def test_a_step_that_runs_for_no_reason_that_can_be_seen_fails_only_when_it_does_so_again(
    repo: Path, real: SimulatedEngine, forgotten: dict[int, str], holds: bool
) -> None:
    real.forgotten = forgotten
    report = run(repo, real, "source")
    assert report.passed is holds
    assert holds or "its cache record is gone, or its inputs differ" in reasons(report)["source"]


def test_a_build_that_fails_before_any_edit_fails_every_probe_of_that_service(
    repo: Path, real: SimulatedEngine
) -> None:
    real.broken = ("npm run build",)
    report = run(repo, real)
    assert len(reasons(report)) == len(PROBES)
    assert (
        "before any edit, the build failed: web/Dockerfile:6 [web build 2/9] RUN npm run build: exit"
        in reasons(report)["noop"]
    )


def test_an_engine_that_goes_away_ends_the_proof(repo: Path, real: SimulatedEngine) -> None:
    real.gone_after = 3
    with pytest.raises(NoEngineError):
        run(repo, real)
    assert not (repo / ".layerproof" / "proofs").exists()


def test_a_probe_that_failed_because_the_cache_had_been_cleared_is_made_once_more(
    repo: Path, real: SimulatedEngine
) -> None:
    real.cleared_before = (2,)
    assert reasons(run(repo, real, "source")) == {}
    assert real.builds == 3


def test_steps_that_run_again_each_time_for_no_cause_that_is_seen_fail(repo: Path, real: SimulatedEngine) -> None:
    real.cleared_before = range(100)
    assert "though nothing that reaches it was edited" in reasons(run(repo, real, "source"))["source"]
    assert real.builds == 3


def test_a_build_over_its_budget_fails(repo: Path, real: SimulatedEngine) -> None:
    ticks = itertools.count(0, 31)
    project = load(repo, engine=real, environment={})
    report = prove(project, engine=real, names=["web"], probes=["source", "base"], clock=lambda: float(next(ticks)))
    assert reasons(report) == {"source": "src/main.js was edited: the build took 31.0 s, over the budget of 30 s"}


@pytest.mark.parametrize(
    ("names", "probes", "message"),
    [
        pytest.param([], ["sorce"], "there is no probe named 'sorce'", id="an unknown probe"),
        pytest.param(["base-node"], [], "not on bases", id="a base"),
        pytest.param(["web", "base-node"], [], "not on bases", id="a base beside a service"),
    ],
)
def test_what_cannot_be_proven_is_refused(
    repo: Path, real: SimulatedEngine, names: Sequence[str], probes: Sequence[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        prove(load(repo, engine=real, environment={}), engine=real, names=names, probes=probes)


def test_a_watcher_hears_of_every_probe_in_order_and_of_the_end(repo: Path, real: SimulatedEngine) -> None:
    heard: list[str] = []

    class Watcher(ProofWatcher):
        def started(self, images: Sequence[str], probes: Sequence[str]) -> None:
            heard.append(f"started {images} {probes}")

        def probing(self, image: str, probe: str) -> None:
            heard.append(f"{image} {probe}")

        def judged(self, verdict: Verdict) -> None:
            heard.append(verdict.outcome)

        def finished(self) -> None:
            heard.append("finished")

    project = load(repo, engine=real, environment={})
    prove(project, engine=real, names=["web"], probes=["touch", "noop"], watcher=Watcher())
    assert heard == [
        "started ['web'] ['noop', 'touch']",
        f"web {WARM_UP}",
        "web noop",
        "held",
        "web touch",
        "held",
        "finished",
    ]


@pytest.fixture
def mixed(repo: Path, real: SimulatedEngine) -> ProofReport:
    replace(repo / "web" / "Dockerfile", "COPY package*.json ./", "COPY . .")
    replace(repo / "web" / "Dockerfile", "FROM base-node:runtime AS runtime", "FROM scratch AS runtime")
    return run(repo, real, "noop", "source", "sibling")


def text_of(renderable: object, width: int) -> Iterator[str]:
    console = Console(width=width, record=True, file=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable)
    yield from capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_matrix_fits_the_terminal_and_the_reason_follows(mixed: ProofReport, width: int) -> None:
    lines = list(text_of(render_proof(mixed), width))
    assert lines[0].split() == ["image", "noop", "source", "sibling"]
    assert lines[2].split()[0] == "web"
    assert [mark for mark in lines[2] if mark in "✓✗?-"] == ["✓", "✗", "✓"]
    assert all(len(line.rstrip()) <= width for line in lines)
    assert "✗ web source  deps 2/9 `RUN npm ci` ran again because `COPY . .` on line 2" in " ".join(lines)
    assert lines[-1].startswith("3 probes: 2 held, 1 failed; ")


def test_the_document_has_every_step_and_both_times(mixed: ProofReport) -> None:
    found = proof_document(mixed)
    assert (found["schema"], found["passed"], found["lab"]) == (1, False, False)
    noop, source, _ = found["verdicts"]
    assert (noop["passed"], noop["ran"], len(noop["cached"])) == (True, [], 6)
    assert {step["line"] for step in source["ran"]} == {2, 3, 5, 6, 8}
    assert source["ran"][0] == {
        "image": "web",
        "stage": "deps",
        "number": 1,
        "total": 9,
        "instruction": "COPY . .",
        "line": 2,
        "state": "ran",
        "duration_s": 1.0,
    }
    assert source["steps_s"] == len(source["ran"])


def test_junit_tells_failed_from_unproven_and_from_not_applicable(repo: Path, real: SimulatedEngine) -> None:
    replace(repo / "web" / ".dockerignore", "README.md", "README.md\nsrc/main.js")
    replace(repo / "web" / "Dockerfile", "RUN npm run build", "RUN true")
    replace(repo / "web" / "Dockerfile", "COPY package*.json ./\nRUN npm ci", "RUN true")
    replace(repo / "api" / "Dockerfile", "COPY package*.json ./", "COPY . .")
    both = prove(load(repo, engine=real, environment={}), engine=real, probes=["source", "manifest"])
    suites = {
        suite.name: {case.name: case for case in suite} for suite in JUnitXml.fromstring(proof_junit(both).encode())
    }
    assert suites["web"]["source"].is_error
    assert suites["web"]["manifest"].is_skipped
    assert suites["api"]["source"].is_failure
    assert "next: Copy the dependency manifests alone" in (suites["api"]["source"].result[0].text or "")
    assert suites["api"]["manifest"].is_passed


def test_lines_for_a_pipe_have_each_verdict(repo: Path, real: SimulatedEngine) -> None:
    console = Console(width=200)
    project = load(repo, engine=real, environment={})
    with console.capture() as capture:
        prove(project, engine=real, names=["web"], probes=["source"], watcher=LineProofWatcher(console))
    said = capture.get().splitlines()
    assert said[0] == "web: building it before any edit"
    assert any(line == "web: [web deps 2/9] RUN npm ci: ran, 1.0 s" for line in said)
    assert said[-1].startswith("web source: held, ")


def test_what_a_build_prints_in_colour_is_no_trouble_for_junit(repo: Path, real: SimulatedEngine) -> None:
    report = run(repo, real, "noop")
    coloured = replace_verdict(report.verdicts[0], outcome="failed", reason="\x1b[31mred\x1b[0m \x00 \uffff end")
    read = JUnitXml.fromstring(proof_junit(replace_verdict(report, verdicts=(coloured,))).encode())
    assert [case.result[0].message for suite in read for case in suite] == ["red   end"]


def test_the_help_names_every_probe() -> None:
    assert ", ".join(PROBES) in tasks.prove.help["probe"]
