"""Event lines to vertices and steps."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from layerproof.cache_events import cache_troubles
from layerproof.model import BuildReport, ImageResult, Phase, Step, StepState, Vertex
from layerproof.progress import (
    BuildLog,
    failed_vertices,
    is_from,
    parse_log,
    phases_of,
    span_s,
    step_of,
    steps_by_image,
)
from layerproof.report.text import time_spent

T1, T2, T3, T4 = (f"2026-11-20T10:00:0{second}.500000000Z" for second in (1, 2, 3, 4))


def event(*vertexes: dict[str, Any], logs: list[tuple[str, bytes]] | None = None) -> str:
    entries = [{"vertex": digest, "data": base64.b64encode(data).decode()} for digest, data in logs or ()]
    return json.dumps({"vertexes": list(vertexes), "logs": entries}) + "\n"


def only(*lines: str) -> Vertex:
    (vertex,) = parse_log(lines).vertices.values()
    return vertex


def vertex(name: str, *, digest: str = "d", cached: bool = False, error: str = "", completed: float = 2.0) -> Vertex:
    return Vertex(digest, name, ("parent",), cached, 1.0, completed, error)


def test_a_digest_that_is_reported_many_times_is_one_vertex_with_its_last_state() -> None:
    found = only(
        event({"digest": "a", "name": "[x 1/1] RUN y", "inputs": ["b"]}),
        event({"digest": "a", "name": "[x 1/1] RUN y", "inputs": ["b"], "started": T1}),
        event({"digest": "a", "name": "[x 1/1] RUN y", "inputs": ["b"], "started": T1, "completed": T2}),
        event({"digest": "a", "name": "[x 1/1] RUN y", "inputs": ["b"]}),
    )
    assert found.inputs == ("b",)
    assert found.started is not None
    assert found.completed is not None
    assert found.completed - found.started == pytest.approx(1.0)


def test_a_vertex_that_starts_again_has_the_later_times_and_no_old_error() -> None:
    found = only(
        event({"digest": "a", "name": "n", "started": T1, "completed": T2, "error": "context canceled"}),
        event({"digest": "a", "name": "n", "started": T3}),
        event({"digest": "a", "name": "n", "started": T3, "completed": T4}),
    )
    assert found.error == ""
    assert found.completed is not None
    assert found.started is not None
    assert found.completed - found.started == pytest.approx(1.0)


def test_a_cached_step_whose_layer_is_pulled_later_was_not_executed() -> None:
    # As BuildKit 0.25 reports a step from a registry's cache: first cached, then twice a pull, without inputs.
    step = {"digest": "a", "name": "[deps 3/4] RUN npm ci"}
    found = only(
        event({**step, "inputs": ["b"]}),
        event({**step, "inputs": ["b"], "started": T1, "completed": T1, "cached": True}),
        event({**step, "started": T2}),
        event({**step, "started": T2, "completed": T3}),
        event({**step, "started": T3}),
        event({**step, "started": T3, "completed": T4}),
    )
    built = step_of(found)
    assert built is not None
    assert built.state is StepState.CACHED
    assert found.completed == found.started


def test_a_step_of_which_only_the_pull_is_reported_is_cached() -> None:
    step = {"digest": "a", "name": "[deps 2/4] COPY package.json ./"}
    found = only(event({**step, "inputs": ["b"]}), event({**step, "started": T2, "completed": T3}))
    built = step_of(found)
    assert built is not None
    assert built.state is StepState.CACHED


def test_a_cache_elsewhere_that_cannot_be_read_is_no_failure_of_the_build() -> None:
    name = "[api] importing cache manifest from localhost:5000/cache:api"
    error = "failed to configure registry cache importer: localhost:5000/cache:api: not found"
    log = parse_log([event({"digest": "a", "name": name, "started": T1, "completed": T2, "error": error})])
    assert failed_vertices(log) == ()
    assert cache_troubles(log.vertices.values()) == ("built without the cache localhost:5000/cache:api: not found",)


def test_a_cache_that_could_not_be_written_fails_a_build_unless_it_ended_well() -> None:
    exported = {"digest": "a", "name": "[api] exporting cache to registry", "started": T1, "error": "push: denied"}
    log = parse_log([event(exported)])
    assert [vertex.error for vertex in failed_vertices(log)] == ["push: denied"]
    assert failed_vertices(log, ended_well=True) == ()
    assert cache_troubles(log.vertices.values()) == ("[api] exporting cache to registry: push: denied",)


def test_a_vertex_that_has_started_again_is_not_completed() -> None:
    lines = (event({"digest": "a", "name": "n", "started": T1, "completed": T2}), event({"digest": "a", "started": T3}))
    assert only(*lines).completed is None
    assert only(*lines).name == "n"


def test_a_late_event_without_times_takes_no_state_back() -> None:
    found = only(
        event({"digest": "a", "name": "n", "started": T1, "completed": T2, "cached": True, "error": "bad"}),
        event({"digest": "a", "name": "n"}),
    )
    assert (found.cached, found.error) == (True, "bad")


def test_a_time_with_nine_digits_of_a_second_and_an_offset_is_read() -> None:
    found = only(
        event({"digest": "a", "started": "2026-11-20T10:00:00.123456789Z", "completed": "2026-11-20T12:00:01+02:00"})
    )
    assert found.started is not None
    assert found.completed is not None
    assert found.completed - found.started == pytest.approx(0.876543, abs=1e-5)
    assert only(event({"digest": "a", "started": "yesterday"})).started is None


def test_chunks_of_a_log_are_glued_where_a_line_was_cut() -> None:
    log = parse_log(
        [
            event({"digest": "a", "name": "n"}, logs=[("a", b"one\ntw"), ("b", b"of nobody\n")]),
            event(logs=[("a", b"o\r\n10%\r20%\r\nthr"), ("a", b"ee\n")]),
        ]
    )
    assert [line for line in log.vertices["a"].log if line] == ["one", "two", "10%", "20%", "three"]


def test_only_the_tail_of_a_log_is_kept() -> None:
    log = parse_log([event({"digest": "a"}), *(event(logs=[("a", f"{n}\n".encode())]) for n in range(100))])
    assert [line for line in log.vertices["a"].log if line] == [str(n) for n in range(81, 100)]


def test_the_list_that_apt_could_not_fetch_is_kept_above_the_packages_it_lacks_then() -> None:
    told = "W: Failed to fetch http://deb.example.org/InRelease  Could not connect, connection timed out"
    printed = [f"{told}\n", *(f"E: Unable to locate package lib{n}\n" for n in range(60))]
    log = parse_log([event({"digest": "a"}), *(event(logs=[("a", line.encode())]) for line in printed)])
    first, *rest = [line for line in log.vertices["a"].log if line]
    assert (first, rest[-1], len(rest)) == (told, "E: Unable to locate package lib59", 19)


def test_lines_that_are_no_events_are_noise() -> None:
    log = BuildLog()
    assert [log.feed(line) for line in ("ERROR: no\r\n", "\n", "{broken\n", "[1]\n", '{"vertexes": null}\n')] == [
        False,
        False,
        False,
        False,
        True,
    ]
    assert log.noise == ["ERROR: no", "{broken", "[1]"]


@pytest.mark.parametrize(
    ("name", "only_target", "expected"),
    [
        pytest.param("[deps 2/4] RUN npm ci", "web", ("web", "deps", 2, 4), id="one target"),
        pytest.param("[web deps 2/4] RUN npm ci", "", ("web", "deps", 2, 4), id="one of several targets"),
        pytest.param("[web deps 2/4] RUN npm ci", "api", ("web", "deps", 2, 4), id="a linked target has its own name"),
        pytest.param("[web deps  2/10] RUN npm ci", "", ("web", "deps", 2, 10), id="a padded number"),
        pytest.param("[ 2/11] RUN npm ci", "web", ("web", "stage-0", 2, 11), id="a padded number in an only stage"),
        pytest.param("[2/4] RUN npm ci", "web", ("web", "stage-0", 2, 4), id="the only stage of one target"),
        pytest.param("[web 2/4] RUN npm ci", "", ("web", "stage-0", 2, 4), id="the only stage of one of several"),
        pytest.param("[web stage-1 2/4] RUN npm ci", "", ("web", "stage-1", 2, 4), id="a stage without a name"),
        pytest.param("[linux/amd64 deps 2/4] RUN npm ci", "web", ("web", "deps", 2, 4), id="a platform"),
        pytest.param("[web linux/amd64 deps 2/4] RUN npm ci", "", ("web", "deps", 2, 4), id="target and platform"),
        pytest.param("[linux/amd64->arm64 2/4] RUN npm ci", "web", ("web", "stage-0", 2, 4), id="a cross build"),
    ],
)
def test_the_name_of_a_step(name: str, only_target: str, expected: tuple[str, str, int, int]) -> None:
    step = step_of(vertex(name), only_target=only_target)
    assert step is not None
    assert (step.target, step.stage, step.number, step.total) == expected
    assert step.instruction == "RUN npm ci"


@pytest.mark.parametrize(
    "name",
    [
        "[internal] load build definition from Dockerfile",
        "[web internal] load build context",
        "[context base-node] load from client",
        "[web] exporting to image",
        "exporting to image",
        "resolving provenance for metadata file",
        "transferring",
        "",
    ],
)
def test_what_is_no_step(name: str) -> None:
    assert step_of(vertex(name)) is None


@pytest.mark.parametrize(
    ("found", "state"),
    [
        pytest.param(vertex("[a 1/1] RUN x"), StepState.RAN, id="completed"),
        pytest.param(vertex("[a 1/1] RUN x", cached=True), StepState.CACHED, id="cached"),
        pytest.param(vertex("[a 1/1] RUN x", cached=True, error="bad"), StepState.FAILED, id="an error beats cached"),
        pytest.param(
            Vertex("d", "[a 1/1] RUN x", ("p",), cached=False, started=1.0, completed=None, error=""),
            StepState.STARTED,
            id="never done",
        ),
        pytest.param(
            Vertex("d", "[a 1/1] RUN x", ("p",), cached=False, started=None, completed=None, error=""),
            StepState.NOT_REACHED,
            id="never started",
        ),
        pytest.param(
            Vertex("d", "[a 1/1] WORKDIR /x", (), cached=False, started=1.0, completed=2.0, error=""),
            StepState.UNKNOWN,
            id="standing on nothing, of which BuildKit never says whether it was cached",
        ),
    ],
)
def test_the_state_of_a_step(found: Vertex, state: StepState) -> None:
    step = step_of(found)
    assert step is not None
    assert step.state is state


def test_a_step_of_several_lines_and_a_from_step_are_told_apart() -> None:
    step = step_of(vertex("[a 1/2] RUN <<EOF\nmake\nEOF"))
    assert step is not None
    assert step.instruction == "RUN <<EOF\nmake\nEOF"
    first = step_of(vertex("[a 1/2] FROM docker.io/library/node:18"))
    assert first is not None
    assert (is_from(step), is_from(first)) == (False, True)


def test_errors_come_before_what_they_cancelled() -> None:
    log = BuildLog()
    for digest, error in (("a", "x: context canceled"), ("b", ""), ("c", "exit code: 1")):
        log.vertices[digest] = vertex("n", digest=digest, error=error)
    assert [item.digest for item in failed_vertices(log)] == ["c", "a"]


def provenance(text: str, lines: dict[str, int]) -> dict[str, Any]:
    steps = {digest: f"step{n}" for n, digest in enumerate(lines)}
    locations = {
        steps[digest]: {"locations": [{"ranges": [{"start": {"line": line}}]}]} for digest, line in lines.items()
    }
    infos = [{"data": base64.b64encode(text.encode()).decode()}]
    source = {"source": {"locations": locations, "infos": infos}}
    return {
        "buildx.build.provenance": {
            "buildConfig": {"digestMapping": steps},
            "metadata": {"https://mobyproject.org/buildkit@v1#metadata": source},
        }
    }


def test_a_merged_step_is_given_to_every_target_whose_provenance_holds_it() -> None:
    log = BuildLog()
    log.vertices["a"] = vertex("[web deps 1/2] RUN same", digest="a")
    log.vertices["b"] = vertex("[api build 2/2] RUN own", digest="b")
    log.vertices["c"] = vertex("[web base 1/1] RUN of the base", digest="c")
    images = steps_by_image(
        log,
        metadata={"web": provenance("W", {"a": 2}), "api": provenance("A", {"b": 3, "a": 2})},
        dockerfiles={"web": "W", "api": "A"},
    )
    assert [(step.target, step.line, step.instruction) for step in images["web"]] == [("web", 2, "RUN same")]
    assert [(step.target, step.line, step.instruction) for step in images["api"]] == [
        ("api", 2, "RUN same"),
        ("api", 3, "RUN own"),
    ]


def test_steps_that_another_dockerfile_made_are_not_an_images_own() -> None:
    log = BuildLog()
    log.vertices["a"] = vertex("[web deps 1/2] RUN x", digest="a")
    assert steps_by_image(log, metadata={"web": provenance("B", {"a": 1})}, dockerfiles={"web": "W"}) == {"web": ()}


def test_without_provenance_the_label_decides() -> None:
    log = BuildLog()
    log.vertices["a"] = vertex("[web deps 1/2] RUN x", digest="a")
    log.vertices["b"] = vertex("[web deps 1/2] FROM y", digest="b")
    images = steps_by_image(log, metadata={}, dockerfiles={"web": "W", "api": "A"})
    assert [step.instruction for step in images["web"]] == ["RUN x"]
    assert images["api"] == ()


def test_the_span_of_an_image_goes_to_the_end_of_its_export() -> None:
    log = BuildLog()
    log.vertices["a"] = vertex("[web deps 1/2] RUN x", digest="a", completed=3.0)
    log.vertices["b"] = vertex("[web] exporting to image", digest="b", completed=5.0)
    log.vertices["c"] = vertex("[api] exporting to image", digest="c", completed=9.0)
    steps = steps_by_image(log, metadata={}, dockerfiles={"web": "W", "api": "A"})["web"]
    assert span_s(log, "web", steps) == 4.0
    assert span_s(BuildLog(), "web", ()) == 0.0


def test_contexts_and_exports_are_phases_whoevers_they_are() -> None:
    log = BuildLog()
    log.vertices["a"] = vertex("[web internal] load build context", digest="a")
    log.vertices["b"] = vertex("[web context wheels] load from client", digest="b", completed=3.0)
    log.vertices["c"] = vertex("[web] exporting to image", digest="c", completed=5.0)
    log.vertices["d"] = vertex("[web internal] load build definition from Dockerfile", digest="d")
    log.vertices["e"] = vertex("[web internal] load build context", digest="e", cached=True)
    assert [(phase.image, phase.kind, phase.duration_s) for phase in phases_of(log)] == [
        ("web", "transfer", 1.0),
        ("web", "transfer", 2.0),
        ("web", "export", 4.0),
    ]
    log.vertices = {"a": vertex("exporting to image", digest="a"), "b": vertex("[internal] load build context")}
    assert {(phase.image, phase.kind) for phase in phases_of(log, only_target="web")} == {
        ("web", "export"),
        ("web", "transfer"),
    }


def test_where_the_time_went_is_one_line_that_counts_what_goes_side_by_side_once() -> None:
    steps = [Step("", "web", "deps", 2, 3, f"RUN step {n}", StepState.RAN, float(n)) for n in (1, 3, 2)]
    exports = [Phase("web", "export", 10.0, 2.0), Phase("api", "export", 11.0, 2.0), Phase("c", "export", 20.0, 0.5)]
    result = ImageResult("web", "built", 9.0, tuple(steps), 1, "id")
    report = BuildReport((result,), 9.0, lab=False, warnings=(), phases=(*exports, Phase("web", "transfer", 1.0, 0.5)))
    assert time_spent(report) == "longest step: web deps 2/3 RUN step 3 3.0 s; contexts 0.5 s; export 3.5 s"
    assert time_spent(BuildReport((), 9.0, lab=False, warnings=())) == ""
