"""The pure parts of a benchmark: who comes when, ratios with spread, goals, changed Dockerfiles, the chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from layerproof.bench.commands import cannot_sequence, commands_of
from layerproof.bench.goals import judge
from layerproof.bench.plan import BAKE, COMPOSE, NAIVE, OURS, SEQUENCE, TOOLS, in_turn, make_plan
from layerproof.bench.results import BenchReport, GoalResult, Measurement, Ratio, Size, ratios
from layerproof.bench.texts import edit_text, rename_reference, renamed, uncached
from layerproof.config import parse_config
from layerproof.dockerfile import parse_dockerfile
from layerproof.engine import process
from layerproof.engine.docker import DockerEngine
from layerproof.engine.documents import marked_records
from layerproof.errors import ConfigError
from layerproof.model import Image
from layerproof.report.bench import bench_document, goal_line, parse_bench
from layerproof.report.bench_page import bench_markdown, bench_svg, put_into_page
from layerproof.settings import BenchGoals

NAMES = {"base-python": "b-base-python", "base-python-pose": "b-base-python-pose", "team/api": "b-team-api"}
GOALS = BenchGoals(edit_speedup={"api": 40.0}, warm_to_bake=1.15, cold_to_sequence=0.75, size_to_naive=0.6)


def plan(**changed: object) -> object:
    asked = {
        "naive": ("api",),
        "parts": ("naive", "tools"),
        "editable": ("api", "web"),
        "with_manifest": ("api",),
        "rounds": 3,
        "cold_rounds": 1,
    }
    return make_plan(("api", "web"), **{**asked, **changed})  # type: ignore[arg-type]


def test_every_round_another_contestant_begins_and_nobody_always_follows_the_same_one() -> None:
    assert [in_turn(("a", "b", "c"), number) for number in range(4)] == [
        ("a", "b", "c"),
        ("b", "a", "c"),
        ("c", "a", "b"),
        ("a", "c", "b"),
    ]


def test_contestants_are_measured_in_turn_and_equally_often() -> None:
    turns = [(job.kind, job.service, number, name) for job, number, name in plan().measured()]
    edits = [name for kind, service, _, name in turns if (kind, service) == ("edit", "api")]
    assert edits[:5] == [*TOOLS, NAIVE]
    assert edits[5:10] == [BAKE, OURS, NAIVE, SEQUENCE, COMPOSE]
    assert {name: edits.count(name) for name in edits} == dict.fromkeys((*TOOLS, NAIVE), 3)
    assert [turn for turn in turns if turn[0] == "manifest"] == [
        ("manifest", "api", 0, NAIVE),
        ("manifest", "api", 0, OURS),
    ]


def test_a_plan_counts_what_it_measures() -> None:
    found = plan()
    warm = [job.kind for job, _, _ in found.measured()]
    assert found.count("cold") == 6
    assert [found.count(kind) for kind in ("noop", "edit", "manifest")] == [
        warm.count(kind) for kind in ("noop", "edit", "manifest")
    ]


def test_one_part_has_only_its_contestants() -> None:
    assert set(plan(parts=("naive",)).contestants) == {NAIVE, OURS}
    assert set(plan(parts=("tools",)).contestants) == set(TOOLS)


def test_a_service_with_nothing_to_compare_with_is_left_out() -> None:
    assert {job.service for job in plan(parts=("naive",)).warm} == {"api"}


def times(kind: str, who: str, *values: float, service: str = "api") -> Measurement:
    return Measurement(kind, service, who, values, tuple(1 for _ in values))  # type: ignore[arg-type]


def test_a_ratio_is_taken_round_by_round() -> None:
    found = ratios([times("edit", OURS, 1.0, 4.0, 2.0), times("edit", NAIVE, 10.0, 20.0, 40.0)], ())
    assert found == (Ratio("edit", "api", NAIVE, median=0.1, low=0.05, high=0.2),)


def test_sizes_have_ratios_too() -> None:
    found = ratios((), [Size("api", OURS, 50), Size("api", NAIVE, 200), Size("web", OURS, 1)])
    assert found == (Ratio("size", "api", NAIVE, 0.25, 0.25, 0.25),)


@pytest.mark.parametrize(
    ("ratio", "held"),
    [
        pytest.param(Ratio("edit", "api", NAIVE, 1 / 41, 1 / 50, 1 / 30), True, id="41 times faster"),
        pytest.param(Ratio("edit", "api", NAIVE, 1 / 39, 1 / 50, 1 / 30), False, id="39 times faster"),
        pytest.param(Ratio("edit", "api", BAKE, 1.15, 1.0, 1.4), True, id="an edit as slow as may be"),
        pytest.param(Ratio("noop", "", BAKE, 1.16, 1.0, 1.4), False, id="a no-op that is slower than bake"),
        pytest.param(Ratio("cold", "", SEQUENCE, 0.7, 0.7, 0.7), True, id="a fast cold build"),
        pytest.param(Ratio("size", "api", NAIVE, 0.61, 0.61, 0.61), False, id="an image that is too large"),
    ],
)
def test_a_goal_is_judged_by_the_median(ratio: Ratio, held: bool) -> None:
    (result,) = judge(GOALS, [ratio])
    assert result.held is held


@pytest.mark.parametrize(
    "ratio",
    [
        pytest.param(Ratio("edit", "web", NAIVE, 1.0, 1.0, 1.0), id="a service without a goal"),
        pytest.param(Ratio("cold", "api", NAIVE, 1.0, 1.0, 1.0), id="a cold build of one service"),
        pytest.param(Ratio("noop", "api", NAIVE, 9.0, 9.0, 9.0), id="a no-op against naive"),
        pytest.param(Ratio("edit", "api", COMPOSE, 9.0, 9.0, 9.0), id="a tool that no goal names"),
    ],
)
def test_what_no_goal_is_about_is_not_judged(ratio: Ratio) -> None:
    assert judge(GOALS, [ratio]) == ()
    assert judge(BenchGoals(), [ratio]) == ()


def test_a_speed_up_has_its_spread_the_right_way_round() -> None:
    (result,) = judge(GOALS, [Ratio("edit", "api", NAIVE, 1 / 50, 1 / 60, 1 / 45)])
    assert (round(result.low), round(result.value), round(result.high)) == (45, 50, 60)
    assert goal_line(result) == "code edit of api: times faster than naive: 50 (45 to 60), at least 40"


@pytest.mark.parametrize("text", ["warm-to-bake = 0", "edit-speedup = { api = -1 }", "colder = 1"])
def test_a_goal_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"tool\.layerproof\.bench\.goals"):
        parse_config(f"[tool.layerproof.bench.goals]\n{text}\n", path=Path("pyproject.toml"))


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        pytest.param("FROM base-python:latest AS deps", "FROM b-base-python:latest AS deps", id="a base"),
        pytest.param("FROM base-python", "FROM b-base-python", id="a base without a tag"),
        pytest.param("FROM base-python-pose:runtime", "FROM b-base-python-pose:runtime", id="a longer name"),
        pytest.param(
            "FROM --platform=linux/amd64 base-python AS a",
            "FROM --platform=linux/amd64 b-base-python AS a",
            id="a flag",
        ),
        pytest.param("from base-python as base-python", "from b-base-python as base-python", id="a stage's name stays"),
        pytest.param("FROM other/base-python", "FROM other/base-python", id="another folder's image"),
        pytest.param("FROM my-base-python", "FROM my-base-python", id="part of a name"),
        pytest.param("ARG BASE=base-python:latest", "ARG BASE=b-base-python:latest", id="an argument"),
        pytest.param("COPY --from=team/api:1 /a /b", "COPY --from=b-team-api:1 /a /b", id="a copy from a service"),
        pytest.param(
            "RUN --mount=from=base-python:latest,source=/usr/base-python,target=/run/base-python x",
            "RUN --mount=from=b-base-python:latest,source=/usr/base-python,target=/run/base-python x",
            id="a mount, and no path",
        ),
        pytest.param("RUN echo base-python", "RUN echo base-python", id="no reference at all"),
    ],
)
def test_references_are_renamed_and_nothing_else(line: str, wanted: str) -> None:
    assert renamed(line, NAMES) == wanted


def test_without_names_nothing_is_renamed() -> None:
    assert rename_reference("base-python", {}) == "base-python"


def test_a_file_that_was_never_there_comes_first_in_every_stage_that_starts_from_no_other() -> None:
    text = "FROM node:18 AS a\nRUN x\nFROM a AS b\nFROM scratch AS c\nFROM own:1 AS d\nFROM \\\n  debian\n"
    file = parse_dockerfile(uncached(text, "n1"), path=Path("Dockerfile"))
    assert [[item.keyword for item in stage.instructions] for stage in file.stages] == [
        ["COPY", "RUN"],
        [],
        ["COPY"],
        ["COPY"],
        ["COPY"],
    ]
    assert uncached(text, "n1").count("/.layerproof-bench-n1") == 4


@pytest.mark.parametrize(
    ("mount", "wanted"),
    [
        ("type=cache,target=/root/.npm", "type=cache,target=/root/.npm,id=layerproof-bench-n1-root/.npm"),
        (
            "type=cache,id=npm,target=/x,sharing=locked",
            "type=cache,target=/x,sharing=locked,id=layerproof-bench-n1-npm",
        ),
        ("target=/w,type=cache", "target=/w,type=cache,id=layerproof-bench-n1-w"),
        ("type=bind,source=a,target=/a", "type=bind,source=a,target=/a"),
        ("type=secret,id=token", "type=secret,id=token"),
    ],
)
def test_cache_mounts_are_new_ones(mount: str, wanted: str) -> None:
    text = uncached(f"FROM scratch\nRUN --mount={mount} \\\n    --mount={mount} install\n", "n1")
    assert text.endswith(f"\nRUN --mount={wanted} \\\n    --mount={wanted} install\n")


def test_an_edit_of_a_script_survives_a_compiler() -> None:
    assert edit_text(Path("src/main.ts"), "t1").decode().startswith("Object.assign(globalThis")
    assert edit_text(Path("app.py"), "t1").decode().strip() == "# layerproof t1"
    assert b"Object" not in edit_text(Path("types.d.ts"), "t1")


def image(name: str, **changed: object) -> Image:
    file = parse_dockerfile("FROM node:18\n", path=Path(f"/r/{name}/Dockerfile"))
    values = {"role": "service", "context": Path(f"/r/{name}"), "dockerfile": file, "target": None, "service": name}
    return Image(name, f"x-{name}:latest", **{**values, **changed})  # type: ignore[arg-type]


def test_commands_are_what_a_person_would_type() -> None:
    base = image("base", role="base", service="", target="build", args={"A": "1"})
    api = image(
        "api", parents=("base",), contexts={"w": "/r/w", "o": "target:base"}, options={"secret": ["id=t,src=/t"]}
    )
    rest = {"compose_file": Path("/r/compose.yaml"), "label": "a=b"}
    every = {
        who: commands_of(who, [api, base], service="", cold=True, **rest)  # type: ignore[arg-type]
        for who in TOOLS
    }
    assert every[OURS][0][1:] == ("-m", "invoke", "build")
    assert every[BAKE][0][-2:] == ("--allow", "fs=*")
    assert [command[:2] for command in every[COMPOSE]] == [("docker", "build"), ("docker", "compose")]
    assert [command[-1] for command in every[SEQUENCE]] == ["/r/base", "/r/api"]
    assert "--build-arg" in every[SEQUENCE][0]
    assert every[SEQUENCE][1][-7:-1] == (
        "--build-context",
        "w=/r/w",
        "--build-context",
        "o=docker-image://x-base:latest",
        "--secret",
        "id=t,src=/t",
    )
    one = {who: commands_of(who, [api, base], service="api", cold=False, **rest) for who in TOOLS}  # type: ignore[arg-type]
    assert {len(commands) for commands in one.values()} == {1}
    assert one[BAKE][0][-1] == one[COMPOSE][0][-1] == one[OURS][0][-1] == "api"


def test_what_docker_build_cannot_do_is_said() -> None:
    assert cannot_sequence([image("api")]) == ""
    assert "inline" not in cannot_sequence([image("api", inline=True)])
    assert "stands in the compose file" in cannot_sequence([image("api", inline=True)])
    assert "ulimits" in cannot_sequence([image("api", options={"ulimits": ["nproc=1"]})])


def report(**changed: object) -> BenchReport:
    values: dict[str, object] = {
        "date": "2026-11-21T14:00:00+00:00",
        "machine": {"cores": "2", "memory": "17 GB", "system": "Linux x86_64"},
        "versions": {"Docker Engine": "28"},
        "lab": True,
        "wall_s": 60.0,
        "measurements": (
            times("cold", OURS, 5.0, service="<a&b>"),
            times("cold", NAIVE, 50.0, service="<a&b>"),
            times("noop", OURS, 0.5, 0.6, service=""),
            times("noop", BAKE, 1.0, 1.2, service=""),
        ),
        "sizes": (Size("<a&b>", OURS, 10**8), Size("<a&b>", NAIVE, 10**9)),
        "notes": ("a note",),
        "goals": (GoalResult("g", 2.0, 1.0, 3.0, 2.5, at_least=True),),
    }
    return BenchReport(**{**values, **changed})  # type: ignore[arg-type]


def test_a_document_can_be_read_again() -> None:
    assert parse_bench(bench_document(report())) == report()


def test_the_chart_is_well_formed_whatever_a_service_is_called() -> None:
    svg = ElementTree.fromstring(bench_svg(report()))  # noqa: S314  # made a line above
    texts = [item.text for item in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "Cold build of <a&b>" in texts
    assert "50 s" in texts
    widths = [float(item.attrib["width"]) for item in svg.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[1] == pytest.approx(10 * widths[0], rel=0.01)


def test_a_missed_goal_fails_the_report() -> None:
    assert not report().passed
    assert report(goals=()).passed
    assert "| g: 2.00 (1.00 to 3.00), at least 2.50 | **missed** |" in bench_markdown(report())


def test_tables_go_between_the_markers_of_a_page() -> None:
    page = "# Title\n<!-- bench -->\nold\n<!-- end -->\nrest\n"
    assert put_into_page(page, "new\n") == "# Title\n<!-- bench -->\nnew\n<!-- end -->\nrest\n"
    with pytest.raises(ValueError, match="it has no"):
        put_into_page("# Title\n", "new\n")


RECORDS: tuple[dict[str, object], ...] = (
    {"ID": "a1", "Description": "[a 2/4] COPY <<X /.layerproof-bench-abcdef12", "Parents": ["up"]},
    {"ID": "b2", "Description": "mount / from exec npm ci", "Parents": ["a1"]},
    {"ID": "c3", "Description": "[a 4/4] COPY . .", "Parents": ["b2", "z9"], "Shared": True},
    {"ID": "d4", "Description": "mount / from exec npm ci", "Parents": ["z9"]},
    {"ID": "e5", "Description": "cached mount /root/.npm with id layerproof-bench-abcdef12-x", "Parents": None},
    {"ID": "f6", "Description": "[b 1/1] RUN x", "Parents": ["c3"]},
)


def test_only_what_stands_on_the_benchmarks_own_file_is_its_cache() -> None:
    assert marked_records(RECORDS, "layerproof-bench-abcdef") == ["a1", "b2", "e5", "f6"]
    assert marked_records(RECORDS, "layerproof-bench-000000") == []


def test_cache_is_never_dropped_without_naming_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []
    monkeypatch.setattr(process, "run", asked.append)
    monkeypatch.setattr(DockerEngine, "cache_usage", lambda _: RECORDS)
    DockerEngine().drop_cache("layerproof-bench-000000")
    assert asked == []
    DockerEngine().drop_cache("layerproof-bench-abcdef")
    assert [command[-2:] for command in asked] == [["--filter", "id=a1|b2|e5|f6"]]
    for marker in ("", "RUN", "layerproof"):
        with pytest.raises(ValueError, match="too short"):
            DockerEngine().drop_cache(marker)


def test_what_stood_on_what_has_gone_is_dropped_next_and_what_is_in_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = iter([RECORDS, RECORDS[:2], RECORDS[:1], RECORDS[:1]])
    asked: list[Sequence[str]] = []
    monkeypatch.setattr(process, "run", asked.append)
    monkeypatch.setattr(DockerEngine, "cache_usage", lambda _: next(rounds))
    DockerEngine().drop_cache("layerproof-bench-abcdef")
    assert [command[-1] for command in asked] == ["id=a1|b2|e5|f6", "id=a1|b2", "id=a1"]


def test_images_are_never_removed_without_a_label() -> None:
    with pytest.raises(ValueError, match="every image"):
        DockerEngine().remove_labelled("dev.layerproof.project", "")
