"""The report page: markup in a text is shown and never run, empty sections say what to do, what recurs stands once."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from layerproof.report.drawing import NODE_HEIGHT, draw_bars, draw_graph, size_lines
from layerproof.report.pack import json_block, pack_builds
from layerproof.report.page import render_page

HOSTILE = "</script><script>alert(1)</script><!-- \" ' & <b>"

STEP = {
    "stage": "deps", "number": 2, "total": 3, "line": 4, "state": "ran", "at_s": 0.25, "duration_s": 1.5,
    "waited_s": 0.1, "text": "RUN npm ci", "log": ("one", "two"),
    "cause": {"cause": "file", "detail": ["package.json changed"], "certain": True},
}  # fmt: skip
NOTHING = {"duration_s": 0.0, "waited_s": None, "log": (), "cause": None}
CACHED = {**STEP, **NOTHING, "number": 1, "line": 3, "state": "cached"}


def image(name: str = "api", *, size_bytes: int = 1000, steps: tuple[Any, ...] = (CACHED, STEP)) -> dict[str, Any]:
    return {
        "image": name, "action": "built", "wall_s": 2.0, "size_bytes": size_bytes, "before": "", "note": "",
        "steps": list(steps),
    }  # fmt: skip


def build(started: float, *images: dict[str, Any], kind: str = "build", wall_s: float = 2.0) -> dict[str, Any]:
    phases = [{"image": "api", "kind": "export", "at_s": 1.75, "duration_s": 0.2}]
    return {
        "started": started, "kind": kind, "builder": "default", "wall_s": wall_s, "explained": True,
        "images": list(images), "phases": phases,
    }  # fmt: skip


def document(**more: Any) -> dict[str, Any]:
    totals = {"images": 0, "builds": 0, "last_started": None, "last_wall_s": None, "ran": 0, "cached": 0}
    empty = {
        "schema": 1, "project": "shop", "profile": None, "generated": 0.0, "lab": None, "totals": totals, "images": [],
        "builds": [], "proof": None, "check": None, "audit": None,
    }  # fmt: skip
    return {**empty, **more}


def node(name: str, role: str, *parents: str, upstreams: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "image": name, "tag": f"{name}:latest", "role": role, "service": "", "target": None,
        "parents": list(parents), "upstreams": list(upstreams),
    }  # fmt: skip


def full(text: str) -> dict[str, Any]:
    """A document of which every text from outside is this one."""
    cause = {"cause": "file", "detail": [text], "certain": True}
    step = {**STEP, "stage": text, "text": text, "log": (text,), "cause": cause}
    totals = {"images": 1, "builds": 1, "last_started": 1.0, "last_wall_s": 2.0, "ran": 1, "cached": 1}
    verdict = {
        "image": text, "probe": "noop", "passed": False, "outcome": "failed", "reason": text, "hint": text,
        "wall_s": 1.0, "steps_s": 1.0, "budget_s": 2.0, "at": 1.0,
    }  # fmt: skip
    finding = {
        "rule": text, "severity": "error", "path": text, "line": 1, "message": text, "requirement": "", "fix": text,
        "tool": text, "source": text,
    }  # fmt: skip
    audited = {
        "image": text, "passed": False, "size_bytes": 10, "user": text, "wasted_bytes": 1, "at": 1.0, "over": [text],
        "forbidden": [{"path": text, "kind": text, "detail": text, "layer": text, "size_bytes": 1}],
        "layers": [{"size_bytes": 1, "created_by": text, "from": text}],
        "largest": [{"path": text, "size_bytes": 1}], "wasted": [{"path": text, "size_bytes": 1}],
    }  # fmt: skip
    return document(
        project=text,
        profile=text,
        lab=True,
        totals=totals,
        images=[node(text, "service", upstreams=(f"upstream {text}",))],
        builds=[build(1.0, {**image(text, steps=(step,)), "note": text, "before": text})],
        proof={"schema": 1, "passed": False, "lab": True, "verdicts": [verdict], "probes": ["noop"]},
        check={"findings": [finding], "checked": [text], "unchecked": [text]},
        audit={"schema": 1, "passed": False, "images": [audited]},
    )


def embedded(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="history">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_text_with_markup_is_shown_as_text_wherever_it_comes_from() -> None:
    plain, hostile = render_page(full("word")), render_page(full(HOSTILE))
    assert HOSTILE not in hostile
    assert "alert(1)</script>" not in hostile
    # As many elements as with a harmless text: none of it has become one.
    assert re.findall(r"<[a-z]+", hostile) == re.findall(r"<[a-z]+", plain)
    assert hostile.count("</script>") == 2
    assert HOSTILE in embedded(hostile)["texts"]


def test_the_page_forbids_itself_every_address() -> None:
    page = render_page(full("word"))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", page)
    assert " style=" not in page  # the policy would refuse it


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("No build is on record here. Run <code>inv build</code>.", id="no build"),
        pytest.param("<code>inv prove</code> has not been run.", id="no proof"),
        pytest.param("Not checked for this report.", id="no check"),
        pytest.param("<code>inv audit</code> has not been run.", id="no audit"),
        pytest.param("No size is on record.", id="no sizes"),
        pytest.param("This project builds no image.", id="no image"),
    ],
)
def test_an_empty_section_says_what_to_run(said: str) -> None:
    assert said in render_page(document())


def test_what_could_not_be_checked_is_said() -> None:
    checked = {"findings": [], "checked": ["32 rules"], "unchecked": ["hadolint is not there"]}
    page = render_page(document(check=checked))
    assert "No findings." in page
    assert "Not checked: hadolint is not there" in page
    failed = {"findings": [], "checked": [], "unchecked": [], "error": "the compose file does not parse"}
    assert "Not checked: the compose file does not parse" in render_page(document(check=failed))


def test_a_name_that_is_no_unicode_does_not_stop_the_page() -> None:
    page = render_page(full("caf\udce9")).encode("utf-8", "replace")
    assert page


def test_what_builds_share_is_packed_once() -> None:
    one, two = (copy.deepcopy(build(at, image("api"), image("web"))) for at in (2.0, 1.0))
    packed = pack_builds([one, two])
    assert packed["names"] == ["api", "web"]
    assert packed["texts"] == ["RUN npm ci", ""]
    assert packed["logs"] == [("one", "two")]
    assert packed["causes"] == [("file", ("package.json changed",), True)]
    assert packed["plans"] == [(("deps", 1, 3, 3, 0), ("deps", 2, 3, 4, 0))]
    assert packed["builds"][0]["i"][0] == [0, "built", 0, "cr", [250, 250], [[1, 1500, 100, 0, 0]], 1, 1]
    assert packed["builds"][0]["p"] == [[0, "export", 1750, 200]]


def test_what_is_not_known_of_a_step_stays_so() -> None:
    step = {**STEP, "state": "not reached", "at_s": None, "line": None, "waited_s": None, "text": "", "cause": None}
    running = {**STEP, "state": "started", "waited_s": None, "cause": None, "log": ()}
    packed = pack_builds([build(1.0, image(steps=(step, running)))])
    assert packed["builds"][0]["i"][0][3:6] == ["ns", [-1, 250], [[1, 1500, -1, 0, -1]]]


def test_data_cannot_end_its_script() -> None:
    assert json_block({"a": "</script><!--&"}) == '{"a":"\\u003c/script\\u003e\\u003c!--\\u0026"}'


def test_an_image_stands_right_of_all_that_it_is_built_from() -> None:
    images = [node("base", "base", upstreams=("node:18",)), node("api", "service", "base", upstreams=("nginx:1",))]
    graph = draw_graph(images)
    x = {item.name: item.x for item in graph.nodes}
    assert x["node:18"] == x["nginx:1"] < x["base"] < x["api"]
    assert {item.name: item.kind for item in graph.nodes}["node:18"] == "upstream"
    edges = {(edge.parent, edge.child) for edge in graph.edges}
    assert edges == {("node:18", "base"), ("base", "api"), ("nginx:1", "api")}
    assert max(item.x + item.width for item in graph.nodes) <= graph.width


def test_a_service_that_is_called_like_its_upstream_is_another_image() -> None:
    graph = draw_graph([node("nginx", "service", upstreams=("nginx",))])
    assert {item.name: item.kind for item in graph.nodes} == {"nginx:latest": "upstream", "nginx": "service"}


def test_no_two_images_of_a_large_graph_overlap() -> None:
    images = [node(f"service-{n}", "service", upstreams=("node:18",)) for n in range(54)]
    graph = draw_graph(images)
    taken = {(item.x, item.y) for item in graph.nodes}
    assert len(taken) == 55
    assert max(item.y for item in graph.nodes) + NODE_HEIGHT <= graph.height < 1000
    assert draw_graph([]).nodes == ()


def test_a_size_line_begins_where_the_image_does_and_steps_where_it_changes() -> None:
    builds = [build(at, image("api", size_bytes=size)) for at, size in ((3.0, 300), (2.0, 100), (1.0, 100))]
    (line,) = size_lines([*builds, build(0.0)], ["api", "never built"])
    assert (line.first, line.last, line.least, line.most) == (100, 300, 100, 300)
    assert line.path == "M60.0 32.0H180.0V4.0H240"


def test_a_bar_stands_for_each_build_and_none_for_a_proof() -> None:
    failed = {**image(), "action": "failed"}
    builds = [
        build(4.0, failed),
        build(3.0, image(), kind="proof"),
        build(2.0, image(steps=(CACHED,)), wall_s=0.2),
        build(1.0, image(), wall_s=70.0),
    ]
    drawn = draw_bars(builds, ["d", "c", "b", "a"])
    bars = [(bar.index, bar.kind, bar.said) for bar in drawn.bars]
    assert bars == [(3, "ran", "a"), (2, "quiet", "b"), (0, "failed", "d")]
    assert drawn.bars[0].height > drawn.bars[2].height > drawn.bars[1].height
    assert [seconds for _, seconds in drawn.lines] == [1.0, 10.0, 60.0]
