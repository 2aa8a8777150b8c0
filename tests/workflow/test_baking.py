"""A run of buildx that begins before it is known what to build; a program of the test's own stands for buildx."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from layerproof.engine import StopBuild
from layerproof.engine.docker import DockerEngine
from layerproof.errors import NoEngineError

# Notes its process and what it was told, then what it was given; its metadata is the default group of that.
PROGRAM = """#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
folder = Path(__file__).with_name("seen")
folder.mkdir(exist_ok=True)
note = folder / str(os.getpid())
note.write_text(" ".join(sys.argv[1:]))
if "--builder" in sys.argv:
    sys.exit('ERROR: no builder "gone" found')
definition = json.loads(sys.stdin.read())
note.with_suffix(".json").write_text(json.dumps(definition))
Path(sys.argv[sys.argv.index("--metadata-file") + 1]).write_text(json.dumps({"built": definition["group"]["default"]}))
print("one", "two", sep="\\n", file=sys.stderr)
"""


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program notes what it sees: a file for each run, named by its process."""
    program = tmp_path / "cli-plugins" / "docker-buildx"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "cli-plugins" / "seen"


def _definition(**target: object) -> dict[str, object]:
    return {"target": {"web": {"context": "/src", **target}}}


def _runs(seen: Path) -> list[str]:
    return sorted(path.read_text() for path in seen.glob("*") if not path.suffix)


def test_a_bake_that_was_begun_is_the_one_that_builds(seen: Path) -> None:
    engine, lines = DockerEngine(), list[str]()
    engine.begin_bake()
    done = engine.bake(_definition(), targets=["web"], on_line=lines.append)
    assert (done.returncode, done.metadata) == (0, {"built": {"targets": ["web"]}})
    assert lines == list(done.lines) == ["one\n", "two\n"]
    assert len(_runs(seen)) == 1
    engine.bake(_definition(), targets=["web"], on_line=lines.append)
    assert len(_runs(seen)) == 2


def test_a_definition_that_needs_more_allowed_gets_a_bake_of_its_own(seen: Path) -> None:
    engine = DockerEngine()
    engine.begin_bake()
    done = engine.bake(_definition(network="host"), targets=["web"], on_line=lambda _: None)
    assert done.returncode == 0
    (given,) = seen.glob("*.json")
    assert "--allow network.host" in given.with_suffix("").read_text()


def test_what_is_larger_than_a_pipe_arrives(seen: Path) -> None:
    engine, large = DockerEngine(), "x" * 1_000_000
    engine.begin_bake()
    assert engine.bake(_definition(args={"large": large}), targets=["web"], on_line=lambda _: None).returncode == 0
    (given,) = seen.glob("*.json")
    assert json.loads(given.read_text())["target"]["web"]["args"]["large"] == large


def test_a_bake_that_ended_before_it_was_told_what_to_build_says_why(seen: Path) -> None:
    engine = DockerEngine(builder="gone")
    engine.begin_bake()
    _until(lambda: len(_runs(seen)) == 1)
    with pytest.raises(Exception, match="there is no builder 'gone' here"):
        engine.bake(_definition(args={"large": "x" * 1_000_000}), targets=["web"], on_line=lambda _: None)


def test_a_bake_that_is_not_needed_ends(seen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    engine = DockerEngine()
    engine.begin_bake()
    _until(lambda: len(_runs(seen)) == 1)
    (note,) = seen.glob("*")
    assert list(scratch.iterdir()) != []
    del engine
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.name), 0)
    assert list(scratch.iterdir()) == []


def test_a_bake_that_is_stopped_leaves_nothing(seen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))

    def stop(line: str) -> None:
        raise StopBuild

    assert DockerEngine().bake(_definition(), targets=["web"], on_line=stop).stopped
    assert list(scratch.iterdir()) == []
    assert len(_runs(seen)) == 1


def test_without_docker_the_bake_itself_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("layerproof.engine.plugins._SYSTEM_FOLDERS", ())
    engine = DockerEngine()
    engine.begin_bake()
    with pytest.raises(NoEngineError, match="the docker CLI is missing"):
        engine.bake(_definition(), targets=["web"], on_line=lambda _: None)


def _until(holds: Callable[[], bool], *, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
