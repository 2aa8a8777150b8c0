"""Two builds side by side: the cause of each step, without an engine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from layerproof.context import ContextFile
from layerproof.dockerfile import external_references, parse_dockerfile
from layerproof.evidence import Evidence, Upstream, masked
from layerproof.explain import Past, explain
from layerproof.ingredients import Trace, trace
from layerproof.model import Image

ROOT = Path("/shop")
FILES = (
    ContextFile("conf/a.ini", 0o644, "1", 1),
    ContextFile("package.json", 0o644, "2", 2),
    ContextFile("src/a.js", 0o644, "3", 3),
)
TEXT = """\
FROM node:18 AS deps
WORKDIR /app
COPY package.json ./
RUN npm ci
FROM deps AS build
COPY src ./src
RUN npm run build
FROM node:18-slim
COPY --from=build /app/dist /app
RUN last
"""
UPSTREAMS = {"node:18": Upstream("sha256:aa", "l1"), "node:18-slim": Upstream("sha256:bb", "l2")}


@dataclass(frozen=True)
class Tree:
    """What goes into one build of one image."""

    text: str = TEXT
    files: tuple[ContextFile, ...] | None = FILES
    args: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    upstreams: dict[str, Upstream] = field(default_factory=lambda: UPSTREAMS)
    target: str | None = None


def traced(tree: Tree) -> dict[str, Trace]:
    file = parse_dockerfile(tree.text, path=ROOT / "Dockerfile", args=tree.args)
    image = Image("api", "api:latest", "service", ROOT, file, tree.target, masked(tree.args))
    image = replace(image, options=tree.options, upstreams=external_references(file, tree.target))
    return trace({"api": Evidence(image, tree.files, {}, tree.upstreams)})


def new_lines(before: Tree, now: Tree) -> set[int]:
    """The lines of the steps that no build before has made."""
    known = {item.keys.key for item in traced(before)["api"].steps.values()}
    return {line for line, item in traced(now)["api"].steps.items() if item.keys.key not in known}


def causes(
    before: Tree, now: Tree, lines: Collection[int], *, done: Collection[int] | None = None, builders: str = "a a"
) -> dict[int, tuple[str, str]]:
    first, second = builders.split()
    past = Past(traced(before), {} if done is None else {"api": done}, first)
    found = explain("api", lines, now=traced(now), past=past, builder=second)
    return {cause.line: (cause.cause, "; ".join(cause.detail)) for cause in found}


def edited(name: str, **changes: Any) -> tuple[ContextFile, ...]:
    return tuple(file._replace(**changes) if file.path == name else file for file in FILES)


ARG = TEXT.replace("RUN npm ci", "ARG SHA=one\nENV SHOWN=$SHA\nRUN npm ci")
SECRET = TEXT.replace("RUN npm ci", "ARG NPM_TOKEN=one\nRUN npm ci")
HEREDOC = TEXT.replace("RUN last", "RUN <<END\nfirst\nEND")
BIND = TEXT.replace("RUN npm ci", "RUN --mount=type=bind,source=conf,target=/c npm ci")
ENVIRONMENT = {**UPSTREAMS, "node:18-slim": Upstream("sha256:bb", "l2", {"Env": {"A": "1"}})}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(Tree(), Tree(), {}, id="nothing"),
        pytest.param(
            Tree(),
            Tree(files=edited("src/a.js", digest="9")),
            {
                6: ("file", "src/a.js changed"),
                7: ("parent", "`COPY src ./src` on line 6 ran before it; src/a.js changed"),
            },
            id="a source file; what is copied from its stage may be the same",
        ),
        pytest.param(
            Tree(),
            Tree(files=(*FILES, ContextFile("src/b.js", 0o644, "4", 4))),
            {6: ("file", "src/b.js added")},
            id="a new file",
        ),
        pytest.param(Tree(), Tree(files=FILES[:2]), {6: ("file", "src/a.js removed")}, id="a file that is gone"),
        pytest.param(
            Tree(),
            Tree(files=edited("src/a.js", path="src/z.js")),
            {6: ("file", "src/z.js renamed from src/a.js")},
            id="a file with another name",
        ),
        pytest.param(
            Tree(),
            Tree(files=edited("src/a.js", mode=0o755)),
            {6: ("mode", "src/a.js mode 0644 → 0755")},
            id="mode bits",
        ),
        pytest.param(
            Tree(),
            Tree(files=edited("src/a.js", mode=0o755, digest="9")),
            {6: ("file", "src/a.js changed")},
            id="content and mode",
        ),
        pytest.param(Tree(), Tree(files=edited("conf/a.ini", digest="9")), {}, id="a file that no step takes"),
        pytest.param(
            Tree(BIND),
            Tree(BIND, files=edited("conf/a.ini", digest="9")),
            {4: ("file", "conf/a.ini changed")},
            id="a mount",
        ),
        pytest.param(
            Tree(), Tree(TEXT.replace("npm ci", "npm i")), {4: ("instruction", "was `RUN npm ci`")}, id="an instruction"
        ),
        pytest.param(Tree(), Tree(TEXT.replace("COPY src", "# why\n\nCOPY  src")), {}, id="comments and blanks"),
        pytest.param(
            Tree(), Tree(TEXT.replace("AS deps", "AS d").replace("FROM deps", "FROM d")), {}, id="a stage's name"
        ),
        pytest.param(
            Tree(),
            Tree(TEXT.replace("RUN last", "RUN one\nRUN last")),
            {10: ("instruction", "it is new")},
            id="a new step",
        ),
        pytest.param(
            Tree(TEXT.replace("RUN last", "RUN one\nRUN last")),
            Tree(),
            {10: ("instruction", "it stood on `RUN one`, and does not any more")},
            id="a step that is gone",
        ),
        pytest.param(
            Tree(HEREDOC),
            Tree(HEREDOC.replace("first", "second")),
            {10: ("instruction", "its text changed")},
            id="a here-document",
        ),
        pytest.param(
            Tree(),
            Tree(TEXT.replace("COPY --from=build", "COPY --chown=1 --from=build")),
            {9: ("instruction", "its flags were --from=build, and are --chown=1 --from=build")},
            id="flags",
        ),
        pytest.param(
            Tree(TEXT.replace("RUN last", "USER a\nRUN last")),
            Tree(TEXT.replace("RUN last", "USER b\nRUN last")),
            {11: ("instruction", "USER: a → b")},
            id="the user",
        ),
        pytest.param(
            Tree(TEXT.replace("RUN last", "ENV A=1\nRUN last")),
            Tree(TEXT.replace("RUN last", "ENV A=2\nRUN last")),
            {11: ("instruction", "ENV A on line 10: 1 → 2")},
            id="an environment variable",
        ),
        pytest.param(
            Tree(ARG),
            Tree(ARG, args={"SHA": "two"}),
            {6: ("argument", "ARG SHA on line 4: one → two")},
            id="an argument",
        ),
        pytest.param(
            Tree(ARG),
            Tree(ARG.replace("=one", "=two")),
            {6: ("argument", "ARG SHA on line 4: one → two")},
            id="a default",
        ),
        pytest.param(
            Tree(SECRET),
            Tree(SECRET, args={"NPM_TOKEN": "two"}),
            {5: ("argument", "ARG NPM_TOKEN on line 4: (masked) → (masked)")},
            id="a secret",
        ),
        pytest.param(
            Tree(),
            Tree(options={"network": "host"}),
            {4: ("argument", "build.network: not set → host")},
            id="an option",
        ),
        pytest.param(
            Tree(),
            Tree(upstreams={**UPSTREAMS, "node:18": Upstream("sha256:cc", "l3")}),
            {
                2: ("base", "node:18: aa → cc"),
                3: ("parent", "`WORKDIR /app` on line 2 ran before it; node:18: aa → cc"),
            },
            id="another image under the same name",
        ),
        pytest.param(
            Tree(), Tree(upstreams={**UPSTREAMS, "node:18": Upstream("sha256:cc", "l1")}), {}, id="the same files in it"
        ),
        pytest.param(
            Tree(),
            Tree(upstreams=ENVIRONMENT),
            {10: ("base", "the environment it starts from has another A: not set → 1")},
            id="the environment of an image",
        ),
        pytest.param(
            Tree(),
            Tree(TEXT.replace("FROM node:18-slim", "FROM node:18")),
            {9: ("instruction", "it starts from node:18, and started from node:18-slim")},
            id="another FROM",
        ),
    ],
)
def test_a_step_that_nobody_has_built_yet_has_its_cause(
    before: Tree, now: Tree, expected: dict[int, tuple[str, str]]
) -> None:
    lines = new_lines(before, now)
    found = causes(before, now, lines)
    assert expected.items() <= found.items()
    assert bool(found) == bool(expected)
    kinds = {kind for kind, _ in expected.values()}
    assert {kind for line, (kind, _) in found.items() if line not in expected} <= {"parent", *kinds}


def test_an_image_that_only_the_builder_has_is_known_by_its_digest() -> None:
    one, two = ({**UPSTREAMS, "node:18": Upstream(digest, "")} for digest in ("sha256:11", "sha256:22"))
    assert causes(Tree(upstreams=one), Tree(upstreams=two), [2])[2] == ("base", "node:18: 11 → 22")
    assert causes(Tree(upstreams=one), Tree(upstreams=one), [2])[2][0] == "record-gone"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {},
            ("record-gone", "nothing that goes into it has changed: its cache record was dropped since"),
            id="dropped",
        ),
        pytest.param(
            {"builders": "one two"},
            ("record-gone", "this builder, two, has a cache of its own; before, it was one"),
            id="another builder",
        ),
        pytest.param(
            {"done": [2, 3]}, ("unfinished", "the build before ended before this step was done"), id="failed before"
        ),
    ],
)
def test_a_step_of_which_nothing_has_changed(given: dict[str, Any], expected: tuple[str, str]) -> None:
    assert causes(Tree(), Tree(), [4], **given) == {4: expected}


@pytest.mark.parametrize(
    ("before", "now", "line", "missing"),
    [
        pytest.param(Tree(files=None), Tree(), 6, "which files of /shop it took", id="the files before"),
        pytest.param(Tree(), Tree(files=None), 6, "which files of /shop it took", id="the files now"),
        pytest.param(Tree(upstreams={}), Tree(upstreams={}), 2, "which node:18 it was built on", id="the image below"),
        pytest.param(
            Tree("FROM node:18\nADD https://x.example/a /a\n"),
            Tree("FROM node:18\nADD https://x.example/a /a\n"),
            2,
            "what was at the address it fetches from",
            id="what is at an address",
        ),
    ],
)
def test_what_is_not_on_record_is_said_and_not_guessed(before: Tree, now: Tree, line: int, missing: str) -> None:
    kind, detail = causes(before, now, [line])[line]
    assert (kind, missing in detail) == ("unknown", True)


def test_without_a_build_before_or_a_cache_that_is_the_cause() -> None:
    now = traced(Tree())
    first = explain("api", [3], now=now, past=None)
    assert [(cause.cause, cause.stage, cause.number, cause.total) for cause in first] == [("first", "deps", 3, 4)]
    forced = explain("api", [3], now=now, past=Past(now, {}), forced=True)
    assert [cause.cause for cause in forced] == ["no-cache"]


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("FROM scratch\nADD https://x.example/a /a\n", False),
        ("FROM scratch\nADD --checksum=sha256:00 https://x.example/a /a\n", True),
        ("FROM scratch\nADD https://x.example/r.git#main /a\n", False),
        (f"FROM scratch\nADD https://x.example/r.git#{'0a' * 20} /a\n", True),
        ("FROM scratch\nADD conf /a\n", True),
    ],
)
def test_what_an_address_gives_is_known_only_where_it_is_pinned(text: str, *, pinned: bool) -> None:
    steps = traced(Tree(text))["api"].steps
    assert [not item.fetches for item in steps.values()] == [pinned]


@pytest.mark.parametrize(
    ("target", "path", "runs"),
    [
        ("real", "real/a.js", True),
        ("./other/../real", "real/a.js", True),
        ("/real", "real/a.js", True),
        ("real", "elsewhere/a.js", False),
        ("link", "real/a.js", False),
    ],
)
def test_a_copy_through_a_link_takes_what_the_link_leads_to(target: str, path: str, *, runs: bool) -> None:
    link = ContextFile("link", 0o777, f"link:{target}", 0)
    one, two = (tuple(sorted((*FILES, link, ContextFile(path, 0o644, digest, 1)))) for digest in "12")
    text = "FROM scratch\nCOPY link/a.js /\n"
    assert new_lines(Tree(text, files=one), Tree(text, files=two)) == ({2} if runs else set())


def test_a_file_that_everybody_may_run_is_no_link() -> None:
    one, two = (
        tuple(sorted((*FILES, ContextFile("a.sh", 0o777, "1", 1), ContextFile("b", 0o644, x, 1)))) for x in "12"
    )
    text = "FROM scratch\nCOPY a.sh /\n"
    assert new_lines(Tree(text, files=one), Tree(text, files=two)) == set()


RUN = "FROM node:18\n{}\nRUN x\n"


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(
            "ENV A=1\nENV B=2", "ENV B=2\nENV A=1", "its variables are set in another order", id="order of ENV"
        ),
        pytest.param("ENV A=1", "ENV A='1'", "", id="quotes"),
        pytest.param("ENV A='x y'", "ENV A=x\\ y", "", id="an escape"),
        pytest.param("ENV A='$PATH 1'", "ENV A='$PATH 2'", "ENV A on line 2: $PATH 1 → $PATH 2", id="single quotes"),
        pytest.param(
            "ARG V=v1\nENV A=${V#v}", "ARG V=v2\nENV A=${V#v}", "ARG V on line 2: v1 → v2", id="a trimmed value"
        ),
        pytest.param("ENV A=1\nARG A=2", "ENV A=1\nARG A=3", "ARG A on line 3: 2 → 3", id="a later ARG"),
        pytest.param("WORKDIR /w/", "WORKDIR /w", "WORKDIR: /w/ → /w", id="the text of a folder"),
        pytest.param(
            "ARG X_TOKEN=hunter22\nENV URL=a",
            "ARG X_TOKEN=hunter22\nENV URL=a$X_TOKEN",
            "ENV URL on line 3: a → a(masked)",
            id="a secret in another variable",
        ),
        pytest.param(
            "ENV URL=https://me:pw@a/",
            "ENV URL=https://me:pw@b/",
            "ENV URL on line 2: https://(masked)@a/ → https://(masked)@b/",
            id="a login",
        ),
        pytest.param("ENV A=1", "ENV A=\x1b[31m", "ENV A on line 2: 1 → \\x1b[31m", id="what a terminal would obey"),
    ],
)
def test_what_a_run_sees(before: str, now: str, expected: str) -> None:
    trees = [Tree(RUN.format(text)) for text in (before, now)]
    line = max(traced(trees[1])["api"].steps)
    assert (line in new_lines(*trees)) == bool(expected)
    if expected:
        assert causes(*trees, [line])[line][1] == expected


@pytest.mark.parametrize(
    ("before", "now", "line"),
    [
        pytest.param(
            "FROM node:18\nRUN --mount=type=cache,target=/c,id=a x\n",
            "FROM node:18\nRUN --mount=type=cache,sharing=locked,target=/c x\n",
            None,
            id="which cache is mounted",
        ),
        pytest.param(
            "FROM node:18\nARG V=1\nCOPY <<END /x\n$V\nEND\n",
            "FROM node:18\nARG V=2\nCOPY <<END /x\n$V\nEND\n",
            3,
            id="a variable in a here-document",
        ),
        pytest.param(
            "FROM node:18\nENV V=1\nCOPY <<'END' /x\n$V\nEND\n",
            "FROM node:18\nENV V=2\nCOPY <<'END' /x\n$V\nEND\n",
            None,
            id="a quoted here-document is taken as it is",
        ),
        pytest.param(
            "FROM node:18\nENV V=1\nCOPY <<'END' <<OTHER /x/\na\nEND\n$V\nOTHER\n",
            "FROM node:18\nENV V=2\nCOPY <<'END' <<OTHER /x/\na\nEND\n$V\nOTHER\n",
            3,
            id="one of two here-documents is quoted",
        ),
        pytest.param(
            "FROM node:18\nCOPY --parents src/./a /x/\n",
            "FROM node:18\nCOPY --parents ./src/a /x/\n",
            2,
            id="what of a path is kept",
        ),
    ],
)
def test_what_else_counts_and_does_not(before: str, now: str, line: int | None) -> None:
    assert new_lines(Tree(before), Tree(now)) == ({line} if line else set())


def test_what_onbuild_takes_is_not_known() -> None:
    known = {"node:18": Upstream("sha256:aa", "l1", {"OnBuild": ["COPY . ."]})}
    tree = Tree("FROM node:18\nRUN x\n", upstreams=known)
    kind, detail = causes(tree, tree, [2])[2]
    assert (kind, detail) == ("unknown", "not on record: what the ONBUILD instructions of node:18 took")


def test_unnamed_stages_at_the_end_are_counterparts() -> None:
    before = Tree("FROM node:18 AS deps\nRUN a\nFROM deps\nRUN b\n")
    now = Tree("FROM node:18 AS deps\nRUN a\nFROM deps AS test\nRUN t\nFROM test\nRUN b\n")
    assert causes(before, now, [4])[4] == ("instruction", "it is new")
    assert causes(before, now, [6])[6][0] == "parent"


def test_a_step_that_was_edited_is_told_from_one_that_is_new() -> None:
    before = Tree("FROM node:18\nRUN npm ci\nRUN z\n")
    now = Tree("FROM node:18\nRUN apt-get install git\nRUN npm ci --omit=dev\nRUN z\n")
    found = causes(before, now, [2, 3])
    assert found == {2: ("instruction", "it is new"), 3: ("instruction", "was `RUN npm ci`")}


def test_a_linked_copy_may_not_care_about_what_lies_below_it() -> None:
    text = TEXT.replace("COPY --from=build", "COPY --link --from=build")
    changed = {**UPSTREAMS, "node:18-slim": Upstream("sha256:cc", "l3")}
    before, now = (traced(tree)["api"].steps for tree in (Tree(text), Tree(text, upstreams=changed)))
    assert [before[line].keys.weak == now[line].keys.weak for line in (9, 10)] == [True, False]
    assert before[9].keys.key != now[9].keys.key


def test_a_stage_that_is_an_image_and_nothing_more_counts_where_it_is_copied_from() -> None:
    text = "FROM uv:0.4 AS uv\nFROM node:18\nCOPY --from=uv /uv /bin/\n"
    one, two = ({**UPSTREAMS, "uv:0.4": Upstream(f"sha256:{n}{n}", n)} for n in "12")
    assert new_lines(Tree(text, upstreams=one), Tree(text, upstreams=two)) == {3}
    assert causes(Tree(text, upstreams=one), Tree(text, upstreams=two), [3])[3] == ("base", "uv:0.4: 11 → 22")


@pytest.mark.parametrize("same", ["COPY ./src/ ./src", "COPY /src /app/src", "COPY src /app/./src"])
def test_a_path_written_in_another_way_is_the_same(same: str) -> None:
    assert new_lines(Tree(), Tree(TEXT.replace("COPY src ./src", same))) == set()


def test_the_user_decides_about_a_working_folder_too() -> None:
    text = TEXT.replace("WORKDIR /app", "USER a\nWORKDIR /app")
    changed = Tree(text.replace("USER a", "USER b"))
    assert causes(Tree(text), changed, new_lines(Tree(text), changed))[3] == ("instruction", "USER: a → b")
