"""What each instruction stands on, and the number that BuildKit gives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from layerproof.dockerfile import external_references, parse_dockerfile
from layerproof.flow import Flow, Source, load_flow
from layerproof.model import Image, Step, StepState

CONTEXT = Path("/shop/web")
OWN = "base-node:latest"


def flow_of(
    text: str,
    *,
    args: Mapping[str, str] | None = None,
    contexts: Mapping[str, str] | None = None,
    target: str | None = None,
) -> Flow:
    """The flow of an image for which every image but `base-node` comes from a registry."""
    file = parse_dockerfile(text, path=CONTEXT / "Dockerfile", args=args)
    outside = set(external_references(file, target)) - set(contexts or {}) - {OWN}
    image = Image(
        name="web",
        tag="web:latest",
        role="service",
        context=CONTEXT,
        dockerfile=file,
        target=target,
        args=args or {},
        contexts=contexts or {},
        upstreams=tuple(sorted(outside)),
        service="web",
    )
    return load_flow(image)


def takes(text: str, path: str, **given: Mapping[str, str]) -> bool:
    """Whether the last step of a Dockerfile takes a file of the context."""
    flow = flow_of(f"FROM x\n{text}\n", **given)
    return flow.nodes[max(flow.nodes)].takes(CONTEXT / path)


def step(stage: str, number: int, instruction: str) -> Step:
    return Step("sha256:0", "web", stage, number, 9, instruction, StepState.RAN, 0.0)


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        pytest.param("COPY . .", "a/b.py", True, id="all of it"),
        pytest.param("COPY ./ /app", "b.py", True, id="all of it, with a slash"),
        pytest.param("COPY / /app", "b.py", True, id="the root is the context"),
        pytest.param("ADD . .", "b.py", True, id="ADD"),
        pytest.param("COPY src /src", "src/a/b.py", True, id="a folder, deep"),
        pytest.param("COPY ./src/ /src", "src/b.py", True, id="a folder with slashes around it"),
        pytest.param("COPY /src /src", "src/b.py", True, id="a folder from the root"),
        pytest.param("COPY src /src", "src2/b.py", False, id="a folder whose name begins so"),
        pytest.param("COPY src /src", "lib/src/b.py", False, id="a folder of that name deeper down"),
        pytest.param("COPY a.py b.py /src/", "b.py", True, id="the second of two files"),
        pytest.param("COPY a.py b.py /src/", "src", False, id="the destination is no source"),
        pytest.param('COPY ["my file.py", "/src/"]', "my file.py", True, id="a blank in the name"),
        pytest.param("COPY package*.json ./", "package-lock.json", True, id="a star"),
        pytest.param("COPY package*.json ./", "src/package.json", False, id="a star stays at the top"),
        pytest.param("COPY * ./", "src/a.py", True, id="a star that matches a folder takes what is in it"),
        pytest.param("COPY s?c ./", "src/a.py", True, id="a question mark"),
        pytest.param("COPY [a-c].py ./", "b.py", True, id="a set"),
        pytest.param("COPY [a-c].py ./", "d.py", False, id="outside a set"),
        pytest.param("COPY [z-a].py ./", "b.py", False, id="a pattern that is none"),
        pytest.param("COPY */package.json ./", "a/package.json", True, id="a star for a folder"),
        pytest.param("COPY */package.json ./", "a/b/package.json", False, id="a star is one folder"),
        pytest.param("COPY src/../lib ./", "lib/a.py", True, id="a way up inside the context"),
        pytest.param("COPY --exclude=*.md . .", "README.md", False, id="what is excluded"),
        pytest.param("COPY --exclude=*.md . .", "a.py", True, id="what is not excluded"),
        pytest.param("COPY --exclude=src --exclude=lib . .", "lib/a.py", False, id="the second exclusion"),
        pytest.param("COPY --chown=1:1 --link src .", "src/a.py", True, id="flags are no sources"),
        pytest.param("ADD https://x.example/a.py a.py", "a.py", False, id="an address"),
        pytest.param("COPY <<EOF a.py\nsrc\nEOF", "a.py", False, id="a here-document"),
        pytest.param("COPY --from=y src src", "src/a.py", False, id="another image"),
        pytest.param("RUN make src", "src/a.py", False, id="a command takes no file"),
        pytest.param("RUN --mount=type=bind,target=/c make", "src/a.py", True, id="a mount of all of it"),
        pytest.param("RUN --mount=target=/c make", "src/a.py", True, id="a mount without a type is a bind"),
        pytest.param("RUN --mount=type=bind,source=src,target=/c make", "src/a.py", True, id="a mounted folder"),
        pytest.param("RUN --mount=type=bind,src=a.py,dst=/c make", "b.py", False, id="a mount of another file"),
        pytest.param("RUN --mount=type=cache,target=/c make", "c", False, id="a cache is no source"),
        pytest.param("RUN --mount=type=secret,id=a make", "a", False, id="a secret is no source"),
        pytest.param("RUN --mount=type=bind,from=y,source=src,target=/c make", "src/a", False, id="another's mount"),
        pytest.param("ARG D=src\nCOPY $D .", "src/a.py", True, id="an argument"),
        pytest.param("ARG D=src\nCOPY ${D}/a.py .", "src/a.py", True, id="an argument in braces"),
        pytest.param("ARG D=src\nCOPY ${D}/a.py .", "lib/a.py", False, id="an argument with another value"),
        pytest.param('ARG D="src"\nCOPY $D .', "src/a.py", True, id="an argument in quotes"),
        pytest.param("COPY ${D:-src} .", "src/a.py", True, id="a fallback"),
        pytest.param("ENV D=src\nCOPY $D .", "src/a.py", True, id="a variable"),
        pytest.param("ENV A=src D=$A/x\nCOPY $A .", "src/a.py", True, id="a variable among others"),
        pytest.param("ENV A=src\nENV D=$A/x\nCOPY $D .", "src/x/a.py", True, id="a variable of a variable"),
        pytest.param("ENV D src\nCOPY $D .", "src/a.py", True, id="a variable in the old form"),
        pytest.param("ARG D=src\nENV D=lib\nCOPY $D .", "lib/a.py", True, id="ENV wins over ARG"),
        pytest.param("ENV D=lib\nARG D=src\nCOPY $D .", "src/a.py", True, id="a later ARG wins over ENV"),
        pytest.param("ENV D=lib\nARG D\nCOPY $D .", "lib/a.py", True, id="not one without a value"),
        pytest.param("ENV D=lib\nARG D=src\nFROM a\nCOPY $D .", "lib/a.py", True, id="and to the end of its stage"),
        pytest.param("ARG A=src\nARG D=$A/x\nCOPY $D .", "src/x/a.py", True, id="a default of another argument"),
        pytest.param("ARG TARGETOS\nCOPY bin/$TARGETOS/a .", "bin/linux/a", True, id="an argument of the platform"),
        pytest.param("COPY ${D:?needed} .", "a.py", True, id="what cannot be expanded may be anything"),
    ],
)
def test_an_instruction_takes_files(text: str, path: str, *, expected: bool) -> None:
    assert takes(text, path) is expected


def test_a_given_argument_wins_over_its_default() -> None:
    assert takes("ARG D=src\nCOPY $D .", "lib/a.py", args={"D": "lib"})
    assert not takes("COPY ${D:-src} .", "lib/a.py", args={"D": "lib"})


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param("ARG D=src\n", True, id="with a default"),
        pytest.param('ARG D="src"\n', True, id="with a default in quotes"),
        pytest.param("arg D=src\n", True, id="in lower case"),
        pytest.param("ARG A=1 D=src\n", True, id="the second on its line"),
        pytest.param("ARG A=src\nARG D=$A\n", True, id="with a default of another argument"),
        pytest.param("ARG D\n", False, id="without a default"),
    ],
)
def test_a_bare_argument_takes_its_value_from_above_the_first_from(head: str, *, expected: bool) -> None:
    flow = flow_of(f"{head}FROM x\nARG D\nCOPY $D/a.py .\n")
    assert flow.nodes[max(flow.nodes)].takes(CONTEXT / "src" / "a.py") is expected


def test_an_argument_above_the_first_from_is_not_seen_in_a_stage_that_does_not_declare_it() -> None:
    flow = flow_of("ARG D=src\nFROM x\nCOPY $D/a.py .\nRUN y\n")
    assert not flow.nodes[3].takes(CONTEXT / "src" / "a.py")
    assert flow.nodes[4].arguments == frozenset()


def test_a_file_elsewhere_is_never_taken() -> None:
    flow = flow_of("FROM x\nCOPY . .\n")
    assert not flow.nodes[2].takes("/shop/api/a.py")
    assert not flow.nodes[2].takes("/shop/web2/a.py")
    assert not flow.nodes[2].takes("/shop/web")


def test_a_source_holds_what_is_below_its_folder() -> None:
    assert Source(Path("/a"), ".").holds("/a/b")


@pytest.mark.parametrize(
    ("pattern", "excluded", "path", "held"),
    [
        # As a build of these shows it.
        ("src", "*.test.ts", "src/a.test.ts", False),
        ("src", "*.test.ts", "src/deep/c.test.ts", True),
        ("src", "gen", "src/gen/b.ts", False),
        ("src", "src/gen", "src/gen/b.ts", True),
        (".", "src/gen", "src/gen/b.ts", False),
        ("hom*", "*.txt", "home/x.txt", False),
        ("hom*", "*.txt", "home/sub/z.txt", True),
        ("hom*", "*.txt", "homa.txt", True),
        ("a.txt", "a.txt", "a.txt", True),
        ("pk/*", "*.md", "pk/one/q.md", False),
        ("pk/*", "*.md", "pk/one/doc/r.md", True),
    ],
)
def test_what_is_excluded_is_so_in_the_folder_that_is_copied(
    pattern: str, excluded: str, path: str, *, held: bool
) -> None:
    assert Source(Path("/a"), pattern, (excluded,)).holds(f"/a/{path}") is held


@pytest.mark.parametrize(
    ("text", "line", "names"),
    [
        pytest.param("FROM x\nARG A\nRUN y\n", 3, {"A"}, id="an argument without a value"),
        pytest.param("FROM x\nRUN y\nARG A\n", 2, set(), id="an argument below"),
        pytest.param("FROM x\nARG A=1 B=2\nRUN y\n", 3, {"A", "B"}, id="two on a line"),
        pytest.param("FROM x\nENV A=1\nRUN y\n", 3, {"A"}, id="a variable"),
        pytest.param("FROM x\nARG A\nCOPY a a\n", 3, set(), id="COPY sees what it names only"),
        pytest.param("FROM x\nARG A\nCOPY a$A a\n", 3, {"A"}, id="COPY that names it"),
        pytest.param("FROM x\nARG A\nWORKDIR /${A:-b}\n", 3, {"A"}, id="WORKDIR that names it"),
        pytest.param("FROM x\nCOPY a$A a\n", 2, set(), id="a name that nothing defines"),
        pytest.param("FROM x AS a\nARG A\nFROM a\nRUN y\n", 4, {"A"}, id="an argument of the stage before"),
        pytest.param("FROM x AS a\nARG A\nFROM x\nCOPY --from=a / /\nRUN y\n", 5, set(), id="one of a stage apart"),
    ],
)
def test_arguments_are_seen_by_what_stands_below_them(text: str, line: int, names: set[str]) -> None:
    assert flow_of(text).nodes[line].arguments == frozenset(names)


STAGES = """\
FROM node:18 AS Deps
WORKDIR /app
RUN npm ci
FROM deps AS build
COPY . .
RUN make
FROM debian
COPY --from=BUILD /a /a
COPY --from=0 /b /b
RUN --mount=type=bind,from=build,target=/c trim
"""


def test_a_step_is_laid_over_the_last_one_of_the_stage_it_starts_from() -> None:
    flow = flow_of(STAGES)
    assert {line: node.before for line, node in flow.nodes.items()} == {2: None, 3: 2, 5: 3, 6: 5, 8: None, 9: 8, 10: 9}
    assert [node.line for node in flow.chain(6)] == [5, 3, 2]


def test_a_step_copies_from_the_last_step_of_a_stage_by_name_or_index() -> None:
    flow = flow_of(STAGES)
    assert {line: node.copied for line, node in flow.nodes.items() if node.copied} == {8: (6,), 9: (3,), 10: (6,)}
    assert [node.line for node in flow.upstream(9)] == [2, 3, 5, 6, 8, 9]
    assert [node.line for node in flow.downstream(5)] == [5, 6, 8, 9, 10]
    assert [node.line for node in flow.downstream(10)] == [10]


def test_a_stage_without_steps_passes_on_what_it_starts_from() -> None:
    flow = flow_of("FROM x AS a\nRUN y\nFROM a AS b\nENV z=1\nFROM b\nRUN w\nCOPY --from=b / /\n")
    assert flow.nodes[6].before == 2
    assert flow.nodes[7].copied == (2,)


def test_only_stages_that_the_target_needs_are_there() -> None:
    flow = flow_of(STAGES, target="build")
    assert set(flow.nodes) == {2, 3, 5, 6}
    assert set(flow_of("FROM a AS x\nRUN b\nFROM c\nRUN d\n").nodes) == {4}


def test_a_name_that_is_both_a_stage_and_its_base_is_no_circle() -> None:
    flow = flow_of("FROM node AS node\nRUN a\nFROM node\nRUN b\n")
    assert flow.nodes[2].before is None
    assert flow.nodes[4].before == 2


def test_of_two_stages_with_one_name_the_nearer_one_above_is_meant() -> None:
    flow = flow_of("FROM x AS a\nRUN b\nFROM a AS c\nRUN d\nFROM y AS a\nRUN e\nFROM c\nCOPY --from=a / /\n")
    assert flow.nodes[4].before == 2
    assert flow.nodes[8].copied == (6,)


def test_a_named_context_that_is_a_folder_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    lib = tmp_path / "lib"
    text = "FROM x\nCOPY --from=lib src /lib\nRUN --mount=from=lib,target=/l make\nCOPY src src\n"
    flow = flow_of(text, contexts={"lib": str(lib)})
    assert [flow.nodes[line].takes(lib / "src" / "a") for line in (2, 3, 4)] == [True, True, False]
    assert [flow.nodes[line].takes(lib / "a") for line in (2, 3, 4)] == [False, True, False]
    assert [flow.nodes[line].takes(CONTEXT / "src" / "a") for line in (2, 3, 4)] == [False, False, True]


def test_a_mount_from_a_named_context_takes_the_source_that_it_names_only(tmp_path: Path) -> None:
    text = "FROM x\nRUN --mount=type=bind,from=lib,source=package.json,target=package.json npm ci\n"
    node = flow_of(text, contexts={"lib": str(tmp_path)}).nodes[2]
    assert node.takes(tmp_path / "package.json")
    assert not node.takes(tmp_path / "src" / "a.js")


def test_a_named_context_stands_in_for_a_stage_of_its_name(tmp_path: Path) -> None:
    text = "FROM x AS assets\nRUN make\nFROM y\nCOPY --from=assets /a /a\n"
    flow = flow_of(text, contexts={"assets": str(tmp_path)})
    assert flow.nodes[4].copied == ()
    assert flow.nodes[4].takes(tmp_path / "a")


def test_a_named_context_that_is_an_image_is_no_source() -> None:
    flow = flow_of("FROM x\nCOPY --from=tools /a /a\n", contexts={"tools": "docker-image://tools:1"})
    assert flow.nodes[2].sources == ()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param("FROM x\nRUN a\nRUN b\n", {("stage-0", 2): 2, ("stage-0", 3): 3}, id="an upstream FROM is a step"),
        pytest.param("FROM x AS named\nRUN a\n", {("stage-0", 2): 2}, id="the name of the only stage is not shown"),
        pytest.param("FROM scratch\nCOPY a a\n", {("stage-0", 1): 2}, id="scratch is no step"),
        pytest.param(f"FROM {OWN}\nRUN a\n", {("stage-0", 1): 2}, id="an image of the project is no step"),
        pytest.param(
            "FROM x AS Deps\nRUN a\nFROM deps\nRUN b\n",
            {("deps", 2): 2, ("stage-1", 1): 4},
            id="a stage is no step, and a stage without a name has its index",
        ),
        pytest.param("FROM x\nWORKDIR /\nRUN a\n", {("stage-0", 2): 3}, id="the root folder need not be made"),
        pytest.param("FROM x\nworkdir /\nRUN a\n", {("stage-0", 2): 3}, id="the root folder, in lower case"),
        pytest.param("FROM x\nWORKDIR //\nRUN a\n", {("stage-0", 2): 3}, id="the root folder, with two slashes"),
        pytest.param("FROM x\nWORKDIR /a\nRUN a\n", {("stage-0", 2): 2, ("stage-0", 3): 3}, id="any other folder is"),
        pytest.param(
            "FROM x\nENV a=1\nARG b\nUSER c\nLABEL d=1\nEXPOSE 1\nVOLUME /e\nSHELL ['f']\nADD g g\nCMD h\n",
            {("stage-0", 2): 9},
            id="metadata makes no step",
        ),
        pytest.param("FROM x\nRUN <<EOF\na\nEOF\nRUN b\n", {("stage-0", 2): 2, ("stage-0", 3): 5}, id="here-documents"),
        pytest.param("FROM x\nRUN a \\\n  b\nRUN c\n", {("stage-0", 2): 2, ("stage-0", 3): 4}, id="continued lines"),
        pytest.param("FROM x AS a\nRUN b\nFROM x AS c\nRUN d\n", {("c", 2): 4}, id="a stage that is not needed"),
        pytest.param("FROM x\nCMD a\n", {}, id="no step at all"),
    ],
)
def test_steps_have_the_numbers_that_buildkit_shows(text: str, numbers: Mapping[tuple[str, int], int]) -> None:
    assert flow_of(text).numbers == numbers


NAMED = """\
FROM node:18 AS Deps
ARG TAG=1
RUN npm ci --tag=$TAG
RUN npm run "build it" \\
  --fast
RUN <<EOF
make
EOF
COPY <<EOF /a
text
EOF
run low
RUN ["npm", "start"]
FROM deps AS build
COPY  a   b
"""


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        pytest.param(step("deps", 2, "RUN npm ci --tag=7"), 3, id="a variable that is expanded"),
        pytest.param(step("deps", 3, 'RUN npm run "build it"   --fast'), 4, id="a continued line"),
        pytest.param(step("deps", 4, "RUN <<EOF (make...)"), 6, id="a here-document"),
        pytest.param(step("deps", 5, "COPY <<EOF /a"), 9, id="a file in a here-document"),
        pytest.param(step("deps", 6, "RUN low"), 12, id="a keyword in lower case"),
        pytest.param(step("deps", 7, 'RUN ["npm", "start"]'), 13, id="exec form"),
        pytest.param(step("build", 1, "COPY a b"), 15, id="more than one blank"),
        pytest.param(step("BUILD", 1, "COPY a b"), 15, id="a stage in capitals"),
        pytest.param(step("deps", 1, "FROM docker.io/library/node:18"), None, id="FROM is no step of it"),
        pytest.param(step("deps", 3, "RUN npm ci"), None, id="another text"),
        pytest.param(step("deps", 9, "RUN npm ci"), None, id="a number too high"),
        pytest.param(step("other", 2, "RUN npm ci --tag=1"), None, id="a stage of another image"),
    ],
)
def test_a_step_is_found_by_its_stage_number_and_text(shown: Step, line: int | None) -> None:
    assert flow_of(NAMED).line_of(shown) == line


def test_a_stage_that_a_named_context_stands_in_for_makes_no_step(tmp_path: Path) -> None:
    fetched = "FROM scratch AS source\nADD https://example.com/a.git /\n"
    flow = flow_of(
        f"{fetched}FROM alpine\nRUN --mount=from=source,target=/src make\n", contexts={"source": str(tmp_path)}
    )
    assert list(flow.nodes) == [4]
    assert flow.nodes[4].takes(tmp_path / "a.c")
