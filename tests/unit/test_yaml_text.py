"""YAML that knows its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.errors import ConfigError
from layerproof.yaml_text import YamlNode, parse_yaml

PATH = Path("compose.yml")
TEXT = """\
x-base: &base
  restart: always
  deploy:
    resources: {limits: {memory: 1g}}

services:
  web:
    <<: *base
    restart: "no"
    ports:
      - 80:80

      - target: 443
        published: 8443
    build:
      dockerfile_inline: |
        FROM x
        RUN y
  db: !reset
    image: !override postgres
"""


def node() -> YamlNode:
    return parse_yaml(TEXT, path=PATH)


@pytest.mark.parametrize(
    ("keys", "depth", "line"),
    [
        pytest.param(("services", "web"), 2, 7, id="a key"),
        pytest.param(("services", "web", "restart"), 3, 9, id="a key that stands over a merged one"),
        pytest.param(("services", "web", "deploy", "resources"), 4, 4, id="a merged key, where it is written"),
        pytest.param(("services", "web", "ports", "1"), 4, 13, id="an item of a list"),
        pytest.param(("services", "web", "image"), 2, 7, id="a key that is not there: its parent"),
        pytest.param(("networks",), 0, 1, id="nothing at all"),
        pytest.param(("services", "db", "image"), 3, 20, id="below a tag that only Compose knows"),
    ],
)
def test_a_key_path_leads_to_its_nearest_line(keys: tuple[str, ...], depth: int, line: int) -> None:
    assert node().nearest(keys) == (depth, line)


def test_scalars_are_texts_whatever_they_look_like() -> None:
    assert node().text("services", "web", "restart") == "no"
    assert node().text("services", "web", "ports", "0") == "80:80"
    assert node().text("services", "web", "nothing") == ""


def test_a_block_of_text_is_told_apart_because_its_lines_count() -> None:
    found = node().get("services", "web", "build", "dockerfile_inline")
    assert found is not None
    assert (found.is_block, found.line, found.scalar) == (True, 16, "FROM x\nRUN y\n")


def test_anchors_that_multiply_are_read_once() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert len(list(parse_yaml(f"a0: &a0 [x]\n{levels}", path=PATH).walk())) < 1000


def test_an_anchor_that_contains_itself_ends() -> None:
    assert len(list(parse_yaml("a: &a {b: *a, c: 1}\n", path=PATH).walk())) < 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [1,\nb: 2\n", r"compose\.yml:3: not valid YAML", id="an open bracket"),
        pytest.param("a: *nothing\n", r"compose\.yml:1: not valid YAML", id="an unknown anchor"),
        pytest.param("a: \x07\n", r"compose\.yml:1: not valid YAML", id="a control character"),
    ],
)
def test_what_is_no_yaml_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_yaml(text, path=PATH)


def test_nothing_is_an_empty_node() -> None:
    assert parse_yaml("", path=PATH) == YamlNode(1)
