"""Where key paths of the resolved compose document are found in the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.workflow.places import ComposePlaces

MAIN = """\
services:
  api:
    environment:
      - LEVEL=info
      - DB_PASSWORD=hunter2
      - FROM_OUTSIDE
    ports:
      - "5432:5432"
  cache:
    extends: {file: common.yml, service: redis}
  copy:
    extends: api
  redis:
    environment: {OWN: "1"}
"""
COMMON = """\
services:
  redis:
    environment:
      - REDIS_PASSWORD=hunter2
    ports: ["6379:6379"]
"""
OVERRIDE = """\
services:
  api:
    environment:
      LEVEL: debug
"""


@pytest.fixture
def places(tmp_path: Path) -> ComposePlaces:
    for name, text in (("compose.yml", MAIN), ("common.yml", COMMON), ("override.yml", OVERRIDE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return ComposePlaces([tmp_path / "compose.yml", tmp_path / "override.yml"])


@pytest.mark.parametrize(
    ("service", "rest", "file", "line", "written"),
    [
        pytest.param(
            "api", "environment DB_PASSWORD", "compose.yml", 5, "hunter2", id="an entry of a list by its name"
        ),
        pytest.param("api", "environment FROM_OUTSIDE", "compose.yml", 6, None, id="an entry without a value"),
        pytest.param("api", "environment DB", "override.yml", 3, None, id="the beginning of a name is no entry"),
        pytest.param("api", "environment LEVEL", "override.yml", 4, "debug", id="a mapping laid over a list"),
        pytest.param("api", "ports 0", "compose.yml", 8, "5432:5432", id="an index is no name"),
        pytest.param("cache", "ports 0", "common.yml", 5, "6379:6379", id="what is taken over from another file"),
        pytest.param("cache", "environment REDIS_PASSWORD", "common.yml", 4, "hunter2", id="an entry taken over"),
        pytest.param("cache", "environment OWN", "common.yml", 3, None, id="a service of that name in another file"),
        pytest.param("copy", "environment DB_PASSWORD", "compose.yml", 5, "hunter2", id="extended in the same file"),
        pytest.param("cache", "", "compose.yml", 9, None, id="the service itself, not what it extends"),
    ],
)
def test_key_paths(places: ComposePlaces, service: str, rest: str, file: str, line: int, written: str | None) -> None:
    keys = ("services", service, *rest.split())
    found = places.place(keys)
    assert (found.path.name, found.line) == (file, line)
    assert places.written(keys) == written
