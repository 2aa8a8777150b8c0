"""Dockerfile text to stages and references."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerproof import dockerfile
from layerproof.dockerfile import external_references, find_stage, load_dockerfile, parse_dockerfile, reachable_stages
from layerproof.errors import ConfigError

PATH = Path("Dockerfile")


@pytest.mark.parametrize(
    ("text", "args", "base"),
    [
        pytest.param("FROM node:18\n", {}, "node:18", id="a plain image"),
        pytest.param("ARG V=18\nFROM node:$V\n", {}, "node:18", id="a default"),
        pytest.param("ARG V=18\nFROM node:${V}-slim\n", {"V": "20"}, "node:20-slim", id="a value from outside"),
        pytest.param("ARG A=1\nARG B=${A}.2\nFROM x:$B\n", {}, "x:1.2", id="a default that uses another argument"),
        pytest.param("ARG A=1\nARG B=${A}.2\nFROM x:$B\n", {"A": "7"}, "x:7.2", id="a default that uses a given one"),
        pytest.param("ARG V\nFROM x:${V:-y}\n", {}, "x:y", id="a fallback in the FROM"),
        pytest.param("ARG V=\nFROM x${V}\n", {}, "x", id="an empty default"),
        pytest.param("ARG V\nFROM x:${V:-y}\n", {"V": "z"}, "x:z", id="a value in place of the fallback"),
        pytest.param("ARG V\nFROM x${V:+-gpu}\n", {"V": "1"}, "x-gpu", id="an alternative"),
        pytest.param('ARG V="18"\nFROM x:$V\n', {}, "x:18", id="a default in double quotes"),
        pytest.param("ARG V='18'\nFROM x:$V\n", {}, "x:18", id="a default in single quotes"),
        pytest.param('ARG A=1\nARG V="$A.1"\nFROM x:$V\n', {}, "x:1.1", id="expansion inside double quotes"),
        pytest.param("ARG A=1 B=2\nFROM x:$A.$B\n", {}, "x:1.2", id="two arguments on one line"),
        pytest.param("FROM x:${V:-18}\nARG V\n", {"V": "20"}, "x:18", id="a given argument of a stage only"),
        pytest.param("ARG V=1\nFROM a\nARG V=2\nFROM x:$V\n", {}, "x:1", id="a stage does not change the global value"),
        pytest.param("ARG TARGETARCH\nFROM x:$TARGETARCH\n", {}, "x:amd64", id="the platform's architecture"),
        pytest.param("FROM x:$TARGETOS\n", {}, "x:linux", id="a platform argument that is not declared"),
        pytest.param("FROM --platform=$BUILDPLATFORM x:1 AS a\n", {}, "x:1", id="a platform flag"),
        pytest.param("FROM reg.example:5000/t/x:1@sha256:ab\n", {}, "reg.example:5000/t/x:1@sha256:ab", id="a digest"),
        pytest.param("from x as Y\nrun z\n", {}, "x", id="lower-case keywords"),
        pytest.param("\ufeffFROM x\n", {}, "x", id="a byte order mark"),
        pytest.param("FROM x\r\nRUN a \\\r\n  b\r\n", {}, "x", id="Windows line ends"),
        pytest.param("# syntax=docker/dockerfile:1\n# a comment\nFROM x\n", {}, "x", id="comments"),
    ],
)
def test_the_base_of_the_last_stage(
    text: str, args: Mapping[str, str], base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerfile.os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    assert parse_dockerfile(text, path=PATH, args=args).stages[-1].base == base


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        pytest.param("", "Dockerfile:1: ", "no instructions", id="an empty file"),
        pytest.param("# only this\n", "Dockerfile:1: ", "no instructions", id="a comment alone"),
        pytest.param("ARG A=1\n", "Dockerfile:1: ", "no FROM", id="no FROM"),
        pytest.param("ARG A\nRUN x\nFROM y\n", "Dockerfile:2: ", "RUN before the first FROM", id="RUN before FROM"),
        pytest.param("FROM x\n\nRUNN y\n", "Dockerfile:3: ", "unknown instruction RUNN", id="an unknown instruction"),
        pytest.param("FROM x y\n", "Dockerfile:1: ", "FROM takes one image", id="FROM with two words"),
        pytest.param("FROM x AS\n", "Dockerfile:1: ", "FROM takes one image", id="AS without a name"),
        pytest.param("FROM\n", "Dockerfile:1: ", "FROM", id="FROM without an image"),
        pytest.param("ARG V\nFROM $V\n", "Dockerfile:2: ", "no image", id="a base that is empty"),
        pytest.param("ARG V\nFROM x:$V\n", "Dockerfile:2: ", "no image", id="a tag that is empty"),
        pytest.param("ARG V=${A:?needed}\nFROM x\n", "Dockerfile:1: ", "cannot expand", id="a value that is required"),
        pytest.param("FROM x\nRUN <<EOF\na\n", "Dockerfile:", "unterminated heredoc", id="a heredoc without an end"),
        pytest.param("FROM x\nRUN a\0b\n", "Dockerfile:2: ", "NUL", id="a NUL character"),
    ],
)
def test_a_broken_dockerfile_is_an_error_with_its_line(text: str, start: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_dockerfile(text, path=PATH)
    assert caught.value.message.startswith(start)
    assert words in caught.value.message
    assert caught.value.hint


@given(st.text(alphabet=st.sampled_from("FROMARGUN $\\{}:-\"'<\n#=x\0`"), max_size=60))
def test_any_text_is_parsed_or_refused_with_a_configuration_error(text: str) -> None:
    for whole in (text, f"FROM x\n{text}"):
        with contextlib.suppress(ConfigError):
            assert parse_dockerfile(whole, path=PATH).stages


def test_instructions_keep_lines_flags_and_words() -> None:
    file = parse_dockerfile(
        "FROM x AS a\nRUN --mount=type=cache,target=/c \\\n  # a comment\n  make\nCOPY --chown=1 <<EOF /f\nhi\nEOF\n"
        'ONBUILD RUN y\nCMD ["a b", "c"]\n',
        path=PATH,
    )
    run, copy, onbuild, cmd = file.stages[0].instructions
    assert (run.keyword, run.line, run.end_line, run.flags) == ("RUN", 2, 4, ("--mount=type=cache,target=/c",))
    assert run.values == ("make",)
    assert (copy.line, copy.end_line, copy.values) == (5, 7, ("<<EOF", "/f"))
    assert (onbuild.keyword, onbuild.values) == ("ONBUILD", ("y",))
    assert cmd.values == ("a b", "c")


def test_the_escape_directive_changes_what_continues_a_line() -> None:
    file = parse_dockerfile("# escape=`\nFROM x\nRUN a `\n  b\nRUN c\\\n", path=PATH)
    assert [(item.line, item.end_line) for item in file.stages[0].instructions] == [(3, 4), (5, 5)]


def test_declared_arguments_are_those_of_the_file_and_of_every_stage() -> None:
    file = parse_dockerfile('ARG A=1\nFROM x\nARG B="${Z:?never expanded}" C\n', path=PATH)
    assert file.declared_args == {"A", "B", "C"}


STAGES = """\
FROM node:18 AS node
FROM node AS deps
COPY --from=0 /a /a
FROM debian AS tools
FROM deps AS build
RUN --mount=type=bind,from=tools,target=/t --mount=type=cache,target=/c make
FROM gcr.io/static AS runtime
COPY --from=build /o /o
COPY --from=ghcr.io/x/y:1 /y /y
FROM scratch AS lint
"""


@pytest.mark.parametrize(
    ("target", "stages", "external"),
    [
        pytest.param("node", ["node"], ["node:18"], id="a stage named like its image"),
        pytest.param("deps", ["node", "deps"], ["node:18"], id="a stage on a stage"),
        pytest.param(
            "BUILD", ["node", "deps", "tools", "build"], ["debian", "node:18"], id="a bind mount, in any case"
        ),
        pytest.param(
            "runtime",
            ["node", "deps", "tools", "build", "runtime"],
            ["debian", "gcr.io/static", "ghcr.io/x/y:1", "node:18"],
            id="copies from a stage and from an image",
        ),
        pytest.param(None, ["lint"], [], id="the last stage, on scratch"),
        pytest.param("1", ["node", "deps"], ["node:18"], id="a stage by its index"),
        pytest.param("nothing", [], [], id="a stage that does not exist"),
    ],
)
def test_what_a_target_needs(target: str | None, stages: list[str], external: list[str]) -> None:
    file = parse_dockerfile(STAGES, path=PATH)
    assert [stage.name for stage in reachable_stages(file, target)] == stages
    assert list(external_references(file, target)) == external


def test_of_two_stages_with_one_name_the_last_before_the_reference_holds() -> None:
    file = parse_dockerfile("FROM a AS x\nFROM x AS x\nFROM x\n", path=PATH)
    assert [stage.index for stage in reachable_stages(file, None)] == [0, 1, 2]
    assert external_references(file, None) == ("a",)


def test_a_stage_is_found_by_the_name_that_buildkit_shows() -> None:
    file = parse_dockerfile("FROM a\nFROM b AS c\n", path=PATH)
    assert find_stage(file, "stage-0") is file.stages[0]
    assert find_stage(file, "stage-1") is file.stages[1]


def test_a_read_file_keeps_its_line_ends_because_provenance_is_matched_by_text(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM x\r\nRUN y\r\n")
    assert load_dockerfile(tmp_path / "Dockerfile").text == "FROM x\r\nRUN y\r\n"


def test_a_file_that_is_missing_or_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such Dockerfile"):
        load_dockerfile(tmp_path / "Dockerfile")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_dockerfile(tmp_path)


def test_a_comment_in_another_encoding_is_none_of_our_business(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"# f\xfcr uns\nFROM x\n")
    assert load_dockerfile(tmp_path / "Dockerfile").stages[0].base == "x"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("${T%.*}", "1.2", id="the shortest suffix"),
        pytest.param("${T%%.*}", "1", id="the longest suffix"),
        pytest.param("${T#*.}", "2.3", id="the shortest prefix"),
        pytest.param("${T##*.}", "3", id="the longest prefix"),
        pytest.param("${T#x}", "1.2.3", id="a prefix that is not there"),
        pytest.param("${T/./-}", "1-2.3", id="the first replacement"),
        pytest.param("${T//./-}", "1-2-3", id="all replacements"),
    ],
)
def test_a_trimmed_argument(word: str, expected: str) -> None:
    file = parse_dockerfile(f"ARG T=1.2.3\nFROM a:{word}\n", path=Path("Dockerfile"))
    assert file.stages[0].base == f"a:{expected}"


OVERRIDDEN = """FROM fetcher AS fetched
RUN fetch
FROM fetched AS source
ADD https://example.com/a.git /
FROM alpine AS build
RUN --mount=from=source,target=/src make
"""


@pytest.mark.parametrize(
    ("contexts", "stages", "external"),
    [
        pytest.param((), ["fetched", "source", "build"], ["alpine", "fetcher"], id="without a context all are built"),
        pytest.param(("source",), ["build"], ["alpine"], id="what only the replaced stage needs is not needed"),
        pytest.param(("fetched",), ["source", "build"], ["alpine"], id="a stage below it still is"),
        pytest.param(("other",), ["fetched", "source", "build"], ["alpine", "fetcher"], id="another context"),
    ],
)
def test_a_named_context_stands_in_for_a_stage(
    contexts: tuple[str, ...], stages: list[str], external: list[str]
) -> None:
    file = parse_dockerfile(OVERRIDDEN, path=Path("Dockerfile"))
    assert [stage.name for stage in reachable_stages(file, "build", contexts=contexts)] == stages
    assert list(external_references(file, "build", contexts=contexts)) == external
